import { EvegramError, type ErrorCode } from '@evegram/protocol'
import type { SimProcess } from '../../kernel/process.js'
import type { SimRandom } from '../../kernel/random.js'
import type { Run } from '../../kernel/run.js'
import type { AuthInstance } from './instance.js'
import { errorOnTheWire } from './wire-error.js'

/** How often an exchange with auth goes wrong, by kind; each a probability. */
export interface ExchangeFaults {
  /** Nobody takes the connection: `unavailable.server` at once, nothing happened. */
  readonly refused: number
  /** The request is lost: `timeout`. */
  readonly lost: number
  /** It is handled, and the answer is lost: `timeout`. */
  readonly answerLost: number
  /** It is handled twice, at any instance each time; the first answer counts. */
  readonly duplicated: number
  /** As `duplicated`, and the second answer counts: what a browser does whose connection breaks before the first. */
  readonly repeated: number
  /** It arrives late, perhaps after the caller gave up. */
  readonly slow: number
}

/** Exchanges without faults. */
export const NO_EXCHANGE_FAULTS: ExchangeFaults = { refused: 0, lost: 0, answerLost: 0, duplicated: 0, repeated: 0, slow: 0 }

const KINDS: readonly (keyof ExchangeFaults)[] = ['refused', 'lost', 'answerLost', 'duplicated', 'repeated', 'slow']
const SLOW_MS = [100, 20_000] as const
/** How long after the first a second copy of a request may come. */
const SECOND_MS = [0.1, 3_000] as const

/** What {@link Exchange} needs. */
export interface ExchangeOptions {
  /** For coverage, trace and randomness. */
  readonly name: string
  /** The instances that run now. */
  readonly instances: () => readonly AuthInstance[]
  /** Looked at for every exchange. */
  readonly faults: () => ExchangeFaults
  /** Whether what a process sends arrives at a machine, looked at when a request and when its answer is under way. */
  readonly reaches: (process: SimProcess, machine: string) => boolean
  readonly latencyMs: readonly [number, number]
  /** After how long a caller gives up, by its own clock. */
  readonly timeoutMs: number
}

/** An answer, with what it says about the server's time. */
export interface Answered<Answer> {
  readonly value: Answer
  /** Wall clock of the instance when it answered, in ms since 1970. */
  readonly serverTimeMs: number
  /** Monotonic times of the caller, in ms. */
  readonly sentAtMs: number
  readonly answeredAtMs: number
}

type Outcome<Answer> = { readonly value: Answer; readonly serverTimeMs: number } | { readonly error: EvegramError }

/** The network between auth and those who ask it: requests and answers that come late, twice or never. */
export class Exchange {
  readonly #run: Run
  readonly #options: ExchangeOptions
  readonly #random: SimRandom

  constructor(run: Run, options: ExchangeOptions) {
    this.#run = run
    this.#options = options
    this.#random = run.random(options.name)
  }

  /**
   * Has one of the instances handle a request of `from`. Rejects with what it throws, as HTTP carries it, with `unavailable.server` where the
   * connection fails, or `timeout`; after these two it may have been handled, or may be later. Never settles once `from` is gone.
   */
  call<Answer>(from: SimProcess, operation: string, handle: (instance: AuthInstance) => Promise<Answer>): Promise<Answered<Answer>> {
    const { name, timeoutMs, latencyMs } = this.#options
    return from.hold((resolve, reject) => {
      if (!from.alive) return
      const sentAtMs = from.clock.monotonicMs()
      let isSettled = false
      const settle = (how: () => void): void => {
        from.run(() => {
          if (isSettled) return
          isSettled = true
          timer.cancel()
          how()
        })
      }
      const fail = (code: ErrorCode): void => {
        settle(() => {
          this.#run.note(from.name, `${name} ${operation} ${code}`)
          reject(new EvegramError(code, { operation }))
        })
      }
      const answer = (outcome: Outcome<Answer>): void => {
        settle(() => {
          if ('error' in outcome) reject(outcome.error)
          else resolve({ ...outcome, sentAtMs, answeredAtMs: from.clock.monotonicMs() })
        })
      }
      const timer = from.clock.after(timeoutMs, () => { fail('timeout') })
      const plan = this.#plan()
      if (plan !== 'fine') this.#run.coverage.count(`fault/${name}.${plan}`)
      const hung = { fail: (): void => undefined, answer: (): void => undefined }
      const heard = { fail, answer }
      const toMs = this.#between(plan === 'slow' ? SLOW_MS : latencyMs)
      switch (plan) {
        case 'refused':
          this.#run.scheduler.after(toMs, () => { fail('unavailable.server') })
          return
        case 'lost':
          return
        case 'answerLost':
          this.#deliver(from, operation, handle, toMs, hung)
          return
        case 'duplicated':
        case 'repeated':
          this.#deliver(from, operation, handle, toMs, plan === 'duplicated' ? heard : hung)
          this.#deliver(from, operation, handle, toMs + this.#between(SECOND_MS), plan === 'duplicated' ? hung : heard)
          return
        case 'slow':
        case 'fine':
          this.#deliver(from, operation, handle, toMs, heard)
          return
        default:
          plan satisfies never
      }
    })
  }

  #deliver<Answer>(
    from: SimProcess, operation: string, handle: (instance: AuthInstance) => Promise<Answer>, toMs: number,
    caller: { fail(code: ErrorCode): void; answer(outcome: Outcome<Answer>): void },
  ): void {
    const { instances, reaches, latencyMs } = this.#options
    this.#run.scheduler.after(toMs, () => {
      const running = instances()
      if (running.length === 0) {
        caller.fail('unavailable.server')
        return
      }
      const instance = this.#random.pick(running)
      const { process } = instance
      // What the network swallows the caller learns from its own clock alone.
      if (!reaches(from, process.machine)) return
      const back = (task: () => void): void => {
        this.#run.scheduler.after(this.#between(latencyMs), () => { if (reaches(process, from.machine)) task() })
      }
      process.run(() => {
        const ended = process.onKilled(() => { back(() => { caller.fail('unavailable.server') }) })
        const finish = (outcome: Outcome<Answer>): void => {
          ended()
          if (process.alive) back(() => { caller.answer(outcome) })
        }
        handle(instance).then(
          (value) => { finish({ value, serverTimeMs: process.clock.now() }) },
          (failure: unknown) => { finish({ error: errorOnTheWire(failure, operation) }) },
        )
      })
    })
  }

  #plan(): keyof ExchangeFaults | 'fine' {
    return this.#random.kind(KINDS, this.#options.faults(), 'fine')
  }

  #between([from, to]: readonly [number, number]): number {
    return this.#random.skewed(from, to)
  }
}
