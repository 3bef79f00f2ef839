import {
  BODY_TYPE, encodeCatchUp, encodeFrame, ENVELOPE_KIND, FRAME_TYPE, LIMITS, parseAccountId, parseDeviceId, SEND_REFUSALS_MAX, viewEnvelope,
  type AccountId, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryEnvelopeLog } from '../adapters/memory/envelope-log.js'
import { MemoryNodeRegistry } from '../adapters/memory/node-registry.js'
import type { AppendRequest, AppendResult, EnvelopeLog } from '../ports/envelope-log.js'
import type { Presence } from '../ports/presence.js'
import { TestClient, type MessageFields } from './client.fixture.js'
import { TestCluster, settle, VirtualClock, type ClusterOptions, type TestNode } from './cluster.fixture.js'
import { DEFAULT_RATES } from '../config.js'
import { PACKET_KIND } from './packet.js'
import type { DeviceRates } from './rate-limit.js'
import { DIRTY_CONVERSATIONS_MAX } from './session.js'

const account = (number: number): AccountId => parseAccountId(`a${number.toString(16).padStart(31, '0')}`)
const device = (number: number): DeviceId => parseDeviceId(`d${number.toString(16).padStart(31, '0')}`)
const [ALICE, BOB, MALLORY] = [account(1), account(2), account(3)]
const [ALICE_PHONE, ALICE_LAPTOP, BOB_PHONE, BOB_LAPTOP, MALLORY_PHONE] = [device(1), device(2), device(3), device(4), device(5)]
const SPAN = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** A log that a test may hold back, make late or let fail. */
class MoodyLog implements EnvelopeLog {
  appends: AppendRequest[] = []
  reads = 0
  failure: Error | undefined
  failsReads = false
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

let cluster: TestCluster
let log: MoodyLog
let presence: MoodyPresence
let one: TestNode, two: TestNode, three: TestNode
let alice: TestClient, laptop: TestClient, bob: TestClient
let conversation: ConversationId

/** Rates that do not stand in the way of tests about other things. */
const AMPLE: DeviceRates = {
  messages: { perSecond: 1_000, burst: 100_000 }, bytes: { perSecond: 1e8, burst: 1e9 }, requests: { perSecond: 100, burst: 1_000 }, patience: { perSecond: 5, burst: 100 },
}

async function begin(options: ClusterOptions = {}): Promise<void> {
  cluster = new TestCluster({
    presence: (memory) => (presence ??= new MoodyPresence(memory)), rates: AMPLE,
    ...options,
  })
  const [first, second, third] = await cluster.start(3)
  if (first === undefined || second === undefined || third === undefined) throw new Error('three nodes were started')
  ;[one, two, three] = [first, second, third]
  cluster.directory.addDevice(ALICE, ALICE_PHONE)
  cluster.directory.addDevice(BOB, BOB_PHONE)
  alice = new TestClient(cluster, ALICE, ALICE_PHONE)
  laptop = new TestClient(cluster, ALICE, ALICE_LAPTOP)
  bob = new TestClient(cluster, BOB, BOB_PHONE)
  await alice.goLive(one)
  await bob.goLive(two)
  conversation = await alice.conversationWith(BOB)
}

beforeEach(async () => {
  // One object must serve the nodes and the test: the memory log is made by the cluster of the test before, so it is made here.
  const seed = new TestCluster()
  log = new MoodyLog(seed.memoryLog)
  // The tests set it through the option, once per cluster.
  presence = undefined as unknown as MoodyPresence
  await begin({ log, marks: seed.memoryLog.marks })
})
afterEach(async () => {
  await cluster.stop()
})

const versions = (): { account: AccountId; seq: number }[] =>
  [ALICE, BOB].map((member) => ({ account: member, seq: cluster.directory.seqOf(member) }))

const toBob = (number: number, more: Partial<MessageFields> = {}): MessageFields => ({
  conversation, number, bodies: [{ device: BOB_PHONE }], versions: versions(), ...more,
})

/** Lets time pass while the live clients ping as real ones do. */
async function stay(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 20_000) {
    for (const client of [alice, bob]) if (client.socket.closedBy === undefined) client.request(FRAME_TYPE.ping, new Uint8Array(0))
    await cluster.clock.advance(Math.min(leftMs, 20_000))
  }
}

async function sendSpan(from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number++) {
    alice.send(toBob(number))
    if (number % 100 === 0) await alice.read()
  }
  await alice.read()
}

