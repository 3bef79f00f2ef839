import type { TextKey } from '../i18n/en.js'
import type { Texts } from '../i18n/texts.js'

const KNOWN: ReadonlyMap<string, TextKey> = new Map([['solana', 'signin.chain.solana'], ['ton', 'signin.chain.ton'], ['terra', 'signin.chain.terra'], ['simulated', 'money.chain.play']])

/** What people call a chain that the server names by its id; of one that is not known here, the id. */
export function chainName(chain: string, { t }: Pick<Texts, 't'>): string {
  const key = KNOWN.get(chain)
  return key === undefined ? chain : t(key)
}
