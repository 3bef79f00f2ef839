import { Presets, SingleBar } from 'cli-progress'

/** A bar on a terminal, nothing elsewhere; on standard error. */
export class ProgressBar {
  readonly #bar: SingleBar | undefined

  /** `total`: steps, for a run by time its seconds. */
  constructor(name: string, total: number, isShown: boolean) {
    if (!isShown) return
    this.#bar = new SingleBar({ format: `${name} {bar} {value}/{total} {note}`, stream: process.stderr, hideCursor: true }, Presets.shades_classic)
    this.#bar.start(total, 0, { note: '' })
  }

  /** Says how many steps are done. */
  update(done: number, note: string): void {
    this.#bar?.update(done, { note })
  }

  /** Leaves the line. */
  stop(): void {
    this.#bar?.stop()
  }
}
