import type { DepositCorpus } from './deposit-corpus.js'

/** The corpora, by the name that the command line takes. Each is loaded alone: the SDK of a chain takes its time. */
const CORPORA = {
  simulated: async () => (await import('./simulated-corpus.js')).simulatedCorpus,
  solana: async () => (await import('./chains/solana.js')).solanaCorpus,
  ton: async () => (await import('./chains/ton.js')).tonCorpus,
  terra: async () => (await import('./chains/terra.js')).terraCorpus,
} as const satisfies Readonly<Record<string, () => Promise<DepositCorpus>>>

/** The names of the chains that have one. */
export const CORPUS_NAMES: readonly string[] = Object.keys(CORPORA)

/** The corpora of those chains, in their order. Names that there are not are passed over: they are checked where they come in. */
export function corporaOf(names: readonly string[]): Promise<readonly DepositCorpus[]> {
  return Promise.all(Object.entries(CORPORA).filter(([name]) => names.includes(name)).map(([, load]) => load()))
}
