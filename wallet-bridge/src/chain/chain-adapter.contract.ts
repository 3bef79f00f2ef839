import { isEvegramError, utf8 } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { amountOf } from '../ledger/amount.js'
import { assetIdOf, type AssetId } from '../ledger/ids.js'
import {
  PAYMENT_MEMO_BYTES_MAX, PAYMENT_OUTPUTS_MAX, TRANSFER_INDEX_MAX, WATCH_TRANSFERS_MAX,
  type ChainAdapter, type ChainAddress, type ChainTransfer, type FinalTransfer, type PaymentIntent, type PaymentOutput, type PaymentSighting, type SignedPayment,
} from './chain-adapter.js'
import type { Height } from './finality.js'
import { decodeSignedPayment, encodeSignedPayment } from './signed-payment.js'
import type { Signer } from './signer.js'

/**
 * What an adapter may declare that its chain or its source does not do. `token`: the harness can make no second asset. `past_balance`: balances of old
 * heights are not kept. `one_transaction`: what a payment does to its recipient is a transaction of its own, with a name of its own (TON). `reorganisation`: the
 * harness cannot take a block away. `outage`: the source cannot be switched off. `held_blocks`: the chain makes blocks when it likes, so what got into one may be final
 * before anybody looks.
 */
export type ChainAdapterGap = 'token' | 'past_balance' | 'one_transaction' | 'reorganisation' | 'outage' | 'held_blocks'

/** An account that the harness made: it exists, holds nothing, and belongs to nobody else. */
export interface HarnessAccount {
  readonly address: ChainAddress
  readonly signer: Signer
}

/** What a stranger sends. */
export interface HarnessFunding {
  readonly to: ChainAddress
  readonly asset: AssetId
  readonly amount: bigint
  readonly memo?: Uint8Array | undefined
}

/** A running chain with its adapter. All harness functions resolve when what they name has happened on the chain. */
export interface ChainHarness {
  readonly adapter: ChainAdapter
  /** The same chain through another source, as another process would see it: it shares nothing with `adapter`. */
  another(): Promise<ChainAdapter>
  /** A second asset that the harness can give out. */
  readonly token: AssetId
  /** Enough for the fees of one payment of a few outputs, and far less than any test gives out. */
  readonly feeMax: bigint
  /** An address that the chain does not take: wrong checksum or network. */
  readonly badAddresses: readonly string[]
  account(): Promise<HarnessAccount>
  /** A stranger sends; resolves when it is in a block that is not final yet. */
  fund(funding: HarnessFunding): Promise<void>
  /** Everything that is in a block now becomes final. */
  makeFinal(): Promise<void>
  /** One block, not more: what was broadcast gets in. */
  makeBlock(): Promise<void>
  /** Passes the end of every payment that was signed before, and makes that final. */
  passExpiry(): Promise<void>
  /** Takes the newest block away; what was in it is forgotten. Declared as the gap `reorganisation` where it cannot be done. */
  dropBlock?(): Promise<void>
  /** Switches the source of `adapter` off. Declared as the gap `outage` where it cannot be done. */
  cutSource?(): Promise<void>
  close(): Promise<void>
}

const FUNDS = 10_000_000_000n

