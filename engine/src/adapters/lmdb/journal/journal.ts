import { EvegramError, type Clock, type Timer } from '@evegram/protocol'
import type { Generation } from './generation.js'
import { Generations, type MoveGeneration } from './generations.js'
import { isOutOfRoom, type JournalDisk } from './journal-disk.js'
import { RecordDraft } from './record-draft.js'
import { pageEnd } from './record.js'

/** Appends that may wait for their record; more are refused. */
const WAITING_APPENDS_MAX = 65_536
/** Bytes of entries that may wait; more are refused. */
const WAITING_BYTES_MAX = 64 * 1_048_576
/** A write that takes longer is given up: its appends are rejected, their outcome unknown, and others are refused until it ends. */
const WRITE_STALLED_MS = 10_000
/** How often a stalled write is looked for. */
const STALL_CHECK_MS = 1_000

/** Some appends that go into one record. */
export interface JournalWrite {
  /** Bytes of their entries at most, never more than fit into an empty generation. */
  readonly bytes: number
  readonly appends: number
  /** Adds what is to be written, synchronously. What was durable before is visible, this record is not. */
  encode(draft: RecordDraft): void
  /** The record is durable, and visible to readers. */
  settle(): void
  /** It is not known to be durable. */
  fail(cause: unknown): void
}

/** What a journal needs. */
export interface JournalParts {
  readonly disk: JournalDisk
  readonly clock: Clock
  /** The random mark of the store, see record.ts. */
  readonly storeId: Uint8Array
  /** Number of the last record that is in LMDB. */
  readonly movedSeq: number
  readonly move: MoveGeneration
  /** Runs after a write failed and before the next: forget what was assumed to be stored. */
  readonly afterFailure: () => void
}

/**
 * Appends become durable here: all that come while a record is on its way to the disk are the next one, which is written to one place and synced. LMDB gets
 * them some time later, many at once ({@link Generations}), so that nobody waits for its scattered pages. Until then readers see both.
 *
 * A disk without room refuses appends until there is some. After any other failure nobody knows what the disk holds, and a sync that failed must not be asked
 * again as if nothing were the matter (it may say yes for pages that were dropped): everything is refused until the program is started again, which reads what is there.
 */
export class Journal {
  readonly #parts: JournalParts
  readonly #generations: Generations
  readonly #stallCheck: Timer
  /** Number of the last durable record, and of the last that was tried. */
  #durableSeq: number
  #triedSeq: number
  #waiting: JournalWrite[] = []
  #waitingAppends = 0
  #waitingBytes = 0
  #isPlanned = false
  #writing: JournalWrite[] | undefined = undefined
  #writingSinceMs = 0
  #isStalled = false
  #broken: { readonly cause: unknown } | undefined = undefined
  #isClosed = false
  #idle: (() => void) | undefined = undefined

  constructor(parts: JournalParts) {
    this.#parts = parts
    this.#durableSeq = parts.movedSeq
    this.#triedSeq = parts.movedSeq
    this.#generations = new Generations({ clock: parts.clock, move: parts.move, movedSeq: parts.movedSeq, changed: () => { this.#changed() } })
    this.#stallCheck = parts.clock.every(STALL_CHECK_MS, () => { this.#giveUpStalled() })
  }

  /** What was acknowledged and is not in LMDB yet. */
  get pending(): Pick<Generations, 'copiesBehind' | 'newestFirst' | 'marksOf'> {
    return this.#generations
  }

