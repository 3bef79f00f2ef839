import { EvegramError, type Clock, type Random, type Timer } from '@evegram/protocol'
import type { CassandraRow, CassandraStatement, CassandraValue, ConditionalResult } from '@evegram/platform/cassandra'
import type { AuthQueries } from '../adapters/cassandra/conditional-writes.js'
import { ACCOUNT_CQL } from '../adapters/cassandra/log-changes.js'
import { NONCE_CQL } from '../adapters/cassandra/nonce-claims.js'
import { WALLET_CQL } from '../adapters/cassandra/wallet-claims.js'

/** Random numbers of a seed (mulberry32). */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  /** A whole number from 0 up to and without `end`. */
  below(end: number): number {
    return Math.floor(this.unit() * end)
  }

  /** A number in [0, 1). */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Task {
  readonly atMs: number
  readonly run: () => void
}

/** A clock that jumps to the next task once everything that follows from the one before has run. */
export class JumpingClock implements Clock {
  #nowMs = 0
  #tasks: Task[] = []

  now = (): number => 1_800_000_000_000 + this.#nowMs
  monotonicMs = (): number => this.#nowMs

  after(delayMs: number, run: () => void): Timer {
    const task = { atMs: this.#nowMs + Math.max(0, delayMs), run }
    this.#tasks.push(task)
    return { cancel: () => { this.#tasks = this.#tasks.filter((other) => other !== task) } }
  }

  every(): Timer {
    throw new Error('not part of the model')
  }

  /** Runs until `work` is done; throws when nothing is left to run or it takes longer than `limitMs`. */
  async runUntil(work: Promise<unknown>, limitMs: number): Promise<void> {
    let done = false
    const settle = (): void => { done = true }
    work.then(settle, settle)
    const endMs = this.#nowMs + limitMs
    for (;;) {
      // All promises that can go on have gone on when this comes back.
      await new Promise((resolve) => { setImmediate(resolve) })
      if (done) return
      let next: Task | undefined
      for (const task of this.#tasks) if (next === undefined || task.atMs < next.atMs) next = task
      if (next === undefined || next.atMs > endMs) throw new Error(next === undefined ? 'everything waits for nothing' : 'it takes too long')
      this.#tasks = this.#tasks.filter((task) => task !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
    }
  }
}

type Columns = Record<string, CassandraValue>

/** A promise of Cassandra that the model breaks, to show that what is checked can fail. */
export type PlantedBug = 'a void change can still move the head' | 'claims replace each other unasked'

/** How the network treats what a process asks, by chance: each a probability. */
export interface Weather {
  /** A conditional write is never applied, and nothing is heard. */
  readonly lost: number
  /** It is applied, and nothing is heard. */
  readonly unheard: number
  /** Nothing is heard, and it is applied much later. */
  readonly late: number
  /** It is applied and heard, and tried once more much later. */
  readonly twice: number
  /** Whatever is asked is on its way for long, there or back: a network or a process that stands still. */
  readonly slow: number
}

/** What a process does beside asking. */
export interface ModelProcess {
  /** Once it is dead it asks nothing more and hears nothing more. */
  readonly isDead: () => boolean
  /** How long it stands still from now on: what it asks and hears waits. */
  readonly standsStillMs: () => number
}

const ALIVE: ModelProcess = { isDead: () => false, standsStillMs: () => 0 }

/** Nothing goes wrong. */
export const CALM: Weather = { lost: 0, unheard: 0, late: 0, twice: 0, slow: 0 }

const LEG_MAX_MS = 20
const TIMEOUT_MS = 300
/** Longer than the patience of writers, and not so long that they give up. */
const SLOW_MAX_MS = 4_000
/** The latest that a write of a world is applied. */
export const LATE_MAX_MS = 6_000

/**
 * What the appends of accounts ask of Cassandra, in memory: atomic conditional writes within a partition that may be slow, lost, late, or applied
 * without an answer. One model for all processes; {@link connect} makes a session for each.
 */
export class ModelCassandra {
  readonly #clock: JumpingClock
  readonly #random: SeededRandom
  readonly #bug: PlantedBug | undefined
  readonly #accounts = new Map<string, { readonly head: Columns; readonly log: Map<number, Columns> }>()
  readonly #claims = new Map<string, Uint8Array>()
  weather: Weather = CALM
  /** Called in the moment in which an entry becomes part of a log. */
  onEntry: (account: string, seq: number, entry: Uint8Array) => void = () => undefined

  constructor(clock: JumpingClock, random: SeededRandom, bug?: PlantedBug) {
    this.#clock = clock
    this.#random = random
    this.#bug = bug
  }

  /** A session of a process, which asks and hears only while it lives and does not stand still. */
  connect(process: ModelProcess = ALIVE): AuthQueries {
    const awake = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
      await this.#pass(process.standsStillMs())
      const settled = await Promise.allSettled([ask()])
      await this.#pass(process.standsStillMs())
      const [answer] = settled
      if (answer.status === 'rejected') throw answer.reason
      return answer.value
    }
    const read = (cql: string, values: readonly CassandraValue[]) => awake(() => this.#answer(process.isDead, () => this.#select(cql, values)))
    return {
      read, readSerial: read,
      write: () => Promise.reject(new Error('not part of the model')),
      conditional: (cql, values) => awake(() => this.#conditionally(process.isDead, [{ cql, values }])),
      conditionalBatch: (statements) => awake(() => this.#conditionally(process.isDead, statements)),
    }
  }

  async #answer<Result>(isDead: () => boolean, effect: () => Result): Promise<Result> {
    if (!isDead()) await this.#travel()
    if (isDead()) return new Promise(() => undefined)
    const result = effect()
    await this.#travel()
    return isDead() ? new Promise(() => undefined) : result
  }

  async #conditionally(isDead: () => boolean, statements: readonly CassandraStatement[]): Promise<ConditionalResult> {
    const { lost, unheard, late, twice } = this.weather
    const chance = this.#random.unit()
    const again = (): void => { this.#clock.after(this.#random.below(LATE_MAX_MS), () => { this.#apply(statements) }) }
    if (isDead() || chance >= lost + unheard + late) {
      return this.#answer(isDead, () => {
        if (this.#random.unit() < twice) again()
        return this.#apply(statements)
      })
    }
    if (chance >= lost + unheard) again()
    else if (chance >= lost) this.#clock.after(this.#random.below(LEG_MAX_MS), () => { this.#apply(statements) })
    await this.#pass(TIMEOUT_MS)
    if (isDead()) return new Promise(() => undefined)
    throw new EvegramError('unavailable.store', { operation: 'write', details: { outcome: 'unknown' } })
  }

  #travel(): Promise<void> {
    return this.#pass(this.#random.below(this.#random.unit() < this.weather.slow ? SLOW_MAX_MS : LEG_MAX_MS))
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => { this.#clock.after(ms, resolve) })
  }

  #partition(account: string): { readonly head: Columns; readonly log: Map<number, Columns> } {
    const known = this.#accounts.get(account) ?? { head: {}, log: new Map<number, Columns>() }
    this.#accounts.set(account, known)
    return known
  }

  #select(cql: string, values: readonly CassandraValue[]): readonly CassandraRow[] {
    const [key, second] = values
    switch (cql) {
      case ACCOUNT_CQL.head:
        return [new ModelRow(this.#partition(String(key)).head)].filter((row) => row.has('round'))
      case ACCOUNT_CQL.change: {
        const row = this.#partition(String(key)).log.get(Number(second))
        return row === undefined ? [] : [new ModelRow(row)]
      }
      case ACCOUNT_CQL.entries:
        return [...this.#partition(String(key)).log].filter(([seq]) => seq > Number(second)).sort(([one], [other]) => one - other).map(([, row]) => new ModelRow(row))
      case NONCE_CQL.read:
      case WALLET_CQL.read: {
        const claim = this.#claims.get(rowName(cql, key))
        return claim === undefined ? [] : [new ModelRow({ claim })]
      }
      default:
        throw new Error(`not part of the model: ${cql}`)
    }
  }

  #apply(statements: readonly CassandraStatement[]): ConditionalResult {
    const [first, second] = statements
    if (first === undefined) throw new Error('an empty batch')
    const { cql, values } = first
    switch (cql) {
      case ACCOUNT_CQL.begin: {
        const [round, pending, account, roundBefore] = values
        return this.#setHead(String(account), { round: roundBefore, pending: null }, { round, pending })
      }
      case ACCOUNT_CQL.abort: {
        const [round, account, roundBefore, pending] = values
        return this.#setHead(String(account), { round: roundBefore, pending }, { round, pending: null })
      }
      case ACCOUNT_CQL.moveHead: {
        const [round, headSeq, head, snapshot, account, roundBefore, pending] = values
        const expected = this.#bug === 'a void change can still move the head' ? { head_seq: headSeq === 1 ? null : Number(headSeq) - 1 } : { round: roundBefore, pending }
        const result = this.#setHead(String(account), expected, { round, pending: null, head_seq: headSeq, head, snapshot })
        if (result.applied && second !== undefined) this.#insertEntry(second.values)
        return result
      }
      case NONCE_CQL.claim:
        return this.#setClaim(rowName(cql, values[2]), values[1], values[3])
      case WALLET_CQL.claim:
        return this.#setClaim(rowName(cql, values[1]), values[0], values[2])
      default:
        throw new Error(`not part of the model: ${cql}`)
    }
  }

  #setHead(account: string, expected: Readonly<Record<string, CassandraValue | undefined>>, changes: Readonly<Record<string, CassandraValue | undefined>>): ConditionalResult {
    const { head } = this.#partition(account)
    const stands = Object.entries(expected).every(([column, value]) => isSame(head[column] ?? null, value ?? null))
    if (!stands) return { applied: false, row: new ModelRow(Object.fromEntries(Object.keys(expected).map((column) => [column, head[column] ?? null]))) }
    for (const [column, value] of Object.entries(changes)) head[column] = value ?? null
    return { applied: true }
  }

  #insertEntry([account, seq, entry, change]: readonly CassandraValue[]): void {
    this.#partition(String(account)).log.set(Number(seq), { seq: seq ?? null, entry: entry ?? null, change: change ?? null })
    this.onEntry(String(account), Number(seq), entry as Uint8Array)
  }

  #setClaim(name: string, claim: CassandraValue | undefined, expected: CassandraValue | undefined): ConditionalResult {
    const standing = this.#claims.get(name) ?? null
    if (!isSame(standing, expected ?? null) && this.#bug !== 'claims replace each other unasked') {
      return { applied: false, row: standing === null ? undefined : new ModelRow({ claim: standing }) }
    }
    this.#claims.set(name, claim as Uint8Array)
    return { applied: true }
  }
}

function rowName(cql: string, key: CassandraValue | undefined): string {
  const table = cql === NONCE_CQL.read || cql === NONCE_CQL.claim ? 'nonce' : 'wallet'
  return `${table} ${key instanceof Uint8Array ? Buffer.from(key).toString('hex') : String(key)}`
}

function isSame(one: CassandraValue, other: CassandraValue): boolean {
  return one instanceof Uint8Array && other instanceof Uint8Array ? Buffer.compare(one, other) === 0 : one === other
}

class ModelRow implements CassandraRow {
  readonly #columns: Columns

  constructor(columns: Columns) {
    this.#columns = { ...columns }
  }

  text = (column: string): string => this.#columns[column] as string
  integer = (column: string): number => this.#columns[column] as number
  big = (column: string): bigint => this.#columns[column] as bigint
  bytes = (column: string): Uint8Array => (this.#columns[column] as Uint8Array).slice()
  flag = (column: string): boolean => this.#columns[column] as boolean
  has = (column: string): boolean => (this.#columns[column] ?? null) !== null
}
