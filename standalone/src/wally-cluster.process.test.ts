import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemRandom } from '@evegram/platform'
import { utf8 } from '@evegram/protocol'
import { createLocalWallet, type Client, type LocalWallet, type Message } from '@evegram/sdk'
import { createNodeClient } from '@evegram/sdk/node'
import { amountOf, simulatedSigner } from '@evegram/wallet-bridge'
import { SOL, SolanaChainAdapter, solanaGenesisHash } from '@evegram/wallet-bridge/solana'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from './testing/server.js'

const CLUSTER = fileURLToPath(new URL('../../tools/cluster.mjs', import.meta.url))
/** Cassandra starts, our own processes after it; a busy machine may take its time. */
const START_MS = 400_000
const WHOLE = 1_000_000_000n
const FILE_BYTES = 8 * 1_048_576
/** Files of an account within a day. */
const FILES_PER_DAY = 6
vi.setConfig({ testTimeout: 240_000, hookTimeout: START_MS })

interface Ready {
  readonly kind: string
  readonly url: string
  readonly processes: readonly { readonly name: string; readonly kind: string; readonly pid?: number; readonly admin?: string }[]
}

const folder = temporaryFolder()
const people: Client[] = []
let cluster: ChildProcess
let ready: Ready
let solana: SolanaNode

beforeAll(async () => {
  const dir = join(folder.path, 'cluster')
  cluster = fork(CLUSTER, ['--nodes', '1', '--auths', '1', '--wally', '--files', '--http-port', '0', '--ws-port', '0', '--dir', dir], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: { ...process.env, EVEGRAM_BLOBS_PER_DAY: String(FILES_PER_DAY) },
  })
  let output = ''
  cluster.stderr?.setEncoding('utf8').on('data', (text: string) => { output += text })
  ready = await new Promise<Ready>((resolve, reject) => {
    // Orders and answers go the same way; the first message says that it runs.
    cluster.once('message', (message) => { resolve(message as Ready) })
    cluster.once('exit', () => { reject(new Error(output)) })
  })
  const { env } = JSON.parse(readFileSync(join(dir, 'services', 'state.json'), 'utf8')) as { readonly env: Readonly<Record<string, string>> }
  solana = await SolanaNode.at(env['EVEGRAM_SOLANA'] ?? '')
}, START_MS)
afterAll(async () => {
  for (const client of people) await client.close()
  const ended = new Promise((resolve) => { cluster.once('exit', resolve) })
  cluster.send({ kind: 'stop' })
  await ended
  folder.remove()
}, 120_000)

describe('a cluster with a wallet bridge', () => {
  it('takes money from a chain, moves it in a chat and pays it out, over a kill of the bridge', async () => {
    const [alice] = await person('alice', createLocalWallet('solana', new Uint8Array(32).fill(21)))
    const [bob, bobsWallet] = await person('bob', createLocalWallet('ton', new Uint8Array(32).fill(22)))
    const place = await alice.wallet.depositPlace('solana')
    await solana.pay(place.address, 5n * WHOLE, place.memo)
    await expect.poll(() => held(alice), { timeout: 120_000, interval: 500 }).toBe(5n * WHOLE)

    const conversation = await alice.conversation(bob.address)
    await (await alice.wallet.pay(conversation, { asset: SOL, amount: 2n * WHOLE, note: 'dinner' })).done
    await expect.poll(() => held(bob), { timeout: 30_000 }).toBe(2n * WHOLE)
    expect(await held(alice)).toBe(3n * WHOLE)

    const outside = solana.newAddress()
    const { id } = await bob.wallet.withdraw(bobsWallet, { asset: SOL, amount: WHOLE, to: outside })
    process.kill(pidOf('wally-1'), 'SIGKILL')
    await expect.poll(() => solana.balance(outside), { timeout: 120_000, interval: 500 }).toBe(WHOLE)
    await expect.poll(async () => (await bob.wallet.withdrawal(id)).state, { timeout: 60_000, interval: 500 }).toBe('paid')
    const { fee = 0n } = await bob.wallet.withdrawal(id)
    expect([await held(alice), await held(bob)]).toEqual([3n * WHOLE, WHOLE - fee])
  })
})

