import { CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseConversationId, parseDeviceId, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import type { Transaction } from './transaction.js'

/** Start of the keys in table `meta`; the device follows. */
const OWED_PREFIX = 'owed-revocation/'
/** Revocations that one look goes through: more than an account has devices. */
const OWED_MAX = 256
const ROW_BYTES_MAX = 1_048_576
const CONVERSATIONS_MAX = 65_536

/** A revocation of an own device of which others are to be told: written before the account log is changed, so that a crash behind that forgets nobody. */
export interface OwedRevocation {
  readonly device: DeviceId
  /** When it was decided, in ms since 1970, server time. */
  readonly sinceMs: number
  /** Conversations that could not be told; undefined before any was. */
  readonly left?: readonly ConversationId[]
}

/** Stages it. */
export function writeOwed(tx: Transaction, { device, sinceMs, left }: OwedRevocation): void {
  tx.put('meta', `${OWED_PREFIX}${device}`, encodeCbor({ sinceMs, ...(left === undefined ? {} : { left: left.slice(0, CONVERSATIONS_MAX).map((id) => idBytes(id)) }) }))
}

/** Stages its end. */
export function removeOwed(tx: Transaction, { device }: Pick<OwedRevocation, 'device'>): void {
  tx.remove('meta', `${OWED_PREFIX}${device}`)
}

/** All of them. Rejects `client.store`. */
export async function listOwedRevocations(store: Pick<LocalStore, 'list'>): Promise<readonly OwedRevocation[]> {
  const rows = await store.list('meta', { from: OWED_PREFIX, to: `${OWED_PREFIX}~`, limit: OWED_MAX })
  return rows.map(({ key, value }) => {
    const fields = new CborFields(decodeCbor(value, ROW_BYTES_MAX), 'client.store')
    return {
      device: parseDeviceId(key.slice(OWED_PREFIX.length)), sinceMs: fields.uint('sinceMs'),
      ...(fields.has('left') ? { left: fields.list('left', CONVERSATIONS_MAX).map((id) => (id instanceof Uint8Array ? parseConversationId(hexOf(id)) : fields.fail('left'))) } : {}),
    }
  })
}
