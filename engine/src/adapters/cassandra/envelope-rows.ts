import type { CassandraQueries, CassandraRow, CassandraStatement } from '@evegram/platform/cassandra'
import { bytesOfHex, decodePosition, encodePosition, ENVELOPE_OFFSETS, EvegramError, type ConversationId, type Position } from '@evegram/protocol'
import type { AppendRequest, StoredEnvelope } from '../../ports/envelope-log.js'
import type { EnvelopeRows } from '../marking-log.js'
import { RememberedWrites } from '../remembered-writes.js'
import { INSERT_ENVELOPE, INSERT_HOUR, SELECT_ENVELOPES, SELECT_HOURS } from './envelopes.cql.js'
import { envelopeLogFailure } from './failures.js'
import { mergeParts, type LogPart } from './merge-parts.js'
import { hourOf, PartitionChoice, spanOf, type Partition } from './partitions.js'

/** Listed partitions that a process remembers; a forgotten one is listed again. */
const REMEMBERED_PARTITIONS_MAX = 100_000
/** Partitions that the first look at the list brings: most reads need no more. */
const FIRST_PARTITIONS_PAGE = 128
/** Partitions that each further look brings. */
const PARTITIONS_PAGE = 1_024
/** Partitions that are read at once, where each of them holds little. */
const PARTITIONS_AT_ONCE = 8
/** Rows of one page of the driver: 64 of the largest envelopes are 12 MB. */
const PAGE_ROWS = 64
const MICROSECONDS = 1_000n
/** Rows that one batch carries. */
export const BATCH_ROWS_MAX = 32
/** Bytes of envelopes in a batch before it is sent; the last one may go above it. Well below what Cassandra takes as one write. */
export const BATCH_BYTES_MAX = 131_072
const BEFORE_ALL = new Uint8Array(0)

/** Rows of one partition that were appended in one turn and go together. */
interface Gathered {
  readonly statements: CassandraStatement[]
  bytes: number
  readonly written: Promise<void>
}

/**
 * Copies of envelopes in partitions of an hour each, and of parts of one where there is more to hold: see {@link PartitionChoice}.
 * Architecture invariant: an append resolves only when its row is durable and its partition is listed durably, so that a reader who asks the list
 * finds every row that anybody was told of. Reading costs the partitions that hold something.
 * What is appended to one partition in one turn of the event loop is written as one mutation.
 */
export class CassandraEnvelopeRows implements EnvelopeRows {
  readonly #session: CassandraQueries
  readonly #ttlS: number
  readonly #listed = new RememberedWrites(REMEMBERED_PARTITIONS_MAX)
  readonly #choice: PartitionChoice
  /** Batches that are being gathered in this turn, by partition. */
  readonly #gathering = new Map<string, Gathered>()
  /** Hours before this one are not read any more. */
  #floorHour = 0

  /** `ttlS`: life of a row in seconds. `partitionBytesMax`: bytes that this process writes to one partition, {@link PartitionChoice} says how many. */
  constructor(session: CassandraQueries, ttlS: number, partitionBytesMax?: number) {
    this.#session = session
    this.#ttlS = ttlS
    this.#choice = new PartitionChoice(partitionBytesMax)
  }

