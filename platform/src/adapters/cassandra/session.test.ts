import { isEvegramError, type EvegramError } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock.js'
import { silentLogger, type Logger } from '../../log.js'
import { createMetrics } from '../../metrics.js'
import { testKeyspace } from '../../testing/index.js'
import { CassandraSession, type Migration } from './index.js'

const TABLES: readonly Migration[] = [{
  version: 1,
  statements: [
    'CREATE TABLE IF NOT EXISTS things (part text, number int, big bigint, bytes blob, flag boolean, note text, PRIMARY KEY (part, number))',
    'CREATE TABLE IF NOT EXISTS heads (part text, number int, head int static, note text, PRIMARY KEY (part, number))',
  ],
}]
const INSERT = 'INSERT INTO things (part, number, big, bytes, flag) VALUES (?, ?, ?, ?, ?)'
const SELECT = 'SELECT part, number, big, bytes, flag, note FROM things WHERE part = ?'
const OPEN = 'INSERT INTO things (part, number, note) VALUES (?, ?, ?) IF NOT EXISTS'

const rejection = async (promise: Promise<unknown>): Promise<EvegramError> => {
  try {
    await promise
  } catch (failure) {
    if (isEvegramError(failure)) return failure
    throw failure
  }
  throw new Error('it did not reject')
}

describe('CassandraSession', () => {
  const keyspace = testKeyspace()
  const metrics = createMetrics()
  let session: CassandraSession
  beforeAll(async () => {
    session = await keyspace.connect({ metrics })
    await session.migrate('things', TABLES)
  }, 60_000)
  afterAll(async () => { await keyspace.drop() }, 60_000)

  it('reads what it wrote, by the types of the columns', async () => {
    const within = new Uint8Array([9, 9, 0, 255, 7, 9]).subarray(2, 5)
    await session.write(INSERT, ['types', 2 ** 31 - 1, 2n ** 62n, within, true])
    const [row] = await session.read(SELECT, ['types'])
    expect(row?.text('part')).toBe('types')
    expect(row?.integer('number')).toBe(2 ** 31 - 1)
    expect(row?.big('big')).toBe(2n ** 62n)
    expect([...row?.bytes('bytes') ?? []]).toEqual([0, 255, 7])
    expect(Buffer.isBuffer(row?.bytes('bytes'))).toBe(false)
    expect(row?.flag('flag')).toBe(true)
    expect(row?.has('note')).toBe(false)
    expect(() => row?.text('note')).toThrow(expect.objectContaining({ code: 'internal', details: { column: 'note', expected: 'text', found: 'null' } }))
    expect(() => row?.big('number')).toThrow(expect.objectContaining({ code: 'internal' }))
  })

  it('reads everything a statement selects, over many pages', async () => {
    await Promise.all(Array.from({ length: 250 }, (_, number) => session.write(INSERT, ['pages', number, 1n, new Uint8Array(1), false])))
    const rows = await session.read(SELECT, ['pages'], { pageSize: 7 })
    expect(rows.map((row) => row.integer('number'))).toEqual(Array.from({ length: 250 }, (_, number) => number))
  })

  it('writes a batch of one partition', async () => {
    await session.writeBatch([1, 2, 3].map((number) => ({ cql: INSERT, values: ['batch', number, 1n, new Uint8Array(number), false] })))
    expect((await session.read(SELECT, ['batch'])).map((row) => row.bytes('bytes').length)).toEqual([1, 2, 3])
    const misfit = await rejection(session.writeBatch([
      { cql: INSERT, values: ['misfit', 1, 1n, new Uint8Array(1), false] }, { cql: INSERT, values: ['misfit', 'no number', 1n, new Uint8Array(1), false] },
    ]))
    expect(misfit).toMatchObject({ code: 'unavailable.store', details: { outcome: 'refused' } })
    expect(await session.read(SELECT, ['misfit'])).toEqual([])
  })

  it('applies a conditional write once, and shows the others what stands', async () => {
    const results = await Promise.all(Array.from({ length: 10 }, (_, index) => session.conditional(OPEN, ['once', 1, `writer ${index}`])))
    const winners = results.flatMap((result, index) => result.applied ? [`writer ${index}`] : [])
    expect(winners).toHaveLength(1)
    for (const result of results) if (!result.applied) expect(result.row?.text('note')).toBe(winners[0])
    expect((await session.readSerial(SELECT, ['once']))[0]?.text('note')).toBe(winners[0])
  })

  it('tells a refused conditional write of a row that is not there', async () => {
    expect(await session.conditional('UPDATE things SET note = ? WHERE part = ? AND number = ? IF note = ?', ['new', 'absent', 1, 'old'])).toEqual({ applied: false, row: undefined })
  })

  it('applies a conditional batch of one partition as a whole or not at all', async () => {
    const batch = (number: number, from: number | null): { cql: string; values: readonly (string | number | null)[] }[] => [
      { cql: 'UPDATE heads SET head = ? WHERE part = ? IF head = ?', values: [number, 'log', from] },
      { cql: 'INSERT INTO heads (part, number, note) VALUES (?, ?, ?)', values: ['log', number, `entry ${number}`] },
    ]
    expect(await session.conditionalBatch(batch(1, null))).toEqual({ applied: true })
    expect(await session.conditionalBatch(batch(2, 1))).toEqual({ applied: true })
    const late = await session.conditionalBatch(batch(3, 1))
    expect(late.applied).toBe(false)
    if (!late.applied) expect(late.row?.integer('head')).toBe(2)
    const rows = await session.readSerial('SELECT number, note FROM heads WHERE part = ?', ['log'])
    expect(rows.map((row) => row.integer('number'))).toEqual([1, 2])
  })

  it('says of a write that Cassandra refuses that it was not applied', async () => {
    const failure = await rejection(session.write('INSERT INTO nowhere (part) VALUES (?)', ['x']))
    expect(failure).toMatchObject({ code: 'unavailable.store', details: { outcome: 'refused' } })
    const misfit = await rejection(session.write(INSERT, ['x', 'no number', 1n, new Uint8Array(1), true]))
    expect(misfit).toMatchObject({ code: 'unavailable.store', details: { outcome: 'refused' } })
  })

  it('runs as many requests at once as allowed, and the others after them', async () => {
    const narrow = await keyspace.connect({ inFlightMax: 2 })
    let most = 0
    const writes = Array.from({ length: 50 }, async (_, number) => {
      await narrow.write(INSERT, ['narrow', number, 1n, new Uint8Array(1), true])
      most = Math.max(most, narrow.inFlight)
    })
    await Promise.all(writes)
    expect(most).toBeLessThanOrEqual(2)
    expect(await narrow.read(SELECT, ['narrow'])).toHaveLength(50)
  })

  it('lets what is urgent past the queue', async () => {
    const narrow = await keyspace.connect({ inFlightMax: 1 })
    const done: string[] = []
    const queued = Array.from({ length: 100 }, (_, number) => narrow.write(INSERT, ['queue', number, 1n, new Uint8Array(1), true]).then(() => done.push('queued')))
    await narrow.write(INSERT, ['urgent', 1, 1n, new Uint8Array(1), true], { urgent: true })
    expect(await narrow.read(SELECT, ['urgent'], { urgent: true })).toHaveLength(1)
    expect(done.length).toBeLessThan(100)
    await Promise.all(queued)
  })

  it('counts what it asks and what fails', async () => {
    const text = await metrics.text()
    expect(text).toMatch(/evegram_cassandra_requests_total\{kind="write"\} [1-9]/)
    expect(text).toMatch(/evegram_cassandra_failures_total\{kind="write"\} [1-9]/)
  })

  it('refuses statements once it is closed', async () => {
    const closing = await keyspace.connect()
    await closing.close()
    expect(await rejection(closing.write(INSERT, ['closed', 1, 1n, new Uint8Array(1), true]))).toMatchObject({ code: 'unavailable.store', details: { outcome: 'refused' } })
  })

  it('waits for a cluster that is not there, says so, and gives up in time', async () => {
    const lines: string[] = []
    const log: Logger = { ...silentLogger, warn: (_fields, message) => { lines.push(message) } }
    const failure = await rejection(CassandraSession.connect({ ...keyspace.config, contactPoints: ['127.0.0.1:1'] }, { log, clock: systemClock(), waitMs: 1_500 }))
    expect(failure.code).toBe('unavailable.store')
    expect(lines).toEqual(['waiting for Cassandra'])
  })
})