describe('a send', () => {
  it('goes to the one node that has the recipient, and is acknowledged at the position that was delivered', async () => {
    const correlation = alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect(alice.failures).toEqual([])
    expect(alice.acks.map((ack) => ack.correlation)).toEqual([correlation])
    expect(bob.texts).toEqual(['message 1'])
    expect(bob.deliveries[0]?.position).toEqual(alice.acks[0]?.position)
    expect([two.metrics.packetsIn.value, three.metrics.packetsIn.value]).toEqual([1, 0])
  })

  it('reaches every other device of both members, and not the device that sent it', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    await laptop.goLive(three)
    await tablet.goLive(one)
    alice.send(toBob(1, { bodies: [BOB_PHONE, BOB_LAPTOP, ALICE_LAPTOP].map((target) => ({ device: target, text: `for ${target}` })) }))
    for (const client of [alice, bob, laptop, tablet]) await client.read()
    expect(alice.acks).toHaveLength(1)
    expect(alice.texts).toEqual([])
    expect([bob, tablet, laptop].map((client) => client.texts)).toEqual([[`for ${BOB_PHONE}`], [`for ${BOB_LAPTOP}`], [`for ${ALICE_LAPTOP}`]])
  })

  it('gives a device its own body only', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(1, { bodies: [{ device: BOB_PHONE, text: 'phone' }, { device: BOB_LAPTOP, text: 'secret of the laptop' }] }))
    await bob.read()
    const [delivery] = bob.deliveries
    expect(viewEnvelope(delivery?.envelope ?? new Uint8Array()).bodies.map((body) => body.device)).toEqual([BOB_PHONE])
    expect(Buffer.from(delivery?.envelope ?? []).includes('secret')).toBe(false)
  })

  it('is acknowledged only after it is stored and the broker has every packet', async () => {
    const steps: string[] = []
    let letStore = (): void => undefined
    let letFlush = (): void => undefined
    await stay(100)
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = () => { steps.push('stored'); resolve() } })
    one.bus.beforeFlush = () => new Promise<void>((resolve) => { letFlush = () => { steps.push('flushed'); resolve() } })
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([0, 0])
    letStore()
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([0, 1])
    one.bus.beforeFlush = async () => undefined
    letFlush()
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(steps).toEqual(['stored', 'flushed'])
  })

  it('is not acknowledged when the store or the broker failed, and may be sent again', async () => {
    log.failure = new Error('the disk is full')
    alice.send(toBob(1))
    await alice.read()
    expect([alice.acks.length, alice.failures.map(({ code }) => code)]).toEqual([0, ['internal']])
    log.failure = undefined
    one.bus.failure = new Error('no broker')
    alice.send(toBob(1))
    await alice.read()
    expect([alice.acks.length, alice.failures.map(({ code }) => code)]).toEqual([0, ['internal', 'unavailable.bus']])
    one.bus.failure = undefined
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(1)
    expect(bob.numbers).toEqual([1])
  })

  it('that is retried with the same bytes is delivered and acknowledged again at the stored position', async () => {
    alice.send(toBob(1))
    await alice.read()
    await cluster.clock.advance(3_000)
    const bytes = log.appends[0]?.envelope ?? new Uint8Array()
    alice.request(FRAME_TYPE.send, bytes)
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(2)
    expect(alice.acks[1]?.position).toEqual(alice.acks[0]?.position)
    expect(bob.texts).toEqual(['message 1', 'message 1'])
  })

  it('whose append took longer than the deadline is stored again at a new position, at most three times', async () => {
    const seed = new TestCluster()
    const slow = new MoodyLog(new MemoryEnvelopeLog({ answersExists: false }))
    await cluster.stop()
    presence = undefined as unknown as MoodyPresence
    await begin({ log: slow, marks: seed.memoryLog.marks })
    let delayMs = LIMITS.appendDeadlineMs + 500
    slow.beforeStored = () => new Promise<void>((resolve) => { cluster.clock.after(delayMs, () => { delayMs = 10; resolve() }) })
    alice.send(toBob(1))
    await cluster.clock.advance(4_000)
    await alice.read()
    await bob.read()
    expect(slow.appends).toHaveLength(2)
    const [first, second] = slow.appends.map((append) => append.position.timeMs)
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(LIMITS.appendDeadlineMs)
    expect(alice.acks.map((ack) => ack.position)).toEqual([slow.appends[1]?.position])
    expect(bob.numbers).toEqual([1])
    slow.beforeStored = () => new Promise<void>((resolve) => { cluster.clock.after(LIMITS.appendDeadlineMs + 500, resolve) })
    alice.send(toBob(2))
    await cluster.clock.advance(12_000)
    await alice.read()
    expect(slow.appends).toHaveLength(5)
    expect(alice.failures.map(({ code }) => code)).toEqual(['append.too_late'])
  })

  it('that the store does not answer is given up; its copy is routed when it turns up, and other sends of the device go on', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    const sentMs = cluster.clock.now()
    alice.send(toBob(1))
    await settle()
    log.beforeStored = async () => undefined
    alice.send(toBob(2))
    await stay(8_000)
    await alice.read()
    await bob.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['append.too_late'])
    expect([alice.acks.length, bob.numbers]).toEqual([1, [2]])
    await stay(100_000)
    await bob.read()
    expect(Math.max(...bob.synced)).toBeLessThan(sentMs)
    letStore()
    await stay(30_000)
    await alice.read()
    await bob.read()
    expect([alice.acks.length, alice.failures.length, bob.numbers]).toEqual([1, 1, [1, 2]])
    expect(Math.max(...bob.synced)).toBeGreaterThan(sentMs)
  })

  it('that waits holds back the cursors of all nodes until it was routed', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    await cluster.clock.advance(1_000)
    const sentMs = cluster.clock.now()
    alice.send(toBob(1))
    await stay(90_000)
    await bob.read()
    expect(Math.max(...bob.synced)).toBeLessThan(sentMs)
    expect(bob.deliveries).toEqual([])
    log.beforeStored = async () => undefined
    letStore()
    await stay(40_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(Math.max(...bob.synced)).toBeGreaterThan(sentMs)
  })

  it('waits for the append of the same device that is under way, and goes with what waited', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    alice.send(toBob(1))
    await settle()
    log.beforeStored = async () => undefined
    for (const number of SPAN(2, 5)) alice.send(toBob(number))
    await settle()
    expect(log.appends).toHaveLength(1)
    letStore()
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(5)
    expect(bob.texts).toEqual(SPAN(1, 5).map((number) => `message ${number}`))
    expect(presence.lookups).toBe(2)
  })

  it('keeps the order of its device also when it comes in the moment between two appends', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    alice.send(toBob(1))
    await settle()
    log.beforeStored = async () => undefined
    alice.send(toBob(2))
    letStore()
    // The append has resolved, what waited for it goes at the end of the turn: message 3 comes before that.
    for (let step = 0; step < 20; step++) await Promise.resolve()
    alice.send(toBob(3))
    await alice.read()
    await bob.read()
    expect(bob.received.map(({ number }) => number)).toEqual([1, 2, 3])
  })

  it('of one turn shares one presence lookup and one packet', async () => {
    const before = one.metrics.packetsOut.value
    for (const number of SPAN(1, 50)) alice.send(toBob(number))
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(50)
    expect(alice.order.filter((type) => type === FRAME_TYPE.ack)).toHaveLength(1)
    expect(bob.numbers).toEqual(SPAN(1, 50))
    expect([presence.lookups, one.metrics.packetsOut.value - before]).toEqual([1, 1])
  })

  it('is refused when it is not from the device of the connection, not a member, unknown, or from the future', async () => {
    cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
    const mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
    await mallory.goLive(three)
    mallory.send(toBob(1, { as: { account: ALICE, device: ALICE_PHONE } }))
    mallory.send(toBob(1))
    mallory.send(toBob(1, { conversation: `${conversation.slice(0, 31)}0` as ConversationId }))
    alice.send(toBob(1, { orderMs: cluster.clock.now() + LIMITS.orderAheadMsMax + 2_000 }))
    await mallory.read()
    await alice.read()
    await bob.read()
    expect(mallory.failures.map(({ code }) => code).sort()).toEqual(['denied.not_member', 'denied.sender', 'not_found.conversation'])
    expect(alice.failures.map(({ code }) => code)).toEqual(['order.ahead'])
    expect([log.appends.length, bob.deliveries.length]).toEqual([0, 0])
  })

  it('is refused while the clocks disagree, and goes through when they agree again', async () => {
    let offsetMs = 0
    await cluster.stop()
    presence = undefined as unknown as MoodyPresence
    class OffsetRegistry extends MemoryNodeRegistry {
      override async referenceMs(): Promise<number> {
        return await super.referenceMs() + offsetMs
      }
    }
    const clock = new VirtualClock()
    await begin({ clock, registry: new OffsetRegistry(clock) })
    // The node is ahead of the store by more than it may be: it cannot go back, so it must not acknowledge.
    offsetMs = -LIMITS.maxSkewMs - 100
    await cluster.clock.advance(3_000)
    alice.send(toBob(1))
    await alice.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['unavailable.clock'])
    expect(one.node.ready()).toEqual({ ok: false, reason: 'the clock is not confirmed' })
    offsetMs = 0
    await cluster.clock.advance(1_000)
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(one.node.ready()).toEqual({ ok: true })
  })

  it('after a gap of the event loop waits for a fresh comparison of clocks', async () => {
    cluster.clock.suspend(800)
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(one.metrics.loopGaps.value).toBe(1)
  })
})

