import type { RawDevice } from '../../raw/raw-device.js'
import type { SendEvents } from '../drivers/driver.js'
import { EvegramClient } from '../drivers/evegram-client.js'

/** Correlations of messages begin here: those of requests on the same connection are below. */
const CORRELATION_FROM = 1_000_000

/** How a {@link MailClient} is made. */
export interface MailClientOptions {
  readonly device: RawDevice
  readonly ws: string
  readonly origin: string
  readonly payloadBytes: number
  readonly onDelivered: (payload: Uint8Array, how: 'live' | 'caught up') => void
  /** A signal of another member came; a client listens to them only with this. */
  readonly onSignal?: () => void
  /** A connection ended by itself. */
  readonly onClosed: (reason: string) => void
}

/** A device that leaves and comes back with its cursor, as one of the SDK does: what it missed comes first, from the log. */
export class MailClient {
  readonly device: RawDevice
  readonly #options: MailClientOptions
  #client: EvegramClient | undefined
  #cursorMs: number | undefined
  #correlation = CORRELATION_FROM

  constructor(options: MailClientOptions) {
    this.#options = options
    this.device = options.device
  }

  /** The connection that it has now. Throws when it has none. */
  get client(): EvegramClient {
    if (this.#client === undefined) throw new Error('this client is not connected')
    return this.#client
  }

  get isConnected(): boolean {
    return this.#client !== undefined
  }

  /** Connects and catches up. Resolves when it is live. Rejects when the server refuses. */
  async comeBack(): Promise<void> {
    const { device, ws, origin, payloadBytes, onDelivered, onSignal, onClosed } = this.#options
    const sinceMs = this.#cursorMs
    const client: EvegramClient = await EvegramClient.open({
      device, ws, origin, payloadBytes, ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(onSignal === undefined ? {} : { onSignal }),
      onMissed: (payload) => { onDelivered(payload, 'caught up') },
      onClosed: (closed) => {
        this.#cursorMs = closed.cursorMs ?? this.#cursorMs
        if (this.#client === closed) this.#client = undefined
      },
      events: { delivered: (payload) => { onDelivered(payload, 'live') }, closed: onClosed },
    })
    this.#client = client
    this.#cursorMs = client.cursorMs ?? this.#cursorMs
  }

  /** Ends the connection without a word. What comes from now on waits in the log. */
  leave(): void {
    this.#cursorMs = this.#client?.cursorMs ?? this.#cursorMs
    this.#client?.close()
    this.#client = undefined
  }

  /** A correlation that no other message of this client has. */
  nextCorrelation(): number {
    return ++this.#correlation
  }

  /** Sends a message whose frame was made before; refused at once while there is no connection. */
  send(token: number, message: { readonly correlation: number; readonly frame: Uint8Array }, events: SendEvents): void {
    if (this.#client === undefined) events.refused(token, 'not connected')
    else this.#client.sendAgain(token, message, events)
  }
}
