import { isEvegramError, parseDeviceId, type EvegramError, type Timer } from '@evegram/protocol'
import { isPassing } from '../files/transfer-retry.js'
import type { History, HistoryRequested, HistoryStatus } from './history.js'
import { HistoryGiver } from './history-giver.js'
import { HISTORY_LIMITS, type HistoryParts } from './history-parts.js'
import { HistoryTaker } from './history-taker.js'

/** Waits between attempts, units last. */
const RETRY = { firstMs: 2_000, mostMs: 120_000 } as const

/** A {@link History} of a running profile: docs/e2ee.md has the bytes, docs/protocol.md the order of what is said. */
export class DeviceHistory implements History {
  readonly #parts: HistoryParts
  readonly #taker: HistoryTaker
  readonly #giver: HistoryGiver
  readonly #closing = new AbortController()
  readonly #unlisten: readonly (() => void)[]
  #live = false
  #running = false
  #again = false
  #failures = 0
  #timer: Timer | undefined

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.#taker = new HistoryTaker(parts)
    this.#giver = new HistoryGiver(parts)
    const { events } = parts.core
    parts.mail.whenWork(() => { this.#wake() })
    this.#live = parts.core.connection() !== undefined
    this.#unlisten = [
      events.on('state', ({ state }) => {
        this.#live = state === 'live'
        this.#failures = 0
        this.#wake()
      }),
      // What was given to a device that is none of the account any more goes from the server at once.
      events.on('device-revoked', ({ own, device }) => {
        if (!own) return
        this.#taker.distrust(device)
        this.#wake()
      }),
    ]
    this.#wake()
  }

  /** Rounds of work under way: what they say is not in the outbox yet. */
  get size(): number {
    return this.#running ? 1 : 0
  }

  request(): Promise<HistoryStatus> {
    return this.#then(this.#taker.request())
  }

  status(): Promise<HistoryStatus> {
    return this.#taker.status()
  }

  cancel(): Promise<void> {
    return this.#then(this.#taker.cancel())
  }

  async confirm(device: string): Promise<void> {
    await this.#then(this.#taker.confirm(parseDeviceId(device)))
  }

  async refuse(device: string): Promise<void> {
    await this.#then(this.#taker.refuse(parseDeviceId(device)))
  }

  requests(): Promise<readonly HistoryRequested[]> {
    return this.#giver.requests()
  }

  async approve(device: string): Promise<void> {
    await this.#then(this.#giver.approve(parseDeviceId(device)))
  }

  async decline(device: string): Promise<void> {
    await this.#then(this.#giver.decline(parseDeviceId(device)))
  }

  /** Ends what is under way; the next run goes on. Called before the client ends its work in the background, which would wait for it. */
  close(): void {
    this.#closing.abort()
    this.#timer?.cancel()
    for (const unlisten of this.#unlisten) unlisten()
  }

  async #then<Result>(decided: Promise<Result>): Promise<Result> {
    const result = await decided
    this.#wake()
    return result
  }

  #wake(): void {
    if (!this.#live || this.#closing.signal.aborted) return
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#parts.core.background.run('share history', async () => {
      let waitMs: number = HISTORY_LIMITS.askAgainMs
      try {
        do {
          this.#again = false
          await this.#taker.round(this.#closing.signal)
          await this.#giver.round(this.#closing.signal)
        } while (this.#again && !this.#closing.signal.aborted)
        this.#failures = 0
      } catch (error) {
        if (this.#closing.signal.aborted || isEvegramError(error, 'client.closed')) return
        if (!isPassing(error)) throw error
        waitMs = this.#waitMs(error)
      } finally {
        this.#running = false
        if (!this.#closing.signal.aborted) this.#timer ??= this.#parts.core.clock.after(waitMs, () => { this.#wake() })
      }
    })
  }

  #waitMs({ retryAfterMs = 0 }: EvegramError): number {
    this.#failures += 1
    return retryAfterMs + Math.min(RETRY.mostMs, RETRY.firstMs * 2 ** Math.min(this.#failures - 1, 16))
  }
}