describe('versions of a send', () => {
  it('that miss a device are refused with the delta, at most twice, then stored', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const seq = cluster.directory.seqOf(BOB)
    for (let refusals = 0; refusals < SEND_REFUSALS_MAX; refusals++) {
      alice.send(toBob(1), refusals)
      await alice.read()
      expect(alice.failures.at(-1)).toMatchObject({ code: 'stale.devices', missing: [BOB_LAPTOP], accounts: [{ account: ALICE, seq: 1 }, { account: BOB, seq }] })
      expect(alice.failures).toHaveLength(refusals + 1)
    }
    expect(log.appends).toEqual([])
    alice.send(toBob(1), SEND_REFUSALS_MAX)
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(1)
    expect(bob.numbers).toEqual([1])
  })

  it('accept a device that the sender names as skipped, which then gets nothing', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    await tablet.goLive(three)
    alice.send(toBob(1, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP, type: BODY_TYPE.skip }] }))
    for (const client of [alice, bob, tablet]) await client.read()
    expect([alice.acks.length, bob.deliveries.length, tablet.deliveries.length]).toEqual([1, 1, 0])
  })

  it('lose the bodies of revoked and foreign devices before anything is stored', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(1, { bodies: [BOB_PHONE, BOB_LAPTOP, MALLORY_PHONE].map((target) => ({ device: target })) }))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(viewEnvelope(log.appends[0]?.envelope ?? new Uint8Array()).bodies.map((body) => body.device)).toEqual([BOB_PHONE])
    expect(one.metrics.surplusStripped.value).toBe(2)
  })

  it('that are older without missing a device are accepted, and the sender is told', async () => {
    const old = versions()
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(1, { versions: old }))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(alice.notices).toEqual([{ kind: 'account_changed', account: BOB, seq: 3 }])
  })

  it('that are newer than the lease make the node ask again', async () => {
    alice.send(toBob(1))
    await alice.read()
    cluster.directory.tells = false
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(2, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }] }))
    await alice.read()
    expect(alice.acks).toHaveLength(2)
    expect(viewEnvelope(log.appends[1]?.envelope ?? new Uint8Array()).bodies).toHaveLength(2)
    alice.send(toBob(3, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }], versions: [{ account: BOB, seq: 99 }, { account: ALICE, seq: 1 }] }))
    await alice.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['stale.devices'])
  })

  it('are checked again before the ack: a device added meanwhile is asked for', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    alice.send(toBob(1))
    await settle()
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    log.beforeStored = async () => undefined
    letStore()
    await alice.read()
    expect(alice.acks).toEqual([])
    expect(alice.failures).toMatchObject([{ code: 'stale.devices', missing: [BOB_LAPTOP] }])
    alice.send(toBob(1, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }] }), 1)
    await alice.read()
    expect(alice.acks).toHaveLength(1)
  })

  it('are taken from a lease of one second at most, even when nobody tells of a change', async () => {
    alice.send(toBob(1))
    await alice.read()
    cluster.directory.tells = false
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    await cluster.clock.advance(1_001)
    alice.send(toBob(2, { versions: [{ account: ALICE, seq: 1 }, { account: BOB, seq: 1 }] }))
    await alice.read()
    expect(alice.failures).toMatchObject([{ code: 'stale.devices', missing: [BOB_LAPTOP] }])
  })

  it('do not ask control traffic for every device', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(77, { kind: ENVELOPE_KIND.control }))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.numbers]).toEqual([1, [77]])
  })

  it('refuse a device that was revoked while its socket was still open', async () => {
    alice.send(toBob(1))
    await alice.read()
    cluster.directory.tells = false
    cluster.directory.revokeDevice(ALICE, ALICE_PHONE)
    await stay(1_001)
    alice.send(toBob(2))
    await alice.read()
    await bob.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['account.device_unknown'])
    expect(bob.numbers).toEqual([1])
  })

  it('of another membership are refused', async () => {
    alice.send(toBob(1, { membershipVersion: 2 }))
    await alice.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['stale.membership'])
  })
})

