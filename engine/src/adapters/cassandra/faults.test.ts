import { silentLogger, systemClock, systemRandom } from '@evegram/platform'
import type { CassandraQueries, CassandraSession } from '@evegram/platform/cassandra'
import { testKeyspace } from '@evegram/platform/testing'
import { bytesOfHex, positionAtTime, type ConversationId, type Position } from '@evegram/protocol'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MARK_HOUR_MS } from '../../ports/marks.js'
import { sampleAccount, sampleConversation, sampleEnvelope } from '../../ports/sample-envelope.contract.js'
import { MarkingLog } from '../marking-log.js'
import { BATCH_ROWS_MAX, CassandraEnvelopeRows } from './envelope-rows.js'
import { codeOf, FaultySession, once, type Fault } from './faulty-session.fixture.js'
import { CassandraMarks } from './marks.js'
import { CassandraMembership } from './membership.js'
import { CassandraNodeRegistry, REMEMBER_EVERY_MS } from './node-registry.js'
import { LEVEL_MAX } from './partitions.js'
import { openCassandraEngineStore } from './store.js'

const TTL_S = 86_400
const START = positionAtTime(0)
const T0 = Math.floor(1_780_000_000_000 / MARK_HOUR_MS) * MARK_HOUR_MS

const keyspace = testKeyspace()
let real: CassandraSession
let session: FaultySession
let number = 0
const at = (offsetMs: number): Position => ({ timeMs: T0 + offsetMs, incarnation: 1, counter: ++number })
beforeAll(async () => {
  real = await keyspace.connect()
  await openCassandraEngineStore({ session: real, clock: systemClock(), log: silentLogger })
}, 60_000)
afterAll(async () => { await keyspace.drop() }, 60_000)
beforeEach(() => { session = new FaultySession(real) })

