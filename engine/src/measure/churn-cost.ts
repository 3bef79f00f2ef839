import { setTimeout as delay } from 'node:timers/promises'
import { CassandraEnvelopeRows } from '../adapters/cassandra/envelope-rows.js'
import { CassandraMarks } from '../adapters/cassandra/marks.js'
import { ENGINE_MIGRATIONS } from '../adapters/cassandra/store.js'
import { MarkingLog } from '../adapters/marking-log.js'
import { Backlog } from '../core/resume.js'
import { measureBusyHour, type BusyHour } from './busy-hour.js'
import { accountAt, conversationAt, deviceBytesAt, eachOf, envelopeAt, NO_GUIDE, type MeasuredStore } from './store-under-measure.js'

/** What people did. */
export interface ChurnShape {
  /** Days that pass, each in `dayMs` of real time: rows written on a day expire 31 days later as they would. */
  readonly days: number
  readonly dayMs: number
  readonly conversations: number
  /** Messages of one conversation on one day. */
  readonly messages: number
  /** Bytes that an ordinary and a wide conversation get in one hour each, in MiB; 0 for none. */
  readonly busy: number
}

/** What Cassandra says about its tables afterwards. */
export interface ChurnCost extends ChurnShape {
  /** Most of the tables of the engine: tombstones (expired rows among them) that a read met. */
  readonly tombstonesP99: number
  readonly tombstonesMax: number
  readonly largestPartitionBytes: number
  readonly tables: readonly { readonly table: string; readonly tombstonesP99: number; readonly largestPartitionBytes: number }[]
  readonly busyHours: readonly BusyHour[]
  readonly resumes: number
  readonly missed: number
}

const DAY_MS = 24 * 3_600_000
const RETENTION_DAYS = 30
/** Rows live longer than the retention by this, as in the real store. */
const MARGIN_DAYS = 1
const WRITES_AT_ONCE = 64
const PAGE = { envelopes: 256, bytes: 1_048_576 } as const

const CHURNED_TABLES = ['envelopes', 'envelope_hours', 'inbox_marks'] as const
/** Days after the last one until everything is on the disk. */
const SETTLE_DAYS = 3

const FIGURES = 'SELECT table_name, CAST(p99th AS bigint) AS p99, CAST(max AS bigint) AS most FROM system_views.tombstones_per_read WHERE keyspace_name = ? ALLOW FILTERING'
const SIZES = 'SELECT table_name, mebibytes FROM system_views.max_partition_size WHERE keyspace_name = ? ALLOW FILTERING'

/** Lets days of messages, marks and resumes pass in quick motion, rows expiring behind them, and reads Cassandra's own figures. */
export async function measureChurn(store: MeasuredStore, shape: ChurnShape, onDay: (day: number) => void): Promise<ChurnCost> {
  const { session } = store
  await session.migrate('engine', ENGINE_MIGRATIONS)
  // Tables go to the disk once a day, as busy ones do: what never left memory has neither partitions to measure nor files to look through.
  await session.migrate('measure', [{ version: 1, statements: CHURNED_TABLES.map((table) => `ALTER TABLE ${table} WITH memtable_flush_period_in_ms = ${String(shape.dayMs)}`) }])
  const ttlS = Math.ceil(((RETENTION_DAYS + MARGIN_DAYS) * shape.dayMs) / 1_000)
  const marks = new CassandraMarks(session, ttlS)
  const log = new MarkingLog({ rows: new CassandraEnvelopeRows(session, ttlS), marks })
  const startMs = Date.parse('2026-01-01T00:00:00Z')
  let [counter, resumes, missed] = [0, 0, 0]
  /** Real time at which each day began: on a busy machine a day takes longer, and rows expire by real time. */
  const beganAt: number[] = []
  for (let day = 0; day < shape.days; day++) {
    beganAt.push(performance.now())
    const dayEndsAt = performance.now() + shape.dayMs
    const dayMs = startMs + day * DAY_MS
    const messages = Array.from({ length: shape.conversations * shape.messages }, (_, index) => index)
    await eachOf(messages, WRITES_AT_ONCE, async (index) => {
      const conversation = conversationAt(index % shape.conversations)
      const timeMs = dayMs + Math.floor((index * DAY_MS) / messages.length)
      await log.append({ conversation, envelope: envelopeAt(conversation, day * shape.messages + Math.floor(index / shape.conversations) + 1, timeMs), position: { timeMs, incarnation: 1, counter: ++counter } },
        [accountAt(1), accountAt(2)])
    })
    // Two devices come back: one that was away for a day, one for as long as messages are kept.
    const oldestKept = beganAt.findIndex((ms) => ms >= performance.now() - RETENTION_DAYS * shape.dayMs)
    for (const sinceDay of [day, oldestKept]) {
      const backlog = new Backlog({ cursorMs: 0, dirty: undefined, mustRepair: false }, { account: accountAt(2), deviceBytes: deviceBytesAt(2) }, { log, marks },
        { sinceMs: startMs + sinceDay * DAY_MS, startedMs: dayMs + DAY_MS, guide: NO_GUIDE })
      while (!backlog.done) missed += (await backlog.next(PAGE)).length
      resumes++
    }
    onDay(day + 1)
    await delay(Math.max(0, dayEndsAt - performance.now()))
  }
  const busyHours = shape.busy === 0 ? [] : await measureBusyHour(store, startMs + shape.days * DAY_MS, shape.busy * 1_048_576)
  await delay(SETTLE_DAYS * shape.dayMs)
  const sizes = new Map((await session.read(SIZES, [store.keyspace])).map((row) => [row.text('table_name'), Number(row.big('mebibytes')) * 1_048_576]))
  const tables: ChurnCost['tables'][number][] = []
  let max = 0
  await session.each(FIGURES, [store.keyspace], (row) => {
    const table = row.text('table_name')
    max = Math.max(max, Number(row.big('most')))
    tables.push({ table, tombstonesP99: Number(row.big('p99')), largestPartitionBytes: sizes.get(table) ?? 0 })
  })
  return {
    ...shape, tables, busyHours, resumes, missed, tombstonesMax: max, tombstonesP99: Math.max(0, ...tables.map(({ tombstonesP99 }) => tombstonesP99)),
    largestPartitionBytes: Math.max(0, ...tables.map(({ largestPartitionBytes }) => largestPartitionBytes)),
  }
}
