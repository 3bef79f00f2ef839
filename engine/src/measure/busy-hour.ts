import { ALL_DEVICES, BODY_TYPE, comparePositions, encodeEnvelope, ENVELOPE_KIND, positionAtTime, type ConversationId } from '@evegram/protocol'
import { CassandraEnvelopeRows } from '../adapters/cassandra/envelope-rows.js'
import { TTL_MARGIN_MS } from '../adapters/cassandra/store.js'
import { accountAt, conversationAt, deviceAt, eachOf, type MeasuredStore } from './store-under-measure.js'

/** One conversation after its busy hour. */
export interface BusyHour {
  readonly conversation: 'ordinary' | 'wide'
  readonly envelopes: number
  readonly bytes: number
  /** Partitions that the hour lies in, as the list of them says. */
  readonly partitions: number
  /** Whether a process that wrote nothing of it reads all of it, in order. */
  readonly isWhole: boolean
}

const HOUR_MS = 3_600_000
const RETENTION_MS = 30 * 24 * HOUR_MS
/** Engines that write at once: each counts for itself. */
const ENGINES = 3
const BODY_BYTES = 48_000
const WRITES_AT_ONCE = 32
const PAGE_ROWS = 64
/** Behind the conversations of the quiet ones. */
const FIRST_CONVERSATION = 1_000_000
const PARTS = 'SELECT part FROM envelope_hours WHERE conversation = ?'

/** Writes so many bytes of envelopes to an ordinary and to a wide conversation, spread evenly over the hour that begins at `startMs`, and reads them. */
export async function measureBusyHour({ session }: MeasuredStore, startMs: number, bytes: number): Promise<readonly BusyHour[]> {
  const ttlS = Math.ceil((RETENTION_MS + TTL_MARGIN_MS) / 1_000)
  const engines = Array.from({ length: ENGINES }, () => new CassandraEnvelopeRows(session, ttlS))
  const hours: BusyHour[] = []
  for (const [index, kind] of (['ordinary', 'wide'] as const).entries()) {
    const conversation = conversationAt(FIRST_CONVERSATION + index)
    const count = Math.ceil(bytes / BODY_BYTES)
    let written = 0
    await eachOf(Array.from({ length: count }, (_, number) => number), WRITES_AT_ONCE, async (number) => {
      const timeMs = startMs + Math.floor((number * HOUR_MS) / count)
      const envelope = largeEnvelope(conversation, number, timeMs)
      written += envelope.length
      const position = { timeMs, incarnation: number % ENGINES, counter: number }
      await engines[number % ENGINES]?.append({ conversation, envelope, position, wide: kind === 'wide' })
    })
    let partitions = 0
    await session.each(PARTS, [Buffer.from(conversation, 'hex')], () => { partitions++ })
    const found = await countInOrder(new CassandraEnvelopeRows(session, ttlS), conversation)
    hours.push({ conversation: kind, envelopes: count, bytes: written, partitions, isWhole: found === count })
  }
  return hours
}

/** Envelopes of a conversation, page by page; -1 when one is not behind the one before. */
async function countInOrder(rows: CassandraEnvelopeRows, conversation: ConversationId): Promise<number> {
  let [count, after] = [0, positionAtTime(0)]
  for (;;) {
    const page = await rows.read(conversation, after, PAGE_ROWS)
    for (const { position } of page) {
      if (comparePositions(position, after) <= 0) return -1
      after = position
    }
    count += page.length
    if (page.length < PAGE_ROWS) return count
  }
}

function largeEnvelope(conversation: ConversationId, number: number, atMs: number): Uint8Array {
  return encodeEnvelope({
    kind: ENVELOPE_KIND.message, conversation, device: deviceAt(1), account: accountAt(1), epoch: 1, number: number + 1, order: BigInt(atMs) << 16n,
    membershipVersion: 1, accounts: [{ account: accountAt(1), seq: 1 }],
    bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.opaque, bytes: new Uint8Array(BODY_BYTES) }],
  })
}