describe('a cluster with files', () => {
  let hugo: Client
  beforeAll(async () => { [hugo] = await person('hugo', createLocalWallet('ton', new Uint8Array(32).fill(25))) })

  it('grants an account one quota, whichever process is asked', async () => {
    const [frida] = await person('frida', createLocalWallet('terra', new Uint8Array(32).fill(23)))
    const conversation = await frida.conversation(hugo.address)
    const outcomes: string[] = []
    for (let sent = 0; sent <= FILES_PER_DAY; sent++) {
      const { message } = await conversation.sendFiles([source('note.txt', randomBytes(1_000))])
      outcomes.push(await message.then(() => 'sent', ({ code }: { readonly code: string }) => code))
      // The edge asks one after the other, and a file is two requests: a third one, so that not all are announced to the same process.
      await fetch(`${ready.url}/v1/blobs`)
    }
    expect(outcomes).toEqual([...Array.from({ length: FILES_PER_DAY }, () => 'sent'), 'limited.blobs'])
    const begun = await Promise.all(['blobs-1', 'blobs-2'].map((name) => countOf(name, 'evegram_blob_uploads_total{outcome="begun"}')))
    expect([Math.min(...begun) > 0, begun.reduce((sum, one) => sum + one, 0)]).toEqual([true, FILES_PER_DAY])
  })

  it('goes on with a file where it was when both processes are killed, and gives back every byte', async () => {
    const [gina] = await person('gina', createLocalWallet('solana', new Uint8Array(32).fill(24)))
    const content = randomBytes(FILE_BYTES)
    const shown = new Promise<Message>((resolve) => { hugo.on('message', (shownNow) => { if (shownNow.from === gina.address) resolve(shownNow) }) })
    const told: number[] = []
    const { message } = await (await gina.conversation(hugo.address)).sendFiles([source('film.mp4', content)], { onProgress: ({ doneBytes }) => { told.push(doneBytes) } })
    await expect.poll(() => told.at(-1) ?? 0, { timeout: 60_000, interval: 5 }).toBeGreaterThan(FILE_BYTES / 8)
    for (const name of ['blobs-1', 'blobs-2']) process.kill(pidOf(name), 'SIGKILL')
    const before = told.length
    const stored = told.at(-1) ?? 0
    expect(stored).toBeLessThan(FILE_BYTES)
    await message
    // What was told to be stored is: nothing of it is sent again.
    expect(Math.min(...told.slice(before))).toBeGreaterThanOrEqual(stored)
    const got = Buffer.from(await new Response(hugo.download(await shown, 0)).arrayBuffer())
    expect(Buffer.compare(got, content)).toBe(0)
  })
})

/** A file of these bytes. */
function source(name: string, content: Uint8Array): { readonly name: string; stream(): AsyncIterable<Uint8Array> } {
  return { name, async *stream() { yield content } }
}

/** One count of a process. */
async function countOf(name: string, count: string): Promise<number> {
  const admin = ready.processes.find((one) => one.name === name)?.admin ?? ''
  const line = (await (await fetch(`${admin}/metrics`)).text()).split('\n').find((one) => one.startsWith(`${count} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

function pidOf(name: string): number {
  const found = ready.processes.find((one) => one.name === name)
  if (found?.pid === undefined) throw new Error(`${name} does not run`)
  return found.pid
}

async function person(name: string, wallet: LocalWallet): Promise<readonly [Client, LocalWallet]> {
  const client = await createNodeClient({ url: ready.url, profile: join(folder.path, name), wallet, requests: 'accept-all' })
  people.push(client)
  return [client, wallet]
}

/** While the bridge is started again nobody answers. */
async function held(client: Client): Promise<bigint | undefined> {
  const balances = await client.wallet.balances()
  return balances.find(({ asset }) => asset === SOL)?.held ?? 0n
}

/** The local Solana, as somebody with a wallet of their own sees it. */
class SolanaNode {
  readonly #adapter: SolanaChainAdapter
  readonly #url: string

  private constructor(url: string, genesisHash: string) {
    this.#url = url
    this.#adapter = new SolanaChainAdapter({ url, genesisHash, random: systemRandom() })
  }

  static async at(url: string): Promise<SolanaNode> {
    return new SolanaNode(url, await solanaGenesisHash({ url, timeoutMs: 10_000 }))
  }

  newAddress(): string {
    return this.#adapter.addressOf(simulatedSigner(systemRandom().bytes(32)))
  }

  async balance(address: string): Promise<bigint> {
    const answer = await this.#adapter.balance({ address: this.#adapter.parseAddress(address), asset: SOL })
    return answer.status === 'known' ? answer.amount : 0n
  }

  /** From a wallet that the faucet fills. */
  async pay(to: string, amount: bigint, memo: string): Promise<void> {
    const payer = simulatedSigner(systemRandom().bytes(32))
    await fetch(this.#url, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'requestAirdrop', params: [this.#adapter.addressOf(payer), Number(2n * amount)] }),
    })
    await expect.poll(() => this.balance(this.#adapter.addressOf(payer)), { timeout: 60_000, interval: 200 }).toBe(2n * amount)
    const answer = await this.#adapter.sign({
      outputs: [{ to: this.#adapter.parseAddress(to), asset: SOL, amount: amountOf(amount) }], memo: utf8(memo), feeMax: amountOf(1_000_000n), inFlight: [],
    }, payer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    await this.#adapter.broadcast(answer.payment)
  }
}
