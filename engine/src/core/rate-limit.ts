/** Beginning of the monotonic clock: a full bucket of then is full now. */
const BEFORE_ALL_MS = 0

/** Rates of one kind of work. */
export interface Rate {
  /** Units that come back per second. */
  readonly perSecond: number
  /** Units of a full bucket. */
  readonly burst: number
}

/** A token bucket of one connection: plain numbers, so that it costs little on the packet path. */
export class RateLimit {
  readonly #rate: Rate
  #tokens: number
  #atMs: number

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#atMs = nowMs
  }

  /** Whether `cost` units are there at `nowMs` (monotonic); nothing is taken. A full bucket pays for anything, so that a cost above the burst is only slow. */
  affords(cost: number, nowMs: number): boolean {
    this.#refill(nowMs)
    return this.#tokens >= Math.min(cost, this.#rate.burst)
  }

  /** Takes `cost` units; the bucket may go below zero by one cost. */
  take(cost: number): void {
    this.#tokens -= cost
  }

  /** Milliseconds until `cost` units are there, at least 1. */
  waitMs(cost: number): number {
    return Math.max(1, Math.ceil(((Math.min(cost, this.#rate.burst) - this.#tokens) * 1_000) / this.#rate.perSecond))
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((nowMs - this.#atMs) * this.#rate.perSecond) / 1_000)
    this.#atMs = nowMs
  }
}

/** The limits of one device: messages and bytes that it sends, other requests, signals, and how much refusal it may cause before it is closed. */
export class DeviceLimits {
  readonly #rates: DeviceRates
  /** A bucket that nothing was taken from is full, so it is made when it is needed first: an idle connection has none of those of a sender. */
  #messages: RateLimit | undefined
  #bytes: RateLimit | undefined
  #requests: RateLimit | undefined
  #signals: RateLimit | undefined
  #patience: RateLimit | undefined

  constructor(rates: DeviceRates) {
    this.#rates = rates
  }

  /** Emptied by refusals: a client that ignores them is flooding. */
  get patience(): RateLimit {
    return this.#patience ??= new RateLimit(this.#rates.patience, BEFORE_ALL_MS)
  }

  /** Milliseconds to wait before a message of `bytes` may be sent, 0 when it was granted and taken. */
  takeMessage(bytes: number, nowMs: number): number {
    const messageLimit = this.#messages ??= new RateLimit(this.#rates.messages, nowMs)
    const byteLimit = this.#bytes ??= new RateLimit(this.#rates.bytes, nowMs)
    if (!messageLimit.affords(1, nowMs)) return messageLimit.waitMs(1)
    if (!byteLimit.affords(bytes, nowMs)) return byteLimit.waitMs(bytes)
    messageLimit.take(1)
    byteLimit.take(bytes)
    return 0
  }

  /** Milliseconds to wait before the next request, 0 when it was granted and taken. */
  takeRequest(nowMs: number): number {
    const limit = this.#requests ??= new RateLimit(this.#rates.requests, nowMs)
    if (!limit.affords(1, nowMs)) return limit.waitMs(1)
    limit.take(1)
    return 0
  }

  /** Whether one more signal was granted and taken. One that was not is dropped without a word. */
  takeSignal(nowMs: number): boolean {
    const limit = this.#signals ??= new RateLimit(this.#rates.signals, nowMs)
    if (!limit.affords(1, nowMs)) return false
    limit.take(1)
    return true
  }
}

/** Rates of every device. */
export interface DeviceRates {
  readonly messages: Rate
  readonly bytes: Rate
  readonly requests: Rate
  readonly signals: Rate
  readonly patience: Rate
}
