import type { Run } from '../kernel/run.js'

/** Which machines and services cannot hear each other. Names are those of machines (`n1`, `alice-1`, `auth1`) and services (`log`, `broker` ...). */
export class Partition {
  readonly #run: Run
  readonly #cuts = new Set<string>()

  constructor(run: Run) {
    this.#run = run
  }

  /** Whether what `from` sends arrives at `to`. */
  reaches(from: string, to: string): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}|${to}`)
  }

  /** Cuts every way between the two sides for `forMs`, in one direction or both. */
  cut(ones: readonly string[], others: readonly string[], forMs: number, bothWays: boolean): void {
    const ways = ones.flatMap((one) => others.flatMap((other) => (bothWays ? [`${one}|${other}`, `${other}|${one}`] : [`${one}|${other}`])))
    for (const way of ways) this.#cuts.add(way)
    this.#run.coverage.count(bothWays ? 'fault/partition' : 'fault/partition one way')
    this.#run.note('world', `partition ${ones.join(',')} ${bothWays ? '<->' : '->'} ${others.join(',')}`)
    this.#run.scheduler.after(forMs, () => {
      for (const way of ways) this.#cuts.delete(way)
      this.#run.note('world', `partition of ${ones.join(',')} heals`)
    })
  }

  /** Everything hears everything again. */
  heal(): void {
    this.#cuts.clear()
  }
}
