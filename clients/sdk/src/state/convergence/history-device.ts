import { encodeCbor, hexOf, parseConversationId, registerValue, type ConversationId, type DeviceId, type ReadPlace, type StateRegister, type StateWrite } from '@evegram/protocol'
import { LocalState } from '../../core/local-state.js'
import type { Transaction } from '../../core/transaction.js'
import { EventHub } from '../../events.js'
import type { LocalStore, StoreChange, StoreRange, StoreTable } from '../../store/local-store.js'
import { MemoryStore } from '../../store/memory.js'
import { systemClock } from '../../system.js'
import { hasEntries, snapshotBatches, takeEntries } from '../batches.js'
import { listRegisterRows, readRegisterRow } from '../register-row.js'
import { Registers } from '../registers.js'

/** The process died at a commit that did not reach the disk. */
export class StoreGone extends Error {
  constructor() {
    super('the process died')
  }
}

/** A disk whose process dies at the next commit, when told so. */
class DyingStore implements LocalStore {
  readonly #disk: LocalStore
  #death: 'durable' | 'lost' | undefined

  constructor(disk: LocalStore) {
    this.#disk = disk
  }

  die(how: 'durable' | 'lost'): void {
    this.#death = how
  }

  get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    return this.#disk.get(table, key)
  }

  list(table: StoreTable, range: StoreRange): ReturnType<LocalStore['list']> {
    return this.#disk.list(table, range)
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    if (this.#death === 'lost') throw new StoreGone()
    await this.#disk.commit(changes)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** Keys of registers as the families take them; values are texts, of declined requests the digits of an order key. */
export type HistoryKey =
  | { readonly family: 'setting'; readonly id: string }
  | { readonly family: 'draft' | 'request.declined'; readonly id: ConversationId }

/** One device of a history: the real registers and log on a store in memory, and beside them what the checker knows that it knows. */
export class HistoryDevice {
  readonly id: DeviceId
  readonly #disk = new MemoryStore()
  readonly #nowMs: () => number
  #store: DyingStore
  #local: LocalState
  #registers: Registers
  readonly #knowledge = new Map<string, Set<number>>()

  constructor(id: DeviceId, nowMs: () => number) {
    this.id = id
    this.#nowMs = nowMs
    this.#store = new DyingStore(this.#disk)
    this.#local = new LocalState(this.#store)
    this.#registers = this.#open()
  }

  #open(): Registers {
    return new Registers({ device: this.id, store: this.#local.store, events: new EventHub(systemClock), nowMs: () => Math.max(0, this.#nowMs()), isActive: () => true })
  }

  /** The next commit is the last of this process: it reaches the disk, or does not and rejects with {@link StoreGone}. */
  dieAtNextCommit(how: 'durable' | 'lost'): void {
    this.#store.die(how)
  }

  /** A new process on what the disk holds. */
  restart(): void {
    this.#store = new DyingStore(this.#disk)
    this.#local = new LocalState(this.#store)
    this.#registers = this.#open()
  }

  /** Writes of a key that the device knows of. */
  knows(key: string): ReadonlySet<number> {
    return this.#knowledge.get(key) ?? new Set()
  }

  /** Notes that the device knows of writes. */
  learn(key: string, writes: Iterable<number>): void {
    this.#knowledge.set(key, new Set([...this.knows(key), ...writes]))
  }

  /** Writes a register. Resolves with the write as it is stamped, or undefined where the register says so already. */
  async write({ family, id }: HistoryKey, value: string | undefined): Promise<StateWrite | undefined> {
    const key = `${family}/${id}`
    return this.#write(async (tx) => {
      const before = await this.#own(tx, key)
      if (family === 'setting') await this.#registers.set(tx, family, id, value)
      else if (family === 'draft') await this.#registers.set(tx, family, id, value)
      else await this.#registers.set(tx, family, id, value === undefined ? undefined : BigInt(value))
      const after = await this.#own(tx, key)
      return after?.number === before?.number ? undefined : after
    })
  }

  /** Reads up to a place. Resolves with the place that counts, or undefined where the device read further already. */
  markRead(conversation: ConversationId, place: ReadPlace): Promise<ReadPlace | undefined> {
    return this.#write(async (tx) => ((await this.#registers.raiseRead(tx, conversation, place)) ? this.#registers.readUpTo(conversation, tx) : undefined))
  }

  /** What it has not told yet, as much as fits into one message. */
  take(): ReturnType<typeof takeEntries> {
    return this.#write((tx) => takeEntries(this.#local.store, tx, this.id))
  }

  /** Everything, in batches. */
  async snapshot(): Promise<readonly (readonly StateRegister[])[]> {
    const batches: (readonly StateRegister[])[] = []
    for await (const batch of snapshotBatches(this.#local.store)) batches.push(batch)
    return batches
  }

  /** Takes in what another device told. */
  merge(registers: readonly StateRegister[]): Promise<void> {
    return this.#write(async (tx) => {
      for (const register of registers) await this.#registers.merge(tx, register)
    })
  }

  /** Writes of a key that stand beside each other here. */
  async standing(key: string): Promise<readonly StateWrite[]> {
    const row = await readRegisterRow(this.#local.store, key)
    return row?.register.type === 'latest' ? row.register.writes : []
  }

  /** What the device shows for a key. */
  async shown({ family, id }: HistoryKey): Promise<string | undefined> {
    const value = family === 'setting' ? await this.#registers.get(family, id) : await this.#registers.get(family, id)
    return value === undefined ? undefined : String(value)
  }

  /** How far a conversation was read. */
  readUpTo(conversation: string): Promise<ReadPlace | undefined> {
    return this.#registers.readUpTo(parseConversationId(conversation))
  }

  /** Every register, bit for bit. */
  async bytes(): Promise<string> {
    const rows = await listRegisterRows(this.#local.store, '', undefined, 1_000)
    return rows.map(({ register }) => hexOf(encodeCbor(registerValue(register)))).join(' ')
  }

  /** Whether its log holds something that it has not told. */
  owes(): Promise<boolean> {
    return hasEntries(this.#local.store)
  }

  async #own(tx: Transaction, key: string): Promise<StateWrite | undefined> {
    const row = await readRegisterRow(tx, key)
    return row?.register.type === 'latest' ? row.register.writes.find(({ device }) => device === this.id) : undefined
  }

  #write<Result>(job: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#local.write(job)
  }
}
