import { EvegramError, type ErrorCode } from '@evegram/protocol'
import type { Observer } from '../../audit/observer.js'
import type { SimProcess } from '../../kernel/process.js'
import type { Run } from '../../kernel/run.js'
import { NO_FAULTS, Service, type CrashPoint, type ServiceTimes } from '../../kernel/service.js'
import { ENGINE_TIMES, type EngineFaults, type EngineService, type EngineTimes, type StorePersonality } from './engine-faults.js'

/** Options of the stores and the broker. */
export interface EngineStoreOptions {
  readonly personality: StorePersonality
  /** Looked at for each call and each packet. */
  readonly faults: () => EngineFaults
  /** Looked at for each call and each packet. Default: {@link ENGINE_TIMES} of the personality. */
  readonly times?: () => EngineTimes
  readonly crashPoint: CrashPoint
  /** Whether what a node sends arrives at a service. An `atomic` store is in the node: it is always reached. */
  readonly reaches: (process: SimProcess, service: string) => boolean
  /** Whether what a service sends arrives at a node, for packets. Default: as `reaches`. */
  readonly hears?: (process: SimProcess, service: string) => boolean
  readonly observer: Pick<Observer, 'copyStored' | 'groupStored' | 'postStored' | 'marked' | 'joined' | 'left' | 'published' | 'flushed' | 'listens' | 'unregistered'>
  /** A handler of a subscription threw; the packets behind it are still delivered. Default: the run is broken, as no handler should. */
  readonly handlerThrew?: (process: SimProcess, failure: unknown) => void
}

const FAILURES: Readonly<Record<EngineService, ErrorCode>> = {
  log: 'unavailable.envelope_log', posts: 'unavailable.store', marks: 'unavailable.envelope_log', membership: 'unavailable.store', registry: 'unavailable.store',
  presence: 'unavailable.presence', broker: 'unavailable.bus',
}

/** The {@link Service} of one name, with the faults and times that its personality allows. */
export class ServiceCaller {
  readonly #embedded: boolean
  readonly #service: Service
  readonly #name: EngineService
  #waitMs = 0

  constructor(run: Run, name: EngineService, options: EngineStoreOptions) {
    const { personality, crashPoint, reaches } = options
    // The store of an atomic world is in the process of the node; presence and the broker are on the network in both.
    this.#embedded = personality === 'atomic' && name !== 'presence' && name !== 'broker'
    this.#name = name
    const embedded = this.#embedded
    const times = (): ServiceTimes => (options.times?.() ?? ENGINE_TIMES[personality]).services[name]
    const latency = (): readonly [number, number] => {
      const { latencyMs: [from, to] } = times()
      return [from + this.#waitMs, to + this.#waitMs]
    }
    this.#service = new Service(run, {
      name, failure: FAILURES[name], crashPoint,
      times: {
        get latencyMs() { return latency() },
        get timeoutMs() { return times().timeoutMs },
        get slowMs() { return times().slowMs },
        get lateMs() { return times().lateMs },
      },
      faults: () => {
        const faults = options.faults().services[name]
        return embedded ? { ...NO_FAULTS, refused: faults.refused } : faults
      },
      // Posts are in the same store as envelopes: a partition takes both.
      reaches: embedded ? () => true : (process, service) => reaches(process, service === 'posts' ? 'log' : service),
    })
  }

  /** As {@link Service.call}; `waitMs` is how much longer the way there takes this time. An embedded store ends with its process: nothing takes effect after. */
  call<Result>(process: SimProcess, operation: string, effect: () => Result, waitMs = 0): Promise<Result> {
    this.#waitMs = waitMs
    try {
      return this.#service.call(process, operation, () => {
        if (this.#embedded && !process.alive) throw new EvegramError(FAILURES[this.#name], { operation: `${this.#name}.${operation}` })
        return effect()
      })
    } finally {
      this.#waitMs = 0
    }
  }
}
