import { readFileSync } from 'node:fs'
import { compileFunc } from '@ton-community/func-js'
import { Address, beginCell, Cell, comment, external, fromNano, internal, SendMode } from '@ton/core'
import { JettonMaster, WalletContractV5R1 } from '@ton/ton'
import { ManualClock, systemClock } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countingRandom } from '../../simulated/simulated-world.contract.js'
import { highloadWallet, HIGHLOAD_CODE_HASH } from '../highload-wallet.js'
import { OPERATIONS } from '../operations.js'
import { TonWorld } from './ton-world.js'
import { balanceOf, FINALIZED_AFTER, TonDevnet } from './chain.js'
import { JETTON_MINTER_CODE, JETTON_WALLET_CODE } from './jetton-code.js'
import { WHOLE_SHARD } from './render.js'
import { REQUEST_BYTES_MAX, serveTonDevnet } from './server.js'

/** What the unmodified SDK sees of the local chain. */
describe('a local TON chain behind the unmodified TonClient', () => {
  let world: TonWorld
  beforeEach(async () => {
    world = await TonWorld.open()
  })
  afterEach(async () => {
    await world.close()
  })
  const textOf = (body: Cell): string => body.beginParse().skip(32).loadStringTail()
  async function ask(method: string, params: object): Promise<{ readonly status: number; readonly body: { readonly ok: boolean; readonly result?: unknown; readonly error?: string } }> {
    const response = await fetch(world.server.url, { method: 'POST', body: JSON.stringify({ id: '1', jsonrpc: '2.0', method, params }), headers: { 'content-type': 'application/json' } })
    return { status: response.status, body: await response.json() as { readonly ok: boolean } }
  }

  it('makes wallets of the SDK with their first transfer, and knows what they sent and got', async () => {
    const { client, stranger } = world
    const friend = world.wallet().wallet
    expect(await client.getContractState(friend.address)).toMatchObject({ state: 'uninitialized', balance: 0n, lastTransaction: null })
    // What is not there has a number where everything else has a text, as with toncenter.
    expect((await ask('getAddressInformation', { address: friend.address.toString() })).body.result).toMatchObject({ balance: 0 })
    await world.send([world.pay(friend.address, 2_000_000_000n, 'order:42')])
    expect(await client.getBalance(friend.address)).toBe(0n)
    await world.blocks()
    expect(await client.getBalance(friend.address)).toBe(2_000_000_000n)
    expect((await client.getContractState(stranger.wallet.address)).state).toBe('active')
    expect(await client.open(stranger.wallet).getSeqno()).toBe(1)
    const [received] = await client.getTransactions(friend.address, { limit: 10 })
    expect(textOf(received?.inMessage?.body ?? new Cell())).toBe('order:42')
    expect(await client.getTransaction(friend.address, String(received?.lt), received?.hash().toString('base64') ?? '')).toMatchObject({ lt: received?.lt })
  })

  it('pages through the transactions of an account, newest first', async () => {
    const friend = world.wallet().wallet.address
    for (const amount of [1n, 2n, 3n, 4n, 5n]) await world.send([world.pay(friend, amount * 1_000_000n)])
    await world.blocks()
    const amounts = (list: readonly { readonly inMessage?: unknown }[]): readonly string[] =>
      list.map(({ inMessage }) => fromNano((inMessage as { info: { value: { coins: bigint } } }).info.value.coins))
    const first = await world.client.getTransactions(friend, { limit: 2 })
    expect(amounts(first)).toEqual(['0.005', '0.004'])
    const last = first.at(-1)
    const rest = await world.client.getTransactions(friend, { limit: 3, lt: String(last?.lt), hash: last?.hash().toString('base64') ?? '' })
    expect(amounts(rest)).toEqual(['0.003', '0.002', '0.001'])
    expect(await world.client.getTransactions(friend, { limit: 10, to_lt: String(last?.lt) })).toHaveLength(1)
  })

  it('refuses a message that its wallet does not accept, and one that is sent again', async () => {
    const { wallet, secretKey } = world.stranger
    const transfer = wallet.createTransfer({ seqno: 0, secretKey, timeout: world.soon, sendMode: SendMode.PAY_GAS_SEPARATELY, messages: [internal({ to: wallet.address, value: '0.1' })] })
    const message = external({ to: wallet.address, init: wallet.init, body: transfer })
    await world.client.sendMessage(message)
    await world.blocks(2)
    await expect(world.client.sendMessage(message)).rejects.toThrow('500')
    expect(await ask('sendBoc', { boc: beginCell().endCell().toBoc().toString('base64') })).toMatchObject({ status: 500, body: { ok: false } })
  })

  it('runs a newer wallet of the SDK too', async () => {
    const { secretKey, wallet: { publicKey } } = world.wallet()
    const wallet = world.client.open(WalletContractV5R1.create({ publicKey }))
    await world.chain.faucet.give(wallet.address, 5_000_000_000n)
    await world.blocks(2)
    const friend = world.wallet().wallet.address
    await wallet.sendTransfer({ seqno: 0, secretKey, sendMode: SendMode.PAY_GAS_SEPARATELY, timeout: world.soon, messages: [internal({ to: friend, value: '1.5', bounce: false })] })
    await world.blocks(2)
    expect(await world.client.getBalance(friend)).toBe(1_500_000_000n)
  })

  it('mints jettons, moves them and tells the recipient (TEP-74), each step a block after the other', async () => {
    const [{ wallet }, friend] = [world.stranger, world.wallet().wallet.address]
    expect(await ask('faucetJetton', { address: wallet.address.toString(), amount: '1000000' })).toMatchObject({ body: { ok: true, result: { master: world.jetton.toString() } } })
    await world.blocks(4)
    expect(await world.jettonsOf(wallet.address)).toBe(1_000_000n)
    expect(await world.client.open(JettonMaster.create(world.jetton)).getJettonData()).toMatchObject({ totalSupply: 1_000_000n, mintable: true })
    await world.send([world.transferJetton(await world.jettonWallet(wallet.address), friend, 123_456n, { text: 'invoice-7', forward: 10_000_000n, response: wallet.address })])
    await world.blocks()
    expect(await world.jettonsOf(wallet.address)).toBe(1_000_000n - 123_456n)
    await world.blocks(2)
    expect(await world.jettonsOf(friend)).toBe(123_456n)
    const [notice] = await world.client.getTransactions(friend, { limit: 1 })
    const body = notice?.inMessage?.body.beginParse()
    expect([body?.loadUint(32), body?.skip(64).loadCoins(), body?.loadAddress()?.equals(wallet.address)]).toEqual([OPERATIONS.notification, 123_456n, true])
    expect(textOf(body?.skip(1).loadRef() ?? new Cell())).toBe('invoice-7')
    const [excess] = await world.client.getTransactions(wallet.address, { limit: 1 })
    expect(excess?.inMessage?.body.beginParse().loadUint(32)).toBe(OPERATIONS.excesses)
  })

  it('bounces what a contract refuses, and takes no jetton from a wallet that the master does not name', async () => {
    const { address } = world.stranger.wallet
    const refuser = await world.refuser()
    const before = await world.client.getBalance(address)
    await world.send([internal({ to: refuser, value: 1_000_000_000n, bounce: true, body: comment('x') })])
    await world.blocks(2)
    const [back] = await world.client.getTransactions(address, { limit: 1 })
    expect(back?.inMessage?.info).toMatchObject({ type: 'internal', bounced: true })
    expect(await world.client.getBalance(address)).toBeGreaterThan(before - 100_000_000n)
    const friend = world.wallet().wallet.address
    await world.send([world.transferJetton(await world.lookAlike(), friend, 1_000_000n)])
    await world.blocks(4)
    const [arrived] = await world.client.getTransactions(await world.jettonWallet(friend), { limit: 1 })
    expect(arrived?.description).toMatchObject({ aborted: true })
    expect(await world.jettonsOf(friend)).toBe(0n)
  })

  it('has blocks of the masterchain over those of a shard, which name each other and all that happened', async () => {
    const friend = world.wallet().wallet.address
    await world.send([world.pay(friend, 1_000_000n), world.pay(friend, 2_000_000n)])
    await world.chain.closeBlock(3)
    const { latestSeqno } = await world.client.getMasterchainInfo()
    const [tip] = await world.client.getWorkchainShards(latestSeqno)
    const [before] = await world.client.getWorkchainShards(latestSeqno - 1)
    expect(tip).toMatchObject({ workchain: 0, shard: WHOLE_SHARD, seqno: (before?.seqno ?? 0) + 3 })
    const first = (before?.seqno ?? 0) + 1
    expect((await world.client.getShardTransactions(0, first, WHOLE_SHARD)).map(({ account }) => account.toRawString())).toEqual([friend.toRawString(), friend.toRawString()])
    expect(await world.client.getShardTransactions(0, first + 1, WHOLE_SHARD)).toEqual([])
    const header = await ask('getBlockHeader', { workchain: 0, shard: WHOLE_SHARD, seqno: first })
    expect(header).toMatchObject({ body: { result: { gen_utime: 1_800_000_000, prev_blocks: [{ workchain: 0, seqno: first - 1 }] } } })
    const page = { workchain: 0, shard: WHOLE_SHARD, seqno: first, count: 1 }
    const one = (await ask('getBlockTransactions', page)).body.result as { readonly incomplete: boolean; readonly transactions: readonly { readonly lt: string }[] }
    expect(one).toMatchObject({ incomplete: true })
    const other = await ask('getBlockTransactions', { ...page, after_lt: one.transactions[0]?.lt, after_hash: friend.hash.toString('base64') })
    expect(other).toMatchObject({ body: { result: { incomplete: false, transactions: [{ account: friend.toRawString() }] } } })
  })

  it('knows accounts and get methods as they were, as far back as it remembers', async () => {
    const friend = world.wallet().wallet.address
    const { latestSeqno: empty } = await world.client.getMasterchainInfo()
    await world.chain.faucet.give(friend, 1_000_000n)
    await world.chain.faucet.giveJetton({ to: friend, amount: 5n })
    await world.blocks(4)
    const { latestSeqno: full } = await world.client.getMasterchainInfo()
    const wallet = await world.jettonWallet(friend)
    const seen = async (seqno: number): Promise<readonly unknown[]> => Promise.all([
      ask('getAddressInformation', { address: friend.toString(), seqno }), ask('runGetMethod', { address: wallet.toString(), method: 'get_wallet_data', stack: [], seqno }),
    ])
    expect(await seen(empty)).toMatchObject([{ body: { result: { balance: 0, block_id: { seqno: empty } } } }, { body: { result: { exit_code: -13 } } }])
    expect(await seen(full)).toMatchObject([{ body: { result: { balance: '1000000' } } }, { body: { result: { exit_code: 0, stack: [['num', '0x5'], ['cell', {}], ['cell', {}], ['cell', {}]] } } }])
    expect(await ask('getAddressInformation', { address: friend.toString(), seqno: full + 1 })).toMatchObject({ status: 500 })
  })

  it('loses a fork that is not final: what was in it never happened, and what it interrupted goes on', async () => {
    const friend = world.wallet().wallet.address
    const before = await world.client.getBalance(world.stranger.wallet.address)
    await world.send([world.pay(friend, 1_000_000n)])
    await world.chain.dropNewestBlock()
    await world.blocks(2)
    expect(await world.client.getBalance(friend)).toBe(0n)
    expect(await world.client.getBalance(world.stranger.wallet.address)).toBe(before)
    await world.send([world.pay(friend, 1_000_000n)])
    await world.blocks()
    await world.chain.dropNewestBlock()
    expect(await world.client.getBalance(friend)).toBe(0n)
    await world.blocks()
    expect(await world.client.getBalance(friend)).toBe(1_000_000n)
    for (let block = 0; block < FINALIZED_AFTER; block++) await world.chain.dropNewestBlock()
    await expect(world.chain.dropNewestBlock()).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.argument')))
  })

  it('has a balance change in every transaction that is the difference of the states', async () => {
    const friend = world.wallet().wallet.address
    const refuser = await world.refuser()
    await world.chain.faucet.giveJetton({ to: world.stranger.wallet.address, amount: 1_000n })
    await world.send([world.pay(friend, 1_000_000n), internal({ to: refuser, value: 500_000_000n, bounce: true }), world.pay(refuser, 5_000_000n)])
    world.pass(100_000)
    await world.blocks(4)
    await world.send([world.transferJetton(await world.jettonWallet(world.stranger.wallet.address), friend, 10n, { forward: 1n, response: friend })])
    await world.blocks(5)
    let compared = 0
    for (let { seqno } = world.chain.newest; seqno > world.chain.oldest.seqno; seqno--) {
      const changes = new Map<string, bigint>()
      for (const { account, transaction } of world.chain.block(seqno).shardBlocks.flatMap(({ records }) => records)) {
        changes.set(account, (changes.get(account) ?? 0n) + transaction.balanceDelta)
      }
      for (const [account, change] of changes) {
        const address = Address.parseRaw(account)
        expect(balanceOf(world.chain.account(address, seqno)) - balanceOf(world.chain.account(address, seqno - 1)), account).toBe(change)
        compared++
      }
    }
    expect(compared).toBeGreaterThan(15)
  })

  it('says what it does not have, and what it does not take', async () => {
    expect(await ask('getTokenData', {})).toMatchObject({ status: 404, body: { ok: false, error: 'this node does not have the method getTokenData' } })
    expect(await ask('getAddressInformation', { address: 'nobody' })).toMatchObject({ status: 422, body: { error: 'Validation error: address is not an address' } })
    expect(await ask('runGetMethod', { address: world.jetton.toString(), method: 'get_jetton_data', stack: [['what', '1']] })).toMatchObject({ status: 422 })
    expect(await ask('getTransactions', { address: world.jetton.toString(), limit: 101 })).toMatchObject({ status: 422 })
    expect(await ask('faucet', { address: world.jetton.toString(), amount: '99999999999999999' })).toMatchObject({ status: 422 })
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(world.server.url, { method: 'POST', body: 'no json', headers })).status).toBe(422)
    expect((await fetch(world.server.url, { method: 'POST', body: 'x'.repeat(REQUEST_BYTES_MAX + 1), headers })).status).toBe(413)
    expect((await fetch(world.server.url)).status).toBe(404)
  })

  it('makes blocks by the clock when it is told to, and refuses a port that is taken', async () => {
    const running = await serveTonDevnet({ clock: systemClock(), random: countingRandom('running'), port: 0, blockMs: 50 })
    const { seqno } = running.chain.newest
    await expect.poll(() => running.chain.newest.seqno).toBeGreaterThan(seqno + 2)
    const port = Number(new URL(running.url).port)
    await expect(serveTonDevnet({ clock: systemClock(), random: countingRandom('other'), port, blockMs: 50 }))
      .rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.config')))
    await running.close()
  })
})

