import { readFileSync } from 'node:fs'

const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')

/** The TypeScript example of README.md. Throws when its markers are gone. */
export function readmeExample(): string {
  const code = /<!-- example:sdk -->\n```ts\n([\s\S]*?)\n```\n<!-- example:end -->/.exec(readme)?.[1]
  if (code === undefined) throw new Error('README.md has no example between its markers')
  return code
}

/** The section that needs local chains and a server on them: from its heading to the next one. */
const ON_CHAINS = /\n### The same on local Solana, TON and Terra Classic\n[\s\S]*?(?=\n#+ )/

/** Every `npx evegram ...` of README.md, but for {@link readmeChainCommands}, as one command line without `npx evegram`, comments and code marks. */
export function readmeCommands(): string[] {
  return commandsOf(readme.replace(ON_CHAINS, ''))
}

/** The same of the tour on local chains, in its order. Throws when the section is gone. */
export function readmeChainCommands(): string[] {
  const section = ON_CHAINS.exec(readme)?.[0]
  if (section === undefined) throw new Error('README.md has no tour on local chains')
  return commandsOf(section)
}

function commandsOf(text: string): string[] {
  return [...text.matchAll(/npx evegram([^`#\n]*?)(?=\s{2,}npx|`|\s*#|\s*$)/gm)].map(([, line]) => (line ?? '').trim())
}

/** The first code block of README.md in shell: the two commands. */
export function readmeScripts(): string[] {
  return [...readme.matchAll(/npm (?:run )?([a-z][\w:-]*)/g)].map(([, script]) => script ?? '')
}
