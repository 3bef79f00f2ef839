import { createHash } from 'node:crypto'
import { MemoryBroker, silentLogger, systemClock, type Bus, type Subject } from '@evegram/platform'
import { sleep, type Clock, type Random, type Timer } from '@evegram/protocol'
import { MemoryChannelLog } from '../adapters/memory/channel-log.js'
import { MemoryEnvelopeLog } from '../adapters/memory/envelope-log.js'
import { MemoryInterest } from '../adapters/memory/interest.js'
import { MemoryMembership } from '../adapters/memory/membership.js'
import { MemoryNodeRegistry } from '../adapters/memory/node-registry.js'
import { MemoryPresence } from '../adapters/memory/presence.js'
import { Topics } from '../adapters/topics.js'
import { DEFAULT_RATES } from '../config.js'
import type { ChannelLog } from '../ports/channel-log.js'
import type { EnvelopeLog } from '../ports/envelope-log.js'
import type { Interest } from '../ports/interest.js'
import type { Marks } from '../ports/marks.js'
import type { Membership } from '../ports/membership.js'
import type { NodeRegistry } from '../ports/node-registry.js'
import type { Presence } from '../ports/presence.js'
import type { Ed25519Verify } from './hello.js'
import { createEngineMetrics, type EngineMetrics } from './metrics.js'
import { EngineNode } from './node.js'
import type { DeviceRates } from './rate-limit.js'
import type { PushParts } from './wakes.js'
import type { FakeSocket } from './client.fixture.js'
import { TestDirectory } from './directory.fixture.js'

/** Waits until what is ready now, and what that makes ready, was handled. */
export async function settle(rounds = 12): Promise<void> {
  for (let round = 0; round < rounds; round++) await new Promise<void>((resolve) => { setImmediate(resolve) })
}

interface Planned {
  atMs: number
  readonly everyMs: number | undefined
  readonly task: () => void
}

/** Time that passes only when a test says so. */
export class VirtualClock implements Clock {
  readonly #startMs: number
  #elapsedMs = 0
  #wallAheadMs = 0
  readonly #planned = new Set<Planned>()

  constructor(startMs = 1_790_000_000_000) {
    this.#startMs = startMs
  }

  now(): number {
    return this.#startMs + this.#elapsedMs + this.#wallAheadMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#plan(delayMs, undefined, task)
  }

  every(intervalMs: number, task: () => void): Timer {
    return this.#plan(intervalMs, intervalMs, task)
  }

  /** Lets `ms` pass; every task runs at its time, and what it starts is handled before time goes on. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms
    await settle()
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs)
      if (next.everyMs === undefined) this.#planned.delete(next)
      else next.atMs += next.everyMs
      next.task()
      await settle(6)
    }
    this.#elapsedMs = endMs
    await settle()
  }

  /** Sets the wall clock forward or back; monotonic time goes on. */
  stepWall(ms: number): void {
    this.#wallAheadMs += ms
  }

  /** Lets `ms` pass without running anything: the process was suspended. */
  suspend(ms: number): void {
    this.#elapsedMs += ms
  }

