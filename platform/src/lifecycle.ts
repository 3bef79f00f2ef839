import { EvegramError, type Clock } from '@evegram/protocol'
import { withDeadline } from './deadline.js'
import type { Logger } from './log.js'

/** Time that one step of one part may take when the part names none. */
export const LIFECYCLE_STEP_TIMEOUT_MS = 10_000

/** A part of a service that is started, drained and stopped with it. Every step may be left out. */
export interface LifecyclePart {
  readonly name: string
  /** Resolved = ready for work. */
  start?(): Promise<void> | void
  /** Stops taking new work and finishes what is there. */
  drain?(): Promise<void> | void
  /** Frees everything. Called after `drain`, also when `start` of a later part failed. */
  stop?(): Promise<void> | void
  readonly startTimeoutMs?: number
  readonly drainTimeoutMs?: number
  readonly stopTimeoutMs?: number
}

/** States of a {@link Lifecycle} and what leads from one to the next. */
export const LIFECYCLE_TRANSITIONS = [
  { from: 'new', event: 'start', to: 'starting' },
  { from: 'starting', event: 'started', to: 'running' },
  { from: 'starting', event: 'stop', to: 'draining' },
  { from: 'running', event: 'stop', to: 'draining' },
  { from: 'new', event: 'stop', to: 'stopped' },
  { from: 'draining', event: 'drained', to: 'stopping' },
  { from: 'stopping', event: 'stopped', to: 'stopped' },
] as const

/** State of a {@link Lifecycle}. */
export type LifecycleState = (typeof LIFECYCLE_TRANSITIONS)[number]['from' | 'to']
type LifecycleEvent = (typeof LIFECYCLE_TRANSITIONS)[number]['event']

/** A step that failed or ran out of time while stopping. */
export interface StopProblem {
  readonly part: string
  readonly step: 'drain' | 'stop'
  readonly failure: unknown
}

/** Starts parts in order and takes them down in the reverse order; each step has a time limit. */
export class Lifecycle {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #parts: LifecyclePart[] = []
  readonly #started: LifecyclePart[] = []
  #state: LifecycleState = 'new'
  #stopping: Promise<readonly StopProblem[]> | undefined

  constructor(options: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = options.clock
    this.#log = options.log
  }

  /** What the service is doing. */
  get state(): LifecycleState {
    return this.#state
  }

  /** Adds a part behind the ones before it. Throws `invalid.argument` once started. */
  add(part: LifecyclePart): void {
    if (this.#state !== 'new') throw new EvegramError('invalid.argument', { operation: `add ${part.name}` })
    this.#parts.push(part)
  }

  /** Starts every part in order. When one fails, the started ones are stopped again and its failure is thrown. */
  async start(): Promise<void> {
    this.#move('start')
    for (const part of this.#parts) {
      // A stop that came while starting wins: what has started is being taken down already.
      if (this.#state !== 'starting') throw new EvegramError('unavailable.draining', { operation: `start ${part.name}` })
      this.#started.push(part)
      try {
        await this.#step(part, 'start')
      } catch (failure) {
        this.#log.error({ part: part.name, err: failure }, 'a part did not start')
        await this.stop()
        throw failure
      }
    }
    if (this.#state === 'starting') this.#move('started')
  }

  /** Drains, then stops, every started part in reverse order. Never throws: what went wrong is logged and returned. Safe to call again. */
  stop(): Promise<readonly StopProblem[]> {
    this.#stopping ??= this.#takeDown()
    return this.#stopping
  }

  async #takeDown(): Promise<readonly StopProblem[]> {
    this.#move('stop')
    if (this.#state === 'stopped') return []
    const problems: StopProblem[] = []
    for (const step of ['drain', 'stop'] as const) {
      for (const part of this.#started.toReversed()) {
        try {
          await this.#step(part, step)
        } catch (failure) {
          problems.push({ part: part.name, step, failure })
          this.#log.error({ part: part.name, step, err: failure }, 'a part did not go down cleanly')
        }
      }
      this.#move(step === 'drain' ? 'drained' : 'stopped')
    }
    return problems
  }

  async #step(part: LifecyclePart, step: 'start' | 'drain' | 'stop'): Promise<void> {
    if (part[step] === undefined) return
    const limitMs = part[`${step}TimeoutMs`] ?? LIFECYCLE_STEP_TIMEOUT_MS
    const late = (failure: unknown): void => { this.#log.error({ part: part.name, step, err: failure }, 'a step failed after its time') }
    await withDeadline(this.#clock, limitMs, `${step} ${part.name}`, () => part[step]?.(), late)
  }

  #move(event: LifecycleEvent): void {
    const next = LIFECYCLE_TRANSITIONS.find((transition) => transition.from === this.#state && transition.event === event)
    if (next === undefined) throw new EvegramError('invalid.argument', { operation: `${event} while ${this.#state}` })
    this.#state = next.to
  }
}