describe('CassandraSession.migrate', () => {
  const keyspace = testKeyspace()
  const steps: readonly Migration[] = [
    { version: 1, statements: ['CREATE TABLE IF NOT EXISTS one (id int PRIMARY KEY)'] },
    { version: 2, statements: ['CREATE TABLE IF NOT EXISTS two (id int PRIMARY KEY)', 'ALTER TABLE one ADD IF NOT EXISTS note text'] },
  ]
  afterAll(async () => { await keyspace.drop() }, 60_000)

  it('lets processes that start at the same moment end up with the same tables', async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => keyspace.connect()))
    await Promise.all(sessions.map((session) => session.migrate('service', steps.slice(0, 1))))
    await Promise.all(sessions.map((session) => session.migrate('service', steps)))
    for (const session of sessions) await session.write('INSERT INTO one (id, note) VALUES (?, ?)', [1, 'x'])
  }, 60_000)

  it('keeps the versions of services apart', async () => {
    const session = await keyspace.connect()
    await session.migrate('other', [{ version: 1, statements: ['CREATE TABLE IF NOT EXISTS three (id int PRIMARY KEY)'] }])
    await session.migrate('service', steps)
  }, 60_000)

  it('refuses tables that a newer version wrote, and migrations that were changed', async () => {
    const session = await keyspace.connect()
    expect((await rejection(session.migrate('service', steps.slice(0, 1)))).code).toBe('incompatible.schema')
    const changed = [{ version: 1, statements: ['CREATE TABLE IF NOT EXISTS one (id bigint PRIMARY KEY)'] }, ...steps.slice(1)]
    expect((await rejection(session.migrate('service', changed))).code).toBe('incompatible.schema')
  }, 60_000)
})
