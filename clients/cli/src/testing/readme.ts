import { readFileSync } from 'node:fs'

const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')

/** The TypeScript example of README.md. Throws when its markers are gone. */
export function readmeExample(): string {
  const code = /<!-- example:sdk -->\n```ts\n([\s\S]*?)\n```\n<!-- example:end -->/.exec(readme)?.[1]
  if (code === undefined) throw new Error('README.md has no example between its markers')
  return code
}

/** Every `npx evegram ...` of README.md as one command line without `npx evegram`, comments and code marks. */
export function readmeCommands(): string[] {
  return [...readme.matchAll(/npx evegram([^`#\n]*?)(?=\s{2,}npx|`|\s*#|\s*$)/gm)].map(([, line]) => (line ?? '').trim())
}

/** The first code block of README.md in shell: the two commands. */
export function readmeScripts(): string[] {
  return [...readme.matchAll(/npm (?:run )?([a-z][\w:-]*)/g)].map(([, script]) => script ?? '')
}
