import { encodeCbor, registerValue, STATE_LIMITS, type DeviceId, type StateRegister } from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'
import { listRegisterRows, readRegisterRow, writeRegisterRow } from './register-row.js'
import { listEntries, removeEntry } from './transaction-log.js'

/** Bytes of registers in one message. */
const BATCH_BYTES_MAX = 36_864
/** Entries of the log, or registers, that one step reads. */
const PAGE_ROWS = 256

/** Whether this device wrote something that it has not told. */
export async function hasEntries(store: Pick<LocalStore, 'list'>): Promise<boolean> {
  for (let after = 0; ;) {
    const entries = await listEntries(store, after, PAGE_ROWS)
    if (entries.some(({ kind }) => kind === 'register')) return true
    if (entries.length < PAGE_ROWS) return false
    after = entries.at(-1)?.at ?? after
  }
}

/** What `device` wrote and did not tell, taken out of its log in `tx`: as much as fits into one message. Call it first in a transaction. */
export async function takeEntries(
  store: Pick<LocalStore, 'list'>, tx: Transaction, device: DeviceId,
): Promise<{ readonly registers: readonly StateRegister[]; readonly more: boolean }> {
  const batch = new Batch()
  for (let after = 0; ;) {
    const entries = await listEntries(store, after, PAGE_ROWS)
    for (const entry of entries) {
      after = entry.at
      if (entry.kind !== 'register') continue
      const found = await readRegisterRow(tx, entry.key)
      if (found?.entry === entry.at) {
        const own = partOf(found.register, device)
        if (own !== undefined && !batch.add(own)) return { registers: batch.registers, more: true }
        writeRegisterRow(tx, { ...found, entry: 0 })
      }
      removeEntry(tx, entry.at)
    }
    if (entries.length < PAGE_ROWS) return { registers: batch.registers, more: false }
  }
}

/** All registers of a profile, in batches that each fit into one message. */
export async function* snapshotBatches(store: Pick<LocalStore, 'list'>): AsyncGenerator<readonly StateRegister[]> {
  let batch = new Batch()
  for (let after: string | undefined, more = true; more;) {
    const rows = await listRegisterRows(store, '', after, PAGE_ROWS)
    for (const { register } of rows) {
      after = register.key
      for (const part of partsOf(register)) {
        if (batch.add(part)) continue
        yield batch.registers
        batch = new Batch()
        batch.add(part)
      }
    }
    more = rows.length === PAGE_ROWS
  }
  if (batch.registers.length > 0) yield batch.registers
}

/** What a device wrote into a register, with all that it superseded; undefined when somebody who knew of it wrote since: then they tell it. */
function partOf(register: StateRegister, device: DeviceId): StateRegister | undefined {
  if (register.type === 'highest') return register
  const writes = register.writes.filter((write) => write.device === device)
  return writes.length === 0 ? undefined : { ...register, writes }
}

/** The register, or where it is too large for one message each of its writes by itself: put together they are the register. */
function partsOf(register: StateRegister): readonly StateRegister[] {
  if (register.type === 'highest' || bytesOf(register) <= BATCH_BYTES_MAX) return [register]
  return register.writes.map((write) => ({ ...register, writes: [write] }))
}

function bytesOf(register: StateRegister): number {
  return encodeCbor(registerValue(register)).length
}

/** Registers that go together, within the bounds of a payload, each key once. */
class Batch {
  readonly registers: StateRegister[] = []
  readonly #keys = new Set<string>()
  #bytes = 0

  /** False when it does not fit any more. One always fits. */
  add(register: StateRegister): boolean {
    const bytes = bytesOf(register)
    const isFull = this.registers.length >= STATE_LIMITS.registersMax || this.#bytes + bytes > BATCH_BYTES_MAX || this.#keys.has(register.key)
    if (isFull && this.registers.length > 0) return false
    this.registers.push(register)
    this.#keys.add(register.key)
    this.#bytes += bytes
    return true
  }
}
