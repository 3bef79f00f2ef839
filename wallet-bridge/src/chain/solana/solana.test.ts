import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Keypair, PublicKey, SystemProgram, TransactionInstruction } from '@solana/web3.js'
import { isEvegramError, utf8 } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { AgreedChain } from '../agreed-chain.js'
import type { ChainAddress, ConfirmedTransfer, FinalTransfer, PaymentIntent, PaymentOutput, SignedPayment } from '../chain-adapter.js'
import type { Signer } from '../signer.js'
import { simulatedSigner } from '../simulated/signer.js'
import { SolanaChainAdapter } from './adapter.js'
import { SOL, solanaAddressOf, solanaToken } from './address.js'
import { associatedTokenAddress, openTokenAccount } from './instructions.js'
import { WRAPPED_SOL_MINT } from './programs.js'
import { countingRandom, memo, SolanaWorld, TOKEN, type WorldMint } from './devnet/solana-world.js'

const FUNDS = 2_000_000_000n
const TOKEN_ACCOUNT_RENT = 2_039_280n
const unavailable: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.chain'))
const notPayable = { status: 'not_payable', problem: expect.any(String) as unknown }

describe('Solana, against the local chain', () => {
  let world: SolanaWorld
  let adapter: SolanaChainAdapter
  let ours: { readonly keys: Keypair; readonly address: ChainAddress; readonly signer: Signer }
  const proxies: Server[] = []
  beforeEach(async () => {
    world = await SolanaWorld.open()
    adapter = new SolanaChainAdapter({ url: world.server.url, random: countingRandom('adapter') })
    const keys = world.keypair()
    ours = { keys, address: solanaAddressOf(keys.publicKey.toBytes()), signer: simulatedSigner(keys.secretKey.slice(0, 32)) }
    world.blocks(20)
  })
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) {
      proxy.closeAllConnections()
      proxy.close()
    }
    await world.close()
  })

  async function told(of: SolanaChainAdapter = adapter): Promise<readonly FinalTransfer[]> {
    world.makeFinal()
    const { final } = await of.head()
    return (await of.watch({ addresses: new Set([ours.address]), after: final - 20, upTo: final, limit: 100 })).transfers
  }
  async function funded(): Promise<void> {
    await world.send([world.pay(ours.keys.publicKey, FUNDS)])
    world.makeFinal()
  }
  const output = (to: PublicKey, amount: bigint, asset: AssetId = SOL): PaymentOutput => ({ to: solanaAddressOf(to.toBytes()), asset, amount: amountOf(amount) })
  const assetOf = ({ mint }: WorldMint): AssetId => solanaToken(mint.toBase58())
  const intent = (outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): PaymentIntent => ({ outputs, feeMax: amountOf(10_000_000n), inFlight: [], ...fields })
  async function signed(outputs: readonly PaymentOutput[], of: SolanaChainAdapter = adapter): Promise<SignedPayment> {
    const answer = await of.sign(intent(outputs), ours.signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    return answer.payment
  }
  const short = (transfers: readonly ConfirmedTransfer[]): readonly unknown[] => transfers.map(({ direction, asset, amount }) => [direction, asset, amount])
  /** An endpoint that changes what the chain answers. */
  async function lying(change: (method: string, result: unknown) => unknown): Promise<string> {
    const proxy = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk as Buffer)
        const body = Buffer.concat(chunks).toString('utf8')
        const { method } = JSON.parse(body) as { readonly method: string }
        const answer = await (await fetch(world.server.url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).json() as { readonly result?: unknown }
        response.end(JSON.stringify('result' in answer ? { ...answer, result: change(method, answer.result) } : answer))
      })()
    })
    proxies.push(proxy)
    await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
    return `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`
  }

  describe('deposits', () => {
    it('gives a failed transaction nothing, and its payer the fee', async () => {
      await world.send([world.pay(ours.keys.publicKey, 5_000_000n)])
      world.blocks()
      const poor = SystemProgram.transfer({ fromPubkey: ours.keys.publicKey, toPubkey: world.stranger.publicKey, lamports: 900_000_000n })
      await world.send([world.pay(ours.keys.publicKey, 7_000_000n), poor], [world.stranger, ours.keys])
      await world.send([poor], [ours.keys])
      expect(await told()).toMatchObject([
        { direction: 'in', amount: 5_000_000n, fee: 0n, from: world.stranger.publicKey.toBase58() }, { direction: 'out', amount: 5_000n, fee: 5_000n },
      ])
    })

    it('counts what arrived of a token with a transfer fee, and tells look-alikes apart by their mint', async () => {
      const [real, taxed, fake] = [await world.mint(), await world.mint({ basisPoints: 100, max: 1_000_000n }), await world.mint()]
      const giver = world.keypair()
      await world.connection.requestAirdrop(giver.publicKey, 100_000_000)
      for (const token of [real, taxed, fake]) await world.send(world.give(token, giver.publicKey, 1_000_000n))
      world.blocks()
      for (const token of [real, taxed, fake]) await world.send(world.transfer(token, giver.publicKey, ours.keys.publicKey, 100_000n, giver.publicKey), [giver])
      expect(short(await told())).toEqual([['in', assetOf(real), 100_000n], ['in', assetOf(taxed), 99_000n], ['in', assetOf(fake), 100_000n]])
      expect(await adapter.balance({ address: ours.address, asset: assetOf(taxed) })).toMatchObject({ amount: 99_000n })
    })

    it('knows wrapped SOL as a token of its own, and its unwrapping as lamports with the rent', async () => {
      await funded()
      const wrapped = associatedTokenAddress(ours.keys.publicKey, new PublicKey(WRAPPED_SOL_MINT), TOKEN)
      await world.send([
        openTokenAccount(world.stranger.publicKey, ours.keys.publicKey, new PublicKey(WRAPPED_SOL_MINT), TOKEN), world.pay(wrapped, 3_000_000n), syncNative(wrapped),
      ])
      world.blocks()
      await world.send([closeAccount(wrapped, ours.keys.publicKey, ours.keys.publicKey)], [world.stranger, ours.keys])
      const asset = solanaToken(WRAPPED_SOL_MINT)
      expect(short((await told()).slice(-3))).toEqual([['in', asset, 3_000_000n], ['in', SOL, 3_000_000n + TOKEN_ACCOUNT_RENT], ['out', asset, 3_000_000n]])
    })

    it('sees what a program moved inside, and what is ours since the owner of a token account changed', async () => {
      const token = await world.mint()
      const stranger = world.keypair()
      await world.connection.requestAirdrop(stranger.publicKey, 50_000_000)
      await world.send(world.give(token, stranger.publicKey, 4_000n))
      world.blocks()
      const account = associatedTokenAddress(stranger.publicKey, token.mint, token.program)
      await world.send([setOwner(account, stranger.publicKey, ours.keys.publicKey)], [stranger])
      expect(short(await told())).toEqual([['in', assetOf(token), 4_000n]])
      expect(await adapter.balance({ address: ours.address, asset: assetOf(token) })).toMatchObject({ amount: 4_000n })
    })

    it('sums what one transaction does to one address, also both ways', async () => {
      await funded()
      const back = SystemProgram.transfer({ fromPubkey: ours.keys.publicKey, toPubkey: world.stranger.publicKey, lamports: 1_000_000n })
      await world.send([world.pay(ours.keys.publicKey, 3_000_000n), world.pay(ours.keys.publicKey, 4_000_000n), back], [world.stranger, ours.keys])
      expect(short((await told()).slice(-1))).toEqual([['in', SOL, 6_000_000n]])
    })

    it('tells the changes of one transaction apart', async () => {
      const tokens = [await world.mint(), await world.mint()]
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n), ...tokens.flatMap((token) => world.give(token, ours.keys.publicKey, 5n))])
      const transfers = await told()
      expect(transfers.map(({ amount }) => amount)).toEqual([1_000_000n, 5n, 5n])
      expect(new Set(transfers.map(({ index }) => index)).size).toBe(3)
    })

    it('ends a page at the final block, however far it is asked to go', async () => {
      const { final: after } = await adapter.head()
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n)])
      world.blocks(2)
      const request = { addresses: new Set([ours.address]), after, upTo: after + 1_000, limit: 10 }
      const { final } = await adapter.head()
      expect(await adapter.watch(request)).toEqual({ through: final, transfers: [] })
      world.makeFinal()
      expect(short((await adapter.watch({ ...request, after: final })).transfers)).toEqual([['in', SOL, 1_000_000n]])
    })

    it('gives nothing out of a failed transaction, whatever an endpoint says that it did', async () => {
      const poor = SystemProgram.transfer({ fromPubkey: ours.keys.publicKey, toPubkey: world.stranger.publicKey, lamports: 900_000_000n })
      await world.send([world.pay(ours.keys.publicKey, 7_000_000n), poor], [world.stranger, ours.keys])
      interface Told { readonly transactions: { readonly transaction: { readonly accountKeys: { readonly pubkey: string }[] }; readonly meta: { readonly postBalances: number[] } }[] }
      const url = await lying((method, result) => {
        if (method !== 'getBlock') return result
        for (const { transaction, meta } of (result as Told).transactions) {
          const place = transaction.accountKeys.findIndex(({ pubkey }) => pubkey === ours.address)
          if (place !== -1) meta.postBalances[place] = 7_000_000
        }
        return result
      })
      expect(await told(new SolanaChainAdapter({ url, random: countingRandom('generous') }))).toEqual([])
    })

    it('says what a transaction is for only when it says one thing', async () => {
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n), memo(utf8('first'))])
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n), memo(utf8('first')), memo(utf8('second'))])
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n)])
      expect((await told()).map((transfer) => transfer.memo)).toEqual([utf8('first'), undefined, undefined])
    })
  })

  describe('payouts', () => {
    it('opens the token account of a recipient at our cost, once, and tells what arrived behind a transfer fee', async () => {
      await funded()
      const [plain, taxed] = [await world.mint(), await world.mint({ basisPoints: 250, max: 1_000_000n })]
      for (const token of [plain, taxed]) await world.send(world.give(token, ours.keys.publicKey, 1_000_000n))
      world.makeFinal()
      const to = world.keypair().publicKey
      const payment = await signed([output(to, 1_000n, assetOf(plain)), output(to, 500n, assetOf(plain)), output(to, 10_000n, assetOf(taxed)), output(to, 2_000_000n)])
      await adapter.broadcast(payment)
      world.makeFinal()
      const sighting = await adapter.lookUp(payment)
      expect(sighting).toMatchObject({ status: 'final', settlement: { outputs: [
        { status: 'paid', received: 1_000n }, { status: 'paid', received: 500n }, { status: 'paid', received: 9_750n }, { status: 'paid', received: 2_000_000n },
      ] } })
      if (sighting.status !== 'final') throw new Error('not final')
      const { fee } = sighting.settlement
      expect(fee).toBeGreaterThan(TOKEN_ACCOUNT_RENT * 2n)
      expect(fee).toBe(payment.feeMax)
      expect((await told()).find(({ direction, asset }) => direction === 'out' && asset === SOL)).toMatchObject({ amount: 2_000_000n + fee, fee })
      // Now that the accounts are there, the same costs the fee alone.
      expect((await signed([output(to, 1_000n, assetOf(plain))])).feeMax).toBe(5_000n)
    })

    it('refuses what Solana would not pay, before anything is signed', async () => {
      await funded()
      const [token, to] = [await world.mint(), world.keypair()]
      await world.connection.requestAirdrop(to.publicKey, 50_000_000)
      await world.send([...world.give(token, ours.keys.publicKey, 1_000n), ...world.give(token, to.publicKey, 1n)])
      world.blocks()
      await world.send([setOwner(associatedTokenAddress(to.publicKey, token.mint, TOKEN), to.publicKey, world.keypair().publicKey)], [to])
      world.makeFinal()
      const fresh = (): PublicKey => world.keypair().publicKey
      const sign = (outputs: readonly PaymentOutput[], fields: Partial<PaymentIntent> = {}): Promise<unknown> => adapter.sign(intent(outputs, fields), ours.signer)
      expect(await sign([output(fresh(), 890_879n)])).toEqual(notPayable)
      expect(await sign([output(fresh(), 890_880n)])).toMatchObject({ status: 'signed' })
      expect(await sign([output(to.publicKey, 1n, assetOf(token))]), 'a token account that was given away').toEqual(notPayable)
      expect(await sign([output(fresh(), 1n, solanaToken(fresh().toBase58()))]), 'no mint').toEqual(notPayable)
      expect(await sign([output(fresh(), 2n ** 64n)])).toEqual(notPayable)
      expect(await sign([output(fresh(), 1_000_000n)], { memo: new Uint8Array([255]) }), 'not UTF-8').toEqual(notPayable)
      expect(await sign(Array.from({ length: 40 }, () => output(fresh(), 1_000_000n))), 'too large').toEqual(notPayable)
      expect(await sign([output(fresh(), 1_001n, assetOf(token))])).toEqual({ status: 'insufficient_funds', asset: assetOf(token) })
      expect(await sign([output(fresh(), 1n, assetOf(token))], { feeMax: amountOf(5_000n) })).toEqual({ status: 'fee_exceeds_max', fee: TOKEN_ACCOUNT_RENT + 5_000n })
      // Less than an account must hold would stay: the whole payment would fail.
      expect(await sign([output(fresh(), FUNDS - 5_001n)])).toEqual({ status: 'insufficient_funds', asset: SOL })
      expect(await sign([output(fresh(), FUNDS - 5_000n)])).toMatchObject({ status: 'signed' })
      const liar: Signer = { ...ours.signer, sign: async () => new Uint8Array(64) }
      await expect(adapter.sign(intent([output(fresh(), 1_000_000n)]), liar)).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'internal')))
    })

    it('pays tokens of Token-2022 whose extensions leave transfers alone, at the price that it said, and refuses others', async () => {
      await funded()
      const delegate = Buffer.concat([Buffer.from([35]), world.stranger.publicKey.toBuffer()])
      const [plain, stuck] = [await world.mintWith(32, delegate), await world.mintWith(0, Buffer.from([32]))]
      await world.send(world.give(plain, ours.keys.publicKey, 1_000n))
      world.makeFinal()
      const to = world.keypair().publicKey
      const payment = await signed([output(to, 10n, assetOf(plain))])
      await adapter.broadcast(payment)
      world.makeFinal()
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'final', settlement: { outputs: [{ status: 'paid', received: 10n }], fee: payment.feeMax } })
      expect(await adapter.sign(intent([output(to, 10n, assetOf(stuck))]), ours.signer)).toEqual(notPayable)
    })

    it('takes the money of payments in flight for gone', async () => {
      await funded()
      const to = world.keypair().publicKey
      const first = await signed([output(to, 1_500_000_000n)])
      expect(await adapter.sign(intent([output(to, 600_000_000n)], { inFlight: [first] }), ours.signer)).toEqual({ status: 'insufficient_funds', asset: SOL })
    })

    it('tells a payment that failed on the chain, with what it cost', async () => {
      await funded()
      const to = world.keypair().publicKey
      const payment = await signed([output(to, 1_900_000_000n)])
      await world.send([SystemProgram.transfer({ fromPubkey: ours.keys.publicKey, toPubkey: world.stranger.publicKey, lamports: 1_000_000_000n })], [ours.keys])
      expect(await adapter.broadcast(payment)).toMatchObject({ status: 'refused' })
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      await world.connection.sendRawTransaction(payment.bytes, { skipPreflight: true })
      world.makeFinal()
      expect(await adapter.lookUp(payment)).toMatchObject({
        status: 'final', settlement: { outputs: [{ status: 'failed', reason: 'transaction_failed' }], fee: 5_000n },
      })
    })

    it('proves the end of a payment by final blocks alone, and not one block early', async () => {
      await funded()
      const payment = await signed([output(world.keypair().publicKey, 1_000_000n)])
      if (payment.expiry.by !== 'height') throw new Error('not by height')
      // Slots run ahead of heights: who took one for the other would be early.
      expect(payment.signedAt).toBeGreaterThan(payment.expiry.lastHeight)
      while (await world.connection.getBlockHeight('finalized') < payment.expiry.lastHeight) world.blocks()
      expect(await adapter.lookUp(payment)).toEqual({ status: 'unknown' })
      world.blocks()
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'expired' })
    })
  })

  describe('endpoints', () => {
    it('refuses one of another cluster', async () => {
      const other = new SolanaChainAdapter({ url: world.server.url, random: countingRandom('other'), genesisHash: '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d' })
      await expect(other.head()).rejects.toThrow(unavailable)
      expect(() => new SolanaChainAdapter({ url: 'ftp://127.0.0.1', random: countingRandom('other') })).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.config')))
    })

    it('agrees with another one on deposits, on balances while blocks go on, and on the end of payments', async () => {
      const endpoint = await world.server.another()
      const second = new SolanaChainAdapter({ url: endpoint.url, random: countingRandom('second') })
      const agreed = new AgreedChain({ sources: [{ name: 'one', adapter }, { name: 'two', adapter: second }], alarm: () => { throw new Error('they disagree') } })
      const { final: after } = await agreed.head()
      await funded()
      const { final } = await agreed.head()
      expect(await agreed.watch({ addresses: new Set([ours.address]), after, upTo: final, limit: 10 })).toMatchObject({ status: 'agreed', value: { transfers: [{ amount: FUNDS }] } })
      const answer = await agreed.sign(intent([output(world.keypair().publicKey, 1_000_000n)]), ours.signer)
      if (answer.status !== 'signed') throw new Error(answer.status)
      await agreed.broadcast(answer.payment)
      world.makeFinal()
      // What went out since is taken off by both.
      const request = { address: ours.address, asset: SOL }
      expect(await agreed.balance({ ...request, at: final })).toEqual({ status: 'agreed', value: { status: 'known', amount: FUNDS, height: final } })
      expect(await agreed.balance(request)).toMatchObject({ status: 'agreed', value: { status: 'known', amount: FUNDS - 1_005_000n } })
      expect(await agreed.lookUp(answer.payment)).toMatchObject({ status: 'agreed', value: { status: 'final', settlement: { fee: 5_000n } } })
      await endpoint.close()
    })

    it('notices a block that is kept from it, at either end and in the middle', async () => {
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n)])
      world.makeFinal()
      const { final } = await adapter.head()
      const after = final - 6
      for (const hidden of [1, 4, 6]) {
        const url = await lying((method, result) => method === 'getBlocks' ? (result as number[]).filter((slot) => slot !== after + hidden) : result)
        const liar = new SolanaChainAdapter({ url, random: countingRandom('liar') })
        await expect(liar.watch({ addresses: new Set([ours.address]), after, upTo: final, limit: 10 })).rejects.toThrow(unavailable)
      }
    })

    it('passes no block over that the next node of its endpoint does not have yet', async () => {
      const { final: after } = await adapter.head()
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n)])
      world.makeFinal()
      const { final } = await adapter.head()
      const upTo = final - 2
      for (const [last, isTold] of [[final, true], [upTo, true], [upTo - 1, false], [after, false]] as const) {
        const url = await lying((method, result) => method === 'getBlocks' ? (result as number[]).filter((slot) => slot <= last) : result)
        const behind = new SolanaChainAdapter({ url, random: countingRandom('behind') })
        const asked = behind.watch({ addresses: new Set([ours.address]), after, upTo, limit: 10 })
        if (isTold) expect(await asked).toMatchObject({ through: upTo })
        else await expect(asked).rejects.toThrow(unavailable)
      }
    })

    it('goes past turns that nobody used, also where a page ends in them', async () => {
      const { final: after } = await adapter.head()
      world.skipSlots(100)
      await world.send([world.pay(ours.keys.publicKey, 1_000_000n)])
      world.blocks()
      world.skipSlots(3)
      world.makeFinal()
      const { final } = await adapter.head()
      const transfers: FinalTransfer[] = []
      let pages = 0
      for (let cursor = after; cursor < final; pages++) {
        const page = await adapter.watch({ addresses: new Set([ours.address]), after: cursor, upTo: final, limit: 10 })
        expect(page.through).toBeGreaterThan(cursor)
        transfers.push(...page.transfers)
        cursor = page.through
      }
      expect(short(transfers)).toEqual([['in', SOL, 1_000_000n]])
      expect(pages).toBeGreaterThan(1)
    })

    it('says nothing of blocks that its endpoint no longer has, and proves no end without them', async () => {
      await funded()
      const payment = await signed([output(world.keypair().publicKey, 1_000_000n)])
      world.blocks(200)
      const { final } = await adapter.head()
      const url = await lying((method, result) => method === 'getFirstAvailableBlock' ? final - 10 : result)
      const short = new SolanaChainAdapter({ url, random: countingRandom('short') })
      expect(await short.lookUp(payment)).toEqual({ status: 'unknown' })
      expect(await adapter.lookUp(payment)).toMatchObject({ status: 'expired' })
      await expect(short.watch({ addresses: new Set([ours.address]), after: final - 12, upTo: final, limit: 10 })).rejects.toThrow(unavailable)
    })

    it('takes a signature that one method knows and another does not for one that may have landed', async () => {
      await funded()
      const payment = await signed([output(world.keypair().publicKey, 1_000_000n)])
      await adapter.broadcast(payment)
      world.blocks(200)
      const url = await lying((method, result) => method === 'getSignatureStatuses' ? { ...(result as object), value: [null] } : result)
      expect(await new SolanaChainAdapter({ url, random: countingRandom('forgets') }).lookUp(payment)).toEqual({ status: 'unknown' })
      const behind = await lying((method, result) => method === 'getSignatureStatuses' ? { context: { slot: 1_001 }, value: [null] } : method === 'getTransaction' ? null : result)
      expect(await new SolanaChainAdapter({ url: behind, random: countingRandom('behind') }).lookUp(payment)).toEqual({ status: 'unknown' })
    })

    it('gives no end to a payment whose block hash its endpoint has not seen', async () => {
      await funded()
      const payment = await signed([output(world.keypair().publicKey, 1_000_000n)])
      const url = await lying((method, result) => method === 'isBlockhashValid' ? { ...(result as object), value: false } : result)
      await expect(new SolanaChainAdapter({ url, random: countingRandom('lagging') }).expiryOf(payment)).rejects.toThrow(unavailable)
    })

    it('refuses final blocks that go back, amounts that JSON rounded, and answers that are none', async () => {
      let slot = 5_000
      const back = new SolanaChainAdapter({ url: await lying((method, result) => method === 'getEpochInfo' ? { ...(result as object), absoluteSlot: slot } : result), random: countingRandom('back') })
      await back.head()
      slot--
      await expect(back.head()).rejects.toThrow(unavailable)
      const huge = await lying((method, result) => method === 'getBalance' ? { ...(result as object), value: 2 ** 60 } : result)
      await expect(new SolanaChainAdapter({ url: huge, random: countingRandom('huge') }).balance({ address: ours.address, asset: SOL })).rejects.toThrow(unavailable)
      const none = new SolanaChainAdapter({ url: await lying(() => 'nonsense'), random: countingRandom('none') })
      await expect(none.head()).rejects.toThrow(unavailable)
      await funded()
      expect(await none.broadcast(await signed([output(world.keypair().publicKey, 1_000_000n)]))).toEqual({ status: 'unknown' })
    })
  })
})

function syncNative(account: PublicKey): TransactionInstruction {
  return new TransactionInstruction({ programId: TOKEN, keys: [{ pubkey: account, isSigner: false, isWritable: true }], data: Buffer.from([17]) })
}

function closeAccount(account: PublicKey, to: PublicKey, owner: PublicKey): TransactionInstruction {
  const keys = [{ pubkey: account, isSigner: false, isWritable: true }, { pubkey: to, isSigner: false, isWritable: true }, { pubkey: owner, isSigner: true, isWritable: false }]
  return new TransactionInstruction({ programId: TOKEN, keys, data: Buffer.from([9]) })
}

/** SetAuthority, AccountOwner. */
function setOwner(account: PublicKey, owner: PublicKey, next: PublicKey): TransactionInstruction {
  const keys = [{ pubkey: account, isSigner: false, isWritable: true }, { pubkey: owner, isSigner: true, isWritable: false }]
  return new TransactionInstruction({ programId: TOKEN, keys, data: Buffer.concat([Buffer.from([6, 2, 1]), next.toBuffer()]) })
}