/** The promises of {@link ChainAdapter}, run by every chain. `setup` gives a chain of its own for each test, or one on which nothing of other tests is in the way. */
export function describeChainAdapter(options: {
  readonly name: string
  readonly setup: () => Promise<ChainHarness>
  readonly gaps?: readonly ChainAdapterGap[]
}): void {
  const gaps = options.gaps ?? []
  const isHeld = !gaps.includes('held_blocks')
  /** In a block, and no more than that where blocks are held. */
  const inBlock: unknown = isHeld ? 'confirmed' : expect.stringMatching(/^(confirmed|final)$/)
  const unless = (gap: ChainAdapterGap): typeof it | typeof it.skip => gaps.includes(gap) ? it.skip : it
  const code = (wanted: Parameters<typeof isEvegramError>[1]): unknown => expect.toSatisfy((error) => isEvegramError(error, wanted))

  describe(`ChainAdapter: ${options.name}${gaps.length === 0 ? '' : ` (gaps: ${gaps.join(', ')})`}`, () => {
    let harness: ChainHarness
    let adapter: ChainAdapter
    let native: AssetId
    beforeEach(async () => {
      harness = await options.setup()
      adapter = harness.adapter
      native = adapter.nativeAsset
    })
    afterEach(async () => {
      await harness.close()
    })

    const finalHeight = async (of: ChainAdapter = adapter): Promise<Height> => (await of.head()).final
    /** All that is final behind `after`, page by page. */
    async function allSince(after: Height, addresses: readonly ChainAddress[], limit = WATCH_TRANSFERS_MAX, of: ChainAdapter = adapter): Promise<readonly FinalTransfer[]> {
      const upTo = await finalHeight(of)
      const transfers: FinalTransfer[] = []
      for (let cursor = after; cursor < upTo;) {
        const page = await of.watch({ addresses: new Set(addresses), after: cursor, upTo, limit })
        expect(page.through).toBeGreaterThan(cursor)
        transfers.push(...page.transfers)
        cursor = page.through
      }
      return transfers
    }
    async function balanceOf(address: ChainAddress, asset: AssetId = native): Promise<bigint> {
      const answer = await adapter.balance({ address, asset })
      if (answer.status !== 'known') throw new Error('no balance')
      return answer.amount
    }
    async function funded(amount = FUNDS): Promise<HarnessAccount> {
      const account = await harness.account()
      await harness.fund({ to: account.address, asset: native, amount })
      await harness.makeFinal()
      return account
    }
    const to = (address: ChainAddress, amount: bigint, asset: AssetId = native): PaymentOutput => ({ to: address, asset, amount: amountOf(amount) })
    const intent = (outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): PaymentIntent =>
      ({ outputs, feeMax: amountOf(harness.feeMax), inFlight: [], ...fields })
    async function signed(account: HarnessAccount, outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): Promise<SignedPayment> {
      const answer = await adapter.sign(intent(outputs, fields), account.signer)
      if (answer.status !== 'signed') throw new Error(`not signed: ${answer.status}`)
      return answer.payment
    }
    async function settled(payment: SignedPayment, of: ChainAdapter = adapter): Promise<Extract<PaymentSighting, { readonly status: 'final' }>['settlement']> {
      const sighting = await of.lookUp(payment)
      if (sighting.status !== 'final') throw new Error(`not final: ${sighting.status}`)
      return sighting.settlement
    }
    const plain = (transfers: readonly ChainTransfer[]): readonly unknown[] =>
      transfers.map(({ txid, index, height, address, direction, asset, amount, fee }) => ({ txid, index, height, address, direction, asset, amount, fee }))

    it('takes an address in its one form, and refuses what is none', async () => {
      const { address, signer } = await harness.account()
      expect(adapter.parseAddress(address)).toBe(address)
      expect(adapter.addressOf(signer)).toBe(address)
      for (const bad of ['', 'nonsense', `${address} `, address.slice(0, -1), ...harness.badAddresses]) {
        expect(() => adapter.parseAddress(bad), bad).toThrow(code('invalid.address'))
      }
    })

    it('shows a final height that never goes back and is never above the newest', async () => {
      let before = 0
      for (let round = 0; round < 4; round++) {
        const { latest, final } = await adapter.head()
        expect(final).toBeGreaterThanOrEqual(before)
        expect(latest).toBeGreaterThanOrEqual(final)
        before = final
        await harness.makeBlock()
      }
    })

    it('tells a deposit once it is final, and until then only as confirmed', async () => {
      const { address } = await harness.account()
      const after = await finalHeight()
      await harness.fund({ to: address, asset: native, amount: 1_234_567n, memo: utf8('order 42') })
      if (isHeld) {
        expect(await allSince(after, [address])).toEqual([])
        expect(plain(await adapter.confirmed(new Set([address])))).toMatchObject([{ address, direction: 'in', asset: native, amount: 1_234_567n }])
      }
      await harness.makeFinal()
      const told = await allSince(after, [address])
      expect(told).toMatchObject([{ address, direction: 'in', asset: native, amount: 1_234_567n, fee: 0n, memo: utf8('order 42'), returnOf: undefined }])
      expect(told[0]!.index).toBeGreaterThanOrEqual(0)
      expect(told[0]!.index).toBeLessThanOrEqual(TRANSFER_INDEX_MAX)
      expect(told[0]!.height).toBeGreaterThan(after)
      expect(await adapter.confirmed(new Set([address]))).toEqual([])
    })

    it('tells the same again to who lost his cursor, whatever source he asks, and nothing twice to who kept it', async () => {
      const { address } = await harness.account()
      const after = await finalHeight()
      for (const amount of [1_000_001n, 1_000_002n, 1_000_003n]) await harness.fund({ to: address, asset: native, amount })
      await harness.makeFinal()
      const first = await allSince(after, [address])
      expect(first.map(({ amount }) => amount)).toEqual([1_000_001n, 1_000_002n, 1_000_003n])
      expect(new Set(first.map(({ txid, index }) => `${txid}:${String(index)}`)).size).toBe(3)
      const other = await harness.another()
      expect(plain(await allSince(after, [address], WATCH_TRANSFERS_MAX, other))).toEqual(plain(first))
      await other.close()
      const upTo = await finalHeight()
      expect(await adapter.watch({ addresses: new Set([address]), after: upTo, upTo, limit: 10 })).toEqual({ through: upTo, transfers: [] })
    })

    it('gives pages that together hold everything once, whatever their size', async () => {
      const { address } = await harness.account()
      const after = await finalHeight()
      for (let amount = 1_000_000n; amount < 1_000_007n; amount++) await harness.fund({ to: address, asset: native, amount })
      await harness.makeFinal()
      const all = await allSince(after, [address])
      expect(all).toHaveLength(7)
      for (const limit of [1, 2, 3]) expect(plain(await allSince(after, [address], limit))).toEqual(plain(all))
    })

    it('ends where it is told to, and tells of no address that was not asked for', async () => {
      const [one, other] = [await harness.account(), await harness.account()]
      const after = await finalHeight()
      await harness.fund({ to: one.address, asset: native, amount: 1_000_000n })
      await harness.makeFinal()
      const middle = await finalHeight()
      await harness.fund({ to: one.address, asset: native, amount: 2_000_000n })
      await harness.fund({ to: other.address, asset: native, amount: 3_000_000n })
      await harness.makeFinal()
      const page = await adapter.watch({ addresses: new Set([one.address]), after, upTo: middle, limit: 10 })
      expect(page.through).toBe(middle)
      expect(page.transfers.map(({ amount }) => amount)).toEqual([1_000_000n])
      expect((await allSince(middle, [one.address])).map(({ amount }) => amount)).toEqual([2_000_000n])
      expect(await allSince(after, [])).toEqual([])
    })

    it('refuses a cursor or a limit that is none', async () => {
      const request = { addresses: new Set<ChainAddress>(), after: 0, upTo: 1, limit: 1 }
      for (const wrong of [{ after: -1 }, { after: 0.5 }, { upTo: Number.NaN }, { limit: 0 }, { limit: WATCH_TRANSFERS_MAX + 1 }]) {
        await expect(adapter.watch({ ...request, ...wrong })).rejects.toThrow(code('invalid.argument'))
      }
    })

    it('knows balances at the end of final blocks', async () => {
      const { address } = await harness.account()
      expect(await balanceOf(address)).toBe(0n)
      await harness.fund({ to: address, asset: native, amount: 5_000_000n })
      if (isHeld) expect(await balanceOf(address)).toBe(0n)
      await harness.makeFinal()
      expect(await balanceOf(address)).toBe(5_000_000n)
      const { latest } = await adapter.head()
      expect(await adapter.balance({ address, asset: native, at: latest + 1_000 })).toEqual({ status: 'unavailable' })
    })

    unless('past_balance')('knows balances of the past', async () => {
      const { address } = await harness.account()
      await harness.fund({ to: address, asset: native, amount: 5_000_000n })
      await harness.makeFinal()
      const height = await finalHeight()
      await harness.fund({ to: address, asset: native, amount: 1_000_000n })
      await harness.makeFinal()
      expect(await adapter.balance({ address, asset: native, at: height })).toEqual({ status: 'known', amount: 5_000_000n, height })
      expect(await balanceOf(address)).toBe(6_000_000n)
    })

    unless('token')('tells tokens apart from the native asset', async () => {
      const { address } = await harness.account()
      const after = await finalHeight()
      await harness.fund({ to: address, asset: harness.token, amount: 777n })
      await harness.makeFinal()
      expect(await allSince(after, [address])).toMatchObject([{ asset: harness.token, amount: 777n, direction: 'in' }])
      expect(await balanceOf(address, harness.token)).toBe(777n)
      expect(await balanceOf(address)).toBe(0n)
    })

    it('pays once, however often it is broadcast, and tells what arrived and what it cost', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const after = await finalHeight()
      const payment = await signed(payer, [to(recipient.address, 3_000_000n)], { memo: utf8('payout 7') })
      expect(payment).toMatchObject({ chain: adapter.chain, from: payer.address, outputs: [to(recipient.address, 3_000_000n)] })
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      expect(await adapter.broadcast(payment)).toEqual({ status: 'accepted' })
      await adapter.broadcast(payment)
      await harness.makeBlock()
      expect(await adapter.lookUp(payment)).toMatchObject({ status: inBlock })
      await harness.makeFinal()
      const settlement = await settled(payment)
      expect(settlement).toMatchObject({ txid: payment.txid, outputs: [{ status: 'paid', received: 3_000_000n }] })
      expect(settlement.fee).toBeLessThanOrEqual(harness.feeMax)
      await adapter.broadcast(payment)
      await harness.makeFinal()
      expect(await balanceOf(recipient.address)).toBe(3_000_000n)
      expect(await balanceOf(payer.address)).toBe(FUNDS - 3_000_000n - settlement.fee)
      const told = await allSince(after, [payer.address, recipient.address])
      const [ofPayer, ofRecipient] = [payer, recipient].map(({ address }) => told.filter((one) => one.address === address).map(({ txid }) => txid))
      expect(ofPayer).toEqual([payment.txid])
      if (gaps.includes('one_transaction')) expect(ofRecipient).toHaveLength(1)
      else expect(ofRecipient).toEqual([payment.txid])
      expect(told).toContainEqual(expect.objectContaining({ direction: 'out', address: payer.address, amount: 3_000_000n + settlement.fee, fee: settlement.fee }))
      expect(told).toContainEqual(expect.objectContaining({ direction: 'in', address: recipient.address, amount: 3_000_000n, memo: utf8('payout 7') }))
    })

    it('pays what was stored, through another source and after a restart', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const payment = await signed(payer, [to(recipient.address, 4_000_000n)])
      const stored = encodeSignedPayment(payment)
      const other = await harness.another()
      const again = decodeSignedPayment(stored)
      expect(again).toEqual(payment)
      expect(await other.lookUp(again)).toEqual({ status: 'unknown' })
      expect(await other.broadcast(again)).toEqual({ status: 'accepted' })
      await harness.makeFinal()
      expect(await settled(again, other)).toMatchObject({ outputs: [{ status: 'paid', received: 4_000_000n }] })
      expect(await settled(payment)).toMatchObject({ outputs: [{ status: 'paid', received: 4_000_000n }] })
      await other.close()
    })

    it('pays several recipients in one payment, each by itself', async () => {
      const [payer, one, other] = [await funded(), await harness.account(), await harness.account()]
      const after = await finalHeight()
      const payment = await signed(payer, [to(one.address, 1_000_000n), to(other.address, 2_000_000n)])
      await adapter.broadcast(payment)
      await harness.makeFinal()
      expect((await settled(payment)).outputs).toEqual([{ status: 'paid', received: 1_000_000n }, { status: 'paid', received: 2_000_000n }])
      const told = await allSince(after, [one.address, other.address])
      expect(told.map(({ amount }) => amount).sort()).toEqual([1_000_000n, 2_000_000n])
      expect(new Set(told.map(({ txid, index }) => `${txid}:${String(index)}`)).size).toBe(2)
    })

    it('lets payments land beside each other, in whatever order they are broadcast', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const after = await finalHeight()
      const first = await signed(payer, [to(recipient.address, 1_000_000n)])
      const second = await signed(payer, [to(recipient.address, 1_000_000n)], { inFlight: [first] })
      expect(second.txid).not.toBe(first.txid)
      // The second once more, as whoever waits for it does: a chain that keeps an order refuses what comes too early.
      for (const payment of [second, first, second]) await adapter.broadcast(payment)
      await harness.makeFinal()
      expect((await settled(first)).outputs).toMatchObject([{ status: 'paid' }])
      expect((await settled(second)).outputs).toMatchObject([{ status: 'paid' }])
      expect(await balanceOf(recipient.address)).toBe(2_000_000n)
      // Where both are in one block, a page of one transfer holds two: a block is never cut.
      const told = await allSince(after, [recipient.address])
      expect(told).toHaveLength(2)
      expect(plain(await allSince(after, [recipient.address], 1))).toEqual(plain(told))
    })

    it('proves that a payment which was never broadcast can land no more, not before its end, and it does not land then', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const payment = await signed(payer, [to(recipient.address, 1_000_000n)])
      await harness.makeBlock()
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      await harness.passExpiry()
      const sighting = await adapter.lookUp(payment)
      expect(sighting).toMatchObject({ status: 'expired', expiration: { txid: payment.txid } })
      await adapter.broadcast(payment)
      await harness.makeFinal()
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'expired' })
      expect(await balanceOf(recipient.address)).toBe(0n)
      const again = await signed(payer, [to(recipient.address, 1_000_000n)])
      expect(again.txid).not.toBe(payment.txid)
      await adapter.broadcast(again)
      await harness.makeFinal()
      expect(await balanceOf(recipient.address)).toBe(1_000_000n)
    })

    it('knows a payment that landed long after its end', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const payment = await signed(payer, [to(recipient.address, 1_000_000n)])
      await adapter.broadcast(payment)
      await harness.makeFinal()
      await harness.passExpiry()
      expect((await settled(payment)).outputs).toEqual([{ status: 'paid', received: 1_000_000n }])
    })

    it('gives every source the same or a later end of a payment', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const payment = await signed(payer, [to(recipient.address, 1_000_000n)])
      const other = await harness.another()
      const [own, others] = [await adapter.expiryOf(payment), await other.expiryOf(payment)]
      for (const expiry of [own, others]) {
        expect(expiry.by).toBe(payment.expiry.by)
        const end = (value: typeof expiry): number => value.by === 'time' ? value.lastSecond : value.lastHeight
        expect(end(expiry)).toBeGreaterThanOrEqual(end(payment.expiry))
      }
      await other.close()
    })

    it('pays nobody twice out of money that is there once', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const half = FUNDS * 2n / 3n
      const first = await signed(payer, [to(recipient.address, half)])
      // Without `inFlight`: the adapter cannot know that the money is gone.
      const second = await adapter.sign(intent([to(recipient.address, half)]), payer.signer)
      if (second.status !== 'signed') throw new Error('not signed')
      await adapter.broadcast(first)
      await adapter.broadcast(second.payment)
      await harness.makeFinal()
      await harness.passExpiry()
      const sightings = [await adapter.lookUp(first), await adapter.lookUp(second.payment)]
      const paid = sightings.filter((sighting) => sighting.status === 'final' && sighting.settlement.outputs[0]?.status === 'paid')
      expect(paid).toHaveLength(1)
      expect(sightings.map(({ status }) => status)).not.toContain('unknown')
      expect(await balanceOf(recipient.address)).toBe(half)
    })

    it('moves nothing but the fee when it pays itself', async () => {
      const payer = await funded()
      const after = await finalHeight()
      const payment = await signed(payer, [to(payer.address, 1_000_000n)])
      await adapter.broadcast(payment)
      await harness.makeFinal()
      const told = await allSince(after, [payer.address])
      expect(told.filter(({ direction }) => direction === 'in')).toEqual([])
      expect(told.reduce((sum, { amount, fee }) => sum + amount - fee, 0n)).toBe(0n)
    })

    it('refuses to sign what it cannot pay', async () => {
      const [payer, poor, recipient] = [await funded(), await harness.account(), await harness.account()]
      const one = to(recipient.address, 1_000_000n)
      expect(await adapter.sign(intent([to(recipient.address, FUNDS)]), payer.signer)).toEqual({ status: 'insufficient_funds', asset: native })
      expect(await adapter.sign(intent([one]), poor.signer)).toEqual({ status: 'insufficient_funds', asset: native })
      expect(await adapter.sign(intent([one], { feeMax: amountOf(0n) }), payer.signer)).toMatchObject({ status: 'fee_exceeds_max' })
      const wrong: readonly PaymentIntent[] = [
        intent([]), intent([to(recipient.address, 0n)]), intent([{ ...one, asset: assetIdOf('elsewhere', 'coin') }]),
        intent(Array.from({ length: PAYMENT_OUTPUTS_MAX + 1 }, () => one)), intent([one], { memo: new Uint8Array(PAYMENT_MEMO_BYTES_MAX + 1) }),
      ]
      for (const bad of wrong) await expect(adapter.sign(bad, payer.signer)).rejects.toThrow(code('invalid.argument'))
    })

    it('signs a memo that is no text, or says that it is not payable', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const answer = await adapter.sign(intent([to(recipient.address, 1_000_000n)], { memo: new Uint8Array([0xff, 0xfe, 0x80]) }), payer.signer)
      expect(['signed', 'not_payable']).toContain(answer.status)
    })

    it('shows no key in what it signs', async () => {
      const payer = await funded()
      const payment = await signed(payer, [to(payer.address, 1_000_000n)])
      const shown = JSON.stringify(payer.signer) + JSON.stringify(payment, (_name, value: unknown) => typeof value === 'bigint' ? String(value) : value)
      expect(shown).not.toMatch(/seed|secret|private/i)
    })

    unless('reorganisation')('forgets a deposit and a payment whose block went away', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const after = await finalHeight()
      const payment = await signed(payer, [to(recipient.address, 1_000_000n)])
      await adapter.broadcast(payment)
      await harness.makeBlock()
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'confirmed' })
      await harness.dropBlock?.()
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      await harness.makeFinal()
      expect(await allSince(after, [recipient.address])).toEqual([])
      // The same bytes may land later, as long as they are not over.
      await adapter.broadcast(payment)
      await harness.makeFinal()
      expect((await settled(payment)).outputs).toMatchObject([{ status: 'paid' }])
      expect(await balanceOf(recipient.address)).toBe(1_000_000n)
    })

    unless('outage')('says that it does not know when its source is gone, never that nothing happened', async () => {
      const [payer, recipient] = [await funded(), await harness.account()]
      const payment = await signed(payer, [to(recipient.address, 1_000_000n)])
      await harness.cutSource?.()
      const gone = code('unavailable.chain')
      await expect(adapter.head()).rejects.toThrow(gone)
      await expect(adapter.watch({ addresses: new Set([recipient.address]), after: 0, upTo: 1, limit: 1 })).rejects.toThrow(gone)
      await expect(adapter.confirmed(new Set([recipient.address]))).rejects.toThrow(gone)
      await expect(adapter.balance({ address: payer.address, asset: native })).rejects.toThrow(gone)
      await expect(adapter.lookUp(payment)).rejects.toThrow(gone)
      await expect(adapter.sign(intent([to(recipient.address, 1_000_000n)]), payer.signer)).rejects.toThrow(gone)
      expect(await adapter.broadcast(payment)).toEqual({ status: 'unknown' })
    })
  })
}
