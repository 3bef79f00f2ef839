import type { DriverConversation } from '../drivers/driver.js'
import { writeStamp } from '../measure/stamp.js'

/** One sender in one conversation: numbers its messages, and knows how many of them are under way. */
export class SendingStream {
  readonly stream: number
  /** Everybody in the conversation but the sender. */
  readonly receivers: number
  readonly #receiversHere: number
  readonly #acknowledges: boolean
  readonly #payload: Uint8Array
  #conversation: DriverConversation | undefined
  #deliveriesHere = 0
  sent = 0
  acknowledged = 0
  refused = 0

  /** `receiversHere`: those in this process, whose deliveries it sees. */
  constructor(options: { readonly stream: number; readonly receivers: number; readonly receiversHere: number; readonly acknowledges: boolean; readonly payloadBytes: number }) {
    this.stream = options.stream
    this.receivers = options.receivers
    this.#receiversHere = options.receiversHere
    this.#acknowledges = options.acknowledges
    this.#payload = new Uint8Array(options.payloadBytes).fill(0x5a)
  }

  /** Where it sends from now on. */
  attach(conversation: DriverConversation): void {
    this.#conversation = conversation
  }

  /** Sends one message that was planned for this time. */
  send(plannedUs: number): void {
    this.sent++
    writeStamp(this.#payload, { stream: this.stream, number: this.sent, plannedUs })
    this.#conversation?.send(this.#payload, plannedUs)
  }

  /** One of its messages came to a receiver here. */
  delivered(): void {
    this.#deliveriesHere++
  }

  /** Messages that are not over yet: acknowledged (where there are acknowledgements) and delivered to all receivers here, or refused. */
  get underWay(): number {
    const delivered = this.#receiversHere === 0 ? this.sent : Math.floor(this.#deliveriesHere / this.#receiversHere) + this.refused
    const acknowledged = this.#acknowledges ? this.acknowledged + this.refused : this.sent
    return this.sent - Math.min(delivered, acknowledged)
  }
}
