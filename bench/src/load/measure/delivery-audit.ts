import { ArrivedNumbers } from '../../route/arrived-numbers.js'
import { readStamp, type Stamp } from './stamp.js'

/** What a process saw of deliveries; sums over processes are those of the run. */
export interface DeliveryCounts {
  /** Deliveries, also repeated ones. */
  readonly delivered: number
  /** The same message once more to the same receiver. */
  readonly duplicated: number
  /** Behind a later one of the same sender in the same conversation. */
  readonly reordered: number
  /** Not what was sent. */
  readonly undecryptable: number
  /** To somebody who is not in the conversation. */
  readonly misdelivered: number
  /** Different messages that each stream's receivers have got, together. */
  readonly distinct: ReadonlyMap<number, number>
}

/** One stream at one of its receivers. */
interface Expected {
  readonly numbers: ArrivedNumbers
  readonly stream: StreamArrivals
}

/** Different messages of one stream that its receivers have got, together. */
interface StreamArrivals {
  distinct: number
}

/** Checks every delivery of the receivers in this process: all of it, each once, in order, unchanged, to the right ones. */
export class DeliveryAudit {
  readonly #expected = new Map<number, Map<number, Expected>>()
  readonly #streams = new Map<number, StreamArrivals>()
  #delivered = 0
  #duplicated = 0
  #reordered = 0
  #undecryptable = 0
  #misdelivered = 0

  /** From now on `client` is a receiver of `stream`. */
  expect(client: number, stream: number): void {
    const arrivals = this.#streams.get(stream) ?? { distinct: 0 }
    this.#streams.set(stream, arrivals)
    const expected = this.#expected.get(client) ?? new Map<number, Expected>()
    expected.set(stream, { numbers: new ArrivedNumbers(), stream: arrivals })
    this.#expected.set(client, expected)
  }

  /** Counts a delivery. Returns its stamp when it is one that was waited for, undefined when it is not. */
  take(client: number, payload: Uint8Array): Stamp | undefined {
    this.#delivered++
    const stamp = readStamp(payload)
    if (stamp === undefined) {
      this.#undecryptable++
      return undefined
    }
    const expected = this.#expected.get(client)?.get(stamp.stream)
    if (expected === undefined) {
      this.#misdelivered++
      return undefined
    }
    const arrival = expected.numbers.take(stamp.number)
    if (arrival === 'again') {
      this.#duplicated++
      return undefined
    }
    if (arrival === 'late') this.#reordered++
    expected.stream.distinct++
    return stamp
  }

  /** See {@link DeliveryCounts.duplicated}. */
  get duplicated(): number {
    return this.#duplicated
  }

  counts(): DeliveryCounts {
    return {
      delivered: this.#delivered, duplicated: this.#duplicated, reordered: this.#reordered, undecryptable: this.#undecryptable,
      misdelivered: this.#misdelivered, distinct: new Map([...this.#streams].map(([stream, { distinct }]) => [stream, distinct])),
    }
  }
}

/** What was sent into one stream. */
export interface StreamSent {
  readonly stream: number
  readonly sent: number
  /** Answered with an error: nobody has to get it. */
  readonly refused: number
  /** Everybody in the conversation but the sender. */
  readonly receivers: number
}

/** Deliveries that there must be and are not. A surplus in one stream makes up for nothing in another. */
export function lostDeliveries(sent: readonly StreamSent[], counts: readonly DeliveryCounts[]): number {
  return sent.reduce((lost, { stream, sent: all, refused, receivers }) => {
    const got = counts.reduce((sum, { distinct }) => sum + (distinct.get(stream) ?? 0), 0)
    return lost + Math.max(0, (all - refused) * receivers - got)
  }, 0)
}
