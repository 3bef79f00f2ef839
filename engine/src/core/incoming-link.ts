/** Ranges of missing packets that one link remembers; more means that the link is lost. */
const RANGES_MAX = 64
/** Questions for one range before the link is given up. */
const ASKS_MAX = 3
/** Time for an answer before the question is put again. */
export const ASK_AGAIN_MS = 500

interface MissingRange {
  readonly first: number
  readonly last: number
  askedMs: number
  asks: number
}

/** A range to ask for. */
export interface Question {
  readonly first: number
  readonly last: number
}

/**
 * The receiving end of the link from one node (rule 8): which packets came, which are missing, and until when it is complete.
 * Pure: the caller publishes the questions and acts on a loss.
 */
export class IncomingLink {
  readonly incarnation: number
  /** Last sign of life, on the monotonic clock. */
  heardMs: number
  /** Everything that the peer positioned at or before this time has arrived here. */
  confirmedUntilMs = 0
  /** The peer said goodbye: its silence is no fault. */
  left = false
  /** Silence was acted on already. */
  silent = false
  #last = 0
  #missing: MissingRange[] = []

  constructor(incarnation: number, nowMs: number) {
    this.incarnation = incarnation
    this.heardMs = nowMs
  }

  /** Whether no packet is missing. */
  get complete(): boolean {
    return this.#missing.length === 0
  }

  /** Data packet `number` arrived. False when it was seen before. */
  arrived(number: number): boolean {
    if (number <= this.#last) return this.#fill(number)
    if (number > this.#last + 1) this.#miss(this.#last + 1, number - 1)
    this.#last = number
    return true
  }

  /** The peer says that its last packet was `number`, and that everything positioned until `untilMs` was in it or before. */
  confirm(number: number, untilMs: number): void {
    if (number > this.#last) {
      this.#miss(this.#last + 1, number)
      this.#last = number
    }
    if (this.complete) this.confirmedUntilMs = Math.max(this.confirmedUntilMs, untilMs)
  }

  /** The range was answered, or what was in it will be read from the log. */
  resolve(first: number, last: number): void {
    this.#missing = this.#missing.filter((range) => range.first < first || range.last > last)
  }

  /** What to ask now. `lost`: a question had no answer often enough, or too much is missing; all of it is forgotten. */
  questions(nowMs: number): { readonly ask: readonly Question[]; readonly lost: boolean } {
    const lost = this.#missing.length > RANGES_MAX || this.#missing.some((range) => range.asks >= ASKS_MAX && nowMs - range.askedMs >= ASK_AGAIN_MS)
    if (lost) {
      this.#missing = []
      return { ask: [], lost }
    }
    const ask = this.#missing.filter((range) => range.asks === 0 || nowMs - range.askedMs >= ASK_AGAIN_MS)
    for (const range of ask) {
      range.asks++
      range.askedMs = nowMs
    }
    return { ask, lost }
  }

  #miss(first: number, last: number): void {
    this.#missing.push({ first, last, askedMs: 0, asks: 0 })
  }

  /** A packet that was thought missing came late: it is as good as an answer for its number. */
  #fill(number: number): boolean {
    const range = this.#missing.find((candidate) => candidate.first <= number && number <= candidate.last)
    if (range === undefined) return false
    this.#missing = this.#missing.filter((candidate) => candidate !== range)
    if (range.first < number) this.#miss(range.first, number - 1)
    if (number < range.last) this.#miss(number + 1, range.last)
    return true
  }
}