describe('a local TON chain', () => {
  it('remembers as many blocks as it was told, with what is in them, and the newest state of everybody', async () => {
    const chain = await TonDevnet.open({ clock: new ManualClock(), random: countingRandom('history'), finalizedAfter: 2, historyBlocks: 6 })
    const address = highloadWallet(countingRandom('somebody').bytes(32)).address
    for (let block = 0; block < 20; block++) {
      await chain.faucet.give(address, 1_000_000n)
      await chain.closeBlock()
    }
    await chain.closeBlock()
    expect(chain.transactions.of(address.toRawString())).toHaveLength(6 + 2)
    expect(() => chain.block(chain.oldest.seqno - 1)).toThrow('not in db')
    expect(balanceOf(chain.account(address, chain.newest.seqno))).toBe(20_000_000n)
    expect(balanceOf(chain.account(address, chain.oldest.seqno))).toBe(13_000_000n)
  })

  it('runs the published highload wallet, and jettons that are what their sources compile to', async () => {
    expect(highloadWallet(new Uint8Array(32)).init.code?.hash().toString('hex')).toBe(HIGHLOAD_CODE_HASH)
    const compiled = async (name: string): Promise<string> => {
      const targets = ['builtins.fc', 'jetton-common.fc', `${name}.fc`]
      const sources = targets.map((filename) => ({ filename, content: readFileSync(new URL(`contracts/${filename}`, import.meta.url), 'utf8') }))
      const result = await compileFunc({ sources, targets })
      return result.status === 'ok' ? Cell.fromBase64(result.codeBoc).hash().toString('hex') : result.message
    }
    expect(await compiled('jetton-wallet')).toBe(JETTON_WALLET_CODE.hash().toString('hex'))
    expect(await compiled('jetton-minter')).toBe(JETTON_MINTER_CODE.hash().toString('hex'))
  })
})
