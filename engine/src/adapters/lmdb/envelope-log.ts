import { ENVELOPE_OFFSETS, EvegramError, LIMITS, type ConversationId, type Position } from '@evegram/protocol'
import { EXISTS_WITHIN_MS, type AppendRequest, type AppendResult, type BatchedAppend, type BatchedResult, type EnvelopeLog, type StoredEnvelope } from '../../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../../ports/marks.js'
import type { Committer } from './committer.js'
import { ConversationCache, ConversationMemory } from './conversation-cache.js'
import type { Databases } from './databases.js'
import { mergedPage } from './journal/generation.js'
import type { Journal, JournalWrite } from './journal/journal.js'
import { entryBytes } from './journal/record.js'
import type { RecordDraft } from './journal/record-draft.js'
import { idBytesOf, sameBytes, uint32At, uint53At } from './keys.js'
import { lastCopies, readCopies } from './log-reader.js'
import { unmarked } from './marks.js'
import { removeHours } from './retention.js'

/** Copies at the end of a conversation in which a retry is looked for; an older one is stored again. A client has no more sends in flight. */
const RETRY_WINDOW_COPIES = LIMITS.sendsInFlightMax
/** Copies that one call of `trim` deletes. */
const TRIM_COPIES_MAX = 1_024
/** Appends that are one write of the journal, so that its bounds keep their meaning; more are several. */
const TOGETHER_MAX = 1_024
/** Bytes of their entries, so that they fit into an empty file of the journal. */
const TOGETHER_BYTES_MAX = 1_048_576

/**
 * The log on a journal and LMDB: an append is durable in the journal, and lies in LMDB some time later, with two more puts for each account in the first
 * append of an hour. Readers see both.
 *
 * A retry is found without an index of messages: the numbers of a device rise, so that a message above the newest of its device is new, and any
 * other is looked for among the last copies of its conversation, each of which says which message it is. An index costs 2.5 CPU-microseconds and a
 * quarter more disk for each append; what it would find beyond is stored once more, which the port allows.
 */
export class LmdbEnvelopeLog implements EnvelopeLog {
  /** One record is on its way at a time, in the order of the appends; when it fails, so do all that wait. */
  readonly keepsOrder = true
  readonly #databases: Databases
  readonly #committer: Committer
  readonly #journal: Journal
  readonly #cache = new ConversationCache()
  readonly #load = (conversation: string): ConversationMemory => this.#loadMemory(conversation)
  #highestMs = 0

  constructor(databases: Databases, committer: Committer, journal: Journal) {
    this.#databases = databases
    this.#committer = committer
    this.#journal = journal
  }

  /** No position that was stored since this log was opened is above it. */
  get highestMs(): number {
    return this.#highestMs
  }

