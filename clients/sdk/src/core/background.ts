import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { EventHub } from '../events.js'

/** `cause` as an {@link EvegramError}. */
export function asEvegramError(cause: unknown, operation: string): EvegramError {
  return isEvegramError(cause) ? cause : new EvegramError('internal', { operation, cause })
}

/** Tasks that nobody waits for: their failures are told, and `close` waits for them. */
export interface Background {
  /** Runs `task`; a failure becomes a `fault` event under `operation`. Refuses in silence once closed. */
  run(operation: string, task: () => Promise<void>): void
  /** No more tasks; resolves when the running ones are done. */
  close(): Promise<void>
  readonly closed: boolean
}

/** Tasks in the background, told as `fault` events when they fail. */
export class BackgroundTasks implements Background {
  readonly #events: EventHub
  readonly #running = new Set<Promise<void>>()
  #closed = false

  constructor(events: EventHub) {
    this.#events = events
  }

  get closed(): boolean {
    return this.#closed
  }

  run(operation: string, task: () => Promise<void>): void {
    if (this.#closed) return
    const running: Promise<void> = task()
      .catch((cause: unknown) => {
        // What fails because the client closes meanwhile is no news.
        if (!this.#closed) this.#events.emit('fault', { operation, error: asEvegramError(cause, operation) })
      })
      .finally(() => {
        this.#running.delete(running)
      })
    this.#running.add(running)
  }

  async close(): Promise<void> {
    this.#closed = true
    while (this.#running.size > 0) await Promise.all([...this.#running])
  }
}
