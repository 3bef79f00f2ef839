import { isEvegramError } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AMOUNT_MAX, amountOf } from '../ledger/amount.js'
import { assetIdOf } from '../ledger/ids.js'
import { parseChainName, parseChainTxid, type PaymentExpiry, type SignedPayment } from './chain-adapter.js'
import { decodeSignedPayment, encodeSignedPayment } from './signed-payment.js'
import { somebody } from './simulated/simulated-world.contract.js'

const natural = fc.maxSafeNat()
const amount = fc.bigInt({ min: 0n, max: AMOUNT_MAX }).map(amountOf)
const expiry: fc.Arbitrary<PaymentExpiry> = fc.oneof(
  fc.record({ by: fc.constant('height' as const), lastHeight: natural }),
  fc.record({ by: fc.constant('time' as const), lastSecond: natural }),
  fc.record({ by: fc.constant('sequence' as const), sequence: natural, lastHeight: natural }),
)
const payment: fc.Arbitrary<SignedPayment> = fc.record({
  chain: fc.constantFrom('ton', 'simulated').map(parseChainName),
  txid: fc.stringMatching(/^[A-Za-z0-9_.-]{1,128}$/).map(parseChainTxid),
  from: fc.string({ maxLength: 8 }).map(somebody),
  outputs: fc.array(fc.record({ to: fc.string({ maxLength: 8 }).map(somebody), asset: fc.constant(assetIdOf('terra', 'ibc/AB12')), amount }), { maxLength: 5 }),
  feeMax: amount,
  signedAt: natural,
  expiry,
  bytes: fc.uint8Array({ maxLength: 300 }),
})

describe('a stored payment', () => {
  it('is read as it was written', () => {
    fc.assert(fc.property(payment, (one) => {
      expect(decodeSignedPayment(encodeSignedPayment(one))).toEqual({ ...one, bytes: new Uint8Array(one.bytes) })
    }), { numRuns: 50 })
  })

  it('that was damaged is refused, whatever byte it is', () => {
    const [one] = fc.sample(payment, { seed: 7, numRuns: 1 })
    const bytes = encodeSignedPayment(one!)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSignedPayment(bytes.slice(0, length))).toThrow(expect.toSatisfy((error) => isEvegramError(error)))
    }
  })
})
