import { EvegramError } from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import { AUTH_LIMITS } from './config.js'

/** Functions to call when something happened. One that throws is logged and harms neither the others nor the caller. */
export class Listeners<Event> {
  readonly #log: Logger
  readonly #listeners = new Set<(event: Event) => void>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** Adds a listener; returns its removal. Throws `limited.queue` beyond the bound. */
  add(listener: (event: Event) => void): () => void {
    if (this.#listeners.size >= AUTH_LIMITS.listenersMax) throw new EvegramError('limited.queue', { operation: 'add listener' })
    // A wrapper of its own, so that one function added twice is removed one at a time.
    const entry = (event: Event): void => { listener(event) }
    this.#listeners.add(entry)
    return () => { this.#listeners.delete(entry) }
  }

  /** Calls every listener, in the order in which they were added. */
  emit(event: Event): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (failure) {
        this.#log.error({ err: failure }, 'a listener failed')
      }
    }
  }
}
