import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Address, beginCell, comment, internal } from '@ton/core'
import { ManualClock } from '@evegram/platform'
import { isEvegramError, utf8, type Clock } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { AgreedChain } from '../agreed-chain.js'
import type { ChainAddress, FinalTransfer, PaymentIntent, PaymentOutput, PaymentSighting, SignedPayment } from '../chain-adapter.js'
import type { Signer } from '../signer.js'
import { simulatedSigner } from '../simulated/signer.js'
import { countingRandom } from '../simulated/simulated-world.contract.js'
import { accountOf, TONCOIN, tonAddressOf, tonJetton } from './address.js'
import { TonChainAdapter } from './adapter.js'
import { HIGHLOAD_TIMEOUT_SECONDS, highloadWallet } from './highload-wallet.js'
import { REFUSALS_MAX } from './message-ends.js'
import { OPERATIONS } from './operations.js'
import { tonInitHash } from './rpc.js'
import { requestOf } from './settle.js'
import { writeComment } from './text-comment.js'
import { TonWorld } from './devnet/ton-world.js'

// A virtual machine executes every message: slow on a machine that has other work.
vi.setConfig({ testTimeout: 90_000 })

const FUNDS = 100_000_000_000n
const unavailable: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.chain'))

describe('TON, against the local chain', () => {
  let world: TonWorld
  let adapter: TonChainAdapter
  let jetton: AssetId
  let ours: { readonly account: Address; readonly address: ChainAddress; readonly signer: Signer }
  const proxies: Server[] = []
  beforeEach(async () => {
    world = await TonWorld.open()
    jetton = tonJetton(tonAddressOf(world.jetton))
    adapter = adapterOf(world.server.url)
    const signer = simulatedSigner(world.seed())
    const account = highloadWallet(signer.publicKey).address
    ours = { account, address: tonAddressOf(account), signer }
  })
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) {
      proxy.closeAllConnections()
      proxy.close()
    }
    await world.close()
  })

  function adapterOf(url: string, options: { readonly initHash?: string; readonly searchMax?: number; readonly clock?: Clock } = {}): TonChainAdapter {
    return new TonChainAdapter({ url, random: countingRandom(`adapter ${url}`), jettons: [tonAddressOf(world.jetton)], ...options })
  }
  /** All that became final at our address since it was made. */
  async function told(of: TonChainAdapter = adapter): Promise<readonly FinalTransfer[]> {
    await world.makeFinal()
    const { final } = await of.head()
    const transfers: FinalTransfer[] = []
    for (let cursor = 4; cursor < final;) {
      const page = await of.watch({ addresses: new Set([ours.address]), after: cursor, upTo: final, limit: 100 })
      transfers.push(...page.transfers)
      cursor = page.through
    }
    return transfers
  }
  const short = (transfers: readonly FinalTransfer[]): readonly unknown[] => transfers.map(({ direction, asset, amount }) => [direction, asset, amount])
  async function funded(jettons = 0n): Promise<void> {
    for (let given = 0n; given < FUNDS; given += 10_000_000_000n) await world.chain.faucet.give(ours.account, 10_000_000_000n)
    if (jettons > 0n) await world.chain.faucet.giveJetton({ to: ours.account, amount: jettons })
    await world.makeFinal()
  }
  const somebody = (): ChainAddress => tonAddressOf(world.wallet().wallet.address)
  const output = (to: ChainAddress, amount: bigint, asset: AssetId = TONCOIN): PaymentOutput => ({ to, asset, amount: amountOf(amount) })
  const intent = (outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): PaymentIntent => ({ outputs, feeMax: amountOf(2_000_000_000n), inFlight: [], ...fields })
  async function signed(outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): Promise<SignedPayment> {
    const answer = await adapter.sign(intent(outputs, fields), ours.signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    return answer.payment
  }
  async function settled(payment: SignedPayment): Promise<Extract<PaymentSighting, { readonly status: 'final' }>['settlement']> {
    const sighting = await adapter.lookUp(payment)
    if (sighting.status !== 'final') throw new Error(sighting.status)
    return sighting.settlement
  }
  async function paid(outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): Promise<{ readonly payment: SignedPayment; readonly settlement: Awaited<ReturnType<typeof settled>> }> {
    const payment = await signed(outputs, fields)
    await adapter.broadcast(payment)
    await world.makeFinal()
    return { payment, settlement: await settled(payment) }
  }
  const tonOf = (address: ChainAddress): Promise<bigint> => world.client.getBalance(accountOf(address))
  /** An endpoint that changes what the chain answers. */
  async function lying(change: (method: string, result: unknown, params: Readonly<Record<string, unknown>>) => unknown): Promise<string> {
    const proxy = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk as Buffer)
        const body = Buffer.concat(chunks).toString('utf8')
        const { method, params } = JSON.parse(body) as { readonly method: string; readonly params: Readonly<Record<string, unknown>> }
        const answer = await (await fetch(world.server.url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).json() as { readonly result?: unknown }
        const result = 'result' in answer ? change(method, answer.result, params) : undefined
        response.end(JSON.stringify('result' in answer ? result === undefined ? { ok: false, error: 'LITE_SERVER_UNKNOWN: block not found' } : { ...answer, result } : answer))
      })().catch(() => response.destroy())
    })
    proxies.push(proxy)
    await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
    return `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}/api/v2/jsonRPC`
  }

  describe('deposits', () => {
    it('are what arrived at a jetton wallet of ours, with the memo, whether the owner is told or not', async () => {
      const text = 'evg1 and more than one cell holds: '.repeat(10)
      await world.chain.faucet.giveJetton({ to: ours.account, amount: 1_000n, text, forward: 0n })
      await world.chain.faucet.giveJetton({ to: ours.account, amount: 2_000n, text: 'short', forward: 5_000_000n })
      const transfers = await told()
      expect(transfers.filter(({ asset }) => asset === jetton)).toMatchObject([
        { direction: 'in', amount: 1_000n, memo: utf8(text), from: tonAddressOf(world.chain.faucet.address), fee: 0n, returnOf: undefined },
        { direction: 'in', amount: 2_000n, memo: utf8('short') },
      ])
      // What came with the notification is TON like any other, from the jetton wallet.
      expect(transfers.filter(({ asset }) => asset === TONCOIN)).toMatchObject([{ amount: 5_000_000n, memo: undefined, from: tonAddressOf(await world.jettonWallet(ours.account)) }])
      expect(await adapter.balance({ address: ours.address, asset: jetton })).toMatchObject({ status: 'known', amount: 3_000n })
    })

    it('are not what somebody says: a forged notification brings the TON that it carries, and no jetton', async () => {
      await world.send([world.notification(ours.account, 1_000_000n, world.stranger.wallet.address, 'evg1')])
      expect(short(await told())).toEqual([['in', TONCOIN, 20_000_000n]])
    })

    it('come from no wallet that only looks like one, nor from the wallet of another jetton', async () => {
      const other = await world.otherJetton()
      for (const wallet of [await world.lookAlike(), await world.lookAlike(other)]) {
        await world.send([world.transferJetton(wallet, ours.account, 1_000_000n, { text: 'evg1', forward: 10_000_000n })])
        await world.blocks(4)
      }
      expect((await told()).filter(({ asset }) => asset !== TONCOIN)).toEqual([])
      expect(await adapter.balance({ address: ours.address, asset: jetton })).toMatchObject({ amount: 0n })
      // An order to the wallet itself, from somebody who is not its owner.
      await world.chain.faucet.giveJetton({ to: ours.account, amount: 5n })
      await world.blocks(4)
      await world.send([world.transferJetton(await world.jettonWallet(ours.account), world.stranger.wallet.address, 5n)])
      expect((await told()).filter(({ asset }) => asset !== TONCOIN)).toMatchObject([{ direction: 'in', amount: 5n }])
    })

    it('in blocks that are fuller than toncenter looks for a message in are told, and what claims to come back in one stops nothing', async () => {
      // So many accounts before ours in a block: one that looks at forty does not see it.
      const first = Array.from({ length: 45 }, (_, index) => ({ address: new Address(0, Buffer.alloc(32).fill(index + 1, 31)) }))
      const crowd = async (): Promise<void> => {
        for (const { address } of first) await world.chain.faucet.give(address, 1n)
      }
      const claim = beginCell().storeUint(OPERATIONS.excesses, 32).storeUint(0, 64).endCell()
      await funded(10n)
      const payment = await signed([output(tonAddressOf(world.stranger.wallet.address), 4n, jetton), output(somebody(), 1_000_000n)])
      const before = await tonOf(ours.address)
      await adapter.broadcast(payment)
      // One crowd for each block in which the payment goes on.
      for (let block = 0; block < 6; block++) {
        await crowd()
        await world.blocks()
      }
      await crowd()
      await world.send([world.pay(ours.account, 3_000_000n, claim)])
      const transfers = await told()
      const claimed = transfers.at(-1)
      expect(claimed).toMatchObject({ direction: 'in', asset: TONCOIN, from: tonAddressOf(world.stranger.wallet.address), returnOf: undefined })
      expect(transfers.filter(({ returnOf }) => returnOf === payment.txid).length).toBeGreaterThan(0)
      const settlement = await settled(payment)
      expect(settlement.outputs).toEqual([{ status: 'paid', received: 4n }, { status: 'paid', received: 1_000_000n }])
      expect(await tonOf(ours.address)).toBe(before - 1_000_000n - settlement.fee + (claimed?.amount ?? 0n))
    })

    it('are told without a payment that they return, where the endpoint refuses five times to say where they came from', async () => {
      await world.send([world.pay(ours.account, 3_000_000n, beginCell().storeUint(OPERATIONS.excesses, 32).storeUint(0, 64).endCell())])
      await world.makeFinal()
      const refuses = adapterOf(await lying((method, result) => method === 'lookupBlock' ? undefined : result))
      for (let attempt = 1; attempt < REFUSALS_MAX; attempt++) await expect(told(refuses)).rejects.toThrow(unavailable)
      expect(short(await told(refuses))).toEqual([['in', TONCOIN, 3_000_000n]])
    })

    it('are no return of a payment when somebody else in the chain of messages calls them so', async () => {
      await funded(10n)
      // The recipient is told of the jettons with a nanoton and money of his own, and forwards it with the word for an excess.
      const forwarder = await world.forwarder(ours.account)
      const { payment } = await paid([output(tonAddressOf(forwarder), 4n, jetton)])
      const claimed = (await told()).filter(({ from }) => from === tonAddressOf(forwarder))
      expect(claimed).toMatchObject([{ direction: 'in', asset: TONCOIN, returnOf: undefined }])
      expect((await told()).filter(({ returnOf }) => returnOf === payment.txid)).toHaveLength(1)
    })

    it('are told by what the balance of a jetton wallet did, where its messages say something else', async () => {
      await world.chain.faucet.giveJetton({ to: ours.account, amount: 1_000n, text: 'evg1' })
      await world.makeFinal()
      const wallet = (await world.jettonWallet(ours.account)).toString()
      // A jetton that keeps 25: the get method of its wallet says what is really there.
      const url = await lying((method, result, params) => {
        const answer = result as { readonly stack?: readonly (readonly [string, unknown])[] }
        const balance = method === 'runGetMethod' && params['method'] === 'get_wallet_data' && params['address'] === wallet ? answer.stack?.[0]?.[1] : undefined
        return balance === '0x3e8' ? { ...answer, stack: [['num', '0x3cf'], ...(answer.stack ?? []).slice(1)] } : result
      })
      expect(await told(adapterOf(url))).toMatchObject([{ direction: 'in', asset: jetton, amount: 975n, memo: undefined }])
    })

    it('that bounce bring nothing: neither what a wallet that is not there sends back, nor what was never ours', async () => {
      await world.send([internal({ to: ours.account, value: 1_000_000_000n, bounce: true, body: comment('evg1') })])
      expect(await told()).toEqual([])
      await world.send([world.pay(ours.account, 7_000_000n, 'evg1')])
      expect(await told()).toMatchObject([{ direction: 'in', amount: 7_000_000n, memo: utf8('evg1'), from: tonAddressOf(world.stranger.wallet.address) }])
    })

    it('are paid by whoever sent them, and cost their address what its code and its storage took', async () => {
      await funded()
      await paid([output(somebody(), 1_000_000n)])
      world.pass(1_000_000)
      await world.send([world.pay(ours.account, 50_000_000n, 'x')])
      const before = await told()
      const last = before.at(-1)
      expect(last).toMatchObject({ direction: 'in', asset: TONCOIN })
      expect(last?.amount).toBeLessThan(50_000_000n)
      const sum = before.reduce<bigint>((total, { direction, amount }) => direction === 'in' ? total + amount : total - amount, 0n)
      expect(await adapter.balance({ address: ours.address, asset: TONCOIN })).toMatchObject({ amount: sum })
    })

    it('are in one of several blocks of a shard, all of which are read', async () => {
      await world.chain.faucet.give(ours.account, 1_000_000n)
      await world.chain.closeBlock(4)
      for (let count = 0; count < 12; count++) await world.chain.faucet.give(ours.account, 1n + BigInt(count))
      // An endpoint that lists few transactions at a time.
      const url = await lying((method, result) => {
        const page = result as { readonly incomplete: boolean; readonly transactions: readonly unknown[] }
        return method === 'getBlockTransactions' ? { ...page, transactions: page.transactions.slice(0, 5), incomplete: page.incomplete || page.transactions.length > 5 } : result
      })
      expect(await told(adapterOf(url))).toHaveLength(13)
    })

    it('have the text of a memo as it was written, whatever it is', async () => {
      for (const memo of [utf8('\u202etxet'), new Uint8Array(1_000).fill(0xff), new Uint8Array(0)]) {
        await world.send([world.pay(ours.account, 1_000_000n, writeComment(memo))])
      }
      await world.send([world.pay(ours.account, 1_000_000n, beginCell().storeUint(OPERATIONS.comment, 31).endCell())])
      expect((await told()).map(({ memo }) => memo?.length)).toEqual([utf8('\u202etxet').length, 1_000, 0, undefined])
    })
  })

  describe('payments', () => {
    it('of jettons arrive, tell the recipient, and cost what did not come back', async () => {
      await funded(10_000n)
      const to = somebody()
      const before = await tonOf(ours.address)
      const { payment, settlement } = await paid([output(to, 4_000n, jetton)], { memo: utf8('payout 9') })
      expect(settlement.outputs).toEqual([{ status: 'paid', received: 4_000n }])
      expect(await world.jettonsOf(accountOf(to))).toBe(4_000n)
      expect(await tonOf(ours.address)).toBe(before - settlement.fee)
      expect(settlement.fee).toBeLessThan(payment.feeMax / 2n)
      const transfers = (await told()).filter(({ txid, returnOf }) => txid === payment.txid || returnOf === payment.txid)
      expect(transfers).toMatchObject([{ direction: 'out', asset: TONCOIN }, { direction: 'out', asset: jetton, amount: 4_000n, fee: 0n }, { direction: 'in', asset: TONCOIN, returnOf: payment.txid }])
      const [notice] = await world.client.getTransactions(accountOf(to), { limit: 1 })
      expect(notice?.inMessage?.body.beginParse().loadUint(32)).toBe(OPERATIONS.notification)
    })

    it('in a batch are each by itself, and cost together what our balance lost', async () => {
      await funded(10_000n)
      const [one, other, refuser] = [somebody(), somebody(), tonAddressOf(await world.refuser())]
      const before = await tonOf(ours.address)
      const outputs = [output(one, 1_000_000n), output(refuser, 5_000_000_000n), output(other, 2_500n, jetton), output(ours.address, 77n), output(one, 3_000_000n)]
      const { payment, settlement } = await paid(outputs, { memo: utf8('m') })
      expect(settlement.outputs).toEqual([
        { status: 'paid', received: 1_000_000n }, { status: 'paid', received: 5_000_000_000n }, { status: 'paid', received: 2_500n }, { status: 'paid', received: 77n },
        { status: 'paid', received: 3_000_000n },
      ])
      expect(await tonOf(one)).toBe(4_000_000n)
      expect(await tonOf(ours.address)).toBe(before - 5_004_000_000n - settlement.fee)
      expect(settlement.fee).toBeLessThanOrEqual(payment.feeMax)
      const ofPayment = (await told()).filter(({ txid, returnOf }) => txid === payment.txid || returnOf === payment.txid)
      const change = ofPayment.filter(({ asset }) => asset === TONCOIN).reduce<bigint>((sum, { direction, amount }) => direction === 'in' ? sum + amount : sum - amount, 0n)
      expect(change).toBe(-5_004_000_000n - settlement.fee)
      expect(new Set(ofPayment.map(({ txid, index }) => `${txid} ${String(index)}`)).size).toBe(ofPayment.length)
    })

    it('that pay less than the wallet sends itself with the batch bring no deposit', async () => {
      await funded()
      const { payment } = await paid([output(somebody(), 1_000_000n), output(somebody(), 2_000_000n)])
      expect((await told()).filter(({ txid }) => txid === payment.txid)).toMatchObject([
        { direction: 'out', index: 0, returnOf: undefined }, { direction: 'in', index: 1, returnOf: payment.txid, from: ours.address },
      ])
    })

    it('are paid when they are with the recipient: accepted and under way is not paid', async () => {
      await funded()
      const payment = await signed([output(somebody(), 1_000_000_000n)])
      expect(await adapter.broadcast(payment)).toEqual({ status: 'accepted' })
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      const seen: string[] = []
      for (let block = 0; block < 6; block++) {
        await world.blocks()
        const sighting = await adapter.lookUp(payment)
        seen.push(sighting.status === 'final' ? sighting.settlement.outputs.map((one) => one.status).join() : sighting.status)
      }
      // In a block of its own each: taken, arrived; three more until it stays.
      expect(seen).toEqual([...Array.from({ length: 4 }, () => 'confirmed'), 'paid', 'paid'])
    })

    it('stay with a recipient whose code refuses them, and cost us no more than any other', async () => {
      await funded()
      // One who burns gas cannot make us pay for it: nothing comes back that it could be taken from.
      const to = tonAddressOf(await world.refuser())
      const [before, held] = [await tonOf(to), await tonOf(ours.address)]
      const { payment, settlement } = await paid([output(to, 1_000_000_000n)])
      expect(settlement.outputs).toEqual([{ status: 'paid', received: 1_000_000_000n }])
      expect(settlement.fee).toBeLessThanOrEqual(payment.feeMax)
      expect(await tonOf(ours.address)).toBe(held - 1_000_000_000n - settlement.fee)
      expect(await tonOf(to)).toBeGreaterThan(before)
      expect((await told()).filter(({ returnOf }) => returnOf === payment.txid)).toEqual([])
    })

    it('of jettons that are not there any more come back, and cost what the balance lost', async () => {
      await funded(10n)
      const to = somebody()
      const [first, second] = [await signed([output(to, 6n, jetton)]), await signed([output(to, 5n, jetton)])]
      const before = await tonOf(ours.address)
      for (const payment of [first, second]) await adapter.broadcast(payment)
      await world.makeFinal()
      const ends = [await settled(first), await settled(second)]
      expect(ends.map(({ outputs }) => outputs)).toEqual([[{ status: 'paid', received: 6n }], [{ status: 'failed', reason: 'bounced' }]])
      for (const { fee } of ends) expect(fee).toBeLessThanOrEqual(first.feeMax)
      expect(await tonOf(ours.address)).toBe(before - ends.reduce<bigint>((sum, { fee }) => sum + fee, 0n))
    })

    it('that the wallet cannot pay in full pay what it could, and say which', async () => {
      await funded()
      const [one, other] = [somebody(), somebody()]
      const first = await signed([output(one, FUNDS - 5_000_000_000n)])
      const second = await signed([output(other, 1_000_000_000n), output(other, FUNDS - 5_000_000_000n), output(other, 2_000_000_000n)])
      await adapter.broadcast(first)
      await adapter.broadcast(second)
      await world.makeFinal()
      expect((await settled(second)).outputs).toMatchObject([{ status: 'paid' }, { status: 'failed', reason: 'not_sent' }, { status: 'paid' }])
      expect(await tonOf(other)).toBe(3_000_000_000n)
    })

    it('to as many as a wallet can pay at once cost no more than was said', async () => {
      await funded()
      const outputs = Array.from({ length: 254 }, (_, index) => output(somebody(), 1_000_000n + BigInt(index)))
      const { payment, settlement } = await paid(outputs, { memo: new Uint8Array(256).fill(65) })
      expect(settlement.outputs.filter(({ status }) => status === 'paid')).toHaveLength(254)
      expect(settlement.fee).toBeLessThanOrEqual(payment.feeMax)
    }, 180_000)

    it('are over at the second at which the wallet takes them no more, and not before', async () => {
      await funded()
      await paid([output(somebody(), 1_000_000n)])
      const payment = await signed([output(somebody(), 1_000_000n)])
      const late = await signed([output(somebody(), 1_000_000n)], { inFlight: [payment] })
      expect(late.expiry).toEqual(payment.expiry)
      if (payment.expiry.by !== 'time') throw new Error('not by time')
      world.pass(payment.expiry.lastSecond - world.chain.newest.seconds)
      await world.makeFinal()
      expect(world.chain.newest.seconds).toBe(payment.expiry.lastSecond)
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      expect(await adapter.broadcast(payment)).toEqual({ status: 'accepted' })
      await world.makeFinal()
      expect((await settled(payment)).outputs).toMatchObject([{ status: 'paid' }])
      world.pass(1)
      // The time of a block that is not final ends nothing.
      await world.blocks(2)
      expect(await adapter.lookUp(late)).toEqual({ status: 'unknown' })
      await world.makeFinal()
      expect(await adapter.lookUp(late)).toMatchObject({ status: 'expired' })
      expect(await adapter.broadcast(late)).toMatchObject({ status: 'refused' })
    })

    it('are never over while the wallet says that it has used their number', async () => {
      await funded()
      await paid([output(somebody(), 1_000_000n)])
      const payment = await signed([output(somebody(), 1_000_000n)])
      world.pass(HIGHLOAD_TIMEOUT_SECONDS)
      await world.makeFinal()
      const url = await lying((method, result, { method: name }) => method === 'runGetMethod' && name === 'processed?' ? { ...(result as object), stack: [['num', '-0x1']] } : result)
      expect(await adapterOf(url).lookUp(payment)).toEqual({ status: 'unknown' })
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'expired' })
    })

    it('are found however many strangers pay into the wallet, a part of them at a time, and are not over before', async () => {
      await funded()
      const [landed, lost] = [await signed([output(somebody(), 1_000_000n)]), await signed([output(somebody(), 2_000_000n)])]
      await adapter.broadcast(landed)
      for (let block = 0; block < 4; block++) {
        await world.dust(ours.account, 20)
        await world.blocks(2)
      }
      await world.makeFinal()
      const patient = (): TonChainAdapter => adapterOf(world.server.url, { searchMax: 20 })
      const seen = async (payment: SignedPayment, by: TonChainAdapter): Promise<readonly string[]> => {
        const statuses: string[] = []
        do statuses.push((await by.lookUp(payment)).status)
        while (statuses.at(-1) === 'unknown' && statuses.length < 20)
        return statuses
      }
      // Eighty newer ones.
      expect(await seen(landed, patient())).toEqual([...Array.from({ length: 4 }, () => 'unknown'), 'final'])
      expect(await adapter.lookUp(landed)).toMatchObject({ status: 'final' })
      world.pass(HIGHLOAD_TIMEOUT_SECONDS)
      await world.blocks()
      const end = world.chain.newest.seqno
      for (let block = 0; block < 3; block++) {
        await world.dust(ours.account, 20)
        await world.blocks(2)
      }
      await world.makeFinal()
      // What came behind its end is not looked through, nor what was searched for the other one.
      const histories: number[] = []
      let ends = 0
      const url = await lying((method, result, params) => {
        if (method === 'getTransactions') histories.push((result as readonly unknown[]).length)
        if (method === 'getAddressInformation' && params['seqno'] === end) ends++
        return result
      })
      const again = adapterOf(url, { searchMax: 1_000 })
      expect(await again.lookUp(lost)).toMatchObject({ status: 'expired' })
      expect(ends).toBe(1)
      const searched = histories.reduce((sum, count) => sum + count, 0)
      expect(searched).toBeGreaterThanOrEqual(80)
      expect(searched).toBeLessThan(120)
      expect(await again.lookUp(landed)).toMatchObject({ status: 'final' })
      expect(await seen(lost, again)).toEqual(['expired'])
      // Not over before all of it is searched.
      expect(await seen(lost, patient())).toEqual([...Array.from({ length: 4 }, () => 'unknown'), 'expired'])
    })

    it('that are over are looked for in all there is where an endpoint does not keep the states of their end', async () => {
      await funded()
      const payment = await signed([output(somebody(), 1_000_000n)])
      world.pass(HIGHLOAD_TIMEOUT_SECONDS)
      await world.makeFinal()
      const { final } = await adapter.head()
      const url = await lying((method, result, { seqno }) => method === 'getAddressInformation' && Number(seqno) < final ? undefined : result)
      expect(await adapterOf(url).lookUp(payment)).toMatchObject({ status: 'expired' })
    })

    it('take another number than those under way and those that were used', async () => {
      await funded()
      const numbers = new Set<number>()
      const inFlight: SignedPayment[] = []
      for (let count = 0; count < 5; count++) {
        const payment = await signed([output(somebody(), 1_000_000n)], { inFlight })
        inFlight.push(payment)
        numbers.add(requestOf(payment).queryId)
      }
      expect(numbers.size).toBe(5)
      // One that draws the same numbers again: those in flight are passed over.
      const drawsAgain = new TonChainAdapter({ url: world.server.url, random: { bytes: (length) => new Uint8Array(length) } })
      const first = await drawsAgain.sign(intent([output(somebody(), 1_000_000n)]), ours.signer)
      if (first.status !== 'signed') throw new Error(first.status)
      await expect(drawsAgain.sign(intent([output(somebody(), 1_000_000n)], { inFlight: [first.payment] }), ours.signer)).rejects.toThrow(unavailable)
      await drawsAgain.broadcast(first.payment)
      await world.makeFinal()
      await expect(drawsAgain.sign(intent([output(somebody(), 1_000_000n)]), ours.signer)).rejects.toThrow(unavailable)
    })

    it('say which jetton there is not enough of', async () => {
      await funded(10n)
      expect(await adapter.sign(intent([output(somebody(), 11n, jetton)]), ours.signer)).toEqual({ status: 'insufficient_funds', asset: jetton })
      const inFlight = [await signed([output(somebody(), 6n, jetton)])]
      expect(await adapter.sign(intent([output(somebody(), 5n, jetton)], { inFlight }), ours.signer)).toEqual({ status: 'insufficient_funds', asset: jetton })
    })
  })

  describe('an endpoint', () => {
    it('of another network is refused', async () => {
      await expect(adapterOf(world.server.url, { initHash: Buffer.alloc(32).toString('base64') }).head()).rejects.toThrow(unavailable)
      expect(await tonInitHash({ url: world.server.url })).toBe(world.chain.initHash)
      expect(await adapterOf(world.server.url, { initHash: world.chain.initHash }).head()).toMatchObject({ latest: world.chain.newest.seqno })
    })

    it('that has too many requests is waited for, by all questions and within a bound', async () => {
      const clock = new ManualClock()
      let [refusals, asked] = [2, 0]
      const proxy = createServer((request, response) => {
        void (async () => {
          const chunks: Buffer[] = []
          for await (const chunk of request) chunks.push(chunk as Buffer)
          asked++
          if (refusals-- > 0) {
            response.writeHead(429, { 'retry-after': '2' }).end(JSON.stringify({ ok: false, error: 'Ratelimit exceed', code: 429 }))
            return
          }
          response.end(await (await fetch(world.server.url, { method: 'POST', body: Buffer.concat(chunks), headers: { 'content-type': 'application/json' } })).text())
        })().catch(() => response.destroy())
      })
      proxies.push(proxy)
      await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
      const limited = adapterOf(`http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}/`, { clock })
      const head = limited.head()
      await vi.waitFor(() => { expect(asked).toBe(1) }, 20_000)
      await passing(clock, head)
      expect(asked).toBe(3)
      expect(await head).toMatchObject({ latest: world.chain.newest.seqno })
      expect(clock.monotonicMs()).toBeGreaterThanOrEqual(4_000)
      refusals = 1_000
      const never = limited.head()
      await Promise.all([expect(never).rejects.toThrow(unavailable), passing(clock, never.catch(() => undefined))])
      expect(asked).toBeLessThan(12)
    })

    it('that goes back behind what was final is refused', async () => {
      await adapter.head()
      let isBack = false
      const url = await lying((method, result) => {
        const info = result as { readonly last: { readonly seqno: number } }
        return method === 'getMasterchainInfo' && isBack ? { ...info, last: { ...info.last, seqno: info.last.seqno - 5 } } : result
      })
      const behind = adapterOf(url)
      const { final } = await behind.head()
      isBack = true
      await expect(behind.head()).rejects.toThrow(unavailable)
      isBack = false
      expect((await behind.head()).final).toBe(final)
    })

    it('that leaves a block of a shard out, or a transaction between two, is found out', async () => {
      for (const amount of [1n, 2n, 3n]) await world.chain.faucet.give(ours.account, amount)
      await world.chain.closeBlock(3)
      await world.makeFinal()
      const { final } = await adapter.head()
      const hidesTransaction = await lying((method, result) => {
        const page = result as { readonly transactions?: readonly { readonly account: string }[] }
        const own = (page.transactions ?? []).filter(({ account }) => account === ours.account.toRawString())
        return method === 'getBlockTransactions' && own.length === 3 ? { ...page, transactions: page.transactions?.filter((one) => one !== own[1]) } : result
      })
      const hidesBlock = await lying((method, result) => {
        const header = result as { readonly prev_blocks?: readonly { readonly seqno: number }[] }
        return method === 'getBlockHeader' ? { ...header, prev_blocks: header.prev_blocks?.map((id) => ({ ...id, seqno: id.seqno - 1 })) } : result
      })
      // A block of a fork, at the place of the right one.
      const otherBlock = await lying((method, result) => {
        const header = result as { readonly prev_blocks?: readonly object[] }
        return method === 'getBlockHeader' ? { ...header, prev_blocks: header.prev_blocks?.map((id) => ({ ...id, root_hash: Buffer.alloc(32).toString('base64') })) } : result
      })
      for (const [url, blocks] of [[hidesTransaction, 12], [hidesBlock, 12], [otherBlock, 3]] as const) {
        await expect(adapterOf(url).watch({ addresses: new Set([ours.address]), after: final - blocks, upTo: final, limit: 100 })).rejects.toThrow(unavailable)
      }
      expect((await told()).map(({ amount }) => amount)).toEqual([1n, 2n, 3n])
    })

    it('that alters a transaction, or hides the one that took a payment, is found out', async () => {
      await funded()
      const payment = await signed([output(somebody(), 1_000_000n)])
      await adapter.broadcast(payment)
      await world.makeFinal()
      const hides = await lying((method, result) => method === 'getTransactions' ? (result as readonly unknown[]).slice(1) : result)
      await expect(adapterOf(hides).lookUp(payment)).rejects.toThrow(unavailable)
      const [stranger] = await world.client.getTransactions(world.stranger.wallet.address, { limit: 1 })
      const alters = await lying((method, result) =>
        method === 'getTransactions' ? (result as readonly object[]).map((one) => ({ ...one, data: stranger?.raw.toBoc().toString('base64') })) : result)
      const { final } = await adapter.head()
      await expect(adapterOf(alters).watch({ addresses: new Set([ours.address]), after: final - 20, upTo: final, limit: 100 })).rejects.toThrow(unavailable)
    })

    it('that does not keep old states says so, and one that ignores what it is asked for is not believed', async () => {
      await funded()
      const { final } = await adapter.head()
      const url = await lying((method, result) => {
        const state = result as { readonly block_id?: { readonly seqno: number } }
        return method === 'getAddressInformation' ? { ...state, block_id: { ...state.block_id, seqno: world.chain.newest.seqno } } : result
      })
      expect(await adapterOf(url).balance({ address: ours.address, asset: TONCOIN, at: final - 1 })).toEqual({ status: 'unavailable' })
    })

    it('that makes up the time is found out by another before anything is signed for a time far away', async () => {
      await funded()
      const url = await lying((method, result) => {
        const state = result as { readonly sync_utime?: number }
        return method === 'getAddressInformation' ? { ...state, sync_utime: (state.sync_utime ?? 0) + 10_000_000 } : result
      })
      const through = (first: string): AgreedChain =>
        new AgreedChain({ sources: [{ name: 'liar', adapter: adapterOf(first) }, { name: 'honest', adapter }], alarm: () => undefined })
      await expect(through(url).sign(intent([output(somebody(), 1_000_000n)]), ours.signer)).rejects.toThrow(unavailable)
      expect(await through(world.server.url).sign(intent([output(somebody(), 1_000_000n)]), ours.signer)).toMatchObject({ status: 'signed' })
    })

    it('agrees with another one on deposits and on how payments end', async () => {
      const second = await world.server.another()
      const agreed = new AgreedChain({ sources: [{ name: 'one', adapter }, { name: 'two', adapter: adapterOf(second.url) }], alarm: () => undefined })
      await funded(100n)
      const { payment } = await paid([output(somebody(), 5n, jetton), output(somebody(), 1_000_000n)])
      expect(await agreed.lookUp(payment)).toMatchObject({ status: 'agreed', value: { status: 'final' } })
      const { final } = await adapter.head()
      expect(await agreed.watch({ addresses: new Set([ours.address]), after: 5, upTo: final, limit: 100 })).toMatchObject({ status: 'agreed' })
      await second.close()
    })
  })
})

/** Lets the time of a clock pass until something is over. */
async function passing(clock: ManualClock, until: Promise<unknown>): Promise<void> {
  let isOver = false
  void until.finally(() => { isOver = true })
  while (!isOver) {
    clock.advance(500)
    await new Promise((resolve) => { setTimeout(resolve, 5) })
  }
}
