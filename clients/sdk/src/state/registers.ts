import {
  decodeCbor, encodeCbor, equalBytes, EvegramError, isEvegramError, readRegister, registerValue, stateFamilyOf, STATE_LIMITS,
  type ConversationId, type DeviceId, type HighestRegister, type LatestRegister, type ReadPlace, type StateRegister,
} from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import type { EventHub } from '../events.js'
import type { LocalStore } from '../store/local-store.js'
import { raiseCeiling } from '../sync/order-clock.js'
import {
  READ_FAMILY, READ_REGISTERS_MAX, STATE_FAMILIES, STATE_REGISTERS_MAX, type StateFamilies, type StateFamily,
} from './register-keys.js'
import { listRegisterRows, readRegisterRow, writeRegisterRow } from './register-row.js'
import { boundRegister, mergeRegisters, raiseHighest, winnerOf, writeLatest } from './register.js'
import { readSync, writeSync } from './sync-row.js'
import { appendEntry, countRegister, readLogHead, removeEntry } from './transaction-log.js'

/** What {@link Registers} work on. */
export interface RegisterPorts {
  readonly device: DeviceId
  readonly store: Pick<LocalStore, 'get' | 'list'>
  readonly events: EventHub
  /** Server time as far as known, in ms since 1970. */
  nowMs(): number
  /** Whether a device is an active one of the own account. */
  isActive(device: DeviceId): boolean
}

/** One register of a family that is set. */
export interface StateEntry<Family extends StateFamily> {
  readonly id: string
  readonly value: StateFamilies[Family]['value']
}

/** Registers that one step of a listing reads. */
const PAGE_ROWS = 500

/**
 * The state of an account as this device knows it: contacts, settings, drafts, how far conversations were read. Each key is a register that merges with what
 * other own devices wrote (see register.ts); every write is an entry of the transaction log, in the transaction of whatever caused it.
 */
export class Registers {
  readonly #ports: RegisterPorts
  /** Keys that open transactions changed: one event for each. */
  readonly #changed = new WeakMap<Transaction, { readonly keys: Set<string>; own: boolean }>()
  #onWritten: () => void = () => undefined

  constructor(ports: RegisterPorts) {
    this.#ports = ports
  }

  /** `told` is called whenever a write of this device is durable. */
  whenWritten(told: () => void): void {
    this.#onWritten = told
  }

  /** Value of a register, as `source` (the store when absent) sees it; undefined when it is not set. */
  async get<Family extends StateFamily>(
    family: Family, id: StateFamilies[Family]['id'], source: Pick<Transaction, 'get'> = this.#ports.store,
  ): Promise<StateFamilies[Family]['value'] | undefined> {
    const row = await readRegisterRow(source, `${family}/${id}`)
    return row === undefined ? undefined : valueOf(family, row.register)
  }

