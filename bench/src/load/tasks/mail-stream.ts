import { opaqueEnvelopes } from '../drivers/evegram-envelopes.js'
import type { EnvelopeConversation } from '../drivers/evegram-handles.js'
import type { StreamSent } from '../measure/delivery-audit.js'
import { writeStamp } from '../measure/stamp.js'
import type { EnvelopeTemplate } from '../../raw/envelope-template.js'
import type { MailClient } from './mail-client.js'

/** Messages of one stream that may wait for their acknowledgement. */
const WAITING_MAX = 20_000
/** What passes when the same bytes are sent again: no connection now, or a store that is away. */
const PASSING = /^(not connected|closed|unavailable\.|timeout)/

/** How a {@link MailStream} is made. */
export interface MailStreamOptions {
  readonly stream: number
  readonly sender: MailClient
  readonly conversation: EnvelopeConversation
  readonly receivers: number
  readonly payloadBytes: number
  /** A message that was planned for this time is stored. */
  readonly onAcknowledged?: (plannedUs: number) => void
  readonly onRefused: (reason: string) => void
  /** The message of this number goes out once more: its receivers may get it twice, and the SDK shows it once. */
  readonly onSentAgain: (number: number) => void
}

/** One sender in one conversation, who keeps what was not acknowledged and sends the same bytes again after a connection ended. */
export class MailStream {
  readonly #options: MailStreamOptions
  readonly #envelopes: EnvelopeTemplate
  readonly #payload: Uint8Array
  readonly #waiting = new Map<number, { readonly plannedUs: number; readonly number: number; readonly frame: Uint8Array }>()
  /** Those that were refused with something that passes. */
  readonly #toRepeat = new Set<number>()
  #sent = 0
  #refused = 0
  #acknowledged = 0

  constructor(options: MailStreamOptions) {
    this.#options = options
    this.#envelopes = opaqueEnvelopes(options.sender.device, options.conversation, options.payloadBytes)
    this.#payload = new Uint8Array(options.payloadBytes).fill(0x5a)
  }

  /** What was sent, for the audit. */
  get sent(): StreamSent {
    return { stream: this.#options.stream, sent: this.#sent, refused: this.#refused, receivers: this.#options.receivers }
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Messages without an acknowledgement. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Sends one message; without a connection it waits for {@link sendAgain}. */
  send(plannedUs: number): void {
    this.#sent++
    if (this.#waiting.size >= WAITING_MAX) {
      this.#refused++
      this.#options.onRefused('generator: too many messages wait for their acknowledgement')
      return
    }
    writeStamp(this.#payload, { stream: this.#options.stream, number: this.#sent, plannedUs })
    const { correlation, frame } = this.#envelopes.next((bytes) => { bytes.set(this.#payload) }, this.#options.sender.nextCorrelation())
    this.#waiting.set(correlation, { plannedUs, number: this.#sent, frame })
    this.#give(correlation)
  }

  /** Sends again, in their order: everything that was not acknowledged when the connection is a new one, otherwise what was refused and passes. */
  sendAgain(isNewConnection: boolean): void {
    const again = [...this.#waiting.keys()].filter((correlation) => isNewConnection || this.#toRepeat.has(correlation))
    for (const correlation of again) {
      this.#options.onSentAgain(this.#waiting.get(correlation)?.number ?? 0)
      this.#give(correlation)
    }
  }

  #give(correlation: number): void {
    const message = this.#waiting.get(correlation)
    if (message === undefined) return
    this.#toRepeat.delete(correlation)
    this.#options.sender.send(correlation, { correlation, frame: message.frame }, {
      acknowledged: () => {
        if (!this.#waiting.delete(correlation)) return
        this.#acknowledged++
        this.#options.onAcknowledged?.(message.plannedUs)
      },
      refused: (_token, reason) => {
        if (PASSING.test(reason)) {
          this.#toRepeat.add(correlation)
          return
        }
        if (!this.#waiting.delete(correlation)) return
        this.#refused++
        this.#options.onRefused(reason)
      },
    })
  }
}
