import { ManualClock } from '@evegram/platform'
import { utf8 } from '@evegram/protocol'
import {
  amountOf, assetIdOf, MemoryLedger, parseChainName, parseChainTxid, type ChainAddress, type Payout, type SimulatedChain, type SimulatedRecord,
} from '@evegram/wallet-bridge'
import { describe, expect, it } from 'vitest'
import { Run } from '../kernel/run.js'
import { ChainTruth } from './chain-truth.js'
import { PayoutAuditor } from './payout-auditor.js'

const chain = parseChainName('simulated')
const native = assetIdOf(chain, 'play')
// No adapter looks at these addresses.
const [hot, shared] = ['hot', 'shared'] as unknown as readonly [ChainAddress, ChainAddress]

/** Blocks that say whatever a test wants, at heights that it wants. */
class Blocks {
  blocks: (readonly [height: number, hash: string, records: readonly SimulatedRecord[]])[] = [[5, 'five', []]]
  held = 0n

  /** As the auditor reads a chain. */
  get chain(): SimulatedChain {
    const all = (): this['blocks'] => this.blocks
    const view = {
      rules: { nativeAsset: native, taxedAssets: [], chain },
      get head() { return { latest: all().at(-1)?.[0] ?? 0, final: all().at(-1)?.[0] ?? 0 } },
      blockAt: (at: number) => all().flatMap(([height, hash]) => height === at ? [{ hash, timeMs: 0 }] : [])[0],
      records: (after: number, through: number) => all().flatMap(([height, , records]) => height > after && height <= through ? records.map((record) => ({ height, record })) : []),
      balanceAt: (address: ChainAddress) => address === hot ? this.held : 0n,
    }
    // What the auditor does not call is not there.
    return view as unknown as SimulatedChain
  }
}

const paid = (txid: string, received: bigint): SimulatedRecord => ({
  txid: parseChainTxid(txid.repeat(64)), from: hot, memo: utf8('pay-1'), fee: 1n, claims: [], outputs: [{ received }], changes: [{ address: hot, asset: native, delta: -received - 1n }],
} as unknown as SimulatedRecord)

async function scene(): Promise<{ readonly blocks: Blocks; readonly auditor: PayoutAuditor; readonly run: Run }> {
  const [blocks, run, ledger] = [new Blocks(), new Run({ seed: 'auditor', keepTrace: false }), new MemoryLedger({ clock: new ManualClock(), ledger: '0'.repeat(32) })]
  const truth = new ChainTruth(blocks.chain, { hot, shared, accounts: new Map(), codes: new Map(), depositMin: 1n })
  return { blocks, run, auditor: new PayoutAuditor(run, { chain: blocks.chain, truth, ledger, store: ledger.connect(), beganAt: 5 }) }
}

describe('the auditor of payouts', () => {
  it.each([['lower than it', 4], ['in the place of it', 5], ['above it', 6]])('sees a payout in two transactions of a block that stands %s', async (_where, height) => {
    const { blocks, auditor, run } = await scene()
    auditor.look()
    blocks.blocks = [[height, 'other', [paid('a', 10n), paid('b', 10n)]]]
    auditor.look()
    expect(run.violation?.what).toContain('pay-1 is in 2 transactions')
  })

  it.each([['agrees', 0n, false], ['lacks a unit', 1n, true]])('compares custody also while a payout needs a person: %s', async (_what, missing, isBroken) => {
    const { blocks, auditor, run } = await scene()
    auditor.taxWasUnsure = true
    auditor.stored({ id: 'alice.pay-1', state: 'needs_operator', reason: 'received_differs', amount: amountOf(10n), feeMax: amountOf(5n), taxMax: amountOf(0n) } as unknown as Payout)
    blocks.blocks = [[6, 'six', [paid('a', 9n)]]]
    blocks.held = -10n - missing
    await auditor.finish()
    expect(run.violation?.what ?? 'nothing').toContain(isBroken ? 'custody of simulated/play is -10 in the books and -11' : 'nothing')
  })
})
