import { parseArgs } from 'node:util'
import { UsageError } from '../usage-error.js'

/** One option: with a value (`placeholder` names it) or a switch, once or several times. */
export interface OptionSpec {
  readonly help: string
  readonly placeholder?: string
  readonly isRepeated?: boolean
}

/** A command: how it is called, what it does, its options. */
export interface CommandSpec {
  readonly usage: string
  readonly text: string
  readonly options: Readonly<Record<string, OptionSpec>>
}

/** What was given on the command line. */
export interface GivenOptions {
  readonly positionals: readonly string[]
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  has(name: string): boolean
}

/** Exit codes of every command, for its help. */
const EXIT_TEXT = 'Exit codes: 0 pass, 99 a threshold was broken (or a message was lost, doubled, …), 2 the run is not valid, 1 the tool could not do it.'

/** Reads options by the table. Throws {@link UsageError} for what is not in it. */
export function readOptions(args: readonly string[], { options }: CommandSpec): GivenOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...args], allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        ...Object.fromEntries(Object.entries(options).map(([name, { placeholder, isRepeated = false }]) =>
          [name, { type: placeholder === undefined ? 'boolean' as const : 'string' as const, multiple: isRepeated }])),
      },
    })
    // Which values there are is decided by the table, which the types of parseArgs cannot follow.
    const found = values as Readonly<Record<string, unknown>>
    const all = (name: string): readonly string[] => [found[name]].flat().filter((value) => typeof value === 'string')
    return { positionals, text: (name) => all(name).at(-1), texts: all, has: (name) => Object.hasOwn(values, name) }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** The help of a command, from the same table that reads its options. */
export function helpOf({ usage, text, options }: CommandSpec): string {
  const rows = Object.entries(options).map(([name, { placeholder, help }]) => [`  --${name}${placeholder === undefined ? '' : ` <${placeholder}>`}`, help] as const)
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  return [usage, '', text, '', ...rows.map(([left, help]) => left.padEnd(width) + help), '  --help'.padEnd(width) + 'this text', '', EXIT_TEXT].join('\n')
}

/** A whole number in bounds. Throws {@link UsageError}. */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max) throw new UsageError(`--${name} is a whole number from ${String(min)} to ${String(max)}, not "${text}"`)
  return value
}
