import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createLocalWallet, type Client, type LocalWallet } from '@evegram/sdk'
import { createNodeClient } from '@evegram/sdk/node'
import { hexOf } from '@evegram/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ask, post, settings, startProgram, temporaryFolder, type ServerProcess } from './testing/server.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const PLAY = 'simulated/play'
const [ALICE_SEED, BOB_SEED] = [new Uint8Array(32).fill(11), new Uint8Array(32).fill(12)]
/** An address of the chain of play money that nobody of the server has. */
const OUTSIDE_KEY = hexOf(new Uint8Array(32).fill(7))

// Blocks take their second each, and programs start here.
vi.setConfig({ testTimeout: 240_000 })

describe('play money on the server as a program', () => {
  const folder = temporaryFolder()
  const programs: ServerProcess[] = []
  const people: Client[] = []
  const start = (dataDir: string, more: Readonly<Record<string, string>> = {}, args: readonly string[] = []): ServerProcess => {
    const program = startProgram(args, settings(dataDir, more))
    programs.push(program)
    return program
  }
  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [join(root, 'tools/build.mjs'), 'standalone'], { timeout: 200_000 })
  }, 240_000)
  afterEach(async () => {
    for (const client of people.splice(0)) await client.close()
    for (const { child, ended } of programs.splice(0)) {
      child.kill('SIGKILL')
      await ended
    }
  })
  afterAll(() => folder.remove())

  it('goes from the faucet to Alice, to Bob in a chat, and out to the chain, over kill -9, and comes back from a backup with ledger and chain in step', async () => {
    const dataDir = join(folder.path, 'data')
    const first = start(dataDir)
    const { ports } = await first.listening()
    const same = { EVEGRAM_HTTP_PORT: String(ports.http), EVEGRAM_WS_PORT: String(ports.ws), EVEGRAM_ADMIN_PORT: String(ports.admin) }
    const url = `http://localhost:${String(ports.http)}`
    const chain = new PlayChain(url)
    const operator = new Operator(url, readFileSync(join(dataDir, 'operator-token'), 'utf8').trim())
    const [alice] = await person(url, 'alice', createLocalWallet('solana', ALICE_SEED))
    const [bob, bobsWallet] = await person(url, 'bob', createLocalWallet('terra', BOB_SEED))

    // In: credited when it is final, and what nobody can be named for is in suspense.
    const place = await alice.wallet.depositPlace('simulated')
    await chain.give(place.address, 25_000_000n, place.memo)
    await chain.give(place.address, 3n, 'to nobody')
    await expect.poll(() => held(alice), { timeout: 60_000, interval: 500 }).toBe(25_000_000n)
    expect(await chain.balance(place.address)).toBe(25_000_003n)

    // Between people: at once, told in the chat, proved by Bob's own statement.
    const conversation = await alice.conversation(bob.address)
    await (await alice.wallet.pay(conversation, { asset: PLAY, amount: 10_000_000n, note: 'dinner' })).done
    await expect.poll(() => held(bob), { timeout: 30_000 }).toBe(10_000_000n)
    expect(await held(alice)).toBe(15_000_000n)

    // Out: asked for, then the server dies. What was asked for arrives, once.
    const form = { 'origin': `http://localhost:${String(ports.admin)}`, 'content-type': 'application/x-www-form-urlencoded' }
    const { headers: { 'set-cookie': [set = ''] = [] } } = await post(ports.admin, '/operator/sign-in', `token=${readFileSync(join(dataDir, 'operator-token'), 'utf8').trim()}`, form)
    const [cookie = ''] = set.split(';')
    expect((await ask(ports.admin, '/operator', { cookie })).status).toBe(200)
    const to = await chain.addressOf(OUTSIDE_KEY)
    const { id } = await bob.wallet.withdraw(bobsWallet, { asset: PLAY, amount: 4_000_000n, to })
    first.child.kill('SIGKILL')
    await first.ended
    const second = start(dataDir, same)
    await second.listening()
    // No session of an operator outlives the process.
    expect((await ask(ports.admin, '/operator', { cookie })).status).toBe(401)
    await expect.poll(() => chain.balance(to), { timeout: 90_000, interval: 500 }).toBe(4_000_000n)
    await expect.poll(async () => (await bob.wallet.withdrawal(id)).state, { timeout: 60_000, interval: 500 }).toBe('paid')
    const fee = BigInt((await bob.wallet.withdrawal(id)).fee ?? 0n)
    expect(fee).toBeGreaterThan(0n)
    expect([await held(alice), await held(bob)]).toEqual([15_000_000n, 6_000_000n - fee])
    expect(await chain.balance(place.address)).toBe(21_000_003n - fee)
    expect(await operator.reconcile()).toMatchObject({ status: 'done', drift: false })

    // A backup of the running server is of one moment: what happens behind it is in neither of ledger and chain.
    const backup = join(folder.path, 'backup')
    expect(await start(dataDir, same, ['backup', '--to', backup]).ended).toBe(0)
    expect(existsSync(join(dataDir, 'wally-snapshot'))).toBe(false)
    await chain.give(place.address, 1_000_000n, place.memo)
    await expect.poll(() => held(alice), { timeout: 60_000, interval: 500 }).toBe(16_000_000n)
    second.child.kill('SIGTERM')
    expect(await second.ended).toBe(0)

    const restored = join(folder.path, 'restored')
    expect(await start(restored, {}, ['restore', '--from', backup]).ended).toBe(0)
    const third = start(restored, same)
    await third.listening()
    expect([await held(alice), await held(bob)]).toEqual([15_000_000n, 6_000_000n - fee])
    expect(await chain.balance(to)).toBe(4_000_000n)
    expect(await operator.reconcile()).toMatchObject({ status: 'done', drift: false })
    expect(await chain.give(place.address, 1n, place.memo)).toBe(202)
    await expect.poll(() => held(alice), { timeout: 60_000, interval: 500 }).toBe(15_000_001n)
  })

  async function person(url: string, name: string, wallet: LocalWallet): Promise<readonly [Client, LocalWallet]> {
    const client = await createNodeClient({ url, profile: join(folder.path, name), wallet, requests: 'accept-all' })
    people.push(client)
    return [client, wallet]
  }

  async function held(client: Client): Promise<bigint> {
    return (await client.wallet.balances()).find(({ asset }) => asset === PLAY)?.held ?? 0n
  }
})

/** What the chain itself says, and its faucet. */
class PlayChain {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async give(to: string, amount: bigint, memo: string): Promise<number> {
    const answer = await fetch(`${this.#url}/v1/play/faucet`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ to, amount: String(amount), memo }),
    })
    return answer.status
  }

  async balance(address: string): Promise<bigint> {
    return BigInt((await this.#get<{ readonly amount: string }>(`/v1/play/addresses/${address}`)).amount)
  }

  async addressOf(publicKey: string): Promise<string> {
    return (await this.#get<{ readonly address: string }>(`/v1/play/keys/${publicKey}`)).address
  }

  async #get<Body>(path: string): Promise<Body> {
    return await (await fetch(`${this.#url}${path}`)).json() as Body
  }
}

/** Whoever holds the token of the data folder. */
class Operator {
  readonly #url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  async reconcile(): Promise<unknown> {
    const answer = await fetch(`${this.#url}/v1/wally/operator/chains/simulated/reconcile`, {
      method: 'POST', headers: { 'authorization': `Bearer ${this.#token}`, 'content-type': 'application/json' }, body: '{}',
    })
    return await answer.json()
  }
}
