import { CborFields, decodeCbor, encodeCbor, textOf, type CborValue, type MessageId } from '@evegram/protocol'
import type { Transaction } from './transaction.js'

/** What became of a message id: kept for ever, so that nothing is shown twice. */
export interface Handled {
  /** `own` was sent by this device. `refused` will never be shown from the same bytes. `archived` is shown as an archive has it: this device may still read it itself. */
  readonly status: 'own' | 'shown' | 'void' | 'control' | 'refused' | 'archived'
  /** SHA-256 of the ciphertext, 32 bytes; empty for own messages and for copies that came inside a resend. */
  readonly ciphertextHash: Uint8Array
  /** Chain hash, 32 bytes; empty where there is none. */
  readonly chainHash: Uint8Array
  /** Key in table `messages`, where there is a row. */
  readonly rowKey?: string
}

const STATUSES: readonly Handled['status'][] = ['own', 'shown', 'void', 'control', 'refused', 'archived']

/** What became of `message`, as `source` sees it. */
export async function readHandled(source: Pick<Transaction, 'get'>, message: MessageId): Promise<Handled | undefined> {
  const bytes = await source.get('handled', message)
  return bytes === undefined ? undefined : decodeHandled(bytes)
}

/** What a row of table `handled` says; its key is the message id. Throws `client.store` on a row of another shape. */
export function decodeHandled(bytes: Uint8Array): Handled {
  const fields = new CborFields(decodeCbor(bytes, 4_096), 'client.store')
  const rowKey = textOf(fields.bytes('row', { lengthMax: 512 }))
  return {
    status: STATUSES[fields.uint('status')] ?? fields.fail('status'),
    ciphertextHash: fields.bytes('ciphertext', { lengthMax: 32 }),
    chainHash: fields.bytes('chain', { lengthMax: 32 }),
    ...(rowKey === '' ? {} : { rowKey }),
  }
}

/** Notes what became of `message`. */
export function writeHandled(tx: Transaction, message: MessageId, handled: Handled): void {
  const map: Record<string, CborValue> = {
    status: STATUSES.indexOf(handled.status), ciphertext: handled.ciphertextHash, chain: handled.chainHash,
    row: new TextEncoder().encode(handled.rowKey ?? ''),
  }
  tx.put('handled', message, encodeCbor(map))
}

/** Whether a message is here, or stands for nothing: another copy of it that cannot be read is no loss. */
export function isTaken(handled: Handled | undefined): boolean {
  return handled !== undefined && handled.status !== 'refused'
}