  #plan(delayMs: number, everyMs: number | undefined, task: () => void): Timer {
    const planned = { atMs: this.#elapsedMs + delayMs, everyMs, task }
    this.#planned.add(planned)
    return { cancel: () => { this.#planned.delete(planned) } }
  }

  #next(endMs: number): Planned | undefined {
    let next: Planned | undefined
    for (const planned of this.#planned) if (planned.atMs <= endMs && (next === undefined || planned.atMs < next.atMs)) next = planned
    return next
  }
}

/** The machine's time behind the face of the virtual clock, for stores that take real time. */
export class RealClock extends VirtualClock {
  readonly #system = systemClock()

  override now(): number {
    return this.#system.now()
  }

  override monotonicMs(): number {
    return this.#system.monotonicMs()
  }

  override after(delayMs: number, task: () => void): Timer {
    return this.#system.after(delayMs, task)
  }

  override every(intervalMs: number, task: () => void): Timer {
    return this.#system.every(intervalMs, task)
  }

  override advance(ms: number): Promise<void> {
    return sleep(this.#system, ms)
  }
}

/** Random bytes that are the same in every run. */
function seededRandom(seed: number): Random {
  let counter = 0
  return {
    bytes: (length) => {
      const bytes = new Uint8Array(length)
      for (let offset = 0; offset < length; offset += 32) {
        const block = createHash('sha256').update(`${seed}/${counter++}`).digest()
        bytes.set(block.subarray(0, Math.min(32, length - offset)), offset)
      }
      return bytes
    },
  }
}

/** A "signature" that only tests accept: SHA-256 of key and message, twice, as small as the strict checks want R and S. */
export function testSignature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const digest = createHash('sha256').update(publicKey).update(message).digest()
  digest[31] = (digest[31] ?? 0) & 0x0f
  return Buffer.concat([digest, digest])
}

/** The key of who writes notices in tests, see {@link testSignature}. */
export const NOTICE_KEY = new Uint8Array(32).fill(9)

const verifyTestSignature: Ed25519Verify = (publicKey, message, signature) => Buffer.from(testSignature(publicKey, message)).equals(signature)

/** A bus whose packets a test may drop, or that fails. */
export class FaultyBus implements Bus {
  readonly #bus: Bus
  /** Drops a packet when it returns true. */
  drops: (subject: Subject, bytes: Uint8Array) => boolean = () => false
  failure: Error | undefined
  published = 0
  /** Takes packets, and sheds what is offered. */
  crowded = false
  /** Subjects of what was offered and taken. */
  readonly offered: Subject[] = []
  /** Runs before every flush resolves. */
  beforeFlush: () => Promise<void> = async () => undefined

  constructor(bus: Bus) {
    this.#bus = bus
  }

  publish(subject: Subject, bytes: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure
    this.published++
    if (!this.drops(subject, bytes)) this.#bus.publish(subject, bytes)
  }

  offer(subject: Subject, bytes: Uint8Array): 'offered' | 'shed' {
    if (this.failure !== undefined || this.crowded) return 'shed'
    this.offered.push(subject)
    return this.drops(subject, bytes) ? 'offered' : this.#bus.offer(subject, bytes)
  }

  async flush(): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    await this.beforeFlush()
    return this.#bus.flush()
  }

  subscribe(subject: Subject, handler: (bytes: Uint8Array) => void): () => void {
    return this.#bus.subscribe(subject, handler)
  }

  close(): Promise<void> {
    return this.#bus.close()
  }
}

/** One node of a test cluster. */
export interface TestNode {
  readonly node: EngineNode
  readonly metrics: EngineMetrics
  readonly bus: FaultyBus
  /** Of the sockets that clients open at this node. */
  readonly topics: Topics<FakeSocket>
  readonly clock: VirtualClock
}

/** What a test may put in place of the memory adapters; `broker` connects one more node. */
export interface ClusterOptions {
  readonly clock?: VirtualClock
  readonly log?: EnvelopeLog
  readonly marks?: Marks
  readonly membership?: Membership
  readonly channelLog?: ChannelLog
  readonly broker?: () => Promise<Bus>
  readonly presence?: (memory: Presence) => Presence
  readonly interest?: (memory: Interest) => Interest
  readonly wideOver?: number
  readonly registry?: NodeRegistry
  readonly rates?: DeviceRates
  readonly hellosPerSecond?: number
  readonly origin?: string
  /** How devices are woken; nobody is when nothing is said. */
  readonly push?: PushParts
}

/** Nodes that share memory adapters, one virtual clock and one broker. */
export class TestCluster {
  readonly clock: VirtualClock
  readonly directory: TestDirectory
  readonly memoryLog = new MemoryEnvelopeLog()
  readonly presence: MemoryPresence
  readonly interest: MemoryInterest
  readonly registry: NodeRegistry
  readonly log: EnvelopeLog
  readonly membership: Membership
  readonly channelLog: ChannelLog
  readonly nodes: TestNode[] = []
  readonly #broker = new MemoryBroker({ log: silentLogger })
  readonly #options: ClusterOptions

  constructor(options: ClusterOptions = {}) {
    this.#options = options
    this.clock = options.clock ?? new VirtualClock()
    this.directory = new TestDirectory(this.clock)
    this.presence = new MemoryPresence(this.clock)
    this.interest = new MemoryInterest(this.clock)
    this.log = options.log ?? this.memoryLog
    this.membership = options.membership ?? new MemoryMembership()
    this.channelLog = options.channelLog ?? new MemoryChannelLog()
    this.registry = options.registry ?? new MemoryNodeRegistry(this.clock)
  }

  /** Origin that clients sign. */
  get origin(): string {
    return this.#options.origin ?? 'https://chat.example'
  }

  /** Starts one more node. */
  async add(): Promise<TestNode> {
    const metrics = createEngineMetrics()
    const bus = new FaultyBus(await this.#options.broker?.() ?? this.#broker.connect())
    const topics = new Topics<FakeSocket>()
    const node = await EngineNode.create({
      clock: this.clock, random: seededRandom(this.nodes.length), turn: { defer: (task) => { setImmediate(task) } },
      log: this.log, marks: this.#options.marks ?? this.memoryLog.marks, membership: this.membership, channelLog: this.channelLog, topics,
      presence: this.#options.presence?.(this.presence) ?? this.presence, interest: this.#options.interest?.(this.interest) ?? this.interest,
      registry: this.registry, directory: this.directory, bus,
      ed25519Verify: verifyTestSignature, noticeKeys: [NOTICE_KEY], metrics, logger: silentLogger, origin: this.origin, rates: this.#options.rates ?? DEFAULT_RATES,
      ...(this.#options.hellosPerSecond === undefined ? {} : { hellosPerSecond: this.#options.hellosPerSecond }),
      ...(this.#options.push === undefined ? {} : { push: this.#options.push }),
      ...(this.#options.wideOver === undefined ? {} : { wideOver: this.#options.wideOver }),
    })
    await node.start()
    const added = { node, metrics, bus, topics, clock: this.clock }
    this.nodes.push(added)
    return added
  }

  /** Starts `count` nodes and lets them hear of each other. */
  async start(count: number): Promise<TestNode[]> {
    const added: TestNode[] = []
    for (let index = 0; index < count; index++) added.push(await this.add())
    await this.clock.advance(1_100)
    return added
  }

  /** Stops every node. */
  async stop(): Promise<void> {
    for (const { node } of this.nodes) await node.stop()
  }
}
