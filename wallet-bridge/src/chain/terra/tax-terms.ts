import { EvegramError } from '@evegram/protocol'
import type { TerraRpc } from './rpc.js'
import { ceilShare } from './share.js'
import { TAX_RATE_UNIT } from './tax-rate.js'

/**
 * What a node takes of coins that are sent, beside the gas. `burn`: today's tax, on every coin. `stability`: that of 2021 and 2022, on every coin but uluna, and of each output
 * not more than the cap of its coin. Either is paid in the coin itself.
 */
export type TaxTerms =
  | { readonly kind: 'burn'; readonly rate: bigint }
  | { readonly kind: 'stability'; readonly rate: bigint; readonly caps: ReadonlyMap<string, bigint> }

/** The releases with the stability tax that never took one of uluna. Later ones answer the same questions and take another. */
const STABILITY_TAX_RELEASES = /^v?0\.5\.(\d|1\d|20)$/

/**
 * Asks a node what it takes: `x/tax`, and where there is none the treasury of a release that is known to take what that says. `denominations`: of the coins that are to be
 * sent. Rejects `unavailable.chain` for a node of any other kind: what it takes would be guessed.
 */
export async function readTaxTerms(rpc: TerraRpc, denominations: Iterable<string>): Promise<TaxTerms> {
  const burnRate = await rpc.burnTaxRate()
  if (burnRate !== undefined) return { kind: 'burn', rate: burnRate }
  if (!STABILITY_TAX_RELEASES.test(await rpc.nodeVersion())) {
    throw new EvegramError('unavailable.chain', {
      operation: 'ask for the tax', details: { problem: 'a node without x/tax that is no release 0.5.0 to 0.5.20' },
      advice: 'What this node takes of what is sent is not known. Use a node of today\'s network, or one of 0.5.0 to 0.5.20 that says its version.',
    })
  }
  const rate = await rpc.stabilityTaxRate()
  const caps = new Map<string, bigint>()
  for (const denomination of new Set(denominations)) {
    if (denomination !== 'uluna') caps.set(denomination, await rpc.stabilityTaxCap(denomination))
  }
  return { kind: 'stability', rate, caps }
}

/** What is taken of an output, rounded up: never less than the network takes. What came over IBC pays no burn tax. */
export function taxOf(denom: string, amount: bigint, terms: TaxTerms): bigint {
  switch (terms.kind) {
    case 'burn': return denom.startsWith('ibc/') ? 0n : ceilShare(amount, terms.rate, TAX_RATE_UNIT)
    case 'stability': {
      if (denom === 'uluna') return 0n
      const [tax, cap] = [ceilShare(amount, terms.rate, TAX_RATE_UNIT), terms.caps.get(denom)]
      return cap !== undefined && cap < tax ? cap : tax
    }
    default: return terms satisfies never
  }
}
