import type { Logger, Metrics } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'
import { addedAlarm, alarmKeyOf, type Alarm, type AlarmFacts } from './alarm.js'
import { ALARMS_ADDED_MAX, type AlarmStore } from './ports/alarm-store.js'

/** Parts of {@link Alarms}. */
export interface AlarmsParts {
  readonly store: AlarmStore
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
  readonly metrics: Metrics
}

/**
 * Tells alarms in the log, counts them, and writes them down for the operators of all processes. While the store does not answer they are kept in memory, at most
 * {@link ALARMS_ADDED_MAX} different ones, and written when it does; of more the oldest are in the log alone.
 */
export class Alarms {
  readonly #parts: AlarmsParts
  readonly #told: ReturnType<Metrics['counter']>
  /** By what makes them the same, in the order of their last time. */
  readonly #unwritten = new Map<string, Alarm>()
  #writing: Promise<void> | undefined

  constructor(parts: AlarmsParts) {
    this.#parts = parts
    this.#told = parts.metrics.counter({ name: 'wally_alarms_total', help: 'What operators must look at', labels: ['kind', 'chain'] })
  }

  /** Tells. Never throws. */
  raise(facts: AlarmFacts): void {
    const { clock, log } = this.#parts
    const nowMs = clock.now()
    this.#keep({ ...facts, firstMs: nowMs, lastMs: nowMs, times: 1 })
    this.#told.add(1, { kind: facts.kind, chain: facts.chain ?? 'none' })
    log.error({ alarm: facts.kind, chain: facts.chain, subject: facts.subject, reason: facts.reason }, 'an operator must look at this')
    // Whoever raised it goes on; what cannot be written now is written by the next one, or by the loop that calls `write`.
    this.write().catch((failure: unknown) => { log.warn({ err: failure }, 'alarms could not be written down; they will be') })
  }

  /** What is remembered of all processes, the newest first. Rejects `unavailable.store`. */
  async list(): Promise<readonly Alarm[]> {
    await this.write()
    const { store, clock } = this.#parts
    return store.list(clock.now())
  }

  /** Writes what was not written yet. Resolved = all that was raised before is. Rejects `unavailable.store`. */
  async write(): Promise<void> {
    while (this.#writing !== undefined || this.#unwritten.size > 0) {
      this.#writing ??= this.#writeOnce().finally(() => { this.#writing = undefined })
      await this.#writing
    }
  }

  async #writeOnce(): Promise<void> {
    const { store, clock } = this.#parts
    const batch = [...this.#unwritten.values()]
    this.#unwritten.clear()
    try {
      await store.add(batch, clock.now())
    } catch (failure) {
      // What was raised meanwhile is newer.
      const newer = [...this.#unwritten.values()]
      this.#unwritten.clear()
      for (const alarm of [...batch, ...newer]) this.#keep(alarm)
      throw failure
    }
  }

  #keep(alarm: Alarm): void {
    const key = alarmKeyOf(alarm)
    const known = this.#unwritten.get(key)
    this.#unwritten.delete(key)
    this.#unwritten.set(key, addedAlarm(known, alarm))
    for (const oldest of this.#unwritten.keys()) {
      if (this.#unwritten.size <= ALARMS_ADDED_MAX) break
      this.#unwritten.delete(oldest)
    }
  }
}
