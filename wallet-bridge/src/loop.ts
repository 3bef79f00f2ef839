import type { Logger } from '@evegram/platform'
import type { Clock, Timer } from '@evegram/protocol'

/** Work that is done again and again: what it does, how long it rests when there was nothing more to do. */
export interface LoopOptions {
  readonly name: string
  /** Does a bounded piece; whether there is more at once. */
  readonly step: () => Promise<boolean>
  readonly pauseMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Hears of each step that failed. Must not throw. */
  readonly failed?: ((failure: unknown) => void) | undefined
}

/** One step after the other until it is stopped; a step that fails is logged and made again after the pause. */
export class Loop {
  readonly #options: LoopOptions
  #timer: Timer | undefined
  #step: Promise<void> = Promise.resolve()
  #running = false

  constructor(options: LoopOptions) {
    this.#options = options
  }

  /** Begins. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#plan(0)
  }

  /** Resolved = no step runs any more. */
  async stop(): Promise<void> {
    this.#running = false
    this.#timer?.cancel()
    await this.#step
  }

  #plan(delayMs: number): void {
    const { clock, pauseMs, step, log, name, failed } = this.#options
    this.#timer = clock.after(delayMs, () => {
      this.#step = step().catch((failure: unknown) => {
        log.warn({ loop: name, err: failure }, 'a step failed; it will be made again')
        failed?.(failure)
        return false
      }).then((more) => { if (this.#running) this.#plan(more ? 0 : pauseMs) })
    })
  }
}
