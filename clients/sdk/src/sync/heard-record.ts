import { CborFields, decodeCbor, encodeCbor, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import { decodeTemplate, encodeTemplate, type PayloadTemplate } from './seal.js'
import { SENT_KEPT_MS } from './sent-record.js'

/** A message of another own device as it was read, kept so that it can be sent again once that device is revoked. */
export interface HeardRecord {
  readonly template: PayloadTemplate
  readonly atMs: number
}

/** Old records that are looked at with each new one. */
const PRUNED_PER_RECORD = 4

/** Start of the keys of all these records in table `healing`. */
export const HEARD_PREFIX = 'k/'

/** Prefix of these records of a conversation in table `healing`. */
export function heardPrefix(conversation: ConversationId): string {
  return `${HEARD_PREFIX}${conversation}/`
}

/** Key of the record of one message in table `healing`. */
export function heardKey(conversation: ConversationId, device: DeviceId, number: number): string {
  return `${heardPrefix(conversation)}${device}/${sortable(number)}`
}

/** The record of a message, where there is one. Throws `client.store` on a row of another shape. */
export async function readHeard(source: Pick<Transaction, 'get'>, conversation: ConversationId, device: DeviceId, number: number): Promise<HeardRecord | undefined> {
  const bytes = await source.get('healing', heardKey(conversation, device, number))
  if (bytes === undefined) return undefined
  const fields = new CborFields(decodeCbor(bytes, 131_072), 'client.store')
  return { template: decodeTemplate(fields.bytes('template', { lengthMax: 65_536 })), atMs: fields.uint('atMs') }
}

/**
 * Keeps what another own device said. Not its edits, whose texts a deletion of the message would have to find here, and not the state, which own devices
 * ask each other for anyway. Those of the same device that are too old to be sent again go.
 */
export async function keepHeard(core: Core, tx: Transaction, template: PayloadTemplate): Promise<void> {
  if (template.kind === 'edit' || template.kind === 'state') return
  const { conversation, senderDevice: device, number } = template
  const nowMs = core.time.now()
  tx.put('healing', heardKey(conversation, device, number), encodeCbor({ template: encodeTemplate(template), atMs: nowMs }))
  const older = await core.store.list('healing', { from: heardKey(conversation, device, 0), to: heardKey(conversation, device, number), limit: PRUNED_PER_RECORD })
  for (const { key, value } of older) {
    if (nowMs - new CborFields(decodeCbor(value, 131_072), 'client.store').uint('atMs') > SENT_KEPT_MS) tx.remove('healing', key)
  }
}
