import type { Frame, FrameBody } from './frames.js'

/** How the tabs of one profile talk. Frames of one tab arrive in order; a tab hears its own frames too. Nothing is promised about tabs that come later. */
export interface TabBus {
  /** Id of this tab, no other has it. */
  readonly tab: string
  /** Says `body` to the tab `to`, or to all. Throws `invalid.argument` for what cannot be sent to another tab. */
  post(body: FrameBody, to?: string): void
  /** Calls `listener` with every frame for this tab until the returned function is called. */
  listen(listener: (frame: Frame) => void): () => void
  close(): void
}

/** A lock that is held. */
export interface Lease {
  /** Resolves when it was taken away by force; never after `release`. */
  readonly lost: Promise<void>
  release(): void
}

/** Locks that the tabs of one profile share; a tab that ends, however, holds none. */
export interface TabLocks {
  /** Waits for the lock `name` and holds it; `steal` takes it from whoever has it. Rejects when `signal` aborts the wait. */
  hold(name: string, options: { readonly steal?: boolean; readonly signal?: AbortSignal }): Promise<Lease>
}
