import { ENVELOPE_OFFSETS, EvegramError, LIMITS, type ConversationId, type Position } from '@evegram/protocol'
import { EXISTS_WITHIN_MS, type AppendRequest, type AppendResult, type BatchedAppend, type BatchedResult, type EnvelopeLog, type StoredEnvelope } from '../../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../../ports/marks.js'
import type { Committer, PendingWrite } from './committer.js'
import { ConversationCache, ConversationMemory } from './conversation-cache.js'
import type { Databases } from './databases.js'
import { idBytesOf, sameBytes, uint32At, uint53At } from './keys.js'
import { lastCopies, readCopies } from './log-reader.js'
import { LogWriter } from './log-writer.js'
import { MarkWriter } from './marks.js'
import { FLOOR_STEP_MS, readFloor, writeFloor } from './node-registry.js'
import { removeHours } from './retention.js'

/** Copies at the end of a conversation in which a retry is looked for; an older one is stored again. A client has no more sends in flight. */
const RETRY_WINDOW_COPIES = LIMITS.sendsInFlightMax
/** Copies that one call of `trim` deletes. */
const TRIM_COPIES_MAX = 1_024
/** Appends that are one write of the committer, so that its bounds keep their meaning; more are several. */
const TOGETHER_MAX = 1_024
/** Bytes of their envelopes. */
const TOGETHER_BYTES_MAX = 1_048_576

/**
 * The log on LMDB: one put for what a conversation gets of a batch, plus two for each account in the first append of an hour.
 *
 * A retry is found without an index of messages: the numbers of a device rise, so that a message above the newest of its device is new, and any
 * other is looked for among the last copies of its conversation, each of which says which message it is. An index costs 2.5 CPU-microseconds and a
 * quarter more disk for each append; what it would find beyond is stored once more, which the port allows.
 */
export class LmdbEnvelopeLog implements EnvelopeLog {
  readonly #databases: Databases
  readonly #committer: Committer
  readonly #cache = new ConversationCache()
  readonly #marks: MarkWriter
  readonly #load = (conversation: string): ConversationMemory => this.#loadMemory(conversation)
  readonly #writer: LogWriter
  #floorMs: number | undefined = undefined