  /** Takes a write; it is settled or failed exactly once, never before this call returned. */
  add(write: JournalWrite): void {
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      queueMicrotask(() => { write.fail(refusal.cause) })
      return
    }
    this.#waiting.push(write)
    this.#waitingAppends += write.appends
    this.#waitingBytes += write.bytes
    this.#plan()
  }

  /** Resolves when everything that was durable at this call is in LMDB; rejects when a move fails first. */
  moved(): Promise<void> {
    return this.#generations.moved(this.#durableSeq)
  }

  /** Writes what waits, moves it into LMDB, then refuses everything. What cannot be moved stays in the journal for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    if ((this.#waiting.length > 0 || this.#writing !== undefined) && !this.#isStalled) {
      await new Promise<void>((resolve) => { this.#idle = resolve })
    }
    this.#stallCheck.cancel()
    // Nothing is lost when this fails: the next start does it.
    await this.moved().catch(() => undefined)
    this.#generations.close()
    if (!this.#isStalled) await this.#parts.disk.close()
  }

  #refusal(): { readonly cause: unknown } | undefined {
    if (this.#broken !== undefined) return this.#broken
    if (this.#isClosed) return { cause: new EvegramError('unavailable.store', { operation: 'write', advice: 'The store was closed.' }) }
    if (this.#isStalled) return { cause: new EvegramError('timeout', { operation: 'write journal', advice: 'The disk does not answer: look at it.' }) }
    // A disk that is too full for LMDB may have room for the journal, until there is no more of that either.
    if (this.#generations.failure !== undefined) return this.#generations.failure
    if (this.#waitingAppends >= WAITING_APPENDS_MAX || this.#waitingBytes >= WAITING_BYTES_MAX) {
      return { cause: new EvegramError('limited.queue', { operation: 'write journal', details: { waitingAppends: this.#waitingAppends, waitingBytes: this.#waitingBytes } }) }
    }
    return undefined
  }

  #plan(): void {
    if (this.#isPlanned || this.#writing !== undefined || this.#waiting.length === 0) return
    this.#isPlanned = true
    // Behind the call that added it, which may add more: the caller has gathered what belongs together.
    queueMicrotask(() => {
      this.#isPlanned = false
      void this.#write()
    })
  }

  /** Never rejects: every failure goes to the writes that it concerns. */
  async #write(): Promise<void> {
    const [first] = this.#waiting
    if (first === undefined || this.#writing !== undefined) return
    // Without a free file this waits until LMDB has taken one: `changed` plans it again.
    const generation = this.#generations.begin(first.bytes)
    if (generation === undefined) return
    const draft = new RecordDraft(generation)
    const writes = this.#take((bytes) => generation.hasRoom(bytes))
    this.#writing = writes
    this.#writingSinceMs = this.#parts.clock.monotonicMs()
    try {
      for (const write of writes) write.encode(draft)
      // Of retries that stand nothing is written.
      if (draft.entries > 0) await this.#writeRecord(generation, draft)
    } catch (cause) {
      this.#failed(writes, cause)
      // Those that were told are not settled below.
      writes.length = 0
    }
    for (const write of writes) write.settle()
    this.#writing = undefined
    this.#isStalled = false
    this.#generations.written()
    this.#changed()
  }

  async #writeRecord(generation: Generation, draft: RecordDraft): Promise<void> {
    this.#triedSeq++
    const header = draft.finish(this.#parts.storeId, { seq: this.#triedSeq, previous: this.#durableSeq })
    const [start, end] = [generation.usedBytes, pageEnd(draft.end)]
    await this.#parts.disk.write(generation.file, start, generation.arena.subarray(start, end))
    this.#durableSeq = header.seq
    generation.take(header, end, draft.written())
  }

  #take(fits: (bytes: number) => boolean): JournalWrite[] {
    let bytes = 0
    let count = 0
    for (const write of this.#waiting) {
      if (!fits(bytes + write.bytes)) break
      bytes += write.bytes
      this.#waitingAppends -= write.appends
      count++
    }
    this.#waitingBytes -= bytes
    const taken = count === this.#waiting.length ? this.#waiting : this.#waiting.slice(0, count)
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count)
    return taken
  }

  #failed(writes: readonly JournalWrite[], cause: unknown): void {
    this.#parts.afterFailure()
    for (const write of writes) write.fail(cause)
    if (!isOutOfRoom(cause)) this.#broken = { cause }
    // Those that wait would go to the same place: they are told at once.
    for (const write of this.#drop()) write.fail(cause)
  }

  #drop(): readonly JournalWrite[] {
    this.#waitingAppends = 0
    this.#waitingBytes = 0
    return this.#waiting.splice(0)
  }

  /** There is room again, or moves fail: what waits is written, or told. */
  #changed(): void {
    if (this.#generations.failure !== undefined) for (const write of this.#drop()) write.fail(this.#generations.failure.cause)
    if (this.#waiting.length > 0) this.#plan()
    else if (this.#writing === undefined) this.#idle?.()
  }

  #giveUpStalled(): void {
    if (this.#writing === undefined || this.#isStalled || this.#parts.clock.monotonicMs() - this.#writingSinceMs < WRITE_STALLED_MS) return
    this.#isStalled = true
    const cause = this.#refusal()?.cause
    // The list is emptied in place: whatever the write comes to, nobody is told twice. What it made durable is moved into LMDB all the same.
    for (const write of [...this.#writing.splice(0), ...this.#drop()]) write.fail(cause)
    this.#idle?.()
  }
}
