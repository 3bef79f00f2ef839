import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId, parseConversationId, parseDeviceId,
  type AccountId, type ConversationId, type DeviceId, type MessageId,
} from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'

/** A message that is here and cannot be read yet, or is known to be missing: what healing works on. */
export interface UnreadRow {
  readonly messageId: MessageId
  readonly conversation: ConversationId
  readonly account: AccountId
  readonly device: DeviceId
  readonly epoch: number
  readonly number: number
  /**
   * `undecided`: the sender's account log could not be fetched, `envelope` waits for it. `unreadable`: the session cannot decrypt it.
   * `missing`: a number of a chain that nothing was received for. `revoked`: it came from a device that its account attests no more.
   */
  readonly reason: 'undecided' | 'unreadable' | 'missing' | 'revoked'
  /** The session seems to be lost: a request is sent in a new one. */
  readonly sessionLost: boolean
  /** SHA-256 of the ciphertext, 32 bytes; zeros when there is none. */
  readonly ciphertextHash: Uint8Array
  /** With `undecided`: the envelope as delivered. */
  readonly envelope: Uint8Array
  /** Log time of the envelope, ms since 1970; 0 when unknown. */
  readonly positionMs: number
  readonly firstAtMs: number
  readonly nextAtMs: number
  /** Resend requests that were sent. */
  readonly requests: number
}

const REASONS: readonly UnreadRow['reason'][] = ['undecided', 'unreadable', 'missing', 'revoked']

/** Prefix of unread messages in table `healing`. */
export const UNREAD_PREFIX = 'u/'

/** Key of an unread message in table `healing`. */
export function unreadKey(message: MessageId): string {
  return `${UNREAD_PREFIX}${message}`
}

/** Writes a row. */
export function writeUnread(tx: Transaction, row: UnreadRow): void {
  tx.put('healing', unreadKey(row.messageId), encodeCbor({
    conversation: idBytes(row.conversation), account: idBytes(row.account), device: idBytes(row.device), epoch: row.epoch, number: row.number,
    reason: REASONS.indexOf(row.reason), lost: row.sessionLost, hash: row.ciphertextHash, envelope: row.envelope, position: row.positionMs,
    first: row.firstAtMs, next: row.nextAtMs, requests: row.requests,
  }))
}

/** Throws `client.store` on a row of another shape. */
export function decodeUnread(messageId: MessageId, bytes: Uint8Array): UnreadRow {
  const fields = new CborFields(decodeCbor(bytes, 1_048_576), 'client.store')
  return {
    messageId,
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))),
    account: parseAccountId(hexOf(fields.bytes('account', 16))),
    device: parseDeviceId(hexOf(fields.bytes('device', 16))),
    epoch: fields.uint('epoch'),
    number: fields.uint('number'),
    reason: REASONS[fields.uint('reason')] ?? fields.fail('reason'),
    sessionLost: fields.boolean('lost'),
    ciphertextHash: fields.bytes('hash', 32),
    envelope: fields.bytes('envelope', { lengthMax: 262_144 }),
    positionMs: fields.uint('position'),
    firstAtMs: fields.uint('first'),
    nextAtMs: fields.uint('next'),
    requests: fields.uint('requests'),
  }
}

/** The row of a message, as `source` sees it. */
export async function readUnread(source: Pick<Transaction, 'get'>, message: MessageId): Promise<UnreadRow | undefined> {
  const bytes = await source.get('healing', unreadKey(message))
  return bytes === undefined ? undefined : decodeUnread(message, bytes)
}
