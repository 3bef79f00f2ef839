import type { CrashChain } from '../crash-chain.js'

/** The chains that a crash run can be made on, by the name that the command line takes. Each is loaded alone: a process that is killed fifty times should begin soon. */
const CHAINS = {
  solana: async () => (await import('./solana.js')).solanaCrashChain,
  ton: async () => (await import('./ton.js')).tonCrashChain,
  terra: async () => (await import('./terra.js')).terraCrashChain,
} as const satisfies Readonly<Record<string, () => Promise<CrashChain>>>

/** The names of the chains. */
export const CRASH_CHAINS: readonly string[] = Object.keys(CHAINS)

/** The chain of that name. Rejects when there is none: names are checked where they come in. */
export async function crashChainOf(name: string): Promise<CrashChain> {
  for (const [known, load] of Object.entries(CHAINS)) if (known === name) return load()
  throw new RangeError(`no chain ${name}`)
}
