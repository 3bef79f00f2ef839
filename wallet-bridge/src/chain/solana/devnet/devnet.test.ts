import { type Connection, PublicKey, SystemProgram } from '@solana/web3.js'
import { ManualClock, systemClock } from '@evegram/platform'
import { isEvegramError, utf8 } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { associatedTokenAddress } from '../instructions.js'
import { countingRandom, DECIMALS, memo, SolanaWorld, TOKEN } from './solana-world.js'
import { BLOCKHASH_AGE_MAX, SolanaDevnet } from './chain.js'
import { BATCH_MAX, REQUEST_BYTES_MAX, serveSolanaDevnet } from './server.js'

/** What the unmodified SDK sees of the local chain. */
describe('a local Solana chain behind the unmodified Connection', () => {
  let world: SolanaWorld
  let connection: Connection
  beforeEach(async () => {
    world = await SolanaWorld.open()
    connection = world.connection
  })
  afterEach(async () => {
    await world.close()
  })
  const versions = { maxSupportedTransactionVersion: 0 } as const

  it('gives play money out, and knows balances by commitment', async () => {
    const { publicKey } = world.keypair()
    await connection.requestAirdrop(publicKey, 5_000_000)
    const seen = (): Promise<readonly number[]> =>
      Promise.all((['processed', 'confirmed', 'finalized'] as const).map((commitment) => connection.getBalance(publicKey, commitment)))
    expect(await seen()).toEqual([5_000_000, 0, 0])
    world.blocks()
    expect(await seen()).toEqual([5_000_000, 5_000_000, 0])
    world.makeFinal()
    expect(await seen()).toEqual([5_000_000, 5_000_000, 5_000_000])
  })

  it('records a transfer with its memo, its fee and the balances before and after', async () => {
    const { publicKey } = world.keypair()
    const before = await connection.getBalance(world.stranger.publicKey)
    const signature = await world.send([world.pay(publicKey, 2_000_000n), memo(utf8('usdc:7'))])
    world.makeFinal()
    const told = await connection.getTransaction(signature, versions)
    expect(told?.meta).toMatchObject({ err: null, fee: 5_000, preBalances: [before, 0, 1, 1], postBalances: [before - 2_005_000, 2_000_000, 1, 1] })
    expect(told?.transaction.message.staticAccountKeys[1]?.equals(publicKey)).toBe(true)
    expect(await connection.getSignaturesForAddress(publicKey)).toMatchObject([{ signature, slot: told?.slot, err: null, memo: '[6] usdc:7', confirmationStatus: 'finalized' }])
    const parsed = await connection.getParsedTransaction(signature, versions)
    expect(parsed?.transaction.message.instructions).toMatchObject([
      { program: 'system', parsed: { type: 'transfer', info: { destination: publicKey.toBase58(), lamports: 2_000_000 } } }, { program: 'spl-memo', parsed: 'usdc:7' },
    ])
  })

  it('moves tokens of both programs, with what a transfer fee keeps back and what a program called', async () => {
    const [from, to] = [world.keypair(), world.keypair()]
    await connection.requestAirdrop(from.publicKey, 100_000_000)
    for (const [fee, arrives] of [[undefined, 1_000_000n], [{ basisPoints: 250, max: 10_000_000n }, 975_000n]] as const) {
      const token = await world.mint(fee)
      await world.send(world.give(token, from.publicKey, 5_000_000n))
      const signature = await world.send(world.transfer(token, from.publicKey, to.publicKey, 1_000_000n, from.publicKey), [from], fee === undefined ? 'legacy' : 0)
      world.makeFinal()
      const account = associatedTokenAddress(to.publicKey, token.mint, token.program)
      expect((await connection.getTokenAccountBalance(account)).value).toMatchObject({ amount: String(arrives), decimals: DECIMALS })
      const meta = (await connection.getTransaction(signature, versions))?.meta
      expect(meta?.preTokenBalances).toMatchObject([{ owner: from.publicKey.toBase58(), uiTokenAmount: { amount: '5000000' } }])
      expect(meta?.postTokenBalances?.map(({ owner, uiTokenAmount }) => [owner, uiTokenAmount.amount])).toEqual(expect.arrayContaining([
        [from.publicKey.toBase58(), '4000000'], [to.publicKey.toBase58(), String(arrives)],
      ]))
      // The associated account was opened by instructions that no wallet wrote.
      expect(meta?.innerInstructions?.[0]?.instructions.length).toBeGreaterThan(1)
      const held = await connection.getParsedTokenAccountsByOwner(to.publicKey, { mint: token.mint })
      expect(held.value.map(({ pubkey, account: { data } }) => [pubkey.toBase58(), JSON.stringify(data.parsed)])).toEqual([
        [account.toBase58(), expect.stringContaining(`"amount":"${String(arrives)}"`)],
      ])
      expect((await connection.getTokenAccountsByOwner(to.publicKey, { programId: token.program })).value).toHaveLength(1)
      expect((await connection.getTokenSupply(token.mint)).value.amount).toBe('5000000')
    }
  })

  it('pages the history of an address', async () => {
    const { publicKey } = world.keypair()
    const sent: string[] = []
    for (let lamports = 1_000_000n; lamports < 1_000_005n; lamports++) sent.push(await world.send([world.pay(publicKey, lamports)]))
    world.makeFinal()
    const signatures = async (options: { before?: string; until?: string; limit?: number }): Promise<readonly string[]> =>
      (await connection.getSignaturesForAddress(publicKey, options)).map(({ signature }) => signature)
    expect(await signatures({})).toEqual(sent.toReversed())
    expect(await signatures({ limit: 2 })).toEqual([sent[4], sent[3]])
    expect(await signatures({ before: sent[3]!, limit: 2 })).toEqual([sent[2], sent[1]])
    expect(await signatures({ until: sent[2]! })).toEqual([sent[4], sent[3]])
  })

  it('refuses in its preflight what would fail, and lands it without one: the fee is kept', async () => {
    const [poor, rich] = [world.keypair(), world.keypair()]
    await connection.requestAirdrop(poor.publicKey, 2_000_000)
    world.blocks()
    const transfer = SystemProgram.transfer({ fromPubkey: poor.publicKey, toPubkey: rich.publicKey, lamports: 50_000_000 })
    const { blockhash } = await connection.getLatestBlockhash()
    expect(blockhash).not.toBe('')
    const signature = await world.send([transfer], [poor])
    world.makeFinal()
    expect((await connection.getTransaction(signature, versions))?.meta).toMatchObject({ err: { InstructionError: [0, { Custom: 1 }] }, fee: 5_000 })
    expect(await connection.getBalance(poor.publicKey)).toBe(1_995_000)
    expect((await connection.getSignatureStatus(signature)).value).toMatchObject({ err: { InstructionError: [0, { Custom: 1 }] }, confirmationStatus: 'finalized' })
    const bytes = world.chain.transaction(signature)!.wire
    await expect(connection.sendRawTransaction(bytes)).rejects.toThrow('already been processed')
  })

  it('takes bytes once, and none whose block hash is over', async () => {
    const { publicKey } = world.keypair()
    const signature = await world.send([world.pay(publicKey, 1_000_000n)])
    const bytes = world.chain.transaction(signature)!.wire
    expect(await connection.sendRawTransaction(bytes, { skipPreflight: true })).toBe(signature)
    world.makeFinal()
    expect(await connection.getBalance(publicKey)).toBe(1_000_000)
    const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash('finalized')
    expect(lastValidBlockHeight).toBe(await connection.getBlockHeight('finalized') + BLOCKHASH_AGE_MAX)
    while (await connection.getBlockHeight('processed') < lastValidBlockHeight) world.blocks()
    expect((await connection.isBlockhashValid(blockhash, { commitment: 'processed' })).value).toBe(true)
    world.blocks()
    expect((await connection.isBlockhashValid(blockhash, { commitment: 'processed' })).value).toBe(false)
    await expect(connection.sendRawTransaction(bytes)).rejects.toThrow('Blockhash not found')
  })

  it('takes a transaction in the last block in which its hash is valid, and not behind it', async () => {
    const { publicKey } = world.keypair()
    const { lastValidBlockHeight } = await connection.getLatestBlockhash('confirmed')
    const prepared = await Promise.all([1_000_000n, 1_000_001n].map(async (lamports) => {
      const signature = await world.send([world.pay(publicKey, lamports)])
      return { signature, wire: world.chain.transaction(signature)!.wire }
    }))
    world.blocks()
    world.chain.dropNewestBlock()
    // What is sent now gets into the block above the newest.
    while (await connection.getBlockHeight('processed') < lastValidBlockHeight - 1) world.blocks()
    expect(await connection.sendRawTransaction(prepared[0]!.wire)).toBe(prepared[0]!.signature)
    world.blocks()
    await expect(connection.sendRawTransaction(prepared[1]!.wire)).rejects.toThrow('Blockhash not found')
  })

  it('refuses a signature that is none', async () => {
    const signature = await world.send([world.pay(world.keypair().publicKey, 1_000_000n)])
    const wire = new Uint8Array(world.chain.transaction(signature)!.wire)
    wire[1] = wire[1]! ^ 1
    await expect(connection.sendRawTransaction(wire)).rejects.toThrow('signature verification failure')
  })

  it('shows its blocks in one unbroken chain, whose slots have gaps', async () => {
    const first = await connection.getSlot('confirmed')
    const { publicKey } = world.keypair()
    const signature = await world.send([world.pay(publicKey, 1_000_000n)])
    world.chain.skipSlot()
    world.makeFinal()
    const last = await connection.getSlot('confirmed')
    const slots = await connection.getBlocks(first, last, 'confirmed')
    expect(slots).toEqual([first, ...Array.from({ length: 5 }, (_, index) => first + 2 + index)])
    const blocks = await Promise.all(slots.map((slot) => connection.getBlock(slot, { ...versions, commitment: 'confirmed', transactionDetails: 'accounts', rewards: false })))
    for (const [index, block] of blocks.entries()) {
      if (index === 0) continue
      expect(block).toMatchObject({ parentSlot: slots[index - 1], previousBlockhash: blocks[index - 1]?.blockhash })
    }
    expect(blocks[1]?.transactions).toMatchObject([{ meta: { err: null }, transaction: { signatures: [signature], accountKeys: [{}, { pubkey: publicKey }, {}] } }])
    await expect(connection.getBlock(first + 1, { ...versions, commitment: 'confirmed' })).rejects.toThrow('skipped')
    expect(await connection.getFirstAvailableBlock()).toBeLessThan(first)
    // Heights count blocks, slots count turns.
    expect(await connection.getEpochInfo('finalized')).toMatchObject({ absoluteSlot: await connection.getSlot('finalized'), blockHeight: await connection.getBlockHeight('finalized') })
    expect(await connection.getBlockHeight()).toBeLessThan(await connection.getSlot())
  })

  it('forgets the newest block when a fork loses, never a final one, and takes its transactions again', async () => {
    const { publicKey } = world.keypair()
    const token = await world.mint()
    const owned = associatedTokenAddress(publicKey, token.mint, TOKEN)
    world.makeFinal()
    const before = await connection.getBalance(world.stranger.publicKey)
    const signature = await world.send([world.pay(publicKey, 1_000_000n), ...world.give(token, publicKey, 7n)])
    world.blocks()
    const slot = await connection.getSlot('confirmed')
    expect((await connection.getSignatureStatus(signature)).value?.confirmationStatus).toBe('confirmed')
    const { wire } = world.chain.transaction(signature)!
    world.chain.dropNewestBlock()
    expect((await connection.getSignatureStatus(signature)).value).toBeNull()
    expect(await connection.getBalance(publicKey, 'processed')).toBe(0)
    expect(await connection.getBalance(world.stranger.publicKey, 'processed')).toBe(before)
    expect(await connection.getAccountInfo(owned, 'processed')).toBeNull()
    expect((await connection.getTokenSupply(token.mint, 'processed')).value.amount).toBe('0')
    expect(await connection.getSignaturesForAddress(publicKey, {}, 'confirmed')).toEqual([])
    world.makeFinal()
    expect(await connection.getBlocks(slot, slot + 2, 'confirmed')).toEqual([slot + 1, slot + 2])
    expect(await connection.sendRawTransaction(wire)).toBe(signature)
    world.makeFinal()
    expect(await connection.getBalance(publicKey)).toBe(1_000_000)
    for (let height = 0; height < 3; height++) world.chain.dropNewestBlock()
    expect(() => world.chain.dropNewestBlock()).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.argument')))
    const { slot: final } = world.chain.newest('finalized')
    world.blocks()
    expect(world.chain.newest('finalized').slot).toBe(final)
  })

  it('tells websockets what they subscribed to, at the commitment that they named', async () => {
    const { publicKey } = world.keypair()
    const heard: string[] = []
    const account = connection.onAccountChange(publicKey, ({ lamports }) => heard.push(`account ${String(lamports)}`), { commitment: 'confirmed' })
    const logs = connection.onLogs(publicKey, ({ signature }) => heard.push(`logs ${signature}`), 'confirmed')
    // Subscribing takes the SDK a while, and it does not say when it is done.
    let [balance, last] = [0, '']
    await until(async () => {
      last = await world.send([world.pay(publicKey, 1_000_000n)])
      balance += 1_000_000
      world.blocks()
      return heard.some((line) => line.startsWith('account')) && heard.some((line) => line.startsWith('logs'))
    })
    await until(async () => heard.includes(`account ${String(balance)}`) && heard.includes(`logs ${last}`))
    heard.length = 0
    const signature = await world.send([world.pay(publicKey, 1_000_001n)])
    await connection.getSlot()
    expect(heard).toEqual([])
    const confirmation = connection.confirmTransaction({ signature, ...await connection.getLatestBlockhash() }, 'confirmed')
    world.blocks()
    expect((await confirmation).value.err).toBeNull()
    await until(async () => heard.length === 2)
    expect(heard.toSorted()).toEqual([`account ${String(balance + 1_000_001)}`, `logs ${signature}`])
    await connection.removeAccountChangeListener(account)
    await connection.removeOnLogsListener(logs)
  })

  it('costs what it says, also with a price for compute units', async () => {
    const transfer = world.pay(world.keypair().publicKey, 1_000_000n)
    const signature = await world.send([transfer])
    const record = world.chain.transaction(signature)!
    const asked = await connection.getFeeForMessage(record.transaction.message)
    expect(BigInt(asked.value ?? 0)).toBe(record.fee)
  })

  it('answers clearly what it does not have, and what is too much', async () => {
    const headers = { 'content-type': 'application/json' }
    const ask = async (body: string): Promise<unknown> => (await fetch(world.server.url, { method: 'POST', body, headers })).json()
    expect(await ask('{"jsonrpc":"2.0","id":1,"method":"getVoteAccounts"}')).toMatchObject({ error: { code: -32601 }, id: 1 })
    expect(await ask('{"jsonrpc":"2.0","id":1,"method":"getBalance","params":["nonsense"]}')).toMatchObject({ error: { code: -32602 } })
    expect(await ask('{"jsonrpc":"2.0","id":1,"method":"constructor"}')).toMatchObject({ error: { code: -32601 } })
    expect(await ask('{')).toMatchObject({ error: { code: -32700 } })
    expect(await ask('7')).toMatchObject({ error: { code: -32600 } })
    const health = { jsonrpc: '2.0', id: 2, method: 'getHealth' }
    expect(await ask(JSON.stringify([health, health]))).toMatchObject([{ result: 'ok' }, { result: 'ok' }])
    expect(await ask(JSON.stringify(Array.from({ length: BATCH_MAX + 1 }, () => health)))).toMatchObject({ error: { code: -32600 } })
    expect((await fetch(world.server.url, { method: 'POST', body: 'x'.repeat(REQUEST_BYTES_MAX + 1), headers })).status).toBe(413)
    expect((await fetch(world.server.url)).status).toBe(405)
    expect(await (await fetch(`${world.server.url}/health`)).text()).toBe('ok')
    await expect(connection.requestAirdrop(PublicKey.default, Number.MAX_SAFE_INTEGER)).rejects.toThrow('airdrop')
  })

  it('keeps slots by the clock when it is told to, and refuses ports that are taken', async () => {
    const running = await serveSolanaDevnet({ clock: systemClock(), random: countingRandom('running'), port: 0, slotMs: 20 })
    const slot = running.chain.openSlot
    await until(async () => running.chain.openSlot > slot + 2)
    const port = Number(new URL(running.url).port)
    await expect(serveSolanaDevnet({ clock: systemClock(), random: countingRandom('other'), port, slotMs: 20 }))
      .rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.config')))
    await running.close()
  })
})

describe('a local Solana chain', () => {
  it('remembers as many blocks as it was told, with what is in them, and never forgets what is not final', () => {
    const chain = new SolanaDevnet({ clock: new ManualClock(), random: countingRandom('history'), finalizedAfter: 4, historyBlocks: 10 })
    const address = new PublicKey(countingRandom('somebody').bytes(32)).toBase58()
    const signatures = Array.from({ length: 30 }, (_, index) => {
      const signature = chain.airdrop(address, 1_000_000n + BigInt(index))
      chain.closeSlot()
      return signature
    })
    const kept = signatures.filter((signature) => chain.transaction(signature) !== undefined)
    expect(kept).toEqual(signatures.slice(-10))
    expect(chain.transactionsOf(address).map(({ signature }) => signature)).toEqual(kept)
    expect(chain.block(chain.oldest.slot - 1)).toBeUndefined()
    expect(chain.account(address, 'finalized')?.lamports).toBe(signatures.slice(0, -4).reduce((sum, _, index) => sum + 1_000_000n + BigInt(index), 0n))
  })
})

/** Asks until it is so; a test that waits in vain ends by its own time limit. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}
