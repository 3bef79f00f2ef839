import { describe, expect, it } from 'vitest'
import { chainAmountOf } from '../../chain/amount.js'
import { parseChainName, parseChainTxid, type Settlement, type SignedPayment } from '../../chain/chain-adapter.js'
import { somebody } from '../../chain/simulated/simulated-world.contract.js'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf } from '../../ledger/ids.js'
import { decideSettlement } from './decide-payout.js'

const chain = parseChainName('terra')
const [usd, luna] = [assetIdOf(chain, 'uusd'), assetIdOf(chain, 'uluna')]
const payout = { asset: usd, amount: amountOf(100n), feeMax: amountOf(7n), taxMax: amountOf(5n) }
const payment: SignedPayment = {
  chain, txid: parseChainTxid('tx1'), from: somebody('hot'), outputs: [{ to: somebody('one'), asset: usd, amount: amountOf(100n) }], feeMax: amountOf(7n),
  signedAt: 5, expiry: { by: 'sequence', sequence: 3, lastHeight: 9 }, bytes: new Uint8Array([1]),
}
const paid: Settlement = {
  txid: payment.txid, height: 6, outputs: [{ status: 'paid', received: chainAmountOf(100n) }], fee: chainAmountOf(7n), taxes: [{ asset: usd, amount: chainAmountOf(5n) }],
}
const decided = (change: Partial<Settlement>): unknown => decideSettlement(payout, payment, { ...paid, ...change })

describe('what a final settlement means for a payout', () => {
  it('is what was meant, with fee and tax up to what was reserved', () => {
    expect(decided({})).toEqual({ status: 'settled', outcome: { status: 'paid', fee: 7n, tax: 5n } })
    expect(decided({ taxes: [] })).toEqual({ status: 'settled', outcome: { status: 'paid', fee: 7n, tax: 0n } })
    expect(decided({ outputs: [{ status: 'failed', reason: 'transaction_failed' }] })).toEqual({ status: 'settled', outcome: { status: 'failed', fee: 7n, tax: 5n, reason: 'transaction_failed' } })
  })

  it.each<readonly [string, Partial<Settlement>, string]>([
    ['of another transaction', { txid: parseChainTxid('tx2') }, 'settlement_unclear'],
    ['of no output', { outputs: [] }, 'settlement_unclear'],
    ['of two outputs', { outputs: [...paid.outputs, ...paid.outputs] }, 'settlement_unclear'],
    ['with a tax in another asset', { taxes: [{ asset: luna, amount: chainAmountOf(1n) }] }, 'settlement_unclear'],
    ['with two taxes', { taxes: [...paid.taxes, ...paid.taxes] }, 'settlement_unclear'],
    ['with a fee above what was reserved', { fee: chainAmountOf(8n) }, 'fee_above_reserve'],
    ['with a fee beyond the ledger', { fee: chainAmountOf(10n ** 38n) }, 'fee_above_reserve'],
    ['with a tax above what was reserved', { taxes: [{ asset: usd, amount: chainAmountOf(6n) }] }, 'fee_above_reserve'],
    ['of which less arrived', { outputs: [{ status: 'paid', received: chainAmountOf(99n) }] }, 'received_differs'],
    ['of which more arrived', { outputs: [{ status: 'paid', received: chainAmountOf(101n) }] }, 'received_differs'],
  ])('needs a person %s', (_what, change, reason) => {
    expect(decided(change)).toEqual({ status: 'puzzle', reason })
  })
})
