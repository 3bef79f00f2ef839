import { createServer, type Server } from 'node:http'
import { hexOf, isEvegramError, utf8 } from '@evegram/protocol'
import { MsgMultiSend } from '@terra-money/terra.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { AgreedChain } from '../agreed-chain.js'
import type { ChainAddress, ConfirmedTransfer, FinalTransfer, PaymentIntent, PaymentOutput, SignedPayment } from '../chain-adapter.js'
import type { JsonObject } from '../json.js'
import { listenOnLoopback, readBody } from '../loopback-http.js'
import type { Signer } from '../signer.js'
import { simulatedSigner } from '../simulated/signer.js'
import { countingRandom } from '../simulated/simulated-world.contract.js'
import { LUNA, parseTerraAddress, terraAssetOf, terraToken } from './address.js'
import { TerraChainAdapter, WATCH_BLOCKS_MAX, type TerraAdapterOptions } from './adapter.js'
import type { TerraEvent } from './events.js'
import { GAS_FEE, TerraWorld, type WorldAccount } from './devnet/terra-world.js'

const FUNDS = 1_000_000_000n
const TIMEOUT_BLOCKS = 20
const UUSD = 'terra/uusd' as AssetId
/** What a chain of today answers, as terrad 0.5.20 says it. */
function asNodeOf2022(path: string, answer: JsonObject): JsonObject | number {
  if (path.includes('burn_tax_rate')) return 501
  if (path.includes('node_info')) return { application_version: { version: '0.5.20' } }
  if (path.includes('tax_caps')) return { tax_cap: '1000000' }
  const [, txid] = /\/txs\/([0-9A-F]{64})$/.exec(path) ?? []
  if (txid !== undefined && answer['tx_response'] === undefined) return 400
  return JSON.parse(JSON.stringify(answer), encodedEvents) as JsonObject
}

/** Of events the lines in base64, but not those of logs; and nobody named who paid a fee. */
function encodedEvents(this: unknown, name: string, value: unknown): unknown {
  const isLog = typeof this === 'object' && this !== null && 'msg_index' in this
  if (name !== 'events' || isLog || !Array.isArray(value)) return value
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return (value as readonly TerraEvent[]).map(({ type, attributes }) => ({
    type, attributes: attributes.filter(({ key }) => key !== 'fee_payer').map(({ key, value: text }) => ({ key: base64(key), value: base64(text), index: true })),
  }))
}

const unavailable: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.chain'))
const refused: unknown = expect.toSatisfy((error) => isEvegramError(error, 'invalid.argument'))