describe('the log over Cassandra', () => {
  let conversation: ConversationId
  let log: MarkingLog
  const account = sampleAccount(1)
  beforeEach(() => {
    conversation = sampleConversation(1_000 + ++number)
    log = openLog(session)
  })
  const openLog = (over: CassandraQueries): MarkingLog => {
    const marks = new CassandraMarks(over, TTL_S)
    return new MarkingLog({ rows: new CassandraEnvelopeRows(over, TTL_S), marks })
  }
  const append = (position: Position, to = log): Promise<unknown> => to.append({ conversation, envelope: sampleEnvelope({ conversation, number: 1 }), position }, [account])
  const read = async (from = log): Promise<Position[]> => (await from.read(conversation, START, 256)).map((copy) => copy.position)

  it.each<Fault>(['lost', 'applied'])('refuses an append whose row was %s with an unknown outcome, and stores the retry', async (fault) => {
    session.fault = once('INTO envelopes ', fault)
    const [first, second] = [at(1), at(2)]
    expect(await codeOf(append(first))).toBe('unavailable.envelope_log unknown')
    expect(await codeOf(append(second))).toBe('resolved')
    expect(await read()).toEqual(fault === 'applied' ? [first, second] : [second])
  })

  it.each<Fault>(['lost', 'applied'])('refuses an append whose hour was %s on the list, and lists it with the next one', async (fault) => {
    session.fault = once('INTO envelope_hours', fault)
    const [first, second] = [at(1), at(2)]
    expect(await codeOf(append(first))).toBe('unavailable.envelope_log unknown')
    expect(await codeOf(append(second))).toBe('resolved')
    // Another process knows the list alone. The row of the refused one may still have been on its way.
    await expect.poll(() => read(openLog(real))).toEqual([first, second])
  })

  it('refuses an append whose mark was lost, and marks with the next one', async () => {
    session.fault = once('INTO inbox_marks', 'lost')
    const marked = sampleAccount(900 + number)
    const envelope = sampleEnvelope({ conversation, number: 1 })
    expect(await codeOf(log.append({ conversation, envelope, position: at(1) }, [marked]))).toBe('unavailable.envelope_log unknown')
    expect(await new CassandraMarks(real, TTL_S).since(marked, T0, 10)).toEqual([])
    expect(await codeOf(log.append({ conversation, envelope, position: at(2) }, [marked]))).toBe('resolved')
    expect(await new CassandraMarks(real, TTL_S).since(marked, T0, 10)).toEqual([conversation])
  })

  it.each<Fault>(['lost', 'applied'])('refuses every append of a batch that was %s, and stores the retries', async (fault) => {
    session.fault = once('INTO envelopes ', fault)
    const [first, second] = [[at(1), at(2), at(3)], [at(4), at(5), at(6)]]
    expect(new Set(await Promise.all(first.map((position) => codeOf(append(position)))))).toEqual(new Set(['unavailable.envelope_log unknown']))
    await Promise.all(second.map((position) => append(position)))
    expect(await read()).toEqual(fault === 'applied' ? [...first, ...second] : second)
  })

  it('writes what one turn appends to a partition together, in batches that are bounded in rows and bytes', async () => {
    await append(at(0))
    session.writes.length = 0
    const rows = Array.from({ length: BATCH_ROWS_MAX + 5 }, (_, index) => at(index + 1))
    await Promise.all(rows.map((position) => append(position)))
    expect(session.writes).toEqual([BATCH_ROWS_MAX, 5])
    session.writes.length = 0
    const large = sampleEnvelope({ conversation, number: 1, bodyBytes: 60_000 })
    const positions = Array.from({ length: 7 }, () => at(1_000))
    await Promise.all(positions.map((position) => log.append({ conversation, envelope: large, position }, [account])))
    expect(session.writes).toEqual([3, 3, 1])
    expect(await read()).toHaveLength(1 + rows.length + positions.length)
  })

  it('shows every process what any of them appended', async () => {
    const other = openLog(await keyspace.connect())
    const positions = Array.from({ length: 40 }, (_, index) => at(index * 7 * 60_000))
    await Promise.all(positions.map((position, index) => append(position, index % 2 === 0 ? log : other)))
    expect(await read()).toEqual(positions)
    expect(await read(other)).toEqual(positions)
  })

  it('reads the hours that hold something, whatever lies between them', async () => {
    const positions = Array.from({ length: 30 }, (_, day) => at(day * 24 * MARK_HOUR_MS))
    await Promise.all(positions.map((position) => append(position)))
    session.reads = 0
    expect(await read()).toEqual(positions)
    expect(session.reads).toBe(31)
    session.reads = 0
    expect((await log.read(conversation, positions[28] ?? START, 10)).map((copy) => copy.position)).toEqual([positions[29]])
    expect(session.reads).toBe(3)
  })

  it('reads no more hours than the limit needs, and few rows too many', async () => {
    const positions = Array.from({ length: 400 }, (_, index) => at(index * 90_000))
    await Promise.all(positions.map((position) => append(position)))
    session.reads = 0
    session.rowsRead = 0
    const page = await log.read(conversation, positions[9] ?? START, 40)
    expect(page.map((copy) => copy.position)).toEqual(positions.slice(10, 50))
    // The list of ten hours, then the hour of the cursor and one more.
    expect(session.reads).toBe(3)
    expect(session.rowsRead).toBeLessThan(100)
  })

  it('reads more hours than one look at the list brings', async () => {
    const positions = Array.from({ length: 300 }, (_, index) => at(index * MARK_HOUR_MS))
    await Promise.all(positions.map((position) => append(position)))
    expect((await log.read(conversation, START, 1_000)).map((copy) => copy.position)).toEqual(positions)
  })

  const partsOf = async (): Promise<number[]> =>
    (await real.read('SELECT part FROM envelope_hours WHERE conversation = ?', [bytesOfHex(conversation)])).map((row) => row.integer('part'))

  it.each<Fault>(['lost', 'applied'])('refuses an append to a wide conversation whose part was %s on the list, and lists it with the next one', async (fault) => {
    const wide = (position: Position): Promise<unknown> =>
      log.append({ conversation, envelope: sampleEnvelope({ conversation, number: 1 }), position, wide: true }, [conversation])
    session.fault = once('INTO envelope_hours', fault)
    const [first, second] = [at(1), at(2)]
    expect(await codeOf(wide(first))).toBe('unavailable.envelope_log unknown')
    expect(await codeOf(wide(second))).toBe('resolved')
    await expect.poll(() => read(openLog(real))).toEqual([first, second])
    expect(await partsOf()).toHaveLength(1)
  })

  it('spreads the messages of a wide conversation over its parts, and those of others over none', async () => {
    const appendTo = (wide: boolean): Promise<unknown> => Promise.all(Array.from({ length: 64 }, (_, index) =>
      log.append({ conversation, envelope: sampleEnvelope({ conversation, number: index }), position: at(index), wide }, [conversation])))
    await appendTo(false)
    expect(await partsOf()).toEqual([0])
    await appendTo(true)
    expect(await partsOf()).toEqual([0, 1, 2, 3])
    expect(await read(openLog(real))).toHaveLength(128)
  })

  it('reads a page of an hour that was cut into many partitions by the few that hold its time', async () => {
    const small = (over: CassandraQueries): MarkingLog =>
      new MarkingLog({ rows: new CassandraEnvelopeRows(over, TTL_S, 2_000), marks: new CassandraMarks(over, TTL_S) })
    const busy = small(real)
    const positions = Array.from({ length: 600 }, (_, index) => at(index * 5_900))
    await Promise.all(positions.map((position, index) => busy.append({ conversation, envelope: sampleEnvelope({ conversation, number: index }), position }, [account])))
    expect((await partsOf()).length).toBeGreaterThan(60)
    const reader = small(session)
    session.reads = 0
    session.rowsRead = 0
    expect((await reader.read(conversation, positions[399] ?? START, 40)).map((copy) => copy.position)).toEqual(positions.slice(400, 440))
    // The rows of the list aside: those of the page, and of each level a few that come behind it.
    expect(session.rowsRead - (await partsOf()).length).toBeLessThan(100)
    expect(session.reads).toBeLessThan(40)
  })

  it('refuses what comes faster than the finest partition takes, and stores nothing of it', async () => {
    const small = new MarkingLog({ rows: new CassandraEnvelopeRows(real, TTL_S, 100), marks: new CassandraMarks(real, TTL_S) })
    const sends = Array.from({ length: LEVEL_MAX + 3 }, () => at(5))
    const codes = await Promise.all(sends.map((position) => codeOf(append(position, small))))
    expect(codes.map((code) => code.split(' ')[0])).toEqual([...Array.from({ length: LEVEL_MAX + 1 }, () => 'resolved'), 'limited.queue', 'limited.queue'])
    expect(await read()).toEqual(sends.slice(0, LEVEL_MAX + 1))
    // The next slice has room again.
    expect(await codeOf(append(at(2_000), small))).toBe('resolved')
  })

  it('keeps rows, hours and marks for the time they were given, and no longer', async () => {
    const [account2, marks] = [sampleAccount(800 + number), new CassandraMarks(real, 1)]
    const brief = new MarkingLog({ rows: new CassandraEnvelopeRows(real, 1), marks })
    await brief.append({ conversation, envelope: sampleEnvelope({ conversation, number: 1 }), position: at(1) }, [account2])
    expect(await read(brief)).toHaveLength(1)
    await new Promise((resolve) => { setTimeout(resolve, 2_200) })
    expect(await read(brief)).toEqual([])
    expect(await marks.since(account2, T0, 10)).toEqual([])
  })
})

