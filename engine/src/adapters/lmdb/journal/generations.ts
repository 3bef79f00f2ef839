import { comparePositions, EvegramError, type Clock, type Position, type Timer } from '@evegram/protocol'
import type { StoredEnvelope } from '../../../ports/envelope-log.js'
import { Generation, GENERATION_BYTES, type JournalledCopy } from './generation.js'

/** Files of a journal at most: what was acknowledged and is not in LMDB yet has at most so many times {@link GENERATION_BYTES}. At the bound appends wait. */
export const GENERATIONS_MAX = 32
/** What lies in the journal is moved into LMDB after this time at the latest. */
export const MOVE_AFTER_MS = 500
/** A move that failed is tried again after this time. */
const MOVE_RETRY_MS = 200
/** Arenas without a generation that are kept for the next ones; those of a burst are given back. */
const SPARE_ARENAS_MAX = 4

/** Puts a generation into LMDB; resolves when that is durable, rejects when nothing of it is known to be there. Doing it twice does no harm. */
export type MoveGeneration = (generation: Generation) => Promise<void>

/** What waits until all is moved up to a record. */
interface Waiter {
  readonly seq: number
  readonly resolve: () => void
  readonly reject: (cause: unknown) => void
}

/**
 * The generations of a journal that are not in LMDB yet: one that takes records, and those that are full and wait to be moved, oldest first. One is moved at
 * a time; its file is used again then.
 */
export class Generations {
  readonly #clock: Clock
  readonly #move: MoveGeneration
  readonly #changed: () => void
  #current: Generation | undefined = undefined
  readonly #sealed: Generation[] = []
  readonly #spareArenas: Buffer[] = []
  #age: Timer | undefined = undefined
  #isMoving = false
  /** A record of the current generation is on its way: it is sealed behind it. */
  #isWriting = false
  #isSealWanted = false
  #failure: { readonly cause: unknown } | undefined = undefined
  #movedSeq: number
  #waiters: Waiter[] = []
  #isClosed = false

  /** `movedSeq`: number of the last record that is in LMDB. `changed` runs when there is room again, or moves begin to fail. */
  constructor({ clock, move, movedSeq, changed }: { readonly clock: Clock; readonly move: MoveGeneration; readonly movedSeq: number; readonly changed: () => void }) {
    this.#clock = clock
    this.#move = move
    this.#movedSeq = movedSeq
    this.#changed = changed
  }

  /** Why the last move failed, until one succeeds: LMDB takes nothing, so that nothing more should be acknowledged. */
  get failure(): { readonly cause: unknown } | undefined {
    return this.#failure
  }

  /** The generation that takes the next record, with room for so many bytes of entries; undefined while every file is in use. The caller writes, and calls {@link written}. */
  begin(bytes: number): Generation | undefined {
    if (this.#current !== undefined && !this.#current.hasRoom(bytes)) this.#seal()
    this.#current ??= this.#next()
    if (this.#current !== undefined) this.#isWriting = true
    return this.#current
  }

  /** What {@link begin} began has ended, well or not. */
  written(): void {
    this.#isWriting = false
    if (this.#current === undefined || this.#current.usedBytes === 0) return
    if (this.#isSealWanted) this.#seal()
    else this.#age ??= this.#clock.after(MOVE_AFTER_MS, () => { this.#sealSoon() })
  }

  /** Resolves when everything up to the record `seq` is in LMDB; rejects when a move fails first. */
  moved(seq: number): Promise<void> {
    if (seq <= this.#movedSeq) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ seq, resolve, reject })
      this.#sealSoon()
    })
  }

  /** Moves nothing more. */
  close(): void {
    this.#isClosed = true
    this.#age?.cancel()
    this.#fail(new EvegramError('unavailable.store', { operation: 'move journal', advice: 'The store was closed.' }))
  }

  /** Copies of a conversation, newest first. */
  * newestFirst(conversation: string): Iterable<JournalledCopy> {
    for (const generation of [...this.#all()].reverse()) {
      for (const at of [...generation.placesOf(conversation)].reverse()) yield { generation, at }
    }
  }

  /** All copies of a conversation behind `after`, in the order in which they came. Their envelopes are the caller's own. */
  copiesBehind(conversation: string, after: Position): StoredEnvelope[] {
    const copies: StoredEnvelope[] = []
    for (const generation of this.#all()) {
      for (const at of generation.placesOf(conversation)) {
        const position = generation.positionAt(at)
        if (comparePositions(position, after) > 0) copies.push({ position, envelope: Uint8Array.from(generation.envelopeAt(at)) })
      }
    }
    return copies
  }

  /** Marks of an inbox in `fromHour` or later. */
  * marksOf(inbox: string, fromHour: number): Iterable<string> {
    for (const generation of this.#all()) for (const { conversation, hour } of generation.marksOf(inbox)) if (hour >= fromHour) yield conversation
  }

  * #all(): Iterable<Generation> {
    yield* this.#sealed
    if (this.#current !== undefined) yield this.#current
  }

  #next(): Generation | undefined {
    const used = new Set(this.#sealed.map(({ file }) => file))
    for (let file = 0; file < GENERATIONS_MAX; file++) {
      if (!used.has(file)) return new Generation(file, this.#spareArenas.pop() ?? Buffer.alloc(GENERATION_BYTES))
    }
    return undefined
  }

  #sealSoon(): void {
    if (this.#isWriting) this.#isSealWanted = true
    else this.#seal()
  }

  #seal(): void {
    this.#age?.cancel()
    this.#age = undefined
    this.#isSealWanted = false
    if (this.#current !== undefined && this.#current.usedBytes > 0) {
      this.#sealed.push(this.#current)
      this.#current = undefined
    }
    this.#moveNext()
  }

  #moveNext(): void {
    const [generation] = this.#sealed
    if (generation === undefined || this.#isMoving || this.#isClosed) return
    this.#isMoving = true
    this.#move(generation).then(() => { this.#hasMoved(generation) }, (cause: unknown) => {
      this.#fail(cause)
      this.#clock.after(MOVE_RETRY_MS, () => {
        this.#isMoving = false
        this.#moveNext()
      })
    })
  }

  #hasMoved(generation: Generation): void {
    this.#isMoving = false
    this.#failure = undefined
    this.#sealed.shift()
    if (this.#spareArenas.length < SPARE_ARENAS_MAX) this.#spareArenas.push(generation.arena)
    this.#movedSeq = generation.lastSeq
    const waiting = this.#waiters
    this.#waiters = waiting.filter(({ seq }) => seq > this.#movedSeq)
    for (const { seq, resolve } of waiting) if (seq <= this.#movedSeq) resolve()
    this.#moveNext()
    this.#changed()
  }

  #fail(cause: unknown): void {
    this.#failure = { cause }
    for (const { reject } of this.#waiters.splice(0)) reject(cause)
    this.#changed()
  }
}
