import {
  chainHash, decodeEnvelope, encodeEnvelope, ENVELOPE_KIND, messageIdOf, type DeviceId, type MessageId, type MessageKey, type PayloadContent,
} from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, membershipHashOf, writeConversation, type ConversationRow } from '../core/conversation-row.js'
import { noteExpiry } from '../core/expiry-row.js'
import { mayDeleteAny } from '../core/group-row.js'
import { writeHandled } from '../core/handled.js'
import { shownContent, type Message, type MessageContent } from '../core/message.js'
import { addMessage, messageRowKey } from '../core/message-row.js'
import type { Transaction } from '../core/transaction.js'
import { logMessage } from '../state/transaction-log.js'
import { readOwnChain, writeOwnChain } from './chain-row.js'
import { envelopeOf, headsOf, recipientsOf, stageControl, templateOf, versionsOf, type Place, type SealedControl } from './control.js'
import { sealNumbered } from './group-seal.js'
import { nextOrder } from './order-clock.js'
import { takeOutboxSeq, writeOutbox, type OutboxRow } from './outbox-row.js'
import { decodeTemplate, encodeTemplate, sealFor, type PayloadTemplate, type Recipient } from './seal.js'
import { readSent, writeSent } from './sent-record.js'
import { isChange, takeChange, type ChangeContent } from './take-change.js'

/** Hash of an own message in its chain. */
export function hashOf(core: Core, template: PayloadTemplate): Uint8Array {
  return chainHash({ ...template, device: core.device })
}

/** Where devices entered the own chain. A group forgets those that went: over the years they would be more than a row holds. */
function startsFor(conversation: ConversationRow, known: ReadonlyMap<DeviceId, number>, recipients: readonly Recipient[]): Map<DeviceId, number> {
  if (!isGroup(conversation)) return new Map([...known])
  const present = new Set(recipients.map(({ device }) => device))
  return new Map([...known].filter(([device]) => present.has(device)))
}

/** What is composed under a number: a message that is shown, something that is said about one, or what own devices tell each other. */
export type NumberedContent = MessageContent | ChangeContent | PayloadContent<'state'>

/** An own message, staged. */
export interface Composed {
  /** As it is shown; absent where it shows nothing by itself. */
  readonly message: Message | undefined
  /** Order key. */
  readonly order: bigint
  readonly row: OutboxRow
  /** What must reach the server before it: the own sender key for devices of a group that lack it. */
  readonly first: readonly OutboxRow[]
}

/**
 * Stages an own message in `tx`: number, chain hash, order, ciphertexts with their ratchet steps, outbox row, sent record and the
 * message as shown. Nothing may leave before `tx` is committed. Members must be loaded. Throws `too_large.payload`.
 */
export async function composeMessage(core: Core, tx: Transaction, before: ConversationRow, content: NumberedContent): Promise<Composed> {
  const nowMs = core.time.now()
  const chain = await readOwnChain(tx, before.conversation)
  const order = nextOrder(nowMs, before.floor)
  const place = { epoch: chain.epoch, number: chain.number + 1, prev: chain.hash, order }
  const template = await templateOf(core, before, content, place)
  const recipients = recipientsOf(core, before)
  const starts = startsFor(before, chain.recipients, recipients)
  for (const { device } of recipients) if (!starts.has(device)) starts.set(device, place.number)
  const { bodies, missing, keys } = await sealNumbered(core, tx, before, template, recipients, starts)
  const first: OutboxRow[] = []
  for (const key of keys) first.push(await stageControl(tx, before.conversation, key))
  const key: MessageKey = { conversation: before.conversation, device: core.device, epoch: place.epoch, number: place.number }
  const messageId = messageIdOf(key)
  const envelope = encodeEnvelope(envelopeOf(core, before, ENVELOPE_KIND.message, template, bodies))
  const row: OutboxRow = {
    seq: await takeOutboxSeq(tx), conversation: before.conversation, messageId, kind: 'message', number: place.number, envelope, refusals: 0, missing,
    parked: false, held: core.connection() === undefined,
  }
  const message = await stageShown(core, tx, before, content, { ...place, messageId, sentAtMs: template.sentAtMs, nowMs })
  const hash = hashOf(core, template)
  writeOwnChain(tx, before.conversation, { epoch: place.epoch, number: place.number, hash, recipients: starts })
  writeConversation(tx, { ...before, floor: order, activeAtMs: nowMs })
  writeHandled(tx, messageId, { status: 'own', ciphertextHash: new Uint8Array(0), chainHash: hash, ...(message === undefined ? {} : { rowKey: messageRowKey(message) }) })
  writeSent(tx, before.conversation, place.number, { template: encodeTemplate(template), recipients, atMs: nowMs })
  writeOutbox(tx, row)
  if (content.kind !== 'state') await logMessage(tx, before.conversation, place.epoch, place.number, nowMs)
  return { message, order, row, first }
}

