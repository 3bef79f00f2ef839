import { createHash, type Hash } from 'node:crypto'

/** One thing that happened in a run. */
export interface TraceLine {
  /** Virtual ms since the start of the run, with fractions. */
  readonly atMs: number
  /** Number of the event in which it happened. */
  readonly event: number
  /** Where: `n1.2` is the second start of node 1, `alice-2.1` the first start of Alice's second device; `world` for the world itself. */
  readonly who: string
  /** What, in words of the code: `log.append stored`, `crash`, `P4 ...`. Ids are cut to 8 digits. No plaintext, no keys. */
  readonly what: string
}

/**
 * The trace of a run: a running hash of every line, and the lines themselves when they are to be read. Two runs of one seed have the same
 * hash, on any machine, or something in the simulated code is not deterministic.
 */
export class Trace {
  readonly lines: TraceLine[] = []
  readonly #hash: Hash = createHash('sha256')
  readonly #keep: boolean
  #pending = ''
  #count = 0

  constructor(keep: boolean) {
    this.#keep = keep
  }

  /** Lines so far. */
  get count(): number {
    return this.#count
  }

  /** Adds a line. */
  add(line: TraceLine): void {
    this.#count++
    this.#pending += `${line.atMs.toFixed(3)} ${line.event} ${line.who} ${line.what}\n`
    // Hashing many lines at once costs a tenth of hashing each.
    if (this.#pending.length > 16_384) this.#flush()
    if (this.#keep) this.lines.push(line)
  }

  /** The hash of everything so far, 64 hex digits. Ends the trace. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#pending)
    this.#pending = ''
  }
}