describe('resume', () => {
  const loseConnection = async (client: TestClient): Promise<void> => {
    client.node?.node.handlers.closed(client.socket, 1006)
    await settle()
  }

  it('gives everything since the cursor on another node, then is live', async () => {
    await stay(70_000)
    await bob.read()
    const cursor = bob.synced.at(-1) ?? 0
    await loseConnection(bob)
    await sendSpan(1, 600)
    await bob.goLive(three, cursor)
    expect(bob.pages.length).toBeGreaterThan(2)
    expect(bob.numbers).toEqual(SPAN(1, 600))
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.synced)
    await sendSpan(601, 602)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, 602))
  })

  it('costs what was missed: quiet conversations are not read', async () => {
    for (const number of SPAN(10, 40)) {
      cluster.directory.addDevice(account(number), device(number))
      await alice.conversationWith(account(number))
    }
    await sendSpan(1, 3)
    await loseConnection(bob)
    cluster.clock.suspend(2 * 3_600_000)
    await cluster.clock.advance(2_000)
    await alice.goLive(one)
    await sendSpan(4, 6)
    const reads = log.reads
    await bob.goLive(two, cluster.clock.now() - 3_600_000)
    expect(log.reads - reads).toBe(1)
    expect(bob.numbers).toEqual([4, 5, 6])
  })

  it('answers a cursor older than the retention with the time from which everything is there', async () => {
    await loseConnection(bob)
    await cluster.clock.advance(1_000)
    await bob.goLive(two, cluster.clock.now() - LIMITS.retentionMs - 5_000)
    expect(bob.pages.map((page) => page.discontinuityMs)).toEqual([undefined, cluster.clock.now() - LIMITS.retentionMs])
  })

  it('issues a cursor that is behind the start of the catch-up by the overlap', async () => {
    expect(bob.synced.at(-1)).toBeLessThanOrEqual(cluster.clock.now() - LIMITS.overlapMs)
    expect(bob.synced.at(-1)).toBeGreaterThan(cluster.clock.now() - LIMITS.overlapMs - 2_000)
  })

  it('reads again what came while pages were pulled, before it says synced', async () => {
    await loseConnection(bob)
    await sendSpan(1, 3)
    let once = true
    log.beforeRead = async () => {
      if (!once) return
      once = false
      await sendSpan(4, 6)
    }
    await bob.connect(two)
    await bob.catchUp(cluster.clock.now())
    await settle(60)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, 6))
    expect(bob.order.slice(-2)).toEqual([FRAME_TYPE.page, FRAME_TYPE.synced])
    expect(bob.deliveries).toEqual([])
  })

  it('marks live packets while pages are pulled and delivers none of them out of turn', async () => {
    await loseConnection(bob)
    await sendSpan(1, 300)
    await bob.connect(two)
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: cluster.clock.now() }))
    await bob.read()
    expect(bob.pages.at(-1)?.more).toBe(true)
    await sendSpan(301, 310)
    await bob.read()
    expect(bob.deliveries).toEqual([])
    expect(two.metrics.dirtyMarks.value).toBeGreaterThan(0)
    const token = bob.pages.at(-1)?.token ?? new Uint8Array()
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token }))
    await bob.read()
    expect(bob.pages.at(-1)?.more).toBe(false)
    expect(bob.numbers).toEqual(SPAN(1, 310))
  })

  it('lets a page that failed be asked for again, and refuses foreign tokens', async () => {
    await loseConnection(bob)
    await sendSpan(1, 300)
    await bob.connect(two)
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: cluster.clock.now() }))
    await bob.read()
    const token = bob.pages.at(-1)?.token ?? new Uint8Array()
    log.failsReads = true
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token }))
    await bob.read()
    log.failsReads = false
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token: new Uint8Array(16) }))
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ token }))
    await bob.read()
    expect(bob.failures.map(({ code }) => code)).toEqual(['internal', 'invalid.position'])
    expect(bob.numbers).toEqual(SPAN(1, 300))
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.synced)
  })

  it('returns history page by page to members only, with the body of the asking device', async () => {
    await sendSpan(1, 5)
    const first = await bob.history(conversation, undefined, 3)
    expect(first?.more).toBe(true)
    const second = await bob.history(conversation, first?.deliveries.at(-1)?.position, 3)
    expect([first, second].flatMap((page) => page?.deliveries ?? []).map(({ envelope }) => viewEnvelope(envelope).number)).toEqual(SPAN(1, 5))
    expect(second?.more).toBe(false)
    cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
    const mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
    await mallory.goLive(three)
    await mallory.history(conversation)
    expect(mallory.failures.map(({ code }) => code)).toEqual(['denied.not_member'])
  })
})

