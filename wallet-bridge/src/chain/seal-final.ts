import { EvegramError } from '@evegram/protocol'
import type { ChainHead, Final, Height } from './finality.js'

/**
 * Seals facts of block `height`: for the folders of the chains alone. Throws `internal` when that block is not final at `head`: an adapter that tries has a
 * fault, and nothing may be built on it.
 */
export function sealFinal<Facts extends { readonly height: Height }>(facts: Facts, head: Pick<ChainHead, 'final'>): Final<Facts> {
  if (facts.height > head.final) throw new EvegramError('internal', { operation: 'seal final facts', details: { height: facts.height, final: head.final } })
  // Checked above: this is where the brand is given.
  return facts as Final<Facts>
}
