import { EvegramError, utf8, type Clock } from '@evegram/protocol'
import type { NodeRegistry } from '../../ports/node-registry.js'
import { SteadyTime } from '../steady-time.js'
import type { Databases } from './databases.js'

const FLOOR_KEY = utf8('floor')
const INCARNATION_KEY = utf8('incarnation')
/** The floor is written in steps of this, ahead of what is stored. */
const FLOOR_STEP_MS = 100

function readNumber(databases: Databases, key: Uint8Array): number {
  const value = databases.meta.get(key)
  if (value === undefined) return 0
  return Number(new DataView(value.buffer, value.byteOffset, value.byteLength).getBigUint64(0))
}

function numberValue(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

/** A time that no position in LMDB is above, at most {@link FLOOR_STEP_MS} behind the largest; 0 for an empty store. */
export function readFloor(databases: Databases): number {
  return readNumber(databases, FLOOR_KEY)
}

/** Puts a floor that is not below `timeMs` into the commit that is being made, where there is none yet. */
export function raiseFloor(databases: Databases, timeMs: number): void {
  if (timeMs > readFloor(databases)) void databases.meta.put(FLOOR_KEY, numberValue((Math.floor(timeMs / FLOOR_STEP_MS) + 1) * FLOOR_STEP_MS))
}

/**
 * The registry of a store that one process has for itself: incarnations and the floor are durable, who is up is remembered in memory, as all
 * nodes on this store live in this process.
 */
export class LmdbNodeRegistry implements NodeRegistry {
  readonly #databases: Databases
  readonly #clock: Clock
  readonly #time: SteadyTime
  readonly #highestMs: () => number
  readonly #heardMs = new Map<number, number>()

  /** `highestMs`: no position that this process stored is above it, whether it is in LMDB yet or not. */
  constructor(databases: Databases, clock: Clock, highestMs: () => number) {
    this.#databases = databases
    this.#clock = clock
    this.#highestMs = highestMs
    this.#time = new SteadyTime(clock)
  }

  claim(): Promise<{ readonly incarnation: number; readonly floorMs: number }> {
    try {
      // A transaction of LMDB is alone on the file, even among processes, and this form returns after the sync.
      const claimed = this.#databases.root.transactionSync(() => {
        const incarnation = readNumber(this.#databases, INCARNATION_KEY) + 1
        if (incarnation >= 2 ** 32) throw new EvegramError('internal', { operation: 'claim incarnation', advice: 'All incarnations are used up.' })
        void this.#databases.meta.put(INCARNATION_KEY, numberValue(incarnation))
        return { incarnation, floorMs: Math.max(readFloor(this.#databases), this.#highestMs()) }
      })
      this.#time.raise(claimed.floorMs)
      return Promise.resolve(claimed)
    } catch (cause) {
      return Promise.reject(new EvegramError('unavailable.store', { operation: 'claim incarnation', cause }))
    }
  }

  async referenceMs(): Promise<number> {
    // The store shares the clock of the machine; the round trip through the event loop is what a lease wants to have seen.
    await new Promise((resolve) => { setImmediate(resolve) })
    return this.#time.nowMs()
  }

  peers(withinMs: number): Promise<readonly number[]> {
    const sinceMs = this.#clock.monotonicMs() - withinMs
    return Promise.resolve([...this.#heardMs].filter(([, heardMs]) => heardMs >= sinceMs).map(([incarnation]) => incarnation))
  }

  heartbeat(incarnation: number): Promise<void> {
    this.#heardMs.set(incarnation, this.#clock.monotonicMs())
    return Promise.resolve()
  }

  leave(incarnation: number): Promise<void> {
    this.#heardMs.delete(incarnation)
    return Promise.resolve()
  }
}
