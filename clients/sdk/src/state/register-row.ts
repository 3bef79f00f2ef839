import { CborFields, decodeCbor, encodeCbor, isEvegramError, readRegister, registerValue, type StateRegister } from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** A register as the profile keeps it. */
export interface RegisterRow {
  readonly register: StateRegister
  /** Number of its entry in the transaction log, while the other own devices have not been sent it; 0 otherwise. */
  readonly entry: number
}

/** Start of the keys of registers in table `state`; their own keys follow. */
export const REGISTER_PREFIX = 'r/'
/** A register at its bounds: as many writes as devices, of which the longest are drafts. */
const ROW_BYTES_MAX = 4 * 1_048_576

/** The register of a key, as `source` sees it. */
export async function readRegisterRow(source: Pick<Transaction, 'get'>, key: string): Promise<RegisterRow | undefined> {
  const row = await source.get('state', `${REGISTER_PREFIX}${key}`)
  return row === undefined ? undefined : decodeRegisterRow(row)
}

/** Writes the row of a register. */
export function writeRegisterRow(tx: Transaction, { register, entry }: RegisterRow): void {
  tx.put('state', `${REGISTER_PREFIX}${register.key}`, encodeCbor({ register: registerValue(register), entry }))
}

/** Rows whose keys begin with `prefix` and stand behind `after`, in order of their keys, at most `limit`. */
export async function listRegisterRows(store: Pick<LocalStore, 'list'>, prefix: string, after: string | undefined, limit: number): Promise<readonly RegisterRow[]> {
  const start = `${REGISTER_PREFIX}${prefix}`
  const rows = await store.list('state', { from: after === undefined ? start : `${REGISTER_PREFIX}${after} `, to: `${start}~`, limit })
  return rows.map(({ value }) => decodeRegisterRow(value))
}

/** Registers that one step of an export reads. */
const EXPORT_PAGE_ROWS = 500

/** Every register as bytes, for archives: `Registers.mergeBytes` takes them in on another device, as if this one had told them. */
export async function* exportedRegisters(store: Pick<LocalStore, 'list'>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let after: string | undefined, more = true; more;) {
    const rows = await listRegisterRows(store, '', after, EXPORT_PAGE_ROWS)
    for (const { register } of rows) {
      after = register.key
      yield encodeCbor(registerValue(register))
    }
    more = rows.length === EXPORT_PAGE_ROWS
  }
}

function decodeRegisterRow(row: Uint8Array): RegisterRow {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), 'client.store')
  try {
    return { register: readRegister(fields.value('register')), entry: fields.uint('entry') }
  } catch (error) {
    // What does not parse in the own store is a fault of the store.
    if (!isEvegramError(error, 'invalid.payload')) throw error
    return fields.fail('register')
  }
}
