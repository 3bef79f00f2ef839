/** A value that changes outside of components, in the form that `useSyncExternalStore` reads. */
export interface Readable<Value> {
  /** Calls `changed` after each change until the returned function is called. */
  readonly subscribe: (changed: () => void) => () => void
  /** The value of now; the same object until it changes. */
  readonly getSnapshot: () => Value
}

/** A {@link Readable} that its owner sets. */
export class Observable<Value> implements Readable<Value> {
  #value: Value
  readonly #listeners = new Set<() => void>()
  readonly #watched: ((isWatched: boolean) => void) | undefined

  /** `watched` is told when the first listener comes and when the last one goes. */
  constructor(value: Value, watched?: (isWatched: boolean) => void) {
    this.#value = value
    this.#watched = watched
  }

  readonly getSnapshot = (): Value => this.#value

  readonly subscribe = (changed: () => void): (() => void) => {
    // A listener of its own, so that one function may listen twice.
    const listener = (): void => { changed() }
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#watched?.(true)
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#watched?.(false)
    }
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0
  }

  set(value: Value): void {
    if (value === this.#value) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }
}
