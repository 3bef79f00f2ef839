import type { Clock } from '@evegram/protocol'
import type { NodeRegistry } from '../../ports/node-registry.js'

/** Incarnations in memory, shared by every node of a test cluster; its reference time is the wall time of the clock it was given. */
export class MemoryNodeRegistry implements NodeRegistry {
  readonly #clock: Clock
  /** Incarnation -> last sign of life on the monotonic clock. */
  readonly #heardMs = new Map<number, number>()
  #lastIncarnation = 0
  #floorMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async claim(): Promise<{ readonly incarnation: number; readonly floorMs: number }> {
    this.#lastIncarnation++
    return { incarnation: this.#lastIncarnation, floorMs: this.#floorMs }
  }

  /** Raises the largest position time that the store has seen: for tests and the simulator. */
  raiseFloor(timeMs: number): void {
    this.#floorMs = Math.max(this.#floorMs, timeMs)
  }

  async referenceMs(): Promise<number> {
    return this.#clock.now()
  }

  async peers(withinMs: number): Promise<readonly number[]> {
    const oldestMs = this.#clock.monotonicMs() - withinMs
    return [...this.#heardMs].filter(([, heardMs]) => heardMs >= oldestMs).map(([incarnation]) => incarnation)
  }

  async heartbeat(incarnation: number): Promise<void> {
    this.#heardMs.set(incarnation, this.#clock.monotonicMs())
  }

  async leave(incarnation: number): Promise<void> {
    this.#heardMs.delete(incarnation)
  }
}
