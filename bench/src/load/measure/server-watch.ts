import type { Target } from '../targets/target.js'
import { monotonicUs } from './monotonic.js'
import type { ServerSample } from './timeline.js'

const SAMPLE_MS = 1_000

/** Looks at the server once a second: CPU and memory of its processes, and what it says of its event loop. */
export class ServerWatch {
  readonly #target: Target
  readonly #startUs: number
  readonly #onSample: (sample: ServerSample) => void
  readonly #timer: NodeJS.Timeout
  #sampling: Promise<void> = Promise.resolve()
  #isEnded = false
  #rssMaxBytes = 0

  /** Begins to look. Times are seconds from `startUs`. */
  constructor(target: Target, startUs: number, onSample: (sample: ServerSample) => void) {
    this.#target = target
    this.#startUs = startUs
    this.#onSample = onSample
    this.#sample()
    this.#timer = setInterval(() => { this.#sample() }, SAMPLE_MS)
  }

  /** The most memory that was seen. */
  get rssMaxMiB(): number {
    return Math.round(this.#rssMaxBytes / 1_048_576)
  }

  /** Looks a last time, and not any more. */
  async end(): Promise<void> {
    clearInterval(this.#timer)
    if (!this.#isEnded) this.#sample()
    this.#isEnded = true
    await this.#sampling
  }

  #sample(): void {
    const cost = this.#target.cost()
    if (cost === undefined) return
    const atSeconds = (monotonicUs() - this.#startUs) / 1e6
    this.#rssMaxBytes = Math.max(this.#rssMaxBytes, cost.rssBytes)
    // One after the other: a server that is slow to answer is asked less often, and samples stay in order.
    this.#sampling = this.#sampling.then(async () => {
      this.#onSample({ atSeconds, cpuSeconds: cost.cpuSeconds, rssBytes: cost.rssBytes, loopDelayMs: await this.#target.eventLoopDelayMs() })
    })
  }
}
