import type { SocketEvents } from '@evegram/sdk/parts'
import type { DeviceSocket } from './device-socket.js'

/** What a {@link RawConnection} tells while it lasts. */
export interface RawEvents {
  onOpen?(): void
  onMessage?(bytes: Uint8Array): void
  onClose?(code: number): void
}

/** A connection that speaks whatever its owner likes, for traffic that no client of ours makes. */
export class RawConnection {
  readonly #messages: Uint8Array[] = []
  readonly #socket: DeviceSocket
  #opened = false
  #closeCode: number | undefined

  /** `dial` connects with the events that it is given. */
  constructor(dial: (events: SocketEvents) => DeviceSocket, events: RawEvents) {
    this.#socket = dial({
      onOpen: () => {
        this.#opened = true
        events.onOpen?.()
      },
      onMessage: (bytes) => {
        this.#messages.push(bytes)
        events.onMessage?.(bytes)
      },
      onText: () => undefined,
      onClose: ({ code }) => {
        this.#closeCode = code
        events.onClose?.(code)
      },
    })
  }

  /** Whether it was open at some time. */
  get opened(): boolean {
    return this.#opened
  }

  /** What came, in order. */
  get messages(): readonly Uint8Array[] {
    return this.#messages
  }

  /** The code of its end; 1006 also when it never opened; `undefined` before. */
  get closeCode(): number | undefined {
    return this.#closeCode
  }

  /** Sends one binary message; lost when it is not open. */
  send(bytes: Uint8Array): void {
    this.#socket.send(bytes)
  }

  /** Sends a text message, which no client does. */
  sendText(): void {
    this.#socket.sendText()
  }

  /** Closes with `code`. */
  close(code: number): void {
    this.#socket.close(code)
  }

  /** Goes without a close frame, at once. */
  vanish(): void {
    this.#socket.vanish()
  }
}
