import type { NodeRegistry } from '@evegram/engine'
import type { SimProcess } from '../../kernel/process.js'
import type { SimRandom } from '../../kernel/random.js'
import type { Run } from '../../kernel/run.js'
import { ServiceCaller, type EngineStoreOptions } from './service-caller.js'

/** The clocks of the store are off by up to this, in ms. */
const CLOCK_OFFSET_MAX_MS = 90
/** Replicas of a quorum store, each with a clock of its own; a node asks one of them, so that what it hears never goes back. */
const REPLICAS = 3

/** Who is up, which incarnations were given, and the time of the store. Survives every node. */
export class NodeTable {
  readonly #run: Run
  readonly #registry: ServiceCaller
  readonly #random: SimRandom
  readonly #floorMs: () => number
  /** How far each clock of the store is ahead of true time, in ms. */
  readonly #aheadMs: readonly number[]
  readonly #heardMs = new Map<number, number>()
  #lastIncarnation = 0

  /** `floorMs`: the largest position time that the log of the same store has seen. */
  constructor(run: Run, options: EngineStoreOptions, floorMs: () => number) {
    this.#run = run
    this.#registry = new ServiceCaller(run, 'registry', options)
    this.#random = run.random('stores/registry')
    this.#floorMs = floorMs
    const clocks = options.personality === 'atomic' ? 1 : REPLICAS
    this.#aheadMs = Array.from({ length: clocks }, () => this.#random.between(-CLOCK_OFFSET_MAX_MS, CLOCK_OFFSET_MAX_MS))
  }

  /** The registry as one program of a node sees it. */
  registryOf(node: SimProcess): NodeRegistry {
    const call = <Result>(operation: string, effect: () => Result): Promise<Result> => this.#registry.call(node, operation, effect)
    const aheadMs = this.#random.pick(this.#aheadMs)
    return {
      claim: () => call('claim', () => ({ incarnation: ++this.#lastIncarnation, floorMs: this.#floorMs() })),
      referenceMs: () => call('referenceMs', () => this.#run.trueTimeMs + aheadMs),
      peers: (withinMs) => call('peers', () => {
        const oldestMs = this.#run.nowMs - withinMs
        return [...this.#heardMs].filter(([, heardMs]) => heardMs >= oldestMs).map(([incarnation]) => incarnation)
      }),
      heartbeat: (incarnation) => call('heartbeat', () => { this.#heardMs.set(incarnation, this.#run.nowMs) }),
      leave: (incarnation) => call('leave', () => { this.#heardMs.delete(incarnation) }),
    }
  }
}
