import type { Clock } from '@evegram/protocol'
import type { NodeRegistry } from '../../ports/node-registry.js'
import { SteadyTime } from '../steady-time.js'

/** Incarnations in memory, shared by every node of a test cluster; its reference time is that of the machine. */
export class MemoryNodeRegistry implements NodeRegistry {
  readonly #clock: Clock
  readonly #time: SteadyTime
  /** Incarnation -> last sign of life on the monotonic clock. */
  readonly #heardMs = new Map<number, number>()
  #lastIncarnation = 0
  #floorMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#time = new SteadyTime(clock)
  }

  async claim(): Promise<{ readonly incarnation: number; readonly floorMs: number }> {
    this.#lastIncarnation++
    this.#time.raise(this.#floorMs)
    return { incarnation: this.#lastIncarnation, floorMs: this.#floorMs }
  }

  /** Raises the largest position time that the store has seen: for tests and the simulator. */
  raiseFloor(timeMs: number): void {
    this.#floorMs = Math.max(this.#floorMs, timeMs)
  }

  async referenceMs(): Promise<number> {
    return this.#time.nowMs()
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