  /** The registers of a family that are set, in order of their ids, behind `after`, at most `limit`. */
  async list<Family extends StateFamily>(family: Family, limit: number, after?: string): Promise<readonly StateEntry<Family>[]> {
    const found: StateEntry<Family>[] = []
    let last = after === undefined ? undefined : `${family}/${after}`
    for (;;) {
      const rows = await listRegisterRows(this.#ports.store, `${family}/`, last, Math.min(PAGE_ROWS, limit))
      for (const { register } of rows) {
        last = register.key
        const value = valueOf(family, register)
        if (value !== undefined) found.push({ id: register.key.slice(family.length + 1), value })
        if (found.length >= limit) return found
      }
      if (rows.length < Math.min(PAGE_ROWS, limit)) return found
    }
  }

  /**
   * Stages a write: the register, its entry in the log, and the event once `tx` is durable. `undefined` takes the value back. Nothing happens when the register
   * says so already. Rejects with `invalid.argument` for a value that the family does not take, `limited.state` when the family is full.
   */
  async set<Family extends StateFamily>(tx: Transaction, family: Family, id: StateFamilies[Family]['id'], value: StateFamilies[Family]['value'] | undefined): Promise<void> {
    const { device } = this.#ports
    const nowMs = this.#ports.nowMs()
    const key = `${family}/${id}`
    if (stateFamilyOf(key) !== family || (value !== undefined && STATE_FAMILIES[family].read(value) === undefined)) {
      throw new EvegramError('invalid.argument', { operation: 'write state', details: { family } })
    }
    const bytes = value === undefined ? new Uint8Array(0) : encodeCbor(value)
    const row = await readRegisterRow(tx, key)
    const before = latestOf(row?.register)
    if (before === undefined && value === undefined) return
    // Several writes that do not know of each other are settled by saying what counts.
    if (before?.writes.length === 1 && equalBytes(winnerOf(before).value, bytes)) return
    if (row === undefined) await this.#admit(tx, family, STATE_FAMILIES[family].registersMax)
    else if (row.entry > 0) removeEntry(tx, row.entry)
    const number = await appendEntry(tx, { kind: 'register', key, atMs: nowMs })
    const register = writeLatest(key, before, { device, number, nowMs, value: bytes })
    writeRegisterRow(tx, { register: boundRegister(register, (known) => this.#ports.isActive(known)), entry: number })
    this.#note(tx, key, true)
  }

  /** How far a conversation was read on any own device, as `source` (the store when absent) sees it. */
  async readUpTo(conversation: ConversationId, source: Pick<Transaction, 'get'> = this.#ports.store): Promise<ReadPlace | undefined> {
    return highestOf((await readRegisterRow(source, `${READ_FAMILY}/${conversation}`))?.register)?.place
  }

  /**
   * Stages that a conversation was read up to `place`. It never goes back: resolves with false where it was read further already. A place ahead of what an honest
   * server lets through counts only up to there: what comes after it must not count as read.
   */
  async raiseRead(tx: Transaction, conversation: ConversationId, place: ReadPlace): Promise<boolean> {
    const nowMs = this.#ports.nowMs()
    const key = `${READ_FAMILY}/${conversation}`
    const ceiling = raiseCeiling(nowMs)
    const row = await readRegisterRow(tx, key)
    const before = highestOf(row?.register)
    const register = raiseHighest(key, before, place.order > ceiling ? { ...place, order: ceiling } : place)
    if (register === before) return false
    if (row === undefined) await this.#admit(tx, READ_FAMILY, READ_REGISTERS_MAX)
    else if (row.entry > 0) removeEntry(tx, row.entry)
    const number = await appendEntry(tx, { kind: 'register', key, atMs: nowMs })
    writeRegisterRow(tx, { register, entry: number })
    this.#note(tx, key, true)
    return true
  }

  /**
   * Stages what another own device knows of a register. Resolves with whether that was news: also where nothing is shown differently, since it must not be lost.
   * Past `STATE_REGISTERS_MAX` a register that is new here is refused.
   */
  async merge(tx: Transaction, register: StateRegister): Promise<'news' | 'known' | 'full'> {
    const row = await readRegisterRow(tx, register.key)
    if (row === undefined) {
      const { counts } = await readLogHead(tx)
      if ([...counts.values()].reduce((sum, count) => sum + count, 0) >= STATE_REGISTERS_MAX) return 'full'
      await countRegister(tx, familyOf(register.key))
    }
    const merged = row === undefined ? register : mergeRegisters(row.register, register)
    if (row !== undefined && isSame(row.register, merged)) return 'known'
    writeRegisterRow(tx, { register: boundRegister(merged, (known) => this.#ports.isActive(known)), entry: row?.entry ?? 0 })
    if (row === undefined || !showsSame(row.register, merged)) this.#note(tx, register.key, false)
    return 'news'
  }

  /** As {@link merge}, of the bytes that `exportedRegisters` gave. Throws `invalid.payload` and `invalid.cbor` for others. */
  async mergeBytes(tx: Transaction, bytes: Uint8Array): Promise<'news' | 'known' | 'full'> {
    return this.merge(tx, readRegister(decodeCbor(bytes, 2 * STATE_LIMITS.registerBytesMax)))
  }

  /** Stages that everything is told to the other own devices once more: what came from elsewhere may be news to them. */
  async tellAgain(tx: Transaction): Promise<void> {
    writeSync(tx, { ...(await readSync(tx)), resend: true })
    tx.afterCommit(() => { this.#onWritten() })
  }

  async #admit(tx: Transaction, family: string, registersMax: number): Promise<void> {
    const { counts } = await readLogHead(tx)
    if ((counts.get(family) ?? 0) >= registersMax) throw new EvegramError('limited.state', { operation: 'write state', details: { family, registersMax } })
    await countRegister(tx, family)
  }

  #note(tx: Transaction, key: string, own: boolean): void {
    const known = this.#changed.get(tx)
    const changed = known ?? { keys: new Set<string>(), own }
    changed.keys.add(key)
    changed.own ||= own
    if (known !== undefined) return
    this.#changed.set(tx, changed)
    tx.afterCommit(() => {
      this.#ports.events.emit('state-changed', { keys: [...changed.keys] })
      if (changed.own) this.#onWritten()
    })
  }
}

function familyOf(key: string): string {
  return stateFamilyOf(key) ?? ''
}

/** The write that counts, as the family reads it. */
function valueOf<Family extends StateFamily>(family: Family, register: StateRegister): StateFamilies[Family]['value'] | undefined {
  const latest = latestOf(register)
  if (latest === undefined) return undefined
  if (STATE_FAMILIES[family].highestCounts !== true) return readValue(family, winnerOf(latest).value)
  let highest: StateFamilies[Family]['value'] | undefined
  for (const { value: bytes } of latest.writes) {
    const value = readValue(family, bytes)
    if (value !== undefined && (highest === undefined || value > highest)) highest = value
  }
  return highest
}

function readValue<Family extends StateFamily>(family: Family, bytes: Uint8Array): StateFamilies[Family]['value'] | undefined {
  if (bytes.length === 0) return undefined
  try {
    return STATE_FAMILIES[family].read(decodeCbor(bytes, STATE_LIMITS.valueBytesMax))
  } catch (error) {
    if (!isEvegramError(error)) throw error
    // What a newer version wrote in another form counts as not set here, and stays as it is.
    return undefined
  }
}

function isKnownFamily(family: string | undefined): family is StateFamily {
  return family !== undefined && Object.hasOwn(STATE_FAMILIES, family)
}

function latestOf(register: StateRegister | undefined): LatestRegister | undefined {
  return register?.type === 'latest' ? register : undefined
}

function highestOf(register: StateRegister | undefined): HighestRegister | undefined {
  return register?.type === 'highest' ? register : undefined
}

function isSame(one: StateRegister, other: StateRegister): boolean {
  return equalBytes(encodeCbor(registerValue(one)), encodeCbor(registerValue(other)))
}

/** Whether both show the same to a person. */
function showsSame(one: StateRegister, other: StateRegister): boolean {
  if (one.type === 'highest' || other.type === 'highest') return isSame(one, other)
  const family = stateFamilyOf(one.key)
  if (isKnownFamily(family) && STATE_FAMILIES[family].highestCounts === true) return valueOf(family, one) === valueOf(family, other)
  return equalBytes(winnerOf(one).value, winnerOf(other).value)
}
