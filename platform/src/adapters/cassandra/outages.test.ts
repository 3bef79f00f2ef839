import { isEvegramError, type EvegramError } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock.js'
import { silentLogger } from '../../log.js'
import { createMetrics } from '../../metrics.js'
import { TcpProxy, testKeyspace } from '../../testing/index.js'
import { CassandraSession } from './index.js'

const INSERT = 'INSERT INTO things (part, note) VALUES (?, ?)'
const OPEN = 'INSERT INTO things (part, note) VALUES (?, ?) IF NOT EXISTS'
const SELECT = 'SELECT note FROM things WHERE part = ?'

const rejection = async (promise: Promise<unknown>): Promise<EvegramError> => {
  const failure: unknown = await promise.then(() => undefined, (cause: unknown) => cause)
  if (!isEvegramError(failure)) throw new Error(`it did not reject as promised: ${String(failure)}`)
  return failure
}
/** Asks until the answer comes: connections are made again meanwhile. */
const eventually = async <Result>(ask: () => Promise<Result>): Promise<Result> => {
  for (let tried = 1; ; tried++) {
    try {
      return await ask()
    } catch (failure) {
      if (tried === 40) throw failure
      await new Promise((resolve) => { setTimeout(resolve, 250) })
    }
  }
}

describe('CassandraSession, when the store goes away', () => {
  const keyspace = testKeyspace()
  const metrics = createMetrics()
  let proxy: TcpProxy
  let session: CassandraSession
  beforeAll(async () => {
    proxy = await TcpProxy.to(keyspace.config.contactPoints[0] ?? '')
    session = await CassandraSession.connect({ ...keyspace.config, contactPoints: [proxy.place] }, { log: silentLogger, clock: systemClock(), metrics })
    await session.migrate('things', [{ version: 1, statements: ['CREATE TABLE IF NOT EXISTS things (part text PRIMARY KEY, note text)'] }])
    await session.write(INSERT, ['prepared', 'x'])
    await session.conditional(OPEN, ['prepared', 'x'])
    await session.read(SELECT, ['prepared'])
  }, 60_000)
  afterAll(async () => {
    await session.close()
    await proxy.close()
    await keyspace.drop()
  }, 60_000)

  it('does not know what became of writes that got no answer, sends a conditional one once, and goes on afterwards', async () => {
    proxy.freeze()
    const startedMs = performance.now()
    const [plain, conditional, read] = await Promise.all([
      rejection(session.write(INSERT, ['frozen', 'plain'])), rejection(session.conditional(OPEN, ['frozen once', 'conditional'])),
      rejection(session.read(SELECT, ['prepared'])),
    ])
    expect(performance.now() - startedMs).toBeLessThan(16_000)
    expect(plain).toMatchObject({ code: 'unavailable.store', details: { outcome: 'unknown' } })
    expect(conditional).toMatchObject({ code: 'unavailable.store', details: { outcome: 'unknown' } })
    expect(read).toMatchObject({ code: 'unavailable.store', details: undefined })
    expect(await metrics.text()).toMatch(/evegram_cassandra_unknown_outcomes_total\{kind="conditional"\} 1/)
    proxy.heal()
    await eventually(() => session.write(INSERT, ['frozen', 'again']))
    expect((await eventually(() => session.read(SELECT, ['frozen'])))[0]?.text('note')).toBe('again')
    // What stood in the frozen connection arrives after all: whoever asks serially and again learns which one stands.
    const retried = await eventually(() => session.conditional(OPEN, ['frozen once', 'second']))
    const [standing] = await session.readSerial(SELECT, ['frozen once'])
    expect(standing?.text('note')).toBe(retried.applied ? 'second' : retried.row?.text('note'))
  }, 60_000)

  it('refuses what it could not send, and is back when the store is', async () => {
    proxy.refuse()
    await new Promise((resolve) => { setTimeout(resolve, 200) })
    expect(await rejection(session.write(INSERT, ['refused', 'x']))).toMatchObject({ code: 'unavailable.store', details: { outcome: 'refused' } })
    proxy.heal()
    await eventually(() => session.write(INSERT, ['refused', 'y']))
    expect((await session.read(SELECT, ['refused']))[0]?.text('note')).toBe('y')
  }, 60_000)

  it('does not know what became of writes whose connection broke', async () => {
    const writes = Array.from({ length: 50 }, (_, index) => session.conditional(OPEN, [`cut ${index}`, 'x']).then(() => 'answered', (failure: unknown) =>
      isEvegramError(failure) ? String(failure.details?.['outcome']) : 'broken'))
    await new Promise((resolve) => { setTimeout(resolve, 5) })
    proxy.cut()
    const outcomes = await Promise.all(writes)
    expect(outcomes).toContain('unknown')
    // A refused one is surely not there, now or later.
    for (const [index, outcome] of outcomes.entries()) {
      const rows = await eventually(() => session.readSerial(SELECT, [`cut ${index}`]))
      if (outcome === 'answered') expect(rows).toHaveLength(1)
      if (outcome === 'refused') expect(rows).toHaveLength(0)
    }
  }, 60_000)
})