describe('Terra Classic, against the local chain', () => {
  let world: TerraWorld
  let adapter: TerraChainAdapter
  let token: AssetId
  let ours: WorldAccount & { readonly holder: ChainAddress }
  let other: ChainAddress
  const proxies: Server[] = []
  const adapterOf = (options: Partial<TerraAdapterOptions> = {}): TerraChainAdapter => new TerraChainAdapter({
    url: world.server.url, chainId: world.chain.chainId, random: countingRandom('adapter'), tokens: [world.token], timeoutBlocks: TIMEOUT_BLOCKS, ...options,
  })
  beforeEach(async () => {
    world = await TerraWorld.open()
    adapter = adapterOf()
    token = terraToken(world.token)
    const account = world.account()
    ours = { ...account, holder: parseTerraAddress(account.address) }
    other = parseTerraAddress(world.account().address)
  })
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) {
      proxy.closeAllConnections()
      proxy.close()
    }
    await world.close()
  })

  async function told(of: TerraChainAdapter = adapter, addresses: readonly ChainAddress[] = [ours.holder]): Promise<readonly FinalTransfer[]> {
    world.blocks(2)
    const { final } = await of.head()
    return (await of.watch({ addresses: new Set(addresses), after: Math.max(0, final - 60), upTo: final, limit: 100 })).transfers
  }
  async function funded(amount = FUNDS): Promise<void> {
    for (const [name, given] of [['uluna', amount], ['uusd', FUNDS], [world.token, FUNDS]] as const) await world.chain.give(ours.address, name, given)
    world.blocks(2)
  }
  const output = (amount: bigint, asset: AssetId = LUNA, to = other): PaymentOutput => ({ to, asset, amount: amountOf(amount) })
  const intent = (outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): PaymentIntent => ({ outputs, feeMax: amountOf(100_000_000n), inFlight: [], ...fields })
  async function signed(outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}, of: TerraChainAdapter = adapter): Promise<SignedPayment> {
    const answer = await of.sign(intent(outputs, fields), ours.signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    return answer.payment
  }
  async function landed(payment: SignedPayment): Promise<unknown> {
    expect(await adapter.broadcast(payment)).toEqual({ status: 'accepted' })
    world.blocks(2)
    return adapter.lookUp(payment)
  }
  const sequenceOf = ({ expiry }: SignedPayment): number => expiry.by === 'sequence' ? expiry.sequence : -1
  const short = (transfers: readonly ConfirmedTransfer[]): readonly unknown[] => transfers.map(({ direction, asset, amount }) => [direction, asset, amount])
  /** An endpoint that changes what the chain answers; a number is a status. */
  async function lying(change: (path: string, answer: never) => unknown, { hearsHeights = true } = {}): Promise<string> {
    const proxy = createServer((request, response) => {
      void (async () => {
        const body = await readBody(request, 1_000_000) ?? ''
        const path = request.url ?? ''
        const height = hearsHeights ? request.headers['x-cosmos-block-height'] : undefined
        const answered = await fetch(`${world.server.url}${path}`, {
          method: request.method ?? 'GET', ...(request.method === 'POST' ? { body } : {}), headers: { 'content-type': 'application/json', ...(typeof height === 'string' ? { 'x-cosmos-block-height': height } : {}) },
        })
        const changed = change(decodeURIComponent(path), await answered.json() as never)
        const answeredHeight = answered.headers.get('grpc-metadata-x-cosmos-block-height')
        response.writeHead(typeof changed === 'number' ? changed : answered.status, answeredHeight === null ? {} : { 'grpc-metadata-x-cosmos-block-height': answeredHeight })
        response.end(JSON.stringify(typeof changed === 'number' ? { code: 5, message: `tx (${path.split('/').at(-1) ?? ''}) not found: invalid request`, details: [] } : changed))
      })()
    })
    proxies.push(proxy)
    return `http://127.0.0.1:${String(await listenOnLoopback(proxy, 0))}`
  }

  describe('deposits', () => {
    it('counts what arrived and not what the message says, when the tax was taken from it', async () => {
      await world.send([world.pay(ours.address, { uluna: '1000000' })], { fee: { uluna: String(GAS_FEE) } })
      expect(await told()).toMatchObject([{ direction: 'in', asset: LUNA, amount: 995_000n, fee: 0n, from: world.stranger.address }])
      expect(await adapter.balance({ address: ours.holder, asset: LUNA })).toMatchObject({ amount: 995_000n })
    })

    it('gives a failed transaction nothing, and its payer the fee', async () => {
      await funded()
      await world.send([world.pay(ours.address, { uluna: '1000' }), world.pay(ours.address, { uluna: '999999999999999999' })])
      await world.send([world.pay(other, { uluna: '5000000000' }, ours)], { from: ours, fee: { uluna: '50000000' } })
      const [deposit, , , ...rest] = await told()
      expect(deposit).toMatchObject({ amount: FUNDS })
      expect(rest).toMatchObject([{ direction: 'out', asset: LUNA, amount: 50_000_000n, fee: 50_000_000n, from: ours.address }])
    })

    it('credits nothing of a failed transaction, whatever its records say', async () => {
      await world.send([world.pay(ours.address, { uluna: '1000000' }), world.giveToken(ours.address, 5n)], { gas: 1_000_000 })
      expect(await told()).toHaveLength(2)
      interface Found { readonly tx_responses: readonly object[] }
      const failing = await lying((path, answer: Found) => path.includes('/txs?') ? { ...answer, tx_responses: answer.tx_responses.map((one) => ({ ...one, code: 5 })) } : answer)
      expect(await told(adapterOf({ url: failing }))).toEqual([])
    })

    it('tells several coins of one message apart, sums what goes both ways, and reads joined events in groups', async () => {
      await funded()
      await world.send([world.pay(ours.address, { uluna: '3000', uusd: '5' }), world.pay(ours.address, { uluna: '4000' })])
      const { address: third } = world.account()
      const input = new MsgMultiSend.Input(world.stranger.address, { uluna: '30' })
      await world.send([new MsgMultiSend([input], [new MsgMultiSend.Output(third, { uluna: '10' }), new MsgMultiSend.Output(ours.address, { uluna: '20' })])], { sequence: 1 })
      const transfers = (await told()).slice(3)
      expect(short(transfers)).toEqual([['in', LUNA, 7_000n], ['in', UUSD, 5n], ['in', LUNA, 20n]])
      expect(new Set(transfers.map(({ txid, index }) => `${txid}:${String(index)}`)).size).toBe(3)
    })

    it('sees what a contract sent, less the tax on it, and tokens that came through one', async () => {
      const forwarder = world.chain.createForwarder()
      const msg = Buffer.from(JSON.stringify({ to: ours.address })).toString('base64')
      await world.send([
        world.call(forwarder, { forward: { to: ours.address } }, { uluna: '1000000' }), world.call(world.token, { send: { contract: forwarder, amount: '300', msg } }), world.giveToken(ours.address, 7n),
      ], { gas: 1_000_000 })
      expect(await told()).toMatchObject([{ direction: 'in', asset: LUNA, amount: 995_000n }, { direction: 'in', asset: token, amount: 307n }])
    })

    it('believes no contract that nobody named, and none that speaks in the name of another', async () => {
      const forged = world.chain.createToken({ name: 'Play Token', symbol: 'PLAY', decimals: 6, holder: world.stranger.address, supply: 1_000n })
      const forwarder = world.chain.createForwarder()
      const lines = { contract_address: world.token, action: 'transfer', from: world.stranger.address, to: ours.address, amount: '1000000' }
      await world.send([world.call(forged, { transfer: { recipient: ours.address, amount: '1000' } }), world.call(forwarder, { say: { lines } }), world.pay(ours.address, { uluna: '1' })], { gas: 1_000_000 })
      expect(short(await told())).toEqual([['in', LUNA, 1n]])
      // Known to one and not to the other: what both know has the same index.
      await world.send([world.call(forged, { transfer: { recipient: ours.address, amount: '0' } }), world.giveToken(ours.address, 5n)], { gas: 1_000_000 })
      const [one] = (await told()).slice(-1)
      expect((await told(adapterOf({ tokens: [forged, world.token] }))).at(-1)?.index).toBe(one?.index)
    })

    it('hands memos over as they were written', async () => {
      const memos = ['usdc:7', '\u202e7:cdsu', 'a\u0000b', '<b>x</b>\'; DROP TABLE', 'é'.repeat(128)]
      for (const memo of memos) {
        await world.send([world.pay(ours.address, { uluna: '1000' })], { memo })
        world.blocks()
      }
      expect((await told()).map(({ memo }) => memo)).toEqual(memos.map((memo) => utf8(memo)))
    })

    it('keeps many transactions of one block in its order, and ends a page at the final block', async () => {
      const { final: after } = await adapter.head()
      for (let amount = 1; amount <= 5; amount++) await world.send([world.pay(ours.address, { uluna: String(amount) })], { sequence: amount - 1 })
      world.blocks()
      const request = { addresses: new Set([ours.holder]), after, upTo: after + 1_000, limit: 2 }
      const { final } = await adapter.head()
      expect(await adapter.watch(request)).toEqual({ through: final, transfers: [] })
      expect(short(await adapter.confirmed(request.addresses))).toHaveLength(5)
      world.blocks(WATCH_BLOCKS_MAX + 5)
      const page = await adapter.watch(request)
      expect(page.transfers.map(({ amount }) => amount)).toEqual([1n, 2n, 3n, 4n, 5n])
      expect((await adapter.watch({ ...request, after: page.through, limit: 100 })).through).toBe(page.through + WATCH_BLOCKS_MAX)
    })
  })

  describe('payouts', () => {
    it('pays the tax beside what it sends, so that all of it arrives, and not without leave', async () => {
      await funded()
      const payment = await signed([output(100_000_000n)])
      expect(await landed(payment)).toMatchObject({ status: 'final', settlement: { outputs: [{ status: 'paid', received: 100_000_000n }], fee: payment.feeMax } })
      const gasAlone = payment.feeMax - 500_000n
      expect(await adapter.sign(intent([output(100_000_000n)], { feeMax: amountOf(gasAlone) }), ours.signer)).toMatchObject({ status: 'fee_exceeds_max' })
    })

    it('tells what arrived when the tax rose before the payment landed', async () => {
      await funded()
      const payment = await signed([output(100_000_000n)])
      world.chain.setTaxRate(10_000n)
      expect(await landed(payment)).toMatchObject({ status: 'final', settlement: { outputs: [{ status: 'paid', received: 99_000_000n }], fee: payment.feeMax } })
      // Signed anew it is paid in full again.
      expect(await landed(await signed([output(100_000_000n)]))).toMatchObject({ settlement: { outputs: [{ received: 100_000_000n }] } })
    })

    it('pays uusd with its tax in uusd, up to what may be taken, and not at all when that is not said', async () => {
      await funded()
      expect(await adapter.sign(intent([output(1_000_000n, UUSD)]), ours.signer)).toMatchObject({ status: 'fee_exceeds_max' })
      const upTo = (tax: bigint): Partial<PaymentIntent> => ({ taxMax: new Map([[UUSD, amountOf(tax)]]) })
      expect(await adapter.sign(intent([output(1_000_000n, UUSD)], upTo(4_999n)), ours.signer)).toMatchObject({ status: 'fee_exceeds_max' })
      expect(await landed(await signed([output(1_000_000n, UUSD)], upTo(5_000n)))).toMatchObject({
        settlement: { outputs: [{ received: 1_000_000n }], taxes: [{ asset: UUSD, amount: 5_000n }] },
      })
      expect((await told()).slice(-1)).toMatchObject([{ direction: 'out', asset: UUSD, amount: 1_005_000n, fee: 5_000n }])
      expect(await adapter.sign(intent([output(FUNDS - 1_005_000n, UUSD)], upTo(FUNDS)), ours.signer)).toEqual({ status: 'insufficient_funds', asset: UUSD })
      world.chain.setTaxRate(5_001n)
      expect(await adapter.sign(intent([output(1_000_000n, UUSD)], upTo(5_000n)), ours.signer)).toMatchObject({ status: 'fee_exceeds_max' })
      world.chain.setTaxRate(0n)
      expect(await landed(await signed([output(1_000_000n, UUSD)]))).toMatchObject({ settlement: { outputs: [{ received: 1_000_000n }] } })
    })

    it('pays tokens and coins in one payment, all or nothing', async () => {
      await funded()
      const third = parseTerraAddress(world.account().address)
      expect(await landed(await signed([output(7n, token), output(1_000n), output(5n, token, third)]))).toMatchObject({
        settlement: { outputs: [{ received: 7n }, { received: 1_000n }, { received: 5n }] },
      })
      expect(await adapter.sign(intent([output(FUNDS, token)]), ours.signer)).toEqual({ status: 'insufficient_funds', asset: token })
      // Under the number before it the tokens go elsewhere, of which the second is not told.
      const elsewhere = await signed([output(FUNDS / 2n, token)])
      const late = await signed([output(1_000n, LUNA, third), output(FUNDS / 2n + 1n, token)], { inFlight: [{ ...elsewhere, outputs: [] }] })
      await adapter.broadcast(elsewhere)
      expect(await landed(late)).toMatchObject({ status: 'final', settlement: { outputs: late.outputs.map(() => ({ status: 'failed', reason: 'transaction_failed' })), fee: late.feeMax } })
      expect(await adapter.balance({ address: third, asset: LUNA })).toMatchObject({ amount: 0n })
    })

    it('numbers payments behind those in flight, fills the gap of one that is over, and says when another took the number', async () => {
      await funded()
      const first = await signed([output(1_000n)])
      const second = await signed([output(1_000n)], { inFlight: [first] })
      const third = await signed([output(1_000n)], { inFlight: [second] })
      expect([first, second, third].map(sequenceOf)).toEqual([0, 1, 0])
      expect(await adapter.broadcast(second)).toEqual({ status: 'unknown' })
      expect(await landed(third)).toMatchObject({ status: 'final' })
      expect(await adapter.lookUp(first)).toMatchObject({ status: 'expired' })
      expect(await adapter.broadcast(first)).toEqual({ status: 'refused', reason: 'sdk 32: incorrect account sequence' })
      expect(await adapter.lookUp(second)).toEqual({ status: 'unknown' })
      world.blocks(TIMEOUT_BLOCKS)
      expect(await adapter.lookUp(second)).toMatchObject({ status: 'expired' })
      expect(await adapter.broadcast(second)).toEqual({ status: 'refused', reason: 'sdk 30: tx timeout height' })
    })

    it('makes two payments of one intent, also with a signer that signs the same alike', async () => {
      await funded()
      const made = new Map<string, Promise<Uint8Array>>()
      const steady: Signer = {
        ...ours.signer,
        sign: (message) => {
          const signature = made.get(hexOf(message)) ?? ours.signer.sign(message)
          made.set(hexOf(message), signature)
          return signature
        },
      }
      const [one, again] = [await adapter.sign(intent([output(1_000n)]), steady), await adapter.sign(intent([output(1_000n)]), steady)]
      if (one.status !== 'signed' || again.status !== 'signed') throw new Error('not signed')
      expect(one.payment.txid).not.toBe(again.payment.txid)
    })

    it('waits for the last block of a payment to be final, not a block less', async () => {
      await funded()
      const payment = await signed([output(1_000n)])
      const last = payment.expiry.by === 'sequence' ? payment.expiry.lastHeight : 0
      world.blocks(last - world.chain.height - 1)
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      await adapter.broadcast(payment)
      world.blocks()
      expect(await adapter.lookUp(payment)).toEqual({ status: 'confirmed', height: last })
      world.blocks()
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'final', settlement: { height: last } })
    })

    it('does not take a block that refused a payment for its end: the same bytes may land in a later one', async () => {
      await funded(200_000_000n)
      const placeholder = await signed([output(1n)])
      const payment = await signed([output(1_000n)], { inFlight: [placeholder] })
      // Under the number before it somebody with the same key takes nearly all: a node looks at fees alone before a block.
      const drain = await world.signed([world.pay(other, { uluna: '187670000' }, ours)], { from: ours, fee: { uluna: '11330000' } })
      await world.lcd.tx.broadcastSync(drain)
      expect(await adapter.broadcast(payment)).toEqual({ status: 'accepted' })
      world.blocks(2)
      expect(await world.lcd.tx.txInfo(payment.txid)).toMatchObject({ code: 5 })
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      expect((await told()).map(({ txid }) => txid)).not.toContain(payment.txid)
      await world.chain.give(ours.address, 'uluna', 50_000_000n)
      world.blocks()
      expect(await landed(payment)).toMatchObject({ status: 'final', settlement: { outputs: [{ received: 1_000n }] } })
      // The block that refused it knows it under the later one, and tells nothing of it.
      expect((await told()).filter(({ txid }) => txid === payment.txid)).toHaveLength(1)
    })

    it('proves that a payment is over which blocks refused to its end', async () => {
      await funded(200_000_000n)
      const payment = await signed([output(1_000n)], { inFlight: [await signed([output(1n)])] })
      await world.lcd.tx.broadcastSync(await world.signed([world.pay(other, { uluna: '187670000' }, ours)], { from: ours, fee: { uluna: '11330000' } }))
      await adapter.broadcast(payment)
      world.blocks(TIMEOUT_BLOCKS + 2)
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'expired' })
      expect(await adapter.balance({ address: other, asset: LUNA })).toMatchObject({ amount: 186_731_650n })
    })

    it('pays no memo that is no text, and refuses amounts that the SDK rounds, keys of another kind, and settings that cannot be', async () => {
      await funded()
      expect(await adapter.sign(intent([output(1n)], { memo: new Uint8Array([0xff]) }), ours.signer)).toMatchObject({ status: 'not_payable' })
      await expect(adapter.sign(intent([output(1n)]), simulatedSigner(new Uint8Array(32)))).rejects.toThrow(refused)
      const rich = await lying((path, answer: { readonly balance?: object }) => path.includes('by_denom') ? { balance: { denom: 'uluna', amount: '9'.repeat(38) } } : answer)
      const huge = intent([output(123_456_789_012_345_678_901_234n)], { feeMax: amountOf(10n ** 30n) })
      await expect(adapterOf({ url: rich }).sign(huge, ours.signer)).rejects.toThrow(refused)
      for (const wrong of [{ url: 'ftp://x' }, { chainId: '' }, { tokens: ['terra1x'] }, { timeoutBlocks: 0 }, { gasPrice: -1n }]) {
        expect(() => adapterOf(wrong), JSON.stringify(wrong, (_name, value: unknown) => String(value))).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.config')))
      }
      expect(() => terraAssetOf('solana/sol' as AssetId)).toThrow(refused)
      expect(() => terraToken('terra1x')).toThrow(refused)
    })

    it('signs nothing with a signer whose signatures do not verify or have a high s', async () => {
      await funded()
      const broken = { ...ours.signer, sign: async () => new Uint8Array(64).fill(1) }
      await expect(adapter.sign(intent([output(1n)]), broken)).rejects.toSatisfy((error) => isEvegramError(error, 'internal'))
    })
  })

  describe('endpoints that lag, lie or are broken', () => {
    it('never proves an end from an index that is behind its blocks', async () => {
      await funded()
      const payment = await signed([output(1_000n)])
      await adapter.broadcast(payment)
      world.blocks(TIMEOUT_BLOCKS + 2)
      const noIndex = adapterOf({ url: await lying((path, answer) => path.includes(payment.txid) ? 404 : path.includes('/txs?') ? { tx_responses: [] } : answer) })
      expect(await noIndex.lookUp(payment)).toEqual({ status: 'unknown' })
      const { final } = await noIndex.head()
      await expect(noIndex.watch({ addresses: new Set([other]), after: Math.max(0, final - 30), upTo: final, limit: 10 })).rejects.toThrow(unavailable)
    })

    it('believes no account number of another block: the payment may be in that one', async () => {
      await funded()
      const payment = await signed([output(1_000n)])
      await adapter.broadcast(payment)
      world.blocks()
      const stale = await lying((path, answer) => path.includes(payment.txid) ? 404 : answer)
      expect(await adapterOf({ url: stale }).lookUp(payment)).toEqual({ status: 'unknown' })
      const deaf = await lying((path, answer) => path.includes(payment.txid) ? 404 : answer, { hearsHeights: false })
      await expect(adapterOf({ url: deaf }).lookUp(payment)).rejects.toThrow(unavailable)
    })

    it('refuses another chain, blocks that do not follow each other, and a final block that goes back', async () => {
      world.blocks(5)
      const { final } = await adapter.head()
      const all = { addresses: new Set<ChainAddress>(), after: 0, upTo: final, limit: 1 }
      await expect(adapterOf({ chainId: 'columbus-5' }).head()).rejects.toThrow(unavailable)
      interface Block { readonly block_id: object; readonly block: { readonly header: { readonly height: string; readonly last_block_id: object } } }
      const forked = await lying((path, answer: Block) => path.endsWith('blocks/4') ? { ...answer, block_id: { hash: 'AAAA' } } : answer)
      await expect(adapterOf({ url: forked }).watch(all)).rejects.toThrow(unavailable)
      const shifted = await lying((path, answer: Block) => path.endsWith('blocks/4') ? { ...answer, block: { ...answer.block, header: { ...answer.block.header, height: '5' } } } : answer)
      await expect(adapterOf({ url: shifted }).watch(all)).rejects.toThrow(unavailable)
      let behind = 0
      const back = adapterOf({ url: await lying((path, answer: Block) => path.endsWith('latest')
        ? { ...answer, block: { ...answer.block, header: { ...answer.block.header, height: String(Number(answer.block.header.height) - behind) } } } : answer) })
      await back.head()
      behind = 1
      await expect(back.head()).rejects.toThrow(unavailable)
    })

    it('takes nothing for an answer that is none', async () => {
      await funded()
      const payment = await signed([output(1_000n)])
      for (const [part, answer] of [['burn_tax_rate', { tax_rate: '2.0' }], ['by_denom', { balance: { denom: 'uusd', amount: '5' } }], ['by_denom', { balance: { denom: 'uluna', amount: '-5' } }],
        ['accounts', { account: { address: other, account_number: '1', sequence: '0' } }], ['accounts', { account: null }], ['latest', {}]] as const) {
        const broken = adapterOf({ url: await lying((path, real) => path.includes(part) ? answer : real) })
        await expect(broken.sign(intent([output(1n)]), ours.signer), part).rejects.toThrow(unavailable)
      }
      const full = adapterOf({ url: await lying((path, real) => path.endsWith('/txs') ? { tx_response: { code: 20, raw_log: 'mempool is full', codespace: 'sdk' } } : real) })
      expect(await full.broadcast(payment)).toEqual({ status: 'unknown' })
      const garbled = adapterOf({ url: await lying((path, real) => path.endsWith('/txs') ? { tx_response: null } : real) })
      expect(await garbled.broadcast(payment)).toEqual({ status: 'unknown' })
    })

    it('reads a node of 0.5 as one of today: its lines in base64, no name of who paid the fee, and its word for a transaction that it does not have', async () => {
      await funded()
      const payment = await signed([output(1_000n)])
      const url = await lying(asNodeOf2022)
      const old = adapterOf({ url, tokens: [] })
      expect(await old.lookUp(payment)).toEqual({ status: 'unknown' })
      await landed(payment)
      const [mine, theirs] = [await told(adapterOf({ tokens: [] }), [ours.holder, other]), await told(old, [ours.holder, other])]
      expect(mine).toHaveLength(4)
      expect(theirs.map((transfer) => ({ ...transfer }))).toEqual(mine.map((transfer) => ({ ...transfer })))
      expect(theirs.find(({ direction }) => direction === 'out')).toMatchObject({ fee: payment.feeMax })
      expect(await old.lookUp(payment)).toEqual(await adapter.lookUp(payment))
    })

    it('takes the tax that such a node takes: none of uluna, of uusd up to its cap', async () => {
      await funded()
      const old = adapterOf({ url: await lying(asNodeOf2022), tokens: [] })
      const { feeMax } = await signed([output(800_000_000n)], {}, old)
      // Gas and nothing else.
      expect(feeMax).toBeLessThan(250_000n * 28_325n / 1_000n)
      const [most, less] = [1_000_000n, 999_999n].map((tax) => ({ taxMax: new Map([[UUSD, amountOf(tax)]]) }))
      await world.chain.give(ours.address, 'uusd', 10n ** 12n)
      world.blocks(2)
      expect(await old.sign(intent([output(10n ** 12n, UUSD)], less), ours.signer)).toMatchObject({ status: 'fee_exceeds_max' })
      expect(await old.sign(intent([output(10n ** 12n, UUSD)], most), ours.signer)).toMatchObject({ status: 'signed' })
    })

    it('works with no CW20 on such a node, whose contracts say otherwise what they moved', async () => {
      await funded()
      const url = await lying(asNodeOf2022)
      expect(await adapterOf({ url, tokens: [] }).sign(intent([output(5n, token)]), ours.signer)).toMatchObject({ status: 'not_payable', problem: expect.stringMatching(/CW20/) as string })
      await expect(adapterOf({ url }).head()).rejects.toThrow(unavailable)
      // Not even the first time, and not only then.
      await expect(adapterOf({ url }).watch({ addresses: new Set([ours.holder]), after: 0, upTo: 5, limit: 1 })).rejects.toThrow(unavailable)
    })

    it('signs nothing on a node that has neither tax, and credits nothing while money moves in a way that is not known', async () => {
      await funded()
      const neither = await lying((path, answer) => path.includes('burn_tax_rate') ? 501 : path.includes('node_info') ? { application_version: { version: '1.0.5' } } : answer)
      await expect(adapterOf({ url: neither, tokens: [] }).sign(intent([output(1n)]), ours.signer)).rejects.toThrow(/0\.5\.0 to 0\.5\.20/)
      const renamed = await lying((path, answer) => path.includes('/txs') ? JSON.parse(JSON.stringify(answer).replaceAll('"receiver"', '"recipient"')) as object : answer)
      await expect(told(adapterOf({ url: renamed }))).rejects.toThrow(unavailable)
    })

    it('says that it no longer knows what was long ago', async () => {
      const gone = adapterOf({ url: await lying((path, real) => path.includes('by_denom') ? 400 : real) })
      await expect(gone.balance({ address: ours.holder, asset: LUNA })).rejects.toThrow(unavailable)
      const pruned = adapterOf({ url: await lying((_path, real) => real) })
      expect(await pruned.balance({ address: ours.holder, asset: token, at: 1 })).toMatchObject({ status: 'known', amount: 0n })
      expect(await adapter.balance({ address: ours.holder, asset: LUNA, at: 10_000 })).toEqual({ status: 'unavailable' })
    })

    it('signs nothing that one endpoint would keep open for ever, or builds on a number that is used', async () => {
      await funded()
      interface Latest { readonly block: { readonly header: { readonly height: string } } }
      const ahead = await lying((path, answer: Latest) => path.endsWith('latest')
        ? { ...answer, block: { ...answer.block, header: { ...answer.block.header, height: '1000000' } } } : answer)
      const through = (url: string): AgreedChain =>
        new AgreedChain({ sources: [{ name: 'liar', adapter: adapterOf({ url }) }, { name: 'honest', adapter }], alarm: () => undefined })
      await expect(through(ahead).sign(intent([output(5_000n)]), ours.signer)).rejects.toThrow(unavailable)
      await landed(await signed([output(5_000n)]))
      const used = await lying((path, answer: { readonly account?: object }) => path.includes('/auth/') ? { account: { ...answer.account, sequence: '0' } } : answer)
      await expect(through(used).sign(intent([output(5_000n)]), ours.signer)).rejects.toThrow(unavailable)
      expect(await through(world.server.url).sign(intent([output(5_000n)]), ours.signer)).toMatchObject({ status: 'signed' })
    })

    it('agrees with itself through two endpoints', async () => {
      await funded()
      const endpoint = await world.server.another()
      const chain = new AgreedChain({ sources: [{ name: 'a', adapter }, { name: 'b', adapter: adapterOf({ url: endpoint.url }) }], alarm: ({ about, subject }) => { throw new Error(`${about} ${subject}`) } })
      const answer = await chain.sign(intent([output(5_000n), output(3n, token)]), ours.signer)
      if (answer.status !== 'signed') throw new Error(answer.status)
      await chain.broadcast(answer.payment)
      world.blocks(2)
      const { final } = await chain.head()
      expect(await chain.watch({ addresses: new Set([ours.holder, other]), after: 0, upTo: final, limit: 100 })).toMatchObject({ status: 'agreed', value: { through: final } })
      expect(await chain.lookUp(answer.payment)).toMatchObject({ status: 'agreed', value: { status: 'final' } })
      expect(await chain.balance({ address: other, asset: token })).toMatchObject({ status: 'agreed', value: { amount: 3n } })
      await endpoint.close()
    })
  })
})
