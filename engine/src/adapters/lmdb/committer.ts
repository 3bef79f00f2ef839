import { EvegramError, type Clock, type Timer } from '@evegram/protocol'

/** Writes that may wait for their commit; more are refused. */
const WAITING_WRITES_MAX = 65_536
/** Bytes that may wait for their commit; more are refused. */
const WAITING_BYTES_MAX = 64 * 1_048_576
/** Writes of one commit, so that a burst does not make one commit slow. */
const COMMIT_WRITES_MAX = 4_096
/** Bytes of one commit. */
const COMMIT_BYTES_MAX = 8 * 1_048_576
/** A commit that takes longer is given up: its writes are rejected, their outcome unknown, and others are refused until it ends. */
const COMMIT_STALLED_MS = 10_000
/** How often a stalled commit is looked for. */
const STALL_CHECK_MS = 1_000

/** What the committer needs of LMDB's root database. */
export interface CommitTarget {
  /** Runs `action`, whose puts go into one transaction; resolves when it is durable, rejects when nothing of it is stored. */
  batch(action: () => void): Promise<unknown>
  /** Reads anything: throws when the environment is dead. */
  get(key: Uint8Array): unknown
}

/** One change that waits for its commit. */
export interface PendingWrite {
  /** Bytes of values that it will put, for the bounds. */
  readonly bytes: number
  /**
   * Puts into the databases, synchronously; runs when its commit is made. May read: what was committed before is visible, this commit is not.
   * `commit` numbers the commits: values that were put must stay as they are until the next one.
   */
  apply(commit: number): void
  /** The commit is durable. */
  settle(): void
  /** The change is not known to be durable. */
  fail(cause: unknown): void
}

/**
 * Group commit: all writes of one event-loop tick, and all that come while a commit is on its way, go into one LMDB transaction.
 *
 * What lmdb 3.5.6 promises, read in its source (write.js, writer.cpp, mdb.c) and tried with a slowed and a failing `fdatasync`:
 * with `overlappingSync: false` the promise of `batch` resolves after the data was synced and the meta page was written through (O_DSYNC); when a
 * write or the sync fails it rejects, nothing of the transaction is visible, and the next transaction works. So that promise is the acknowledgement.
 * With `overlappingSync: true` (the default) the promise resolves after the sync too, but a failed sync leaves the data visible though it is not
 * durable. As there is one commit at a time here, overlapping saves nothing. `eventTurnBatching` (on by default) must be off: it makes a promise of
 * its own for each commit that nobody else can see, and a failed commit would end the process as an unhandled rejection.
 * After a failed write of the meta page LMDB panics: reads throw and commits never end. That is told from the rest by a read after the failure.
 */
export class Committer {
  readonly #root: CommitTarget
  readonly #clock: Clock
  readonly #stallCheck: Timer
  readonly #afterFailure: () => void
  #waiting: PendingWrite[] = []
  #waitingBytes = 0
  #planned = false
  #committing: PendingWrite[] | undefined = undefined
  #committingSinceMs = 0
  #commitNumber = 0
  #stalled = false
  #broken: { readonly cause: unknown } | undefined = undefined
  #closed = false
  #idle: (() => void) | undefined = undefined

  /** `afterFailure` runs after a commit failed and before the next is made: forget what was assumed to be stored. */
  constructor(root: CommitTarget, clock: Clock, afterFailure: () => void) {
    this.#root = root
    this.#clock = clock
    this.#afterFailure = afterFailure
    this.#stallCheck = clock.every(STALL_CHECK_MS, () => { this.#giveUpStalled() })
  }

