import { silentLogger, systemClock } from '@evegram/platform'
import { LIMITS } from '@evegram/protocol'
import { openCassandraEngineStore, type CassandraEngineStore } from '../adapters/cassandra/index.js'
import { Backlog } from '../core/resume.js'
import { accountAt, conversationAt, deviceBytesAt, eachOf, envelopeAt, NO_GUIDE, type MeasuredStore } from './store-under-measure.js'

/** How an account looks. */
export interface ResumeShape {
  /** Days of history. */
  readonly days: number
  readonly conversations: number
  /** Conversations in which something came after the device went away. */
  readonly changed: number
}

/** What one resume cost. */
export interface ResumeCost extends ResumeShape {
  /** Envelopes that were missed and found. */
  readonly missed: number
  /** Requests to Cassandra. */
  readonly reads: number
  readonly ms: number
}

const DAY_MS = 24 * 3_600_000
/** The device went away so long ago. */
const AWAY_MS = 20 * 60_000
const MISSED_PER_CONVERSATION = 2
const WRITES_AT_ONCE = 64
const PAGE = { envelopes: 256, bytes: 1_048_576 } as const

/** Writes a history by the real adapters, each day's messages at positions of that day, and resumes as a node does for a device that was away for 20 minutes. */
export async function measureResume(store: MeasuredStore, shape: ResumeShape, onWritten: (share: number) => void): Promise<ResumeCost> {
  const clock = systemClock()
  const engine = await openCassandraEngineStore({ session: store.session, clock, log: silentLogger })
  const nowMs = clock.now()
  await writeHistory(engine, shape, nowMs, onWritten)
  // Another process: nothing is remembered.
  const fresh = await openCassandraEngineStore({ session: store.session, clock, log: silentLogger })
  const [readsBefore, startedAt] = [await store.reads(), performance.now()]
  const backlog = new Backlog({ cursorMs: 0, dirty: undefined, mustRepair: false }, { account: accountAt(2), deviceBytes: deviceBytesAt(2) },
    { log: fresh.envelopeLog, marks: fresh.marks }, { sinceMs: nowMs - AWAY_MS, startedMs: nowMs, guide: NO_GUIDE })
  let missed = 0
  while (!backlog.done) missed += (await backlog.next(PAGE)).length
  return { ...shape, missed, reads: (await store.reads()) - readsBefore, ms: performance.now() - startedAt }
}

async function writeHistory({ envelopeLog }: CassandraEngineStore, { days, conversations, changed }: ResumeShape, nowMs: number, onWritten: (share: number) => void): Promise<void> {
  // What is quiet ended before the hour that a resume has to look at.
  const quietSinceMs = nowMs - LIMITS.overlapMs - AWAY_MS - 2 * 3_600_000
  let [written, incarnation] = [0, 1]
  const append = async (number: number, index: number, timeMs: number): Promise<void> => {
    const conversation = conversationAt(index)
    await envelopeLog.append({ conversation, envelope: envelopeAt(conversation, number, timeMs), position: { timeMs, incarnation, counter: ++written } }, [accountAt(1), accountAt(2)])
  }
  for (let day = days - 1; day >= 0; day--) {
    const timeMs = quietSinceMs - day * DAY_MS
    await eachOf(Array.from({ length: conversations }, (_, index) => index), WRITES_AT_ONCE, (index) => append(day + 1, index, timeMs + index))
    onWritten((days - day) / days)
  }
  incarnation++
  await eachOf(Array.from({ length: changed * MISSED_PER_CONVERSATION }, (_, index) => index), WRITES_AT_ONCE, (index) =>
    append(days + 1 + Math.floor(index / changed), index % changed, nowMs - AWAY_MS / 2 + index))
}
