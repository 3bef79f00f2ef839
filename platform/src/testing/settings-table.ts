/**
 * The table of settings between `<!-- settings:<name>:begin -->` and `<!-- settings:<name>:end -->` of a page: default by variable. Throws when the page
 * has no such table.
 */
export function settingsTable(page: string, name: string): ReadonlyMap<string, string> {
  const [begin, end] = ['begin', 'end'].map((edge) => page.indexOf(`<!-- settings:${name}:${edge} -->`))
  if (begin === undefined || end === undefined || begin < 0 || end < begin) throw new Error(`the page has no table of the settings of ${name}`)
  return new Map([...page.slice(begin, end).matchAll(/^\| `(EVEGRAM_\w+)` \| ([^|]+) \| [^|]+ \|$/gm)].map(([, variable = '', value = '']) => [variable, value]))
}
