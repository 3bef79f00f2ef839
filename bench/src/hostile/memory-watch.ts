import { processCost } from '../process-cost.js'

const SAMPLE_EVERY_MS = 50
const MIB = 1_048_576

/** Samples the resident memory of a process. */
export class MemoryWatch {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #peakBytes = 0

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => { this.#sample() }, SAMPLE_EVERY_MS)
  }

  /** Resident memory now, in MiB. */
  get nowMiB(): number {
    return processCost(this.#pid).rssBytes / MIB
  }

  /** The most that was seen since the last call, in MiB. */
  takePeakMiB(): number {
    this.#sample()
    const peak = this.#peakBytes
    this.#peakBytes = 0
    return peak / MIB
  }

  /** Ends the sampling. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    this.#peakBytes = Math.max(this.#peakBytes, processCost(this.#pid).rssBytes)
  }
}
