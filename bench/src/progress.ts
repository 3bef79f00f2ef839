import { Presets, SingleBar } from 'cli-progress'

/** Shows how far a long run is: a bar on a terminal, a line every tenth elsewhere, nothing for machines. All on standard error. */
export class Progress {
  readonly #bar: SingleBar | undefined
  readonly #total: number
  readonly #name: string
  readonly #silent: boolean
  #tenths = 0

  constructor(name: string, total: number, options: { readonly silent: boolean }) {
    this.#name = name
    this.#total = total
    this.#silent = options.silent
    if (options.silent || !process.stderr.isTTY) return
    this.#bar = new SingleBar({ format: `${name} {bar} {value}/{total} {eta_formatted}`, stream: process.stderr }, Presets.shades_classic)
    this.#bar.start(total, 0)
  }

  /** Says how many of the total are done. */
  update(done: number): void {
    this.#bar?.update(done)
    if (this.#bar !== undefined || this.#silent) return
    const tenths = Math.floor((done / this.#total) * 10)
    if (tenths <= this.#tenths) return
    this.#tenths = tenths
    process.stderr.write(`${this.#name} ${String(done)}/${String(this.#total)}\n`)
  }

  /** Leaves the line. */
  stop(): void {
    this.#bar?.stop()
  }
}
