import { isEvegramError, type ErrorCode } from '@evegram/protocol'
import type { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { Service, type ServiceFaults } from '../kernel/service.js'

/** What a call does outside of the process that makes it: a read changes nothing there. */
export type CallKind = 'read' | 'write'

/** Where a process is killed: at one of the calls that the processes of a world make, counted from 1, before its effect or after it, its answer lost. */
export interface CrashPlan {
  readonly call: number
  readonly when: 'before' | 'after'
}

/** What a port is, as calls across it are made. */
export interface PortOptions<Target extends object> {
  /** `ledger`, `payouts`, `source-1` ... */
  readonly name: string
  readonly failure: ErrorCode
  /** The methods that go across; all others are answered in the process. */
  readonly operations: Readonly<Partial<Record<keyof Target & string, CallKind>>>
  readonly latencyMs: readonly [number, number]
  readonly faults: () => ServiceFaults
  /** What a call resolves with that failed or was given up, where it must not reject. */
  readonly unanswered?: Readonly<Partial<Record<keyof Target & string, unknown>>>
}

/** A port as processes reach what is behind it. */
export type Port<Target extends object> = (process: SimProcess, target: Target) => Target

/** After how long a caller of a store or source gives up, in ms. */
const TIMEOUT_MS = [1_500, 3_000] as const
const SLOW_MS = [300, 2_500] as const
/** How long after the timeout a late call takes effect: also when its caller has died and another one has gone on. */
const LATE_MS = [100, 8_000] as const

/**
 * All calls of a world that leave a process: each is counted, takes time, may fail in every way that a {@link Service} knows, and may be the one
 * at which the process is killed.
 */
export class PortCalls {
  /** Every call so far, in order. */
  readonly kinds: CallKind[] = []
  readonly #run: Run
  readonly #plan: CrashPlan | undefined
  readonly #random: SimRandom
  readonly #crashRate: () => number

  /** `crashRate`: probability that a call kills its process, beside the planned one. */
  constructor(run: Run, options: { readonly plan: CrashPlan | undefined; readonly crashRate: () => number }) {
    this.#run = run
    this.#plan = options.plan
    this.#random = run.random('crashes')
    this.#crashRate = options.crashRate
  }

  /** Puts things on the other side of a network. */
  port<Target extends object>({ name, failure, operations, latencyMs, faults, unanswered }: PortOptions<Target>): Port<Target> {
    let planned: CrashPlan['when'] | undefined
    const service = new Service(this.#run, {
      name, failure, faults, reaches: () => true, crashPoint: () => planned,
      times: { latencyMs, timeoutMs: TIMEOUT_MS, slowMs: SLOW_MS, lateMs: LATE_MS },
    })
    const kinds = new Map<PropertyKey, CallKind | undefined>(Object.entries(operations))
    const instead = new Map<PropertyKey, unknown>(unanswered === undefined ? [] : Object.entries(unanswered))
    return (process, target) => {
      const made = new Map<PropertyKey, unknown>()
      const methodOf = (key: PropertyKey): unknown => {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        const kind = kinds.get(key)
        const act = (...args: unknown[]): unknown => Reflect.apply(value, target, args)
        if (kind === undefined) return act
        const operation = String(key)
        return (...args: unknown[]) => process.hold<unknown>((resolve, reject) => {
          if (!process.alive) return
          planned = this.#next(kind, `${name.replace(/-\d+$/, '')}.${operation}`)
          const when = planned
          if (when === 'before') {
            this.#kill(process, `before ${name}.${operation}`)
            return
          }
          // Killed at the moment of the effect; a call that never gets so far is given up by a process that dies then.
          const settled = (end: () => void) => (): void => {
            if (when === 'after' && process.alive) this.#kill(process, `after ${name}.${operation}`)
            else end()
          }
          service.call(process, operation, () => quiet(act(...args))).then(
            (answer) => { settled(() => { resolve(answer) })() },
            (error: unknown) => {
              settled(() => {
                if (instead.has(key) && isEvegramError(error, failure)) resolve(instead.get(key))
                else reject(error instanceof Error ? error : new Error(String(error)))
              })()
            },
          )
        })
      }
      return new Proxy(target, {
        get: (_, key) => {
          const known = made.get(key) ?? methodOf(key)
          if (typeof known === 'function') made.set(key, known)
          return known
        },
      })
    }
  }

  #next(kind: CallKind, what: string): CrashPlan['when'] | undefined {
    this.kinds.push(kind)
    const isStray = this.#random.chance(this.#crashRate())
    const stray = this.#random.pick(['before', 'after'] as const)
    if (this.kinds.length === this.#plan?.call) {
      this.#run.coverage.count(`crash/${this.#plan.when} ${what}`)
      return this.#plan.when
    }
    if (isStray) this.#run.coverage.count('fault/crash at any call')
    return isStray ? stray : undefined
  }

  #kill(process: SimProcess, where: string): void {
    this.#run.note(process.name, `crash ${where}`)
    process.kill()
  }
}

/** What nobody hears any more must not count as a rejection that nobody handles. */
function quiet(answer: unknown): unknown {
  if (answer instanceof Promise) answer.catch(() => undefined)
  return answer
}
