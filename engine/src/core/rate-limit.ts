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
  readonly messages: RateLimit
  readonly bytes: RateLimit
  readonly requests: RateLimit
  readonly signals: RateLimit
  /** Emptied by refusals: a client that ignores them is flooding. */
  readonly patience: RateLimit

  constructor(rates: DeviceRates, nowMs: number) {
    this.messages = new RateLimit(rates.messages, nowMs)
    this.bytes = new RateLimit(rates.bytes, nowMs)
    this.requests = new RateLimit(rates.requests, nowMs)
    this.signals = new RateLimit(rates.signals, nowMs)
    this.patience = new RateLimit(rates.patience, nowMs)
  }

  /** Milliseconds to wait before a message of `bytes` may be sent, 0 when it was granted and taken. */
  takeMessage(bytes: number, nowMs: number): number {
    if (!this.messages.affords(1, nowMs)) return this.messages.waitMs(1)
    if (!this.bytes.affords(bytes, nowMs)) return this.bytes.waitMs(bytes)
    this.messages.take(1)
    this.bytes.take(bytes)
    return 0
  }

  /** Milliseconds to wait before the next request, 0 when it was granted and taken. */
  takeRequest(nowMs: number): number {
    if (!this.requests.affords(1, nowMs)) return this.requests.waitMs(1)
    this.requests.take(1)
    return 0
  }

  /** Whether one more signal was granted and taken. One that was not is dropped without a word. */
  takeSignal(nowMs: number): boolean {
    if (!this.signals.affords(1, nowMs)) return false
    this.signals.take(1)
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
