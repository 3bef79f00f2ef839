/** Time for core code. The real one lives in `platform`, the simulator has its own; core code uses no other. */
export interface Clock {
  /** Wall time in milliseconds since 1970 UTC. May jump. */
  now(): number
  /** Milliseconds since some fixed moment, with fractions. Never goes back and never jumps. */
  monotonicMs(): number
  /** Runs `task` once, `delayMs` from now, unless cancelled. An error thrown by `task` is a fault of the program. */
  after(delayMs: number, task: () => void): Timer
  /** Runs `task` every `intervalMs` until cancelled. */
  every(intervalMs: number, task: () => void): Timer
}

/** A planned task. */
export interface Timer {
  /** Cancels; safe to call more than once and after the task ran. */
  cancel(): void
}

/** Resolves `delayMs` from now on `clock`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve)
  })
}