describe('membership over Cassandra', () => {
  const [alice, bob] = [sampleAccount(1), sampleAccount(2)]
  beforeEach(async () => { await keyspace.truncate('conversations') })

  it.each<Fault>(['lost', 'applied'])('opens a conversation whose first write was %s without an answer', async (fault) => {
    session.fault = once('INTO conversations', fault)
    const membership = new CassandraMembership(session)
    const opened = await membership.openDirect(alice, bob)
    expect(opened.members).toEqual([alice, bob])
    expect(session.serialReads).toBe(1)
    expect(await new CassandraMembership(real).get(opened.conversation)).toEqual(opened)
  })

  it('gives up when the store stays silent, and says that the outcome is unknown', async () => {
    session.fault = () => 'lost'
    expect(await codeOf(new CassandraMembership(session).openDirect(alice, bob))).toBe('unavailable.store unknown')
    expect(session.serialReads).toBe(3)
  })

  it('asks the conditional writes themselves before it says that there is no conversation', async () => {
    const membership = new CassandraMembership(session)
    expect(await membership.get(sampleConversation(5))).toBeUndefined()
    expect(session.serialReads).toBe(1)
    const opened = await membership.openDirect(alice, bob)
    await membership.get(opened.conversation)
    expect(session.serialReads).toBe(1)
  })
})

describe('the node registry over Cassandra', () => {
  const open = (over: CassandraQueries): CassandraNodeRegistry =>
    new CassandraNodeRegistry({ session: over, clock: systemClock(), random: systemRandom(), log: silentLogger })
  beforeEach(async () => { await keyspace.truncate('nodes', 'store_time') })

  it('claims another incarnation when the answer to the first was lost', async () => {
    session.fault = once('INTO incarnations', 'applied')
    expect((await open(session).claim()).incarnation).toBeGreaterThanOrEqual(0)
  })

  it('returns from a claim when the time of the store has passed the floor, which is above every confirmed clock', async () => {
    const registry = open(real)
    const before = await registry.referenceMs()
    const { floorMs } = await registry.claim()
    expect(floorMs).toBeGreaterThanOrEqual(before + 500)
    expect(await registry.referenceMs()).toBeGreaterThanOrEqual(floorMs)
  })

  it('raises the floor above the time that was heard before the clocks of the store went back', async () => {
    const registry = open(session)
    const heardMs = (await registry.referenceMs()) + 3_600_000
    await real.write('INSERT INTO store_time (cluster, heard_ms) VALUES (0, ?) USING TIMESTAMP ?', [BigInt(heardMs), BigInt(heardMs) * 1_000n])
    expect((await registry.claim()).floorMs).toBeGreaterThanOrEqual(heardMs + REMEMBER_EVERY_MS)
    // Nor does a lower time replace the remembered one.
    expect((await open(real).claim()).floorMs).toBeGreaterThanOrEqual(heardMs + REMEMBER_EVERY_MS)
  }, 20_000)

  it('does not bring back a node that left by a late sign of life', async () => {
    const registry = open(real)
    await registry.heartbeat(7)
    await registry.heartbeat(8)
    await registry.leave(7)
    await registry.heartbeat(7)
    expect(await registry.peers(5_000)).toEqual([8])
  })
})