  /** Takes a write; it is settled or failed exactly once, never before this call returned. */
  add(write: PendingWrite): void {
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      queueMicrotask(() => { write.fail(refusal) })
      return
    }
    this.#waiting.push(write)
    this.#waitingBytes += write.bytes
    this.#plan()
  }

  /** Commits what waits, then refuses everything. Returns whether LMDB is at rest: a stalled commit or a dead environment is not waited for. */
  async close(): Promise<boolean> {
    this.#closed = true
    if ((this.#waiting.length > 0 || this.#committing !== undefined) && !this.#stalled) {
      await new Promise<void>((resolve) => { this.#idle = resolve })
    }
    this.#stallCheck.cancel()
    return !this.#stalled && this.#broken === undefined
  }

  #refusal(): unknown {
    if (this.#broken !== undefined) return this.#broken.cause
    if (this.#closed) return new EvegramError('unavailable.store', { operation: 'write', advice: 'The store was closed.' })
    if (this.#stalled) return new EvegramError('timeout', { operation: 'commit', advice: 'The disk does not answer: look at it.' })
    if (this.#waiting.length >= WAITING_WRITES_MAX || this.#waitingBytes >= WAITING_BYTES_MAX) {
      return new EvegramError('limited.queue', { operation: 'commit', details: { waitingWrites: this.#waiting.length, waitingBytes: this.#waitingBytes } })
    }
    return undefined
  }

  #plan(): void {
    if (this.#planned || this.#committing !== undefined) return
    this.#planned = true
    // The check phase comes after all sockets of this tick were read: their messages share the commit.
    setImmediate(() => {
      this.#planned = false
      void this.#commit()
    })
  }

  /** Never rejects: every failure goes to the writes that it concerns. */
  async #commit(): Promise<void> {
    const writes = this.#take()
    this.#committing = writes
    this.#commitNumber++
    this.#committingSinceMs = this.#clock.monotonicMs()
    try {
      await this.#root.batch(() => {
        for (const [index, write] of writes.entries()) this.#apply(writes, index, write)
      })
      for (const write of writes) write.settle()
    } catch (error) {
      const cause = await causeOf(error)
      this.#afterFailure()
      for (const write of writes) write.fail(cause)
      this.#probe()
    } finally {
      // lmdb chains what it wrote: an old link that the collector has not looked at yet holds all later ones, and each of those this list. Emptied, it
      // keeps nobody's messages in memory.
      writes.length = 0
      this.#committing = undefined
      this.#stalled = false
      if (this.#waiting.length > 0) this.#plan()
      else this.#idle?.()
    }
  }

  #apply(writes: PendingWrite[], index: number, write: PendingWrite): void {
    try {
      write.apply(this.#commitNumber)
    } catch (cause) {
      // Only this write failed: the others of the commit go on.
      writes[index] = DONE
      queueMicrotask(() => { write.fail(cause) })
    }
  }

  #take(): PendingWrite[] {
    let bytes = 0
    let count = 0
    for (const write of this.#waiting) {
      if (count > 0 && (count === COMMIT_WRITES_MAX || bytes + write.bytes > COMMIT_BYTES_MAX)) break
      bytes += write.bytes
      count++
    }
    const taken = count === this.#waiting.length ? this.#waiting : this.#waiting.slice(0, count)
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count)
    this.#waitingBytes -= bytes
    return taken
  }

  #probe(): void {
    try {
      this.#root.get(PROBE_KEY)
    } catch (cause) {
      this.#broken = { cause }
      for (const write of this.#waiting.splice(0)) write.fail(cause)
      this.#waitingBytes = 0
    }
  }

  #giveUpStalled(): void {
    if (this.#committing === undefined || this.#stalled || this.#clock.monotonicMs() - this.#committingSinceMs < COMMIT_STALLED_MS) return
    this.#stalled = true
    const cause = this.#refusal()
    // The list is emptied in place: whatever the commit comes to, nobody is told twice.
    const given = [...this.#committing.splice(0), ...this.#waiting.splice(0)]
    this.#waitingBytes = 0
    for (const write of given) write.fail(cause)
    this.#idle?.()
  }
}

const PROBE_KEY = Uint8Array.of(0)

/** What stands in the place of a write that was failed already. */
const DONE: PendingWrite = { bytes: 0, apply: () => undefined, settle: () => undefined, fail: () => undefined }

/** lmdb rejects with an error that says nothing and holds a promise of the one that does. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error) || !(error.commitError instanceof Promise)) return error
  return error.commitError.then(() => error, (cause: unknown) => cause)
}