  /** Rejects `limited.queue`, with nothing stored, for more in 0.88 s than the finest partition takes. */
  async append({ conversation, envelope, position, wide = false }: AppendRequest): Promise<void> {
    const id = bytesOfHex(conversation)
    const timestamp = BigInt(position.timeMs) * MICROSECONDS
    const message = messageKeyOf(envelope)
    const { hour, part, key } = this.#choice.choose(conversation, position, message, wide, envelope.length)
    // Both at the same time: nobody hears of the message before both are durable.
    const row = this.#gather(key, envelope.length, {
      cql: INSERT_ENVELOPE, values: [id, hour, part, encodePosition(position), message, envelope, this.#ttlS, timestamp],
    })
    const listing = this.#listed.once(key, () => this.#session.write(INSERT_HOUR, [id, hour, part, this.#ttlS, timestamp]))
    try {
      await (listing === undefined ? row : Promise.all([row, listing]))
    } catch (cause) {
      throw envelopeLogFailure('append envelope', cause)
    }
  }

  /** Adds the row to the batch of its partition, which is written when this turn is over. */
  #gather(key: string, bytes: number, statement: CassandraStatement): Promise<void> {
    const open = this.#gathering.get(key)
    if (open !== undefined && open.statements.length < BATCH_ROWS_MAX && open.bytes < BATCH_BYTES_MAX) {
      open.statements.push(statement)
      open.bytes += bytes
      return open.written
    }
    const statements = [statement]
    const gathered: Gathered = { statements, bytes, written: Promise.resolve().then(() => this.#write(key, statements)) }
    this.#gathering.set(key, gathered)
    return gathered.written
  }

  #write(key: string, statements: readonly CassandraStatement[]): Promise<void> {
    // A full batch was replaced by the next one, which ends by itself.
    if (this.#gathering.get(key)?.statements === statements) this.#gathering.delete(key)
    const [only, ...others] = statements
    return only !== undefined && others.length === 0 ? this.#session.write(only.cql, only.values) : this.#session.writeBatch(statements)
  }

  async read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]> {
    const id = bytesOfHex(conversation)
    const found: StoredEnvelope[] = []
    try {
      for await (const partitions of this.#hours(id, Math.max(hourOf(after.timeMs), this.#floorHour))) {
        await this.#readPartitions(id, partitions, after, limit, found)
        if (found.length >= limit) break
      }
    } catch (cause) {
      throw envelopeLogFailure('read envelopes', cause)
    }
    return found
  }

  /** Rows expire by themselves: what is older than the hour of `beforeMs` is not read any more, and nothing is deleted. */
  async trim(beforeMs: number): Promise<number> {
    this.#floorHour = Math.max(this.#floorHour, hourOf(beforeMs))
    return 0
  }

  /** The partitions from an hour on, all parts of an hour together, in pages. */
  async *#hours(id: Uint8Array, fromHour: number): AsyncGenerator<readonly (readonly Partition[])[]> {
    let from: Partition = { hour: fromHour, part: 0 }
    let open: Partition[] = []
    for (let page = FIRST_PARTITIONS_PAGE; ; page = PARTITIONS_PAGE) {
      const rows = await this.#session.read(SELECT_HOURS, [id, from.hour, from.part, page])
      const hours: Partition[][] = open.length === 0 ? [] : [open]
      for (const row of rows) {
        const partition = { hour: row.integer('hour'), part: row.integer('part') }
        if (hours.at(-1)?.[0]?.hour === partition.hour) hours.at(-1)?.push(partition)
        else hours.push([partition])
      }
      const more = rows.length === page
      // More parts of the last hour may be on the next page: they are read together, as their positions mix.
      open = more ? hours.pop() ?? [] : []
      const last = open.at(-1)
      yield hours
      if (!more || last === undefined) return
      from = { hour: last.hour, part: last.part + 1 }
    }
  }

  /** Reads hours in order until `found` holds `limit`; several at once as long as they hold so little that their rows fit. */
  async #readPartitions(
    id: Uint8Array, hours: readonly (readonly Partition[])[], after: Position, limit: number, found: StoredEnvelope[],
  ): Promise<void> {
    for (let next = 0, atOnce = 1; next < hours.length && found.length < limit;) {
      const wanted = limit - found.length
      const group = hours.slice(next, next + atOnce)
      const read = await Promise.all(group.map((parts) => this.#readHour(id, parts, after, wanted)))
      next += group.length
      const rows = read.reduce((sum, hour) => sum + hour.length, 0)
      const perHour = Math.max(1, rows / group.length)
      found.push(...read.flat().slice(0, wanted))
      atOnce = Math.min(PARTITIONS_AT_ONCE, Math.max(1, Math.ceil((limit - found.length) / perHour)))
    }
  }

  async #readHour(id: Uint8Array, partitions: readonly Partition[], after: Position, limit: number): Promise<readonly StoredEnvelope[]> {
    const parts = partitions.flatMap((partition): readonly LogPart[] => {
      const { fromMs, toMs } = spanOf(partition)
      if (toMs <= after.timeMs) return []
      const first = fromMs > after.timeMs ? undefined : after
      return [{ fromMs, read: (behind = first, rows) => this.#readPart(id, partition, behind, rows) }]
    })
    const [only, ...others] = parts
    return only !== undefined && others.length === 0 ? only.read(undefined, limit) : mergeParts(parts, limit)
  }

  async #readPart(id: Uint8Array, { hour, part }: Partition, behind: Position | undefined, limit: number): Promise<readonly StoredEnvelope[]> {
    const values = [id, hour, part, behind === undefined ? BEFORE_ALL : encodePosition(behind), limit]
    return (await this.#session.read(SELECT_ENVELOPES, values, { pageSize: PAGE_ROWS })).map(storedEnvelope)
  }
}

/** The message inside its conversation, as it stands in the envelope: device, epoch, number. */
function messageKeyOf(envelope: Uint8Array): Uint8Array {
  const key = new Uint8Array(ENVELOPE_OFFSETS.device + KEY_BYTES <= envelope.length ? KEY_BYTES : 0)
  if (key.length === 0) throw new EvegramError('invalid.envelope', { operation: 'append envelope' })
  key.set(envelope.subarray(ENVELOPE_OFFSETS.device, ENVELOPE_OFFSETS.account))
  key.set(envelope.subarray(ENVELOPE_OFFSETS.epoch, ENVELOPE_OFFSETS.order), ENVELOPE_OFFSETS.account - ENVELOPE_OFFSETS.device)
  return key
}

/** Bytes of device, epoch and number. */
const KEY_BYTES = ENVELOPE_OFFSETS.account - ENVELOPE_OFFSETS.device + ENVELOPE_OFFSETS.order - ENVELOPE_OFFSETS.epoch

function storedEnvelope(row: CassandraRow): StoredEnvelope {
  return { position: decodePosition(row.bytes('position')), envelope: row.bytes('envelope') }
}
