import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { TerraRpc } from './rpc.js'
import { readTaxTerms, taxOf, type TaxTerms } from './tax-terms.js'

/** What a node answers; `burn` undefined: it has no x/tax. */
interface Node {
  readonly burn?: bigint
  readonly version: string
}

function asked(node: Node, denominations: readonly string[] = []): Promise<TaxTerms> {
  const rpc: Pick<TerraRpc, 'burnTaxRate' | 'stabilityTaxRate' | 'stabilityTaxCap' | 'nodeVersion'> = {
    burnTaxRate: async () => node.burn,
    nodeVersion: async () => node.version,
    stabilityTaxRate: async () => 10n ** 15n,
    stabilityTaxCap: async (denom) => denom === 'uusd' ? 1_000_000n : 7n,
  }
  // The rest of an endpoint is not asked for.
  return readTaxTerms(rpc as TerraRpc, denominations)
}

describe('what a node takes of what is sent', () => {
  it('is what x/tax says where there is one, whatever its treasury tells', async () => {
    expect(await asked({ burn: 5n * 10n ** 15n, version: '3.4.3' }, ['uusd'])).toEqual({ kind: 'burn', rate: 5n * 10n ** 15n })
    expect(await asked({ burn: 0n, version: '' })).toEqual({ kind: 'burn', rate: 0n })
  })

  it('is the stability tax with the caps of the coins on the releases that are known to take no other', async () => {
    const caps = new Map([['uusd', 1_000_000n], ['ukrw', 7n]])
    expect(await asked({ version: '0.5.20' }, ['uluna', 'uusd', 'ukrw', 'uusd'])).toEqual({ kind: 'stability', rate: 10n ** 15n, caps })
    for (const version of ['0.5.0', '0.5.9', 'v0.5.13']) expect((await asked({ version })).kind, version).toBe('stability')
  })

  it.each(['', '0.5.21', '0.5.23', '0.6.0', '1.0.5', '2.4.0', '10.5.2', '0.5.200', '0.5.2-dirty'])('is not guessed for release "%s" without x/tax: later ones take a tax of uluna', async (version) => {
    await expect(asked({ version })).rejects.toSatisfy((error) => isEvegramError(error, 'unavailable.chain') && /0\.5\.0 to 0\.5\.20/.test(error.message))
  })

  it('is rounded up, capped for each output, and nothing for uluna or what came over IBC where that is so', () => {
    const burn: TaxTerms = { kind: 'burn', rate: 5n * 10n ** 15n }
    expect(['uluna', 'uusd', 'ibc/0A'].map((denom) => taxOf(denom, 1_001n, burn))).toEqual([6n, 6n, 0n])
    const stability: TaxTerms = { kind: 'stability', rate: 10n ** 15n, caps: new Map([['uusd', 1_000_000n]]) }
    expect(['uluna', 'uusd'].map((denom) => taxOf(denom, 1_001n, stability))).toEqual([0n, 2n])
    expect([999_999_000n, 1_000_000_000n, 1_000_001_000n, 10n ** 18n].map((amount) => taxOf('uusd', amount, stability))).toEqual([999_999n, 1_000_000n, 1_000_000n, 1_000_000n])
  })
})
