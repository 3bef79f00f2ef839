/** Values by section; the section '' is what stands before the first one. Texts are written in quotes. */
export type TomlValues = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>

/**
 * Settings of a node with other values: line by line, so that what is not named stays as it was, comments too. A name that is not there is left out, since releases differ; the
 * caller finds out by what the node then does.
 */
export function withTomlValues(text: string, values: TomlValues): string {
  let section = ''
  return text.split('\n').map((line) => {
    section = /^\[([^\]]+)\]/.exec(line)?.[1] ?? section
    const name = /^([a-z0-9_-]+) *=/i.exec(line)?.[1]
    const value = name === undefined ? undefined : values[section]?.[name]
    return name === undefined || value === undefined ? line : `${name} = ${JSON.stringify(value)}`
  }).join('\n')
}
