import { equalBytes, EvegramError, type AccountId, type DeviceId } from '@evegram/protocol'
import type { CassandraRow } from '@evegram/platform/cassandra'
import type { PrekeyStatus, PrekeyStore, PublishedPrekeys, PublishOutcome, TakenPrekeys } from '../../ports/prekey-store.js'
import type { ConditionalWriteParts, ConditionalWrites } from './conditional-writes.js'
import {
  decodePrekeys, encodePrekeys, publishStep, removeStep, statusOf, takeStep, withChange, type PrekeyState, type PrekeyStep,
} from './prekey-state.js'

const CQL = {
  read: 'SELECT keys, change FROM auth_prekeys WHERE account = ? AND device = ?',
  write: 'UPDATE auth_prekeys SET keys = ?, change = ? WHERE account = ? AND device = ? IF change = ?',
} as const

/** Steps on one device that go in one write. */
const STEPS_PER_WRITE_MAX = 128
/** Steps that wait in this process, over all devices. */
export const STEPS_WAITING_MAX = 16_384

/** A step that waits for its turn, and how to answer it. */
interface Waiting {
  /** Runs the step; the answer is given once the state is stored. */
  readonly run: (state: PrekeyState | undefined) => { readonly state: PrekeyState | undefined; readonly answer: () => void }
  readonly fail: (failure: unknown) => void
}

/**
 * {@link PrekeyStore} on Cassandra: one row for each device, changed as a whole by conditional writes. What comes for a device while one of its
 * writes runs goes together in the next one, so that hot devices cost one write for many fetches.
 */
export class CassandraPrekeyStore implements PrekeyStore {
  readonly #parts: ConditionalWriteParts
  readonly #writes: ConditionalWrites
  readonly #lines = new Map<string, Waiting[]>()
  #waiting = 0

  constructor(parts: ConditionalWriteParts, writes: ConditionalWrites) {
    this.#parts = parts
    this.#writes = writes
  }

  async publish(account: AccountId, device: DeviceId, keys: PublishedPrekeys, oneTimeMax: number): Promise<PublishOutcome> {
    return this.#enqueue(account, device, publishStep(keys, oneTimeMax))
  }

  async status(account: AccountId, device: DeviceId): Promise<PrekeyStatus | undefined> {
    return statusOf((await this.#read(account, device)).state)
  }

  take(account: AccountId, device: DeviceId, keep: number): Promise<TakenPrekeys | undefined> {
    return this.#enqueue(account, device, takeStep(keep))
  }

  remove(account: AccountId, device: DeviceId): Promise<void> {
    return this.#enqueue(account, device, removeStep)
  }

  #enqueue<Result>(account: AccountId, device: DeviceId, step: PrekeyStep<Result>): Promise<Result> {
    if (this.#waiting >= STEPS_WAITING_MAX) {
      return Promise.reject(new EvegramError('limited.queue', { operation: 'change prekeys', details: { waiting: this.#waiting } }))
    }
    return new Promise<Result>((resolve, reject: (failure: unknown) => void) => {
      const waiting: Waiting = {
        run: (state) => {
          const { state: next, result } = step(state)
          return { state: next, answer: () => { resolve(result) } }
        },
        fail: reject,
      }
      this.#waiting++
      const name = `${account}.${device}`
      const line = this.#lines.get(name)
      if (line !== undefined) {
        line.push(waiting)
        return
      }
      this.#lines.set(name, [waiting])
      void this.#work(name, account, device)
    })
  }

  /** Works a line off until it is empty. Never rejects: every failure goes to those who waited. */
  async #work(name: string, account: AccountId, device: DeviceId): Promise<void> {
    for (let line = this.#lines.get(name) ?? []; line.length > 0;) {
      const group = line.splice(0, STEPS_PER_WRITE_MAX)
      try {
        const answers = await this.#writes.until('change prekeys', () => this.#attempt(account, device, group))
        for (const answer of answers) answer()
      } catch (failure) {
        for (const { fail } of group) fail(failure)
      }
      this.#waiting -= group.length
    }
    this.#lines.delete(name)
  }

  async #attempt(account: AccountId, device: DeviceId, group: readonly Waiting[]): Promise<(() => void)[] | undefined> {
    const before = await this.#read(account, device)
    let state = before.state
    const answers = group.map(({ run }) => {
      const ran = run(state)
      state = ran.state
      return ran.answer
    })
    if (state === undefined || state === before.state) return answers
    const change = this.#writes.change()
    const result = await this.#writes.one(CQL.write, [encodePrekeys(withChange(state, change)), change, account, device, before.change])
    if (result.applied) return answers
    // Refused: by our own first try, perhaps with changes of others behind it, or by others alone.
    const [row] = await this.#writes.readSerial(CQL.read, [account, device])
    return storedOf(row).state?.recent.some((recent) => equalBytes(recent, change)) === true ? answers : undefined
  }

  async #read(account: AccountId, device: DeviceId): Promise<Stored> {
    const [row] = await this.#parts.session.read(CQL.read, [account, device])
    return storedOf(row)
  }
}

interface Stored {
  readonly state: PrekeyState | undefined
  /** The change that wrote the row, null where there is none. */
  readonly change: Uint8Array | null
}

function storedOf(row: CassandraRow | undefined): Stored {
  return row === undefined ? { state: undefined, change: null } : { state: decodePrekeys(row.bytes('keys')), change: row.bytes('change') }
}
