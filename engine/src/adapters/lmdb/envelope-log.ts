import { ENVELOPE_OFFSETS, EvegramError, LIMITS, writePosition, type ConversationId, type Position } from '@evegram/protocol'
import { EXISTS_WITHIN_MS, type AppendRequest, type AppendResult, type BatchedAppend, type BatchedResult, type EnvelopeLog, type StoredEnvelope } from '../../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../../ports/marks.js'
import type { Committer, PendingWrite } from './committer.js'
import { ConversationCache, ConversationMemory } from './conversation-cache.js'
import type { Databases } from './databases.js'
import { idBytesOf, KEY_OFFSETS, keyBehind, logKeyAt, positionOfLogKey, sameBytes, uint32At, uint53At } from './keys.js'
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
/** Buffer for the values of a commit; what does not fit is copied apart. */
const ARENA_BYTES = 1_048_576

const LOG = KEY_OFFSETS.log

/**
 * The log on LMDB: one put for each envelope, plus two for each account in the first append of an hour.
 *
 * A retry is found without an index of messages: the numbers of a device rise, so that a message above the newest of its device is new, and any
 * other is looked for among the last copies of its conversation, where the key says which message it is. An index costs 2.5 CPU-microseconds and a
 * quarter more disk for each append; what it would find beyond is stored once more, which the port allows.
 */
export class LmdbEnvelopeLog implements EnvelopeLog {
  readonly #databases: Databases
  readonly #committer: Committer
  readonly #cache = new ConversationCache()
  readonly #marks: MarkWriter
  readonly #load = (conversation: string): ConversationMemory => this.#loadMemory(conversation)
  // Keys are copied by lmdb when they are put, so that one serves all appends.
  readonly #key = new Uint8Array(LOG.end)
  readonly #keyView = new DataView(this.#key.buffer)
  // Values are read by lmdb's thread until the commit ended; as there is one commit at a time, one buffer serves all commits.
  readonly #arena = new Uint8Array(ARENA_BYTES)
  #arenaUsedBytes = 0
  #arenaCommit = 0
  #floorMs: number | undefined = undefined