describe('flow control', () => {
  it('turns to the log when the window of unacknowledged deliveries is full, and goes on from there', async () => {
    const total = LIMITS.unackedDeliveriesMax + 500
    await sendSpan(1, total)
    await cluster.clock.advance(1_000)
    await bob.read()
    expect(bob.deliveries).toHaveLength(LIMITS.unackedDeliveriesMax)
    const synced = bob.synced.length
    await cluster.clock.advance(20_000)
    await bob.read()
    expect(bob.synced).toHaveLength(synced)
    bob.acknowledge(LIMITS.unackedDeliveriesMax)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, total))
    bob.acknowledge(bob.deliveries.length)
    await cluster.clock.advance(11_000)
    await bob.read()
    expect(bob.synced.length).toBeGreaterThan(synced)
  })

  it('closes a consumer that acknowledges nothing for long', async () => {
    await sendSpan(1, LIMITS.unackedDeliveriesMax + 1)
    await stay(45_000)
    expect(bob.socket.closedBy).toBe('slowConsumer')
  })

  it('turns to the log when one turn brings more bytes than a socket should hold, instead of closing it', async () => {
    const text = 'x'.repeat(60_000)
    for (let number = 1; number <= 80; number++) alice.send(toBob(number, { bodies: [{ device: BOB_PHONE, text }] }))
    await alice.read()
    await bob.read()
    expect(bob.deliveries.length).toBeLessThan(80)
    await stay(3_000)
    await bob.read()
    expect(bob.socket.closedBy).toBeUndefined()
    expect(bob.numbers).toEqual(SPAN(1, 80))
  })

  it('pauses a repair while the socket holds much, and closes the consumer when that lasts', async () => {
    bob.socket.buffered = LIMITS.outboundBytesMax / 2
    const text = 'x'.repeat(60_000)
    for (let number = 1; number <= 80; number++) alice.send(toBob(number, { bodies: [{ device: BOB_PHONE, text }] }))
    await stay(5_000)
    await bob.read()
    const first = bob.deliveries.length
    expect(first).toBeLessThan(80)
    bob.socket.buffered = 0
    two.node.handlers.drained(bob.socket)
    await bob.read()
    expect(bob.numbers).toEqual(SPAN(1, 80))
    bob.acknowledge(bob.deliveries.length)
    bob.socket.buffered = LIMITS.outboundBytesMax / 2
    for (let number = 81; number <= 160; number++) alice.send(toBob(number, { bodies: [{ device: BOB_PHONE, text }] }))
    await stay(40_000)
    expect(bob.socket.closedBy).toBe('slowConsumer')
    expect(two.metrics.slowConsumers.value).toBe(1)
  })

  it('limits messages of a device with the time to wait, and closes a flood', async () => {
    await cluster.stop()
    presence = undefined as unknown as MoodyPresence
    await begin({ rates: DEFAULT_RATES })
    for (let number = 1; number <= 510; number++) {
      alice.send(toBob(number))
      if (number % 100 === 0) await alice.read()
    }
    await alice.read()
    expect(alice.acks).toHaveLength(500)
    expect(alice.failures).toHaveLength(10)
    expect(alice.failures[0]).toMatchObject({ code: 'limited.rate', retryAfterMs: 20 })
    await cluster.clock.advance(1_000)
    alice.send(toBob(511))
    await alice.read()
    expect(alice.acks).toHaveLength(501)
    for (let number = 600; number <= 1_000; number++) alice.send(toBob(number))
    await alice.read()
    expect(alice.socket.closedBy).toBe('rateLimited')
  })

  it('refuses more sends in flight than the limit', async () => {
    log.beforeStored = () => new Promise<void>((resolve) => { cluster.clock.after(100, resolve) })
    for (let number = 1; number <= LIMITS.sendsInFlightMax + 5; number++) alice.send(toBob(number))
    await cluster.clock.advance(1_000)
    await alice.read()
    expect(alice.acks).toHaveLength(LIMITS.sendsInFlightMax)
    expect(alice.failures.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => 'limited.queue'))
  })

  it('reads everything again when more conversations got dirty than are remembered', async () => {
    bob.node?.node.handlers.closed(bob.socket, 1006)
    await bob.connect(two)
    alice.send(toBob(1))
    await alice.read()
    let hold = (): void => undefined
    log.beforeRead = () => new Promise<void>((resolve) => { hold = resolve })
    bob.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: cluster.clock.now() }))
    await settle()
    const session = [...two.node.sessions()].find((candidate) => candidate.owner?.device === BOB_PHONE)
    for (let number = 0; number <= DIRTY_CONVERSATIONS_MAX; number++) {
      session?.markDirty(number.toString(16).padStart(32, '0') as ConversationId, { timeMs: 1, incarnation: 1, counter: 1 })
    }
    log.beforeRead = async () => undefined
    hold()
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(bob.received).toHaveLength(2)
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.synced)
  })
})

