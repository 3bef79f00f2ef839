import type { Clock, DeviceAck, Timer } from '@evegram/protocol'
import { DEVICE_ACK_DELAY_MS, DEVICE_ACK_DELIVERIES } from './connection.js'

/**
 * Tells the server what this device has committed: every {@link DEVICE_ACK_DELIVERIES} deliveries, or {@link DEVICE_ACK_DELAY_MS}
 * after the first.
 */
export class DeviceAcks {
  readonly #clock: Clock
  readonly #send: (ack: DeviceAck) => void
  #committed = 0
  #told = 0
  #cursorMs: number
  #timer: Timer | undefined

  /** `cursorMs` is the durable cursor from before this connection, 0 without one. */
  constructor(clock: Clock, cursorMs: number, send: (ack: DeviceAck) => void) {
    this.#clock = clock
    this.#cursorMs = cursorMs
    this.#send = send
  }

  /** `count` more deliveries are committed. */
  delivered(count: number): void {
    this.#committed += count
    if (this.#committed - this.#told >= DEVICE_ACK_DELIVERIES) this.#tell()
    else this.#plan()
  }

  /** The cursor is durable at `cursorMs`. */
  synced(cursorMs: number): void {
    this.#cursorMs = Math.max(this.#cursorMs, cursorMs)
    this.#plan()
  }

  /** Tells nothing more. */
  close(): void {
    this.#timer?.cancel()
  }

  #plan(): void {
    this.#timer ??= this.#clock.after(DEVICE_ACK_DELAY_MS, () => { this.#tell() })
  }

  #tell(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#told = this.#committed
    // The wire counts modulo 2^32.
    this.#send({ committed: this.#committed % 2 ** 32, cursorMs: this.#cursorMs })
  }
}