  constructor(databases: Databases, committer: Committer) {
    this.#databases = databases
    this.#committer = committer
    this.#marks = new MarkWriter(databases)
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
    const id = idBytesOf(conversation)
    const start = keyBehind(logKeyAt(id, after))
    const end = keyBehind(id)
    const copies: StoredEnvelope[] = []
    if (start === undefined) return Promise.resolve(copies)
    try {
      for (const { key, value } of this.#databases.log.getRange({ start, ...(end === undefined ? {} : { end }), limit })) {
        copies.push({ position: positionOfLogKey(key), envelope: value })
      }
    } catch (cause) {
      return Promise.reject(unavailable('read', cause))
    }
    return Promise.resolve(copies)
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

  /** Puts an append into the commit that is being made, or finds the copy that stands. */
  apply({ conversation, envelope, position }: AppendRequest, accounts: readonly string[], commit: number): AppendResult {
    if (envelope.length < ENVELOPE_OFFSETS.end) throw new EvegramError('invalid.envelope', { operation: 'append' })
    const memory = this.#cache.get(conversation, this.#load)
    const epoch = uint32At(envelope, ENVELOPE_OFFSETS.epoch)
    const number = uint53At(envelope, ENVELOPE_OFFSETS.number)
    // Control traffic (epoch 0) has random numbers: that one is larger says nothing, and a second copy is not worth a search.
    if (epoch !== 0 && !memory.advance(envelope, ENVELOPE_OFFSETS.device, epoch, number)) {
      const standing = this.#findCopy(memory.id, envelope)
      if (standing !== undefined && position.timeMs - standing.timeMs <= EXISTS_WITHIN_MS) return { status: 'exists', position: standing }
    }
    this.#marks.mark(memory, Math.floor(position.timeMs / MARK_HOUR_MS), accounts)
    this.#put(memory.id, position, envelope, commit)
    this.#raiseFloor(position.timeMs)
    return { status: 'stored', position }
  }

  #put(id: Uint8Array, position: Position, envelope: Uint8Array, commit: number): void {
    const key = this.#key
    key.set(id)
    writePosition(this.#keyView, LOG.position, position)
    for (let index = 0; index < 16; index++) key[LOG.device + index] = envelope[ENVELOPE_OFFSETS.device + index] ?? 0
    for (let index = 0; index < 12; index++) key[LOG.epoch + index] = envelope[ENVELOPE_OFFSETS.epoch + index] ?? 0
    void this.#databases.log.put(key, this.#hold(envelope, commit))
  }

  /** A copy of the value that stays as it is until the commit ended. */
  #hold(envelope: Uint8Array, commit: number): Uint8Array {
    if (commit !== this.#arenaCommit) {
      this.#arenaCommit = commit
      this.#arenaUsedBytes = 0
    }
    if (this.#arenaUsedBytes + envelope.length > ARENA_BYTES) return envelope.slice()
    const held = new Uint8Array(this.#arena.buffer, this.#arenaUsedBytes, envelope.length)
    held.set(envelope)
    this.#arenaUsedBytes += envelope.length
    return held
  }

  #raiseFloor(timeMs: number): void {
    this.#floorMs ??= readFloor(this.#databases)
    if (timeMs <= this.#floorMs) return
    this.#floorMs = (Math.floor(timeMs / FLOOR_STEP_MS) + 1) * FLOOR_STEP_MS
    writeFloor(this.#databases, this.#floorMs)
  }

  /** Position of a byte-identical copy among the last ones of the conversation. */
  #findCopy(id: Uint8Array, envelope: Uint8Array): Position | undefined {
    for (const key of this.#lastKeys(id)) {
      if (!sameBytes(key, LOG.device, envelope, ENVELOPE_OFFSETS.device, 16)) continue
      if (!sameBytes(key, LOG.epoch, envelope, ENVELOPE_OFFSETS.epoch, 12)) continue
      const standing = this.#databases.log.get(key)
      if (standing !== undefined && Buffer.compare(standing, envelope) === 0) return positionOfLogKey(key)
    }
    return undefined
  }

  #loadMemory(conversation: string): ConversationMemory {
    const memory = new ConversationMemory(idBytesOf(conversation))
    for (const key of this.#lastKeys(memory.id)) memory.advance(key, LOG.device, uint32At(key, LOG.epoch), uint53At(key, LOG.number))
    return memory
  }

  #lastKeys(id: Uint8Array): Iterable<Uint8Array> {
    const behind = keyBehind(id)
    // In a reverse range `start` is the upper bound and inclusive: no key of the log is as short as this one.
    return this.#databases.log.getKeys({ ...(behind === undefined ? {} : { start: behind }), end: id, reverse: true, limit: RETRY_WINDOW_COPIES })
  }
}

/** Appends that go into one commit and hear of its end together. */
class PendingAppends implements PendingWrite {
  readonly bytes: number
  readonly changes: number
  readonly #log: LmdbEnvelopeLog
  readonly #appends: readonly BatchedAppend[]
  readonly #from: number
  readonly #results: BatchedResult[] = []
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
    for (let index = this.#from; index < this.#from + this.changes; index++) {
      const append = this.#appends[index]
      if (append !== undefined) this.#results.push(this.#applied(append, commit))
    }
  }

  settle(): void {
    for (const [place, result] of this.#results.entries()) this.#ended(this.#from + place, result)
  }

  fail(cause: unknown): void {
    const failure = unavailable('append', cause)
    for (let index = this.#from; index < this.#from + this.changes; index++) this.#ended(index, { status: 'failed', failure })
  }

  /** One that cannot be put fails alone: the others of the commit go on. */
  #applied(append: BatchedAppend, commit: number): BatchedResult {
    try {
      return this.#log.apply(append, append.inboxes, commit)
    } catch (cause) {
      return { status: 'failed', failure: unavailable('append', cause) }
    }
  }
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
