import type { Logger } from '@evegram/platform'
import type { CassandraQueries } from '@evegram/platform/cassandra'
import { EvegramError, LIMITS, sleep, type Clock, type Random } from '@evegram/protocol'
import type { NodeRegistry } from '../../ports/node-registry.js'
import { CLAIM_INCARNATION, DEPART, HEARTBEAT, REMEMBER_TIME, SELECT_NODES, SELECT_NOW, SELECT_TIME } from './nodes.cql.js'

/** Random numbers that are tried for an incarnation; one of a million given ones is met every 4,000 starts. */
const CLAIM_TRIES = 8
/** Reads of the time when an incarnation is claimed: each asks another node of the store. */
const TIME_READS = 3
/** How far apart the clocks of the store's own nodes may be. */
export const STORE_SKEW_MS = 100
/** Interval in which the time of the store is remembered. */
export const REMEMBER_EVERY_MS = 5_000
/** A claim waits this long at most for the store's time to pass the floor. */
const CLAIM_WAIT_MS = 5_000
/** Pause between two looks while it waits. */
const CLAIM_STEP_MS = 50
const MICROSECONDS = 1_000n
/** A node lives by these: they do not wait behind appends. */
const URGENT = { urgent: true } as const

/** What a {@link CassandraNodeRegistry} is made of. */
export interface NodeRegistryParts {
  readonly session: CassandraQueries
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/**
 * Incarnations and time, kept by the store.
 *
 * The floor costs nothing per append. A node makes positions only while its clock is confirmed within `maxSkewMs` of the store's time, so no position
 * is above the store's time at that moment plus `maxSkewMs` (and {@link STORE_SKEW_MS}, as it may have asked another node of the store). Hence the
 * store's time now plus both is above every position there is, as long as the store's time did not go back. A claim returns that as the floor, and waits until
 * the store's time has passed it, so that the new clock starts above every old position and agrees with the store all the same. Against a store
 * whose clocks were set back the latest time heard is remembered every {@link REMEMBER_EVERY_MS}: a store that tells less than that raises the floor
 * above what was remembered, and the new node is not confirmed before the store has caught up.
 */
export class CassandraNodeRegistry implements NodeRegistry {
  readonly #parts: NodeRegistryParts
  #rememberedMonotonicMs = Number.NEGATIVE_INFINITY
  #heardMs: number | undefined

  constructor(parts: NodeRegistryParts) {
    this.#parts = parts
  }

  async claim(): Promise<{ readonly incarnation: number; readonly floorMs: number }> {
    const incarnation = await this.#claimIncarnation()
    let nowMs = 0
    for (let read = 0; read < TIME_READS; read++) nowMs = Math.max(nowMs, await this.referenceMs())
    const [remembered] = await this.#parts.session.read(SELECT_TIME, [])
    const rememberedMs = remembered === undefined ? 0 : Number(remembered.big('heard_ms'))
    const wentBack = nowMs + STORE_SKEW_MS < rememberedMs
    const floorMs = (wentBack ? rememberedMs + REMEMBER_EVERY_MS : nowMs) + LIMITS.maxSkewMs + STORE_SKEW_MS
    await this.#remember(nowMs)
    if (wentBack) this.#parts.log.error({ behindMs: rememberedMs - nowMs }, 'the time of Cassandra went back: correct the clocks of its nodes')
    await this.#waitUntil(floorMs)
    return { incarnation, floorMs }
  }

  async referenceMs(): Promise<number> {
    const [row] = await this.#parts.session.read(SELECT_NOW, [], URGENT)
    if (row === undefined) throw new EvegramError('unavailable.store', { operation: 'read the time of the store' })
    this.#heardMs = Number(row.big('now_ms'))
    return this.#heardMs
  }

  /** `withinMs` of minutes at most: older signs of life are forgotten. */
  async peers(withinMs: number): Promise<readonly number[]> {
    const rows = await this.#parts.session.read(SELECT_NODES, [], URGENT)
    return rows
      .filter((row) => !row.has('departed') && row.has('heard_ms') && Number(row.big('now_ms') - row.big('heard_ms')) <= withinMs)
      .map((row) => Number(row.big('incarnation')))
  }

  async heartbeat(incarnation: number): Promise<void> {
    await this.#parts.session.write(HEARTBEAT, [BigInt(incarnation)], URGENT)
    const monotonicMs = this.#parts.clock.monotonicMs()
    if (this.#heardMs === undefined || monotonicMs - this.#rememberedMonotonicMs < REMEMBER_EVERY_MS) return
    await this.#remember(this.#heardMs)
  }

  async leave(incarnation: number): Promise<void> {
    await this.#parts.session.write(DEPART, [BigInt(incarnation)])
  }

  async #claimIncarnation(): Promise<number> {
    const { session, random } = this.#parts
    let failure: unknown
    for (let tried = 0; tried < CLAIM_TRIES; tried++) {
      const bytes = random.bytes(4)
      const incarnation = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
      try {
        if ((await session.conditional(CLAIM_INCARNATION, [BigInt(incarnation)])).applied) return incarnation
      } catch (cause) {
        // Whatever became of it, nobody uses that number: the next one is another.
        failure = cause
      }
    }
    throw new EvegramError('unavailable.store', { operation: 'claim incarnation', cause: failure })
  }

  async #remember(heardMs: number): Promise<void> {
    await this.#parts.session.write(REMEMBER_TIME, [BigInt(heardMs), BigInt(heardMs) * MICROSECONDS])
    this.#rememberedMonotonicMs = this.#parts.clock.monotonicMs()
  }

  /** Until the store's time is past the floor. Not for a floor far ahead: a clock that starts ahead of the store is not confirmed before that anyway. */
  async #waitUntil(floorMs: number): Promise<void> {
    const { clock } = this.#parts
    const startedMs = clock.monotonicMs()
    while (clock.monotonicMs() - startedMs < CLAIM_WAIT_MS) {
      const leftMs = floorMs - await this.referenceMs()
      if (leftMs < 0 || leftMs > CLAIM_WAIT_MS) return
      await sleep(clock, leftMs + CLAIM_STEP_MS)
    }
  }
}