/** Stages what an own message shows here at once: itself, or the change of another one. */
async function stageShown(
  core: Core, tx: Transaction, conversation: ConversationRow, content: NumberedContent, own: Place & { readonly messageId: MessageId; readonly sentAtMs: number; readonly nowMs: number },
): Promise<Message | undefined> {
  const { messageId, order, epoch, number, sentAtMs, nowMs } = own
  if (content.kind === 'state') return undefined
  if (isChange(content)) {
    await takeChange(core, tx, content, {
      conversation: conversation.conversation, by: core.account, place: { order, device: core.device, epoch, number }, sentAtMs, open: true,
      deletesAny: await mayDeleteAny(tx, conversation, core.account, conversation.membershipVersion),
    })
    return undefined
  }
  const shown = shownContent(content, conversation.conversation)
  const message = await addMessage(tx, {
    messageId, conversation: conversation.conversation, from: core.address, fromAccount: core.account, fromDevice: core.device, direction: 'out',
    ...shown, order, epoch, number, sentAtMs, receivedAtMs: nowMs, state: 'queued',
    ...(shown.expiresIn === undefined ? {} : { expiresAtMs: sentAtMs + shown.expiresIn * 1_000 }),
  })
  noteExpiry(tx, message, messageRowKey(message))
  return message
}

/** A queued message of a group, made anew, and what must reach the server before it. */
export interface Resealed {
  readonly row: OutboxRow
  readonly keys: readonly SealedControl[]
}

/**
 * Stages a queued message of a group for its members and devices as they are now: number, order and what it says stay, the ciphertext is
 * new. Who is not among them any more is not sent it again either. Members must be loaded.
 */
export async function resealForGroup(
  core: Core, tx: Transaction, conversation: ConversationRow, row: OutboxRow, refusals: number,
): Promise<Resealed> {
  const sent = await readSent(tx, row.conversation, row.number)
  if (sent === undefined) return { row, keys: [] }
  const template = { ...decodeTemplate(sent.template), membershipHash: membershipHashOf(conversation), accountHeads: headsOf(core, conversation) }
  const recipients = recipientsOf(core, conversation)
  const chain = await readOwnChain(tx, row.conversation)
  const starts = startsFor(conversation, chain.recipients, recipients)
  for (const { device } of recipients) starts.set(device, Math.min(starts.get(device) ?? row.number, row.number))
  const { bodies, missing, keys } = await sealNumbered(core, tx, conversation, template, recipients, starts)
  const next: OutboxRow = {
    ...row, refusals, missing, envelope: encodeEnvelope(envelopeOf(core, conversation, ENVELOPE_KIND.message, template, bodies)),
  }
  writeOwnChain(tx, row.conversation, { ...chain, recipients: starts })
  writeSent(tx, row.conversation, row.number, { ...sent, template: encodeTemplate(template), recipients })
  writeOutbox(tx, next)
  return { row: next, keys }
}

/**
 * Stages bodies for devices that a queued message lacks: those it could not be encrypted for, and those that were added since.
 * The bodies that are there stay as they are. `refusals` is what the server is told. Members must be loaded.
 */
export async function completeRow(
  core: Core, tx: Transaction, conversation: ConversationRow, row: OutboxRow, refusals: number,
): Promise<OutboxRow> {
  const envelope = decodeEnvelope(row.envelope)
  const sent = await readSent(tx, row.conversation, row.number)
  if (row.kind === 'control' || sent === undefined) {
    // What it says is kept no more (it was deleted, or is too old), so that nobody new can be given it: it goes as it is, to those that it has a body for. It names what is
    // known of the members all the same: the server asks again and again for whoever it was made before, and takes it without those whom its sender knows.
    const accounts = row.kind === 'control' ? envelope.accounts : versionsOf(core, conversation)
    const unchanged = { ...row, refusals, envelope: encodeEnvelope({ ...envelope, accounts }) }
    writeOutbox(tx, unchanged)
    return unchanged
  }
  const template = decodeTemplate(sent.template)
  const has = new Set(envelope.bodies.map(({ device }) => device))
  const current = recipientsOf(core, conversation)
  const lacking = current.filter(({ device }) => !has.has(device))
  const chain = await readOwnChain(tx, row.conversation)
  const starts = new Map([...chain.recipients])
  // A device that joins with this message may already have been met by a later one: its start moves down to this number.
  for (const { device } of lacking) starts.set(device, Math.min(starts.get(device) ?? row.number, row.number))
  const { bodies, missing } = await sealFor(core, tx, template, lacking, starts)
  const known = new Set(sent.recipients.map(({ device }) => device))
  const recipients = [...sent.recipients, ...lacking.filter(({ device }) => !known.has(device))]
  const next: OutboxRow = {
    ...row, refusals, missing, envelope: encodeEnvelope({ ...envelope, accounts: versionsOf(core, conversation), bodies: [...envelope.bodies, ...bodies] }),
  }
  writeOwnChain(tx, row.conversation, { ...chain, recipients: starts })
  writeSent(tx, row.conversation, row.number, { ...sent, recipients })
  writeOutbox(tx, next)
  return next
}
