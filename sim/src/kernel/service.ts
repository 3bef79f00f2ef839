import { EvegramError, type ErrorCode } from '@evegram/protocol'
import type { SimProcess } from './process.js'
import type { SimRandom } from './random.js'
import type { Run } from './run.js'

/** How often a service fails a call, by kind; each a probability. */
export interface ServiceFaults {
  /** It says no at once; nothing happened. */
  readonly refused: number
  /** The request is lost; the caller hears nothing and gives up after the timeout. */
  readonly lost: number
  /** It happened, and the caller never hears so: gives up after the timeout. */
  readonly unknown: number
  /** The caller gives up after the timeout, and it happens after that. */
  readonly late: number
  /** It takes long, then happens and is answered, if the caller still waits. */
  readonly slow: number
}

/** A service without faults. */
export const NO_FAULTS: ServiceFaults = { refused: 0, lost: 0, unknown: 0, late: 0, slow: 0 }

/** Times of a service in ms. */
export interface ServiceTimes {
  readonly latencyMs: readonly [number, number]
  /** After how long a caller gives up; `undefined`: never, as with a store in the same process. */
  readonly timeoutMs: readonly [number, number] | undefined
  readonly slowMs: readonly [number, number]
  /** How long after the timeout a late call takes effect. */
  readonly lateMs: readonly [number, number]
}

/** Who may kill a process around one of its calls. */
export type CrashPoint = (process: SimProcess, service: string, operation: string) => 'before' | 'after' | undefined

/** Options of {@link Service}. */
export interface ServiceOptions {
  /** `log`, `presence`, `auth` ... */
  readonly name: string
  /** The code of a call that failed or was given up. */
  readonly failure: ErrorCode
  readonly times: ServiceTimes
  /** Looked at for every call, so that faults can begin and end. */
  readonly faults: () => ServiceFaults
  readonly crashPoint: CrashPoint
  /** Whether what this machine sends arrives, looked at when a request and when its answer is under way. */
  readonly reaches: (process: SimProcess, service: string) => boolean
}

/**
 * A store or service on the other side of a network (or of a disk): its state is kept by the caller of the constructor, which passes each
 * change as an `effect` that runs whole, at one moment, or never. What the caller hears of it is another matter.
 */
export class Service {
  readonly #run: Run
  readonly #options: ServiceOptions
  readonly #random: SimRandom

  constructor(run: Run, options: ServiceOptions) {
    this.#run = run
    this.#options = options
    this.#random = run.random(`service/${options.name}`)
  }

  /**
   * Runs `effect` on the service for `process`. Resolves with its result, rejects with what it throws, or with the failure code of the
   * service, after which it may have run, may run later, or never. Never settles once the process is gone.
   */
  call<Result>(process: SimProcess, operation: string, effect: () => Result): Promise<Result> {
    return process.hold<Result>((resolve, reject) => {
      if (!process.alive) return
      const { name, crashPoint, times, reaches } = this.#options
      const crash = crashPoint(process, name, operation)
      const plan = reaches(process, name) ? this.#plan() : 'lost'
      if (plan !== 'fine') this.#run.coverage.count(`fault/${name}.${plan}`)
      const toMs = this.#between(plan === 'slow' ? times.slowMs : times.latencyMs)
      const timeoutMs = times.timeoutMs === undefined ? undefined : this.#between(times.timeoutMs)
      const givenUpMs = timeoutMs ?? this.#between(times.slowMs)
      const giveUp = (): void => { this.#fail(process, operation, plan, reject) }
      const happen = (): { readonly result: Result } | { readonly error: Error } | undefined => {
        if (crash === 'before' && process.alive) {
          this.#crash(process, `before ${name}.${operation}`)
          return undefined
        }
        const outcome = this.#attempt(effect)
        if (crash === 'after' && process.alive) this.#crash(process, `after ${name}.${operation}`)
        return outcome
      }
      switch (plan) {
        case 'refused':
          this.#run.scheduler.after(toMs, giveUp)
          return
        case 'lost':
          this.#run.scheduler.after(givenUpMs, giveUp)
          return
        case 'unknown':
          this.#run.scheduler.after(Math.min(toMs, givenUpMs), happen)
          this.#run.scheduler.after(givenUpMs, giveUp)
          return
        case 'late':
          this.#run.scheduler.after(givenUpMs, giveUp)
          this.#run.scheduler.after(givenUpMs + this.#between(times.lateMs), happen)
          return
        case 'slow':
        case 'fine': {
          let waiting = true
          if (timeoutMs !== undefined && toMs > timeoutMs) {
            this.#run.scheduler.after(timeoutMs, () => {
              waiting = false
              giveUp()
            })
          }
          this.#run.scheduler.after(toMs, () => {
            const outcome = happen()
            if (!waiting || outcome === undefined) return
            if (!reaches(process, name)) {
              this.#run.coverage.count(`fault/${name}.answer lost`)
              this.#run.scheduler.after(givenUpMs, giveUp)
              return
            }
            const answer = (): void => {
              if ('error' in outcome) reject(outcome.error)
              else resolve(outcome.result)
            }
            // Half of the answers come in the same moment: fewer events, and another order of them.
            if (this.#random.chance(0.5)) answer()
            else this.#run.scheduler.after(this.#between(times.latencyMs), answer)
          })
          return
        }
        default:
          plan satisfies never
      }
    })
  }

  #plan(): keyof ServiceFaults | 'fine' {
    return this.#random.kind(KINDS, this.#options.faults(), 'fine')
  }

  #attempt<Result>(effect: () => Result): { readonly result: Result } | { readonly error: Error } {
    try {
      return { result: effect() }
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  #fail(process: SimProcess, operation: string, plan: string, reject: (error: Error) => void): void {
    const { name, failure } = this.#options
    if (process.alive) this.#run.note(process.name, `${name}.${operation} ${plan}`)
    reject(new EvegramError(failure, { operation: `${name}.${operation}` }))
  }

  #crash(process: SimProcess, where: string): void {
    this.#run.coverage.count('fault/crash at a call')
    this.#run.note(process.name, `crash ${where}`)
    process.kill()
  }

  #between([from, to]: readonly [number, number]): number {
    return from >= to ? from : this.#random.skewed(from, to)
  }
}

const KINDS: readonly (keyof ServiceFaults)[] = ['refused', 'lost', 'unknown', 'late', 'slow']
