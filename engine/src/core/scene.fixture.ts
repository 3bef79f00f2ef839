import { FRAME_TYPE, parseAccountId, parseDeviceId, type AccountId, type ConversationId, type DeviceId } from '@evegram/protocol'
import { afterEach, beforeEach } from 'vitest'
import { MemoryEnvelopeLog } from '../adapters/memory/envelope-log.js'
import { appendEach } from '../adapters/append-each.js'
import type { AppendRequest, AppendResult, BatchedAppend, BatchedResult, EnvelopeLog } from '../ports/envelope-log.js'
import type { Presence } from '../ports/presence.js'
import { TestClient, type MessageFields } from './client.fixture.js'
import { TestCluster, type ClusterOptions, type TestNode } from './cluster.fixture.js'
import type { DeviceRates } from './rate-limit.js'

/** Account number `number`. */
export const account = (number: number): AccountId => parseAccountId(`a${number.toString(16).padStart(31, '0')}`)
/** Device number `number`. */
export const device = (number: number): DeviceId => parseDeviceId(`d${number.toString(16).padStart(31, '0')}`)
/** Accounts of the scene. */
export const [ALICE, BOB, MALLORY] = [account(1), account(2), account(3)]
/** Devices of the scene; Alice's and Bob's phones are connected, the others come when a test adds them. */
export const [ALICE_PHONE, ALICE_LAPTOP, BOB_PHONE, BOB_LAPTOP, MALLORY_PHONE] = [device(1), device(2), device(3), device(4), device(5)]
/** The whole numbers from `from` to `to`. */
export const SPAN = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** A log that a test may hold back, make late or let fail. */
export class MoodyLog implements EnvelopeLog {
  appends: AppendRequest[] = []
  reads = 0
  failure: Error | undefined
  failsReads = false
  keepsOrder = false
  /** Awaited after the copy was stored and before the append resolves. */
  beforeStored: () => Promise<void> = async () => undefined
  beforeRead: () => Promise<void> = async () => undefined
  constructor(private readonly inner: EnvelopeLog) {}

  async append(request: AppendRequest, accounts: readonly string[]): Promise<AppendResult> {
    this.appends.push(request)
    if (this.failure !== undefined) throw this.failure
    const result = await this.inner.append(request, accounts)
    await this.beforeStored()
    return result
  }

  appendAll(appends: readonly BatchedAppend[], ended: (index: number, result: BatchedResult) => void): void {
    appendEach((request, inboxes) => this.append(request, inboxes), appends, ended)
  }

  async read(...args: Parameters<EnvelopeLog['read']>): ReturnType<EnvelopeLog['read']> {
    this.reads++
    await this.beforeRead()
    if (this.failsReads) throw new Error('the disk is gone')
    return this.inner.read(...args)
  }

  trim(beforeMs: number): Promise<number> {
    return this.inner.trim(beforeMs)
  }
}

/** Presence that a test may take away. */
class MoodyPresence implements Presence {
  failure: Error | undefined
  lookups = 0
  /** Runs before every registration. */
  beforeRegister: () => void = () => undefined
  constructor(private readonly inner: Presence) {}

  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    if (this.failure !== undefined) throw this.failure
    return ask()
  }

  register(...args: Parameters<Presence['register']>): ReturnType<Presence['register']> {
    this.beforeRegister()
    return this.#answer(() => this.inner.register(...args))
  }

  refresh(...args: Parameters<Presence['refresh']>): ReturnType<Presence['refresh']> {
    return this.#answer(() => this.inner.refresh(...args))
  }

  remove(...args: Parameters<Presence['remove']>): ReturnType<Presence['remove']> {
    return this.#answer(() => this.inner.remove(...args))
  }

  lookup(...args: Parameters<Presence['lookup']>): ReturnType<Presence['lookup']> {
    if (args[0].length > 0) this.lookups++
    return this.#answer(() => this.inner.lookup(...args))
  }
}

// Live bindings: every test finds here what its own set-up made.
export let cluster: TestCluster
export let log: MoodyLog
export let presence: MoodyPresence
export let one: TestNode
export let two: TestNode
export let three: TestNode
export let alice: TestClient
export let laptop: TestClient
export let bob: TestClient
export let conversation: ConversationId

/** Rates that do not stand in the way of tests about other things. */
export const AMPLE: DeviceRates = {
  messages: { perSecond: 1_000, burst: 100_000 }, bytes: { perSecond: 1e8, burst: 1e9 }, requests: { perSecond: 100, burst: 1_000 },
  signals: { perSecond: 100, burst: 1_000 }, patience: { perSecond: 5, burst: 100 },
}

async function begin(options: ClusterOptions): Promise<void> {
  const memoryLog = new MemoryEnvelopeLog()
  log = new MoodyLog(memoryLog)
  let shared: MoodyPresence | undefined
  cluster = new TestCluster({ log, marks: memoryLog.marks, presence: (memory) => (shared ??= new MoodyPresence(memory)), rates: AMPLE, ...options })
  const [first, second, third] = await cluster.start(3)
  if (first === undefined || second === undefined || third === undefined || shared === undefined) throw new Error('three nodes were started')
  presence = shared
  one = first
  two = second
  three = third
  cluster.directory.addDevice(ALICE, ALICE_PHONE)
  cluster.directory.addDevice(BOB, BOB_PHONE)
  alice = new TestClient(cluster, ALICE, ALICE_PHONE)
  laptop = new TestClient(cluster, ALICE, ALICE_LAPTOP)
  bob = new TestClient(cluster, BOB, BOB_PHONE)
  await alice.goLive(one)
  await bob.goLive(two)
  conversation = await alice.conversationWith(BOB)
}

/** Three nodes before every test: Alice is live on the first, Bob on the second. */
export function useScene(): void {
  beforeEach(() => begin({}))
  afterEach(() => cluster.stop())
}

/** Begins the scene of this test again with other parts. */
export async function restart(options: ClusterOptions): Promise<void> {
  await cluster.stop()
  await begin(options)
}

/** The current versions of both accounts. */
export const versions = (): { account: AccountId; seq: number }[] =>
  [ALICE, BOB].map((member) => ({ account: member, seq: cluster.directory.seqOf(member) }))

/** A message from Alice's phone to Bob's. */
export const toBob = (number: number, more: Partial<MessageFields> = {}): MessageFields => ({
  conversation, number, bodies: [{ device: BOB_PHONE }], versions: versions(), ...more,
})

/** Lets time pass while the live clients ping as real ones do. */
export async function stay(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 20_000) {
    for (const client of [alice, bob]) if (client.socket.closedBy === undefined) client.request(FRAME_TYPE.ping, new Uint8Array(0))
    await cluster.clock.advance(Math.min(leftMs, 20_000))
  }
}

/** Sends the messages `from` to `to` and waits for their acknowledgements. */
export async function sendSpan(from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number++) {
    alice.send(toBob(number))
    if (number % 100 === 0) await alice.read()
  }
  await alice.read()
}
