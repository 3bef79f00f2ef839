import { DeliveryAudit, lostDeliveries, type StreamSent } from '../measure/delivery-audit.js'
import { readStamp, type Stamp } from '../measure/stamp.js'

/** What must be zero where clients come and go; `repeated` is told, and no fault: a catch-up overlaps what came before, and what is sent again may come again. */
export interface MailCounts {
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  readonly undecryptable: number
  readonly misdelivered: number
  readonly repeated: number
}

/** Thresholds about {@link MailCounts} that hold for every task. */
export const MAIL_THRESHOLDS = ['lost==0', 'duplicated==0', 'reordered==0', 'undecryptable==0', 'misdelivered==0'] as const
/** Their names, as figures of a task. */
export const MAIL_FIGURES = { lost: '', duplicated: '', reordered: '', undecryptable: '', misdelivered: '', repeated: '' } as const

/**
 * Checks deliveries to clients that have several connections one after the other. Pages of a catch-up begin a little before the cursor, so
 * they repeat some, and a sender that lost an acknowledgement sends the same bytes again: the SDK drops both. The same message twice on one live
 * connection without such a reason is a fault, and so is one that never came.
 */
export class MailAudit {
  readonly #all = new DeliveryAudit()
  readonly #expected = new Map<number, number[]>()
  /** What came live on the connection that a client has now. */
  readonly #live = new Map<number, DeliveryAudit>()
  /** Numbers of messages that their sender sent more than once, by stream. */
  readonly #sentAgain = new Map<number, Set<number>>()
  #duplicated = 0
  #repeats = 0
  #mayRepeat = false

  /** From now on `client` is a receiver of `stream`. */
  expect(client: number, stream: number): void {
    this.#all.expect(client, stream)
    this.#expected.set(client, [...this.#expected.get(client) ?? [], stream])
    this.connected(client)
  }

  /** `client` has a new connection. */
  connected(client: number): void {
    const live = new DeliveryAudit()
    for (const stream of this.#expected.get(client) ?? []) live.expect(client, stream)
    this.#live.set(client, live)
  }

  /** A node was lost: from now on the server may deliver again what it is not sure to have delivered (section 4.6 of the protocol). */
  nodeLost(): void {
    this.#mayRepeat = true
  }

  /** A message goes out once more, because its acknowledgement was lost with a connection: its receivers may get it once more. */
  sentAgain(stream: number, number: number): void {
    this.#sentAgain.set(stream, (this.#sentAgain.get(stream) ?? new Set()).add(number))
  }

  /** Counts a delivery. Returns its stamp when it came for the first time. */
  take(client: number, payload: Uint8Array, how: 'live' | 'caught up'): Stamp | undefined {
    const [before, live] = [this.#all.duplicated, how === 'live' ? this.#live.get(client) : undefined]
    const liveBefore = live?.duplicated ?? 0
    const stamp = this.#all.take(client, payload)
    live?.take(client, payload)
    if (this.#all.duplicated === before) return stamp
    const again = readStamp(payload)
    const wasSentAgain = again !== undefined && this.#sentAgain.get(again.stream)?.has(again.number) === true
    if ((live?.duplicated ?? 0) > liveBefore && !wasSentAgain && !this.#mayRepeat) this.#duplicated++
    else this.#repeats++
    return undefined
  }

  /** Different messages that came to receivers of a stream, together. */
  distinct(stream: number): number {
    return this.#all.counts().distinct.get(stream) ?? 0
  }

  /** How it stands, when this was sent. */
  counts(sent: readonly StreamSent[]): MailCounts {
    const counts = this.#all.counts()
    const { reordered, undecryptable, misdelivered } = counts
    return { lost: lostDeliveries(sent, [counts]), duplicated: this.#duplicated, reordered, undecryptable, misdelivered, repeated: this.#repeats }
  }
}