  append(request: AppendRequest, accounts: readonly string[]): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.appendAll([{ ...request, inboxes: accounts }], (_, result) => {
        if (result.status !== 'failed') resolve(result)
        else reject(result.failure instanceof Error ? result.failure : unavailable('append', result.failure))
      })
    })
  }

  appendAll(appends: readonly BatchedAppend[], ended: (index: number, result: BatchedResult) => void): void {
    for (let from = 0; from < appends.length;) {
      let [to, bytes] = [from, 0]
      for (let next = appends[to]; next !== undefined; next = appends[to]) {
        const nextBytes = entryBytes(next.envelope.length, Math.max(1, next.inboxes.length))
        if (to > from && (to - from === TOGETHER_MAX || bytes + nextBytes > TOGETHER_BYTES_MAX)) break
        bytes += nextBytes
        to++
      }
      this.#journal.add(new PendingAppends(this, appends, from, to - from, bytes, ended))
      from = to
    }
  }

  read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]> {
    try {
      const stored = readCopies(this.#databases.log, idBytesOf(conversation), after, limit)
      return Promise.resolve(mergedPage(stored, this.#journal.pending.copiesBehind(conversation, after), Math.max(0, limit)))
    } catch (cause) {
      return Promise.reject(unavailable('read', cause))
    }
  }

  async trim(beforeMs: number): Promise<number> {
    // What lies in the journal has no place among the hours yet.
    await this.#journal.moved().catch((cause: unknown) => { throw unavailable('trim', cause) })
    return new Promise((resolve, reject) => {
      let copies = 0
      this.#committer.add({
        bytes: 0,
        apply: () => { copies = removeHours(this.#databases, Math.floor(beforeMs / MARK_HOUR_MS), TRIM_COPIES_MAX) },
        settle: () => { resolve(copies) },
        fail: (cause) => { reject(unavailable('trim', cause)) },
      })
    })
  }

  /** Forgets what was assumed to be stored: a write failed. */
  forget(): void {
    this.#cache.clear()
  }

  /** Adds `count` appends, those from `from` on, to a record. `other` hears of each that is not stored at its position. */
  encodeAll(appends: readonly BatchedAppend[], from: number, count: number, draft: RecordDraft, other: (index: number, result: BatchedResult) => void): void {
    for (let index = from; index < from + count; index++) {
      // One that cannot be written fails alone: the others of the record go on.
      try {
        const standing = this.#encode(appendAt(appends, index), draft)
        if (standing !== undefined) other(index, { status: 'exists', position: standing })
      } catch (cause) {
        other(index, { status: 'failed', failure: unavailable('append', cause) })
      }
    }
  }

  /** Adds an append with its marks, or finds the copy that stands. */
  #encode({ conversation, envelope, position, inboxes }: BatchedAppend, draft: RecordDraft): Position | undefined {
    if (envelope.length < ENVELOPE_OFFSETS.end) throw new EvegramError('invalid.envelope', { operation: 'append' })
    const memory = this.#cache.get(conversation, this.#load)
    const epoch = uint32At(envelope, ENVELOPE_OFFSETS.epoch)
    const number = uint53At(envelope, ENVELOPE_OFFSETS.number)
    // Control traffic (epoch 0) has random numbers: that one is larger says nothing, and a second copy is not worth a search.
    if (epoch !== 0 && !memory.advance(envelope, ENVELOPE_OFFSETS.device, epoch, number)) {
      const standing = this.#findCopy(conversation, memory.id, envelope)
      if (standing !== undefined && position.timeMs - standing.timeMs <= EXISTS_WITHIN_MS) return standing
    }
    draft.add({ conversation, inboxes: unmarked(memory, Math.floor(position.timeMs / MARK_HOUR_MS), inboxes), position, envelope })
    if (position.timeMs > this.#highestMs) this.#highestMs = position.timeMs
    return undefined
  }

  /** Position of a byte-identical copy among the last ones of the conversation. */
  #findCopy(conversation: ConversationId, id: Uint8Array, envelope: Uint8Array): Position | undefined {
    for (const { generation, at } of this.#journal.pending.newestFirst(conversation)) {
      if (Buffer.compare(generation.envelopeAt(at), envelope) === 0) return generation.positionAt(at)
    }
    for (const copy of lastCopies(this.#databases.log, id, RETRY_WINDOW_COPIES)) {
      if (!sameBytes(copy.source, copy.deviceAt, envelope, ENVELOPE_OFFSETS.device, 16)) continue
      if (!sameBytes(copy.source, copy.epochAt, envelope, ENVELOPE_OFFSETS.epoch, 12)) continue
      const standing = copy.envelope()
      if (standing !== undefined && Buffer.compare(standing, envelope) === 0) return copy.position
    }
    return undefined
  }

  #loadMemory(conversation: string): ConversationMemory {
    const memory = new ConversationMemory(idBytesOf(conversation))
    for (const { generation, at } of this.#journal.pending.newestFirst(conversation)) {
      const envelope = generation.envelopeAt(at)
      memory.advance(envelope, ENVELOPE_OFFSETS.device, uint32At(envelope, ENVELOPE_OFFSETS.epoch), uint53At(envelope, ENVELOPE_OFFSETS.number))
    }
    for (const { source, deviceAt, epochAt } of lastCopies(this.#databases.log, memory.id, RETRY_WINDOW_COPIES)) {
      memory.advance(source, deviceAt, uint32At(source, epochAt), uint53At(source, epochAt + 4))
    }
    return memory
  }
}

/** Appends that go into one record and hear of its end together. */
class PendingAppends implements JournalWrite {
  readonly bytes: number
  readonly appends: number
  readonly #log: LmdbEnvelopeLog
  readonly #given: readonly BatchedAppend[]
  readonly #from: number
  /** What became of those that were not simply stored, by place in `appends`: of most batches none. */
  #others: Map<number, BatchedResult> | undefined = undefined
  readonly #ended: (index: number, result: BatchedResult) => void

  /** `given[from, from + appends)`, whose entries have at most `bytes`; `ended` hears of each by its place in `given`. */
  constructor(
    log: LmdbEnvelopeLog, given: readonly BatchedAppend[], from: number, appends: number, bytes: number,
    ended: (index: number, result: BatchedResult) => void,
  ) {
    this.bytes = bytes
    this.appends = appends
    this.#log = log
    this.#given = given
    this.#from = from
    this.#ended = ended
  }

  encode(draft: RecordDraft): void {
    this.#log.encodeAll(this.#given, this.#from, this.appends, draft, (index, result) => (this.#others ??= new Map<number, BatchedResult>()).set(index, result))
  }

  settle(): void {
    for (let index = this.#from; index < this.#from + this.appends; index++) {
      this.#ended(index, this.#others?.get(index) ?? { status: 'stored', position: appendAt(this.#given, index).position })
    }
  }

  fail(cause: unknown): void {
    const failure = unavailable('append', cause)
    for (let index = this.#from; index < this.#from + this.appends; index++) this.#ended(index, { status: 'failed', failure })
  }
}

function appendAt(appends: readonly BatchedAppend[], index: number): BatchedAppend {
  const append = appends[index]
  if (append === undefined) throw new EvegramError('internal', { operation: 'append' })
  return append
}

function unavailable(operation: string, cause: unknown): EvegramError {
  if (cause instanceof EvegramError && cause.code === 'invalid.envelope') return cause
  const errno = errnoOf(cause)
  return new EvegramError('unavailable.envelope_log', {
    operation, cause,
    // A disk that fills up shows as ENOSPC, but as EIO too, when it took the first half of a write.
    ...(errno === undefined ? {} : { details: { errno }, advice: `The disk of the message store refuses writes (errno ${errno}): it may be full.` }),
  })
}

/** The number of the error that the disk gave: lmdb has it as `code`, Node negative as `errno`. */
function errnoOf(cause: unknown): number | undefined {
  if (typeof cause !== 'object' || cause === null) return undefined
  if ('code' in cause && typeof cause.code === 'number') return cause.code
  return 'errno' in cause && typeof cause.errno === 'number' ? -cause.errno : undefined
}
