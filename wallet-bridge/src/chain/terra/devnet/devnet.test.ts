import { isTxError, LCDClient, MsgDelegateFeedConsent, MsgMultiSend, Tx } from '@terra-money/terra.js'
import { ManualClock } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countingRandom } from '../../simulated/simulated-world.contract.js'
import { GAS_FEE, TerraWorld, type SendOptions } from './terra-world.js'
import { FAUCET_AMOUNT_MAX } from './faucet.js'
import { TerraDevnet } from './chain.js'
import { FEE_COLLECTOR } from './coins.js'
import { REQUEST_BYTES_MAX, serveTerraDevnet } from './server.js'

/** What the unmodified SDK sees of the local chain. */
describe('a local Terra Classic chain behind the unmodified LCDClient', () => {
  let world: TerraWorld
  let lcd: LCDClient
  beforeEach(async () => {
    world = await TerraWorld.open()
    lcd = world.lcd
  })
  afterEach(async () => {
    await world.close()
  })
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<{ readonly status: number; readonly body: unknown; readonly height: string | null }> => {
    const response = await fetch(`${world.server.url}${path}`, { headers })
    return { status: response.status, body: await response.json(), height: response.headers.get('grpc-metadata-x-cosmos-block-height') }
  }
  const lunaOf = async (address: string): Promise<string> => (await lcd.bank.balance(address))[0].get('uluna')?.amount.toFixed() ?? '0'
  /** What the node says of one transaction: its code. */
  const codeOf = async (tx: Tx): Promise<number> => {
    const answer = await lcd.tx.broadcastSync(tx)
    return isTxError(answer) ? Number(answer.code) : 0
  }
  const refused = async (options: SendOptions): Promise<number> => codeOf(await world.signed([world.pay(world.account().address, { uluna: '1' })], options))

  it('moves coins with a memo, at once in a block, and knows who has what', async () => {
    const { address } = world.account()
    const hash = await world.send([world.pay(address, { uluna: '1000000', uusd: '7' })], { memo: 'für dich' })
    expect(await lunaOf(address)).toBe('0')
    world.blocks()
    expect((await lcd.bank.balance(address))[0].toString()).toBe('1000000uluna,7uusd')
    const told = await lcd.tx.txInfo(hash)
    expect(told).toMatchObject({ txhash: hash, height: world.chain.height, code: 0 })
    expect(told.tx.body.memo).toBe('für dich')
    expect(told.logs?.[0]?.eventsByType['coin_received']).toEqual({ receiver: [address], amount: ['1000000uluna,7uusd'] })
    expect(await lcd.auth.accountInfo(address)).toMatchObject({ address, sequence: 0 })
    const info = await lcd.auth.accountInfo(world.stranger.address)
    expect([info.getSequenceNumber(), info.getPublicKey()?.address()]).toEqual([1, world.stranger.address])
    await expect(lcd.auth.accountInfo(world.account().address)).rejects.toThrow('404')
  })

  it('signs in both modes, estimates fees, and is broken by neither', async () => {
    const { address } = world.account()
    await world.send([world.pay(address, { uluna: '1000000' })], { mode: 'amino' })
    world.blocks()
    const wallet = lcd.wallet(world.stranger.key)
    const estimated = await wallet.createAndSignTx({ msgs: [world.pay(address, { uluna: '1000000' })], feeDenoms: ['uluna'] })
    expect(estimated.auth_info.fee.gas_limit).toBeGreaterThan(100_000)
    expect(await codeOf(estimated)).toBe(0)
    world.blocks()
    // The SDK pays for the gas alone: the second recipient is short by the tax.
    expect(await lunaOf(address)).toBe('1995000')
  })

  it('takes the tax from the recipient unless the fee covers gas and tax, to the last millionth', async () => {
    const gas = 200_000
    const [one, two, three] = [world.account(), world.account(), world.account()]
    await world.send([world.pay(one.address, { uluna: '1000000' })], { gas, fee: { uluna: '5670000' } })
    world.blocks()
    const short = await world.send([world.pay(two.address, { uluna: '1000000' })], { gas, fee: { uluna: '5669999' } })
    world.blocks()
    expect([await lunaOf(one.address), await lunaOf(two.address)]).toEqual(['1000000', '995000'])
    expect((await lcd.tx.txInfo(short)).logs?.[0]?.eventsByType['tax_payment']).toEqual({ reverse_charge: ['true'], tax_amount: ['5000uluna'] })
    // Gas in one coin, tax in the other.
    await world.send([world.pay(three.address, { uusd: '1000000' })], { gas, fee: { uluna: '5665000', uusd: '4999' } })
    world.blocks()
    await world.send([world.pay(three.address, { uusd: '1000000' })], { gas, fee: { uluna: '5665000', uusd: '5000' } })
    world.blocks()
    expect((await lcd.bank.balance(three.address))[0].toString()).toBe('1995000uusd')
    expect((await get('/terra/tax/v1beta1/burn_tax_rate')).body).toEqual({ tax_rate: '0.005000000000000000' })
    // What the legacy end says is not what is charged.
    expect((await lcd.treasury.taxRate()).toString()).toBe('0.001000000000000000')
    world.chain.setTaxRate(0n)
    await world.send([world.pay(world.account().address, { uluna: '1000000' })], { gas, fee: { uluna: '5665000' } })
    world.blocks()
    expect(await refused({ gas, fee: { uluna: '5664999' } })).toBe(13)
  })

  it('refuses with the codes of a node', async () => {
    const poor = world.account()
    await world.chain.give(poor.address, 'uluna', 1_000_000n)
    world.blocks()
    expect(await refused({ fee: { uluna: '1' } })).toBe(13)
    expect(await refused({ sequence: 7 })).toBe(32)
    expect(await refused({ from: poor })).toBe(8)
    expect(await codeOf(await world.signed([world.pay(poor.address, { uluna: '1' }, poor)], { from: poor }))).toBe(5)
    expect(await refused({ memo: 'x'.repeat(257) })).toBe(12)
    expect(await refused({ timeoutHeight: world.chain.height })).toBe(30)
    expect(await refused({ timeoutHeight: world.chain.height + 1 })).toBe(0)
    const next = { sequence: 1 }
    expect(await codeOf(await world.signed([new MsgDelegateFeedConsent('terravaloper1x', world.stranger.address)], next))).toBe(6)
    expect(await codeOf(await world.signed([world.pay('terra1nobody', { uluna: '1' })], next))).toBe(7)
    expect(await codeOf(await world.signed([world.pay(poor.address, { uluna: '0' })], next))).toBe(10)
    const good = await world.signed([world.pay(poor.address, { uluna: '5' })], next)
    const other = await world.signed([world.pay(poor.address, { uluna: '6' })], next)
    expect(await codeOf(new Tx(other.body, other.auth_info, good.signatures))).toBe(4)
    expect(await codeOf(good)).toBe(0)
    expect(await codeOf(good)).toBe(19)
    world.blocks()
    expect(await codeOf(good)).toBe(19)
    expect(await codeOf(other)).toBe(32)
  })

  it('takes one form of the bytes alone, and signatures with a low s alone', async () => {
    const tx = await world.signed([world.pay(world.account().address, { uluna: '1' })])
    const bytes = Buffer.from(lcd.tx.encode(tx), 'base64')
    // The same once more behind it, and a field that nobody knows.
    expect(world.chain.broadcast(Buffer.concat([bytes, Buffer.from([0x22, 0])])).code).toBe(2)
    expect(world.chain.broadcast(Buffer.concat([bytes, bytes])).code).toBe(2)
    expect(world.chain.broadcast(Buffer.from('nonsense')).code).toBe(2)
    const signature = Buffer.from(tx.signatures[0] ?? '', 'base64')
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const high = (order - BigInt(`0x${signature.subarray(32).toString('hex')}`)).toString(16).padStart(64, '0')
    const malleated = Buffer.concat([signature.subarray(0, 32), Buffer.from(high, 'hex')]).toString('base64')
    expect(await codeOf(new Tx(tx.body, tx.auth_info, [malleated]))).toBe(4)
    expect(await codeOf(tx)).toBe(0)
  })

  it('keeps the fee of what failed, undoes all of it, and admits nothing that cannot pay when its turn comes', async () => {
    const [payer, to] = [world.account(), world.account()]
    await world.chain.give(payer.address, 'uluna', 100_000_000n)
    world.blocks()
    const from = { from: payer, fee: { uluna: '12000000' } }
    const half = await world.send([world.pay(to.address, { uluna: '1000' }, payer), world.pay(to.address, { uluna: '99999999' }, payer)], from)
    world.blocks()
    expect(await lcd.tx.txInfo(half)).toMatchObject({ code: 5, raw_log: expect.stringContaining('message index: 1') as string })
    expect([await lunaOf(payer.address), await lunaOf(to.address)]).toEqual(['88000000', '0'])
    const greedy = await world.send([world.pay(to.address, { uluna: '1' }, payer)], { ...from, gas: 100_000 })
    world.blocks()
    expect(await lcd.tx.txInfo(greedy)).toMatchObject({ code: 11 })
    // Both are let in, since what messages move is not looked at; the second finds nothing left for its fee.
    const first = await world.send([world.pay(to.address, { uluna: '60000000' }, payer)], from)
    const second = await world.signed([world.pay(to.address, { uluna: '1' }, payer)], { ...from, sequence: 3 })
    expect(await codeOf(second)).toBe(0)
    world.blocks()
    expect(await lcd.tx.txInfo(first)).toMatchObject({ code: 0 })
    expect(await lcd.tx.txInfo(await lcd.tx.hash(second))).toMatchObject({ code: 5, height: world.chain.height })
    expect((await lcd.auth.accountInfo(payer.address)).getSequenceNumber()).toBe(3)
    await world.send([world.pay(payer.address, { uluna: '20000000' })])
    world.blocks()
    // Its number was not used up: the same bytes may land now.
    expect(await codeOf(second)).toBe(0)
    world.blocks()
    expect(await lcd.tx.txInfo(await lcd.tx.hash(second))).toMatchObject({ code: 0, height: world.chain.height })
  })

  it('joins what happened in one message into one event of each type', async () => {
    const outputs = [world.account(), world.account()].map(({ address }) => new MsgMultiSend.Output(address, { uluna: '500' }))
    const hash = await world.send([new MsgMultiSend([new MsgMultiSend.Input(world.stranger.address, { uluna: '1000' })], outputs)])
    world.blocks()
    const { logs } = await lcd.tx.txInfo(hash)
    expect(logs?.[0]?.eventsByType['coin_received']).toEqual({ receiver: outputs.map(({ address }) => address), amount: ['500uluna', '500uluna'] })
  })

  it('moves CW20 tokens, through contracts too, and answers what is asked of them', async () => {
    const [to, inner] = [world.account(), world.account()]
    const forwarder = world.chain.createForwarder()
    await world.send([world.giveToken(to.address, 1_000n)])
    world.blocks()
    const msg = Buffer.from(JSON.stringify({ to: inner.address })).toString('base64')
    await world.send([world.call(world.token, { send: { contract: forwarder, amount: '300', msg } }), world.call(forwarder, { forward: { to: inner.address } }, { uluna: '1000000' })])
    world.blocks()
    const balanceOf = (address: string): Promise<unknown> => lcd.wasm.contractQuery(world.token, { balance: { address } })
    expect([await balanceOf(to.address), await balanceOf(inner.address), await balanceOf(forwarder)]).toEqual([{ balance: '1000' }, { balance: '300' }, { balance: '0' }])
    // Whatever a contract sends, its recipient pays the tax.
    expect(await lunaOf(inner.address)).toBe('995000')
    expect(await lcd.wasm.contractQuery(world.token, { token_info: {} })).toMatchObject({ symbol: 'PLAY', decimals: 6 })
    const failed = await world.send([world.giveToken(to.address, 10n ** 30n)])
    world.blocks()
    expect(await lcd.tx.txInfo(failed)).toMatchObject({ code: 5, codespace: 'wasm' })
    await expect(lcd.wasm.contractQuery(forwarder, { balance: {} })).rejects.toThrow('500')
  })

  it('searches as today\'s node does, traps included', async () => {
    const { address } = world.account()
    for (let amount = 1; amount <= 3; amount++) {
      await world.send([world.pay(address, { uluna: String(amount) })])
      world.blocks()
    }
    const events = [{ key: 'transfer.recipient', value: address }]
    const found = await lcd.tx.search({ events })
    expect(found.txs.map(({ height }) => height)).toEqual([world.chain.height - 2, world.chain.height - 1, world.chain.height])
    expect((await lcd.tx.search({ events: [{ key: 'tx.height', value: String(world.chain.height) }] })).txs).toHaveLength(1)
    const search = (query: string): Promise<{ readonly status: number; readonly body: unknown }> => get(`/cosmos/tx/v1beta1/txs?events=transfer.recipient='${address}'${query}`)
    const heights = ({ body }: { readonly body: unknown }): readonly unknown[] => (body as { readonly tx_responses: readonly { readonly height: string }[] }).tx_responses.map(({ height }) => Number(height))
    expect(heights(await search('&order_by=2&page=1&limit=2'))).toEqual([world.chain.height, world.chain.height - 1])
    expect(heights(await search('&order_by=2&page=2&limit=2'))).toEqual([world.chain.height - 2])
    expect(heights(await search('&pagination.limit=1'))).toHaveLength(3)
    expect(await search('&order_by=ORDER_BY_DESC')).toMatchObject({ status: 400, body: { code: 3, message: expect.stringContaining('strconv.ParseInt') as string } })
    expect(await search('&page=9')).toMatchObject({ status: 500 })
    expect(await get(`/cosmos/tx/v1beta1/txs?query=transfer.recipient='${address}'`)).toMatchObject({ status: 400 })
    expect(await get('/cosmos/tx/v1beta1/txs?events=nonsense')).toMatchObject({ status: 400 })
    await expect(lcd.tx.txInfo('00')).rejects.toThrow('404')
  })

  it('makes blocks that name each other, and tells what was at the end of each', async () => {
    const { address } = world.account()
    await world.send([world.pay(address, { uluna: '5' })])
    world.blocks(2)
    const { height } = world.chain
    const [before, block] = [await lcd.tendermint.blockInfo(height - 1), await lcd.tendermint.blockInfo()]
    expect(block.block.header).toMatchObject({ height: String(height), chain_id: 'localterra', last_block_id: { hash: before.block_id.hash } })
    expect(before.block.data.txs).toHaveLength(1)
    expect(await lcd.tx.txInfosByHeight(height - 1)).toHaveLength(1)
    const at = (of: number): ReturnType<typeof get> => get(`/cosmos/bank/v1beta1/balances/${address}/by_denom?denom=uluna`, { 'x-cosmos-block-height': String(of) })
    expect(await at(height - 2)).toEqual({ status: 200, body: { balance: { denom: 'uluna', amount: '0' } }, height: String(height - 2) })
    expect(await at(height - 1)).toMatchObject({ body: { balance: { amount: '5' } } })
    expect(await at(height + 1)).toMatchObject({ status: 500 })
    expect(await get('/cosmos/base/tendermint/v1beta1/blocks/99999')).toMatchObject({ status: 400 })
    expect((await lcd.tendermint.nodeInfo() as { readonly default_node_info: { readonly network: string } }).default_node_info.network).toBe('localterra')
    expect(await lcd.tendermint.syncing()).toBe(false)
  })

  it('forgets old blocks and says so, and knows how much it takes', async () => {
    const chain = new TerraDevnet({ clock: new ManualClock(), random: countingRandom('short'), historyBlocks: 3, blockTransactions: 2 })
    const { address } = world.account()
    const hash = await chain.give(address, 'uluna', 5n)
    for (let block = 0; block < 3; block++) chain.closeBlock()
    expect([chain.firstHeight, chain.height, chain.record(hash)?.height]).toEqual([2, 4, 2])
    chain.closeBlock()
    expect([chain.block(2), chain.record(hash), chain.amount(address, 'uluna')]).toEqual([undefined, undefined, 5n])
    for (let given = 0; given < 3; given++) await chain.give(address, 'uluna', 1n)
    expect([chain.closeBlock(), chain.closeBlock(), chain.closeBlock()].map(({ transactions }) => transactions.length)).toEqual([2, 1, 0])
    expect(chain.amount(address, 'uluna')).toBe(8n)
  })

  it('gives play money, many at a time, and no more than there is to give', async () => {
    const { address } = world.account()
    const ask = async (body: unknown): Promise<number> => (await fetch(`${world.server.url}/faucet`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })).status
    expect(await Promise.all([1, 2, 3].map((amount) => ask({ address, denom: 'uluna', amount: String(amount) })))).toEqual([200, 200, 200])
    expect(await ask({ address, denom: world.token, amount: '9' })).toBe(200)
    world.blocks()
    expect([await lunaOf(address), world.chain.amount(address, world.token)]).toEqual(['6', 9n])
    for (const body of [{}, [], { address, denom: 'ukrw', amount: '1' }, { address, denom: 'uluna', amount: '-1' }, { address: 'x', denom: 'uluna', amount: '1' },
      { address, denom: 'uluna', amount: String(FAUCET_AMOUNT_MAX + 1n) }]) expect(await ask(body), JSON.stringify(body)).toBe(400)
    expect((await get('/faucet')).body).toMatchObject({ address: world.chain.faucet.address, token: world.token })
  })

  it('neither makes nor loses money', async () => {
    const people = [world.account(), world.account(), world.stranger]
    await world.send([world.pay(people[0]?.address ?? '', { uluna: '1000000' })], { fee: { uluna: String(GAS_FEE) } })
    world.blocks()
    const holders = [...people.map(({ address }) => address), world.chain.faucet.address, FEE_COLLECTOR]
    expect(holders.reduce((sum, holder) => sum + world.chain.amount(holder, 'uluna'), 0n)).toBe(world.chain.faucet.supply)
  })

  it('answers 501 to what it lacks, 400 to what is broken and 413 to what is too long', async () => {
    await expect(lcd.staking.validators()).rejects.toThrow('501')
    expect(await get('/cosmos/staking/v1beta1/pool')).toMatchObject({ status: 501, body: { code: 12, message: 'Not Implemented' } })
    expect(await get('//')).toMatchObject({ status: 501 })
    expect(await get('/cosmos/bank/v1beta1/balances/nobody')).toMatchObject({ status: 400 })
    expect(await get('/cosmos/tx/v1beta1/txs/00', { 'x-cosmos-block-height': 'x' })).toMatchObject({ status: 400 })
    const post = async (path: string, body: string): Promise<number> => (await fetch(`${world.server.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).status
    expect(await post('/cosmos/tx/v1beta1/txs', '{')).toBe(400)
    expect(await post('/cosmos/tx/v1beta1/txs', JSON.stringify({ tx_bytes: 'AAAA', mode: 'BROADCAST_MODE_BLOCK' }))).toBe(400)
    expect(await post('/cosmos/tx/v1beta1/simulate', JSON.stringify({ tx_bytes: 'AAAA' }))).toBe(500)
    expect(await post('/cosmos/tx/v1beta1/txs', 'x'.repeat(REQUEST_BYTES_MAX + 1)).catch(() => 413)).toBe(413)
    expect((await fetch(`${world.server.url}/health`)).status).toBe(200)
  })

  it('is one chain behind several endpoints, makes blocks on a clock, and refuses a port that is taken', async () => {
    const other = await world.server.another()
    await world.send([world.pay(world.account().address, { uluna: '5' })])
    world.blocks()
    expect((await new LCDClient({ URL: other.url, chainID: 'localterra' }).tendermint.blockInfo()).block.header.height).toBe(String(world.chain.height))
    const clock = new ManualClock()
    const options = { clock, random: countingRandom('clock'), blockMs: 1_000 }
    const server = await serveTerraDevnet({ ...options, port: 0 })
    const { height } = server.chain
    clock.advance(3_500)
    expect(server.chain.height).toBe(height + 3)
    await expect(serveTerraDevnet({ ...options, port: Number(new URL(server.url).port) })).rejects.toSatisfy((error) => isEvegramError(error, 'invalid.config'))
    await server.close()
    await other.close()
  })

  it('takes fees in uusd, and several transactions of one account in one block', async () => {
    await world.send([world.pay(world.account().address, { uluna: '100' })], { fee: { uusd: '400000' } })
    const second = await world.signed([world.pay(world.account().address, { uluna: '100' })], { sequence: 1 })
    expect(await codeOf(second)).toBe(0)
    world.blocks()
    expect((await lcd.auth.accountInfo(world.stranger.address)).getSequenceNumber()).toBe(2)
  })
})