describe('the links between nodes', () => {
  const dataPackets = (bytes: Uint8Array): boolean => bytes[1] === PACKET_KIND.data

  it('recover a lost packet from its headers', async () => {
    one.bus.drops = (_, bytes) => dataPackets(bytes)
    alice.send(toBob(1))
    await alice.read()
    one.bus.drops = () => false
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([1, 0])
    await cluster.clock.advance(1_100)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect([two.metrics.linkGaps.value, two.metrics.linkLosses.value]).toEqual([1, 0])
  })

  it('recover a packet lost between two that arrived', async () => {
    alice.send(toBob(1))
    await alice.read()
    one.bus.drops = (_, bytes) => dataPackets(bytes)
    alice.send(toBob(2))
    await alice.read()
    one.bus.drops = () => false
    alice.send(toBob(3))
    await alice.read()
    await bob.read()
    await bob.read()
    expect(bob.numbers).toEqual([1, 2, 3])
  })

  it('catch up every session when the answer does not come either', async () => {
    one.bus.drops = (_, bytes) => dataPackets(bytes) || bytes[1] === PACKET_KIND.headers
    alice.send(toBob(1))
    await alice.read()
    await cluster.clock.advance(4_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(two.metrics.linkLosses.value).toBe(1)
    expect(two.metrics.repairs.value).toBeGreaterThanOrEqual(1)
  })

  it('hold the cursor back while a packet is missing', async () => {
    await stay(61_000)
    one.bus.drops = (_, bytes) => bytes[1] !== PACKET_KIND.goodbye
    const lostMs = cluster.clock.now()
    alice.send(toBob(1))
    await alice.read()
    await cluster.clock.advance(1_900)
    await bob.read()
    expect(Math.max(...bob.synced)).toBeLessThanOrEqual(lostMs - LIMITS.overlapMs + 1)
    await cluster.clock.advance(2_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('let sessions catch up when a node dies without goodbye', async () => {
    one.bus.drops = () => true
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    // The node is dead from here on: nothing it does is seen any more.
    await one.bus.close()
    one.bus.failure = new Error('dead')
    await cluster.clock.advance(3_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('do not make sessions catch up when a node says goodbye', async () => {
    await three.node.drain(10)
    await three.node.stop()
    await cluster.clock.advance(15_000)
    await bob.read()
    expect([two.metrics.linkLosses.value, two.metrics.repairs.value]).toEqual([0, 0])
    expect(cluster.clock.now() - LIMITS.overlapMs - Math.max(...bob.synced)).toBeLessThan(13_000)
  })

  it('advance the live cursor within the refresh of presence and the overlap', async () => {
    await stay(120_000)
    await bob.read()
    const lagMs = cluster.clock.now() - Math.max(...bob.synced)
    expect(lagMs).toBeGreaterThanOrEqual(LIMITS.overlapMs)
    expect(lagMs).toBeLessThan(LIMITS.overlapMs + 25_000)
    expect(bob.synced).toEqual([...bob.synced].sort((left, right) => left - right))
  })

  it('catch up once more when a silent node is gone for good: what it still did after the first catch-up is read', async () => {
    one.bus.drops = () => true
    await stay(3_000)
    const repairs = two.metrics.repairs.value
    expect(repairs).toBeGreaterThan(0)
    // The node is cut off from its peers but not from store and broker: it still acknowledges.
    alice.send(toBob(1))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    await one.node.stop()
    await bob.read()
    expect(bob.deliveries).toEqual([])
    await stay(12_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
  })

  it('keep counting when a node that seemed gone comes back, so that later losses are seen', async () => {
    alice.send(toBob(1))
    await alice.read()
    // Node two is silent and unknown to the registry for a while, but not dead.
    const { registry } = cluster
    const heartbeat = registry.heartbeat.bind(registry)
    const gone = [...await registry.peers(1_000)].sort()[1] ?? 0
    registry.heartbeat = async (incarnation) => { if (incarnation !== gone) await heartbeat(incarnation) }
    two.bus.drops = () => true
    await stay(13_000)
    registry.heartbeat = heartbeat
    two.bus.drops = () => false
    await stay(2_000)
    await bob.read()
    one.bus.drops = (_, bytes) => dataPackets(bytes)
    alice.send(toBob(2))
    await alice.read()
    one.bus.drops = () => false
    await stay(2_000)
    await bob.read()
    expect(bob.numbers).toEqual([1, 2])
  })

  it('make a node unready that has no broker for two seconds', async () => {
    expect(one.node.ready()).toEqual({ ok: true })
    one.bus.failure = new Error('no broker')
    await cluster.clock.advance(3_000)
    expect(one.node.ready()).toEqual({ ok: false, reason: 'the broker does not answer' })
    one.bus.failure = undefined
    await cluster.clock.advance(1_000)
    expect(one.node.ready()).toEqual({ ok: true })
  })
})

describe('presence', () => {
  it('that does not answer makes the node publish to every node', async () => {
    presence.failure = new Error('no presence')
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.numbers]).toEqual([1, [1]])
    expect(one.metrics.broadcasts.value).toBe(1)
    await cluster.clock.advance(4_000)
    expect(one.node.ready()).toEqual({ ok: false, reason: 'presence does not answer' })
  })

  it('that forgot everything is registered again, and what was missed is read', async () => {
    cluster.presence.forget()
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.deliveries.length]).toEqual([1, 0])
    await cluster.clock.advance(12_000)
    await bob.read()
    expect(bob.numbers).toEqual([1])
    alice.send(toBob(2))
    await alice.read()
    await bob.read()
    expect(bob.numbers).toEqual([1, 2])
  })

  it('lets the newest socket of a device win, on the same node and on another', async () => {
    const first = bob.socket
    await bob.goLive(two)
    expect(first.closedBy).toBe('replaced')
    const second = bob.socket
    await bob.goLive(three)
    await settle()
    expect(second.closedBy).toBe('replaced')
    alice.send(toBob(1))
    await alice.read()
    await bob.read()
    expect(bob.numbers).toEqual([1])
    expect(bob.socket.closedBy).toBeUndefined()
  })

  it('closes the older socket at the next refresh when nobody told its node', async () => {
    const first = bob.socket
    three.bus.drops = (_, bytes) => bytes[1] === PACKET_KIND.replaced
    await bob.goLive(three)
    await settle()
    expect(first.closedBy).toBeUndefined()
    await cluster.clock.advance(12_000)
    expect(first.closedBy).toBe('replaced')
    expect(bob.socket.closedBy).toBeUndefined()
  })
})

describe('sessions', () => {
  it('of a revoked device are closed on every node at once, and the own devices are told', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    await tablet.goLive(three)
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    await settle()
    expect(tablet.socket.closedBy).toBe('revoked')
    await bob.read()
    expect(bob.socket.closedBy).toBeUndefined()
    expect(bob.notices).toContainEqual({ kind: 'account_changed', account: BOB, seq: 3 })
    await tablet.connect(one)
    expect([tablet.welcomed, tablet.socket.closedBy, tablet.failures.at(-1)?.code]).toEqual([false, 'revoked', 'account.device_unknown'])
  })

  it('of a revoked login and of a closed account are closed', async () => {
    cluster.directory.tell({ kind: 'session_revoked', account: BOB, device: BOB_PHONE })
    cluster.directory.closeAccount(ALICE)
    await settle()
    expect([bob.socket.closedBy, alice.socket.closedBy]).toEqual(['tokenExpired', 'accountClosed'])
    await alice.connect(one)
    expect(alice.socket.closedBy).toBe('accountClosed')
  })

  it.each(['before its devices are read', 'after its devices were read'])('do not slip through when the device is revoked while its hello is checked, %s', async (moment) => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    let revoked = false
    const revoke = (): void => {
      if (!revoked) cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
      revoked = true
    }
    if (moment.startsWith('before')) cluster.directory.beforeSummary = async () => { revoke() }
    else presence.beforeRegister = revoke
    await tablet.connect(three)
    await settle()
    expect([revoked, tablet.welcomed, tablet.socket.closedBy]).toEqual([true, false, 'revoked'])
    expect(await cluster.presence.lookup([BOB])).toHaveLength(1)
  })

  it('end with their token', async () => {
    await bob.connect(two, { token: cluster.directory.tokenOf(BOB, BOB_PHONE, 5_000) })
    await cluster.clock.advance(6_000)
    expect(bob.socket.closedBy).toBe('tokenExpired')
  })

  it('are refused without a valid token, signature, or in time', async () => {
    const stranger = new TestClient(cluster, BOB, BOB_PHONE)
    await stranger.connect(one, { token: cluster.directory.tokenOf(ALICE, ALICE_PHONE) })
    expect(stranger.socket.closedBy).toBe('helloRefused')
    await stranger.connect(one, { token: cluster.directory.tokenOf(BOB, BOB_PHONE, -1) })
    expect(stranger.socket.closedBy).toBe('tokenExpired')
    await stranger.connect(one, { sign: () => new Uint8Array(64) })
    expect(stranger.socket.closedBy).toBe('helloRefused')
    stranger.open(one)
    await cluster.clock.advance(LIMITS.helloTimeoutMs + 1_000)
    expect(stranger.socket.closedBy).toBe('helloTimeout')
    expect(bob.socket.closedBy).toBeUndefined()
  })

  it('that say nothing are closed as idle', async () => {
    await cluster.clock.advance(62_000)
    expect(bob.socket.closedBy).toBe('idle')
  })

  it('answer a ping, and close on anything that is not the protocol', async () => {
    bob.request(FRAME_TYPE.ping, new Uint8Array(0))
    await bob.read()
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.pong)
    const wrong: [string, (client: TestClient) => void][] = [
      ['protocolError', (client) => { client.raw(new Uint8Array([1, 2, 3])) }],
      ['protocolError', (client) => { client.raw(new Uint8Array(0)) }],
      ['protocolError', (client) => { client.node?.node.handlers.text(client.socket) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.welcome, 1, new Uint8Array(0))) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.send, 1, new Uint8Array(10))) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.deviceAck, 0, new Uint8Array(12).fill(1))) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.open, 1, new Uint8Array([0xff]))) }],
      ['tooLarge', (client) => { client.raw(Uint8Array.from([1, 2, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0])) }],
      ['incompatible', (client) => { client.raw(Uint8Array.from([9, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])) }],
    ]
    for (const [reason, act] of wrong) {
      await bob.connect(two)
      expect(bob.welcomed).toBe(true)
      act(bob)
      await bob.read()
      expect([bob.socket.closedBy, bob.failures.at(-1)?.correlation]).toEqual([reason, 0])
    }
    bob.open(two)
    bob.request(FRAME_TYPE.ping, new Uint8Array(0))
    expect(bob.socket.closedBy).toBe('protocolError')
  })
})

describe('draining', () => {
  it('tells the clients, closes them spread over the time, loses nothing, and takes no new ones', async () => {
    alice.send(toBob(1))
    const draining = one.node.drain(2_000)
    await alice.read()
    expect(one.node.ready().ok).toBe(false)
    expect(alice.notices).toEqual([{ kind: 'draining', spreadMs: 2_000 }])
    await cluster.clock.advance(2_500)
    await draining
    expect(alice.socket.closedBy).toBe('draining')
    await bob.read()
    expect([alice.acks.length, bob.numbers]).toEqual([1, [1]])
    const late = new TestClient(cluster, ALICE, ALICE_PHONE)
    late.open(one)
    expect(late.socket.closedBy).toBe('draining')
    await one.node.stop()
    await alice.goLive(three)
    alice.send(toBob(2))
    await alice.read()
    await bob.read()
    expect(bob.numbers).toEqual([1, 2])
  })
})
