/** Time for which the headers of published packets are kept. */
export const HEADERS_KEPT_MS = 60_000
/** Bytes of headers kept for one link; beyond it the oldest go early, and a receiver that misses them catches up instead. */
export const HEADERS_BYTES_MAX = 4_194_304
/** Largest answer to one question for headers. */
export const HEADERS_ANSWER_BYTES_MAX = 524_288

interface Kept {
  readonly number: number
  readonly atMs: number
  readonly headers: Uint8Array
}

/** The headers of the packets that were published on one link, newest last; bounded in time and bytes. */
export class HeaderRing {
  #kept: Kept[] = []
  #first = 0
  #bytes = 0

  /** Keeps the headers of packet `number`; numbers rise by one. */
  push(number: number, headers: Uint8Array, nowMs: number): void {
    this.#kept.push({ number, atMs: nowMs, headers })
    this.#bytes += headers.length
    this.trim(nowMs)
  }

  /** Forgets what is older than {@link HEADERS_KEPT_MS} or beyond {@link HEADERS_BYTES_MAX}. */
  trim(nowMs: number): void {
    for (let oldest = this.#kept[this.#first]; oldest !== undefined; oldest = this.#kept[this.#first]) {
      if (nowMs - oldest.atMs <= HEADERS_KEPT_MS && this.#bytes <= HEADERS_BYTES_MAX) break
      this.#bytes -= oldest.headers.length
      this.#first++
    }
    // Shifting once in a while keeps the cost of a push constant.
    if (this.#first > 64 && this.#first * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#first)
      this.#first = 0
    }
  }

  /** The headers of packets `first` to `last`, or undefined when one is not kept any more or the answer would be too large. */
  between(first: number, last: number): Uint8Array | undefined {
    const oldest = this.#kept[this.#first]
    if (oldest === undefined || first < oldest.number || last < first) return undefined
    const found = this.#kept.slice(this.#first + first - oldest.number, this.#first + last - oldest.number + 1)
    if (found.length !== last - first + 1) return undefined
    const parts = found.map((kept) => kept.headers)
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    return bytes > HEADERS_ANSWER_BYTES_MAX ? undefined : Buffer.concat(parts, bytes)
  }
}