  constructor(databases: Databases, committer: Committer) {
    this.#databases = databases
    this.#committer = committer
    this.#marks = new MarkWriter(databases)
    this.#writer = new LogWriter(databases.log, TOGETHER_MAX)
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
        if (to > from && (to - from === TOGETHER_MAX || bytes + next.envelope.length > TOGETHER_BYTES_MAX)) break
        bytes += next.envelope.length
        to++
      }
      this.#committer.add(new PendingAppends(this, appends, from, to - from, bytes, ended))
      from = to
    }
  }

  read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]> {
    try {
      return Promise.resolve(readCopies(this.#databases.log, idBytesOf(conversation), after, limit))
    } catch (cause) {
      return Promise.reject(unavailable('read', cause))
    }
  }

  trim(beforeMs: number): Promise<number> {
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

  /** Forgets what was assumed to be stored: a commit failed. */
  forget(): void {
    this.#cache.clear()
    this.#floorMs = undefined
  }

  /** Puts `count` appends, those from `from` on, into the commit that is being made. `other` hears of each that is not stored at its position. */
  applyAll(appends: readonly BatchedAppend[], from: number, count: number, commit: number, other: (index: number, result: BatchedResult) => void): void {
    for (let place = 0; place < count; place++) {
      const append = appends[from + place]
      if (append === undefined) continue
      // One that cannot be put fails alone: the others of the commit go on.
      try {
        const standing = this.#stage(append, place)
        if (standing !== undefined) other(from + place, { status: 'exists', position: standing })
      } catch (cause) {
        other(from + place, failedBy(cause))
      }
    }
    this.#writer.put(commit, (place) => appendAt(appends, from + place), (place, cause) => { other(from + place, failedBy(cause)) })
  }

  /** Stages an append with its marks, or finds the copy that stands. */
  #stage({ conversation, envelope, position, inboxes }: BatchedAppend, place: number): Position | undefined {
    if (envelope.length < ENVELOPE_OFFSETS.end) throw new EvegramError('invalid.envelope', { operation: 'append' })
    const memory = this.#cache.get(conversation, this.#load)
    const epoch = uint32At(envelope, ENVELOPE_OFFSETS.epoch)
    const number = uint53At(envelope, ENVELOPE_OFFSETS.number)
    // Control traffic (epoch 0) has random numbers: that one is larger says nothing, and a second copy is not worth a search.
    if (epoch !== 0 && !memory.advance(envelope, ENVELOPE_OFFSETS.device, epoch, number)) {
      const standing = this.#findCopy(memory.id, envelope)
      if (standing !== undefined && position.timeMs - standing.timeMs <= EXISTS_WITHIN_MS) return standing
    }
    this.#marks.mark(memory, Math.floor(position.timeMs / MARK_HOUR_MS), inboxes)
    this.#writer.stage(memory, place)
    this.#raiseFloor(position.timeMs)
    return undefined
  }

  #raiseFloor(timeMs: number): void {
    this.#floorMs ??= readFloor(this.#databases)
    if (timeMs <= this.#floorMs) return
    this.#floorMs = (Math.floor(timeMs / FLOOR_STEP_MS) + 1) * FLOOR_STEP_MS
    writeFloor(this.#databases, this.#floorMs)
  }

  /** Position of a byte-identical copy among the last ones of the conversation. */
  #findCopy(id: Uint8Array, envelope: Uint8Array): Position | undefined {
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
    for (const { source, deviceAt, epochAt } of lastCopies(this.#databases.log, memory.id, RETRY_WINDOW_COPIES)) {
      memory.advance(source, deviceAt, uint32At(source, epochAt), uint53At(source, epochAt + 4))
    }
    return memory
  }
}

/** Appends that go into one commit and hear of its end together. */
class PendingAppends implements PendingWrite {
  readonly bytes: number
  readonly changes: number
  readonly #log: LmdbEnvelopeLog
  readonly #appends: readonly BatchedAppend[]
  readonly #from: number
  /** What became of those that were not simply stored, by place in `appends`: of most batches none. */
  #others: Map<number, BatchedResult> | undefined = undefined
  readonly #ended: (index: number, result: BatchedResult) => void

  /** `appends[from, from + changes)`, whose envelopes have `bytes`; `ended` hears of each by its place in `appends`. */
  constructor(
    log: LmdbEnvelopeLog, appends: readonly BatchedAppend[], from: number, changes: number, bytes: number,
    ended: (index: number, result: BatchedResult) => void,
  ) {
    this.bytes = bytes
    this.changes = changes
    this.#log = log
    this.#appends = appends
    this.#from = from
    this.#ended = ended
  }

  apply(commit: number): void {
    this.#log.applyAll(this.#appends, this.#from, this.changes, commit, (index, result) => (this.#others ??= new Map<number, BatchedResult>()).set(index, result))
  }

  settle(): void {
    for (let index = this.#from; index < this.#from + this.changes; index++) {
      this.#ended(index, this.#others?.get(index) ?? { status: 'stored', position: appendAt(this.#appends, index).position })
    }
  }

  fail(cause: unknown): void {
    const failure = unavailable('append', cause)
    for (let index = this.#from; index < this.#from + this.changes; index++) this.#ended(index, { status: 'failed', failure })
  }
}

function appendAt(appends: readonly BatchedAppend[], index: number): BatchedAppend {
  const append = appends[index]
  if (append === undefined) throw new EvegramError('internal', { operation: 'append' })
  return append
}

function failedBy(cause: unknown): BatchedResult {
  return { status: 'failed', failure: unavailable('append', cause) }
}

function unavailable(operation: string, cause: unknown): EvegramError {
  if (cause instanceof EvegramError && cause.code === 'invalid.envelope') return cause
  const errno = typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'number' ? cause.code : undefined
  return new EvegramError('unavailable.envelope_log', {
    operation, cause,
    // A disk that fills up shows as ENOSPC, but as EIO too, when it took the first half of a write.
    ...(errno === undefined ? {} : { details: { errno }, advice: `The disk of the message store refuses writes (errno ${errno}): it may be full.` }),
  })
}
