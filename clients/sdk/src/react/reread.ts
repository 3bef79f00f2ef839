import { isEvegramError, type ErrorCode } from '@evegram/protocol'
import { Observable, type Readable } from './observable.js'

/** Something that is read from a client: not yet, there, or why not. */
export type ReadState<Value> = { readonly status: 'loading' } | { readonly status: 'ready'; readonly value: Value } | { readonly status: 'failed'; readonly code: ErrorCode }

/**
 * Something of a client that is read again whenever it may have changed: one read at a time, and one more when it changed meanwhile. Nothing is read before somebody looks; from then on it is kept up to
 * date as long as the client lives.
 */
export class Reread<Value> implements Readable<ReadState<Value>> {
  readonly #read: () => Promise<Value>
  readonly #view: Observable<ReadState<Value>>
  #reading: Promise<void> | undefined
  #again = false
  #listens = false

  /** `listen` arranges that `changed` is called whenever what `read` gives may be another. */
  constructor(read: () => Promise<Value>, listen: (changed: () => void) => void) {
    this.#read = read
    this.#view = new Observable<ReadState<Value>>({ status: 'loading' }, (isWatched) => {
      if (!isWatched || this.#listens) return
      this.#listens = true
      listen(() => { void this.refresh() })
      void this.refresh()
    })
  }

  readonly subscribe = (changed: () => void): (() => void) => this.#view.subscribe(changed)
  readonly getSnapshot = (): ReadState<Value> => this.#view.getSnapshot()

  /** Reads it again; resolves when what is shown is no older than this call. Never rejects: the state says what failed. */
  refresh(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true
      return this.#reading
    }
    this.#reading = this.#readAll().finally(() => { this.#reading = undefined })
    return this.#reading
  }

  async #readAll(): Promise<void> {
    do {
      this.#again = false
      try {
        this.#view.set({ status: 'ready', value: await this.#read() })
      } catch (error) {
        this.#view.set({ status: 'failed', code: isEvegramError(error) ? error.code : 'internal' })
      }
    } while (this.#isStale())
  }

  #isStale(): boolean {
    return this.#again
  }
}
