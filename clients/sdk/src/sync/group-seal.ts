import { ALL_DEVICES, BODY_TYPE, encodePayload, EvegramError, type DeviceId } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, type ConversationRow } from '../core/conversation-row.js'
import type { Transaction } from '../core/transaction.js'
import { recipientsOf, sealControl, type SealedControl } from './control.js'
import { sealFor, type PayloadTemplate, type Recipient, type Sealed } from './seal.js'

/** Devices that one envelope gives a sender key to: some 900 bytes for each. */
export const GIFTS_PER_ENVELOPE_MAX = 128

/** Whether devices that lack the sender key are given it now, or left to the next message (and to asking). */
export type Gifts = 'given' | 'later'

/** Bodies of a numbered payload, and what must reach the server before them. */
export interface SealedForAll extends Sealed {
  readonly keys: readonly SealedControl[]
}

/** Bodies of a numbered payload: one for each of `recipients`, or in a group one for all its devices, with the keys that some lack. */
export async function sealNumbered(
  core: Core, tx: Transaction, conversation: ConversationRow, template: PayloadTemplate, recipients: readonly Recipient[], starts: ReadonlyMap<DeviceId, number>,
  gifts: Gifts = 'given',
): Promise<SealedForAll> {
  if (isGroup(conversation)) return sealForGroup(core, tx, conversation, template, gifts)
  return { ...await sealFor(core, tx, template, recipients, starts), keys: [] }
}

/**
 * Encrypts a numbered payload of a group inside `tx`: once, for all. A new sender key is made where the members or devices ask for it; those who
 * lack it, and have a session, are given it in `keys`, which must reach the server before the message does. Who has no session is `missing`: it gets
 * the message by itself once there is one.
 */
async function sealForGroup(core: Core, tx: Transaction, conversation: ConversationRow, template: PayloadTemplate, gifts: Gifts): Promise<SealedForAll> {
  const { groupCiphers, time } = core
  const recipients = recipientsOf(core, conversation)
  const audience = { conversation: conversation.conversation, membershipVersion: conversation.membershipVersion, devices: recipients.map(({ device }) => device) }
  const prepared = await groupCiphers.prepare(audience, tx.signal, time.now())
  tx.apply(prepared.changes)
  const lacking = new Set(prepared.lacking)
  const gift = { distribution: prepared.distribution, start: { number: template.number, prev: template.prev } }
  const keys = gifts === 'later' ? [] : await giveKey(core, tx, conversation, recipients.filter(({ device }) => lacking.has(device)), gift)
  const given = new Set(keys.flatMap(({ devices }) => devices))
  const sealed = await groupCiphers.encrypt(conversation.conversation, encodePayload(template), tx.signal)
  if (sealed.status !== 'encrypted') throw new EvegramError('internal', { operation: 'encrypt for group' })
  tx.apply(sealed.changes)
  return { bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.senderKey, bytes: sealed.bytes }], missing: [...lacking].filter((device) => !given.has(device)), keys }
}

async function giveKey(
  core: Core, tx: Transaction, conversation: ConversationRow, recipients: readonly Recipient[],
  gift: { readonly distribution: Uint8Array; readonly start: { readonly number: number; readonly prev: Uint8Array } },
): Promise<SealedControl[]> {
  const keys: SealedControl[] = []
  const given: DeviceId[] = []
  for (let from = 0; from < recipients.length; from += GIFTS_PER_ENVELOPE_MAX) {
    const key = await sealControl(core, tx, conversation, recipients.slice(from, from + GIFTS_PER_ENVELOPE_MAX), { kind: 'sender_key', body: gift })
    if (key === undefined) continue
    keys.push(key)
    given.push(...key.devices)
  }
  if (given.length > 0) tx.apply(await core.groupCiphers.given(conversation.conversation, given, tx.signal))
  return keys
}
