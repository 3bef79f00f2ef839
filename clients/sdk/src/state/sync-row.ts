import { CborFields, decodeCbor, encodeCbor } from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'

/** What this device wants of the other own devices, and owes them. */
export interface SyncRow {
  /** Names the request for everything that the others have: 16 random bytes, of the newest one. Empty before the first. */
  readonly ask: Uint8Array
  readonly askedAtMs: number
  /** It was answered, or there is nobody to ask. */
  readonly answered: boolean
  /** What was sent may have been lost on its way: everything is sent again. */
  readonly resend: boolean
}

const SYNC_KEY = 'sync'
/** Of a profile that never looked for others. */
export const NEVER_SYNCED: SyncRow = { ask: new Uint8Array(0), askedAtMs: 0, answered: false, resend: false }

/** The row, as `source` sees it. */
export async function readSync(source: Pick<Transaction, 'get'>): Promise<SyncRow> {
  const row = await source.get('state', SYNC_KEY)
  if (row === undefined) return NEVER_SYNCED
  const fields = new CborFields(decodeCbor(row, 128), 'client.store')
  return {
    ask: fields.bytes('ask', { lengthMax: 16 }), askedAtMs: fields.uint('askedAtMs'), answered: fields.boolean('answered'), resend: fields.boolean('resend'),
  }
}

/** Writes the row. */
export function writeSync(tx: Transaction, { ask, askedAtMs, answered, resend }: SyncRow): void {
  tx.put('state', SYNC_KEY, encodeCbor({ ask, askedAtMs, answered, resend }))
}
