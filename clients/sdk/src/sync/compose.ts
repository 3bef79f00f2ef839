import {
  chainHash, chainStart, decodeEnvelope, encodeEnvelope, encodePayloadBody, ENVELOPE_KIND, membershipHash, messageIdOf, seenHeadsDigest,
  type AccountVersion, type Envelope, type EnvelopeBody, type MessageKey, type PayloadContent,
} from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { writeConversation, type ConversationRow } from '../core/conversation-row.js'
import { writeHandled } from '../core/handled.js'
import { addMessage, messageRowKey, type Message } from '../core/message.js'
import type { Transaction } from '../core/transaction.js'
import { chainPrefix, decodeChain, readOwnChain, writeOwnChain } from './chain-row.js'
import { nextOrder } from './order-clock.js'
import { takeOutboxSeq, writeOutbox, type OutboxRow } from './outbox-row.js'
import { decodeTemplate, encodeTemplate, sealFor, type PayloadTemplate, type Recipient } from './seal.js'
import { readSent, writeSent } from './sent-record.js'

/** Chains of one conversation whose heads the digest in a payload covers. */
const SEEN_CHAINS_MAX = 512

/** The devices that a message of `conversation` is for: all attested ones of all members, except this device. Members must be loaded. */
export function recipientsOf(core: Core, conversation: ConversationRow): Recipient[] {
  return conversation.members.flatMap((account) => core.roster.devicesOf(account))
    .filter(({ device }) => device !== core.device)
    .map(({ account, device }) => ({ account, device }))
}

/** The account-log versions that a message of `conversation` is encrypted for. Members must be loaded. */
function versionsOf(core: Core, conversation: ConversationRow): AccountVersion[] {
  return conversation.members.map((account) => ({ account, seq: core.roster.headOf(account).seq }))
}

/** A random number for control traffic, which has no place in the chain: 52 bits. */
function randomNumber(core: Core): number {
  const bytes = core.random.bytes(8)
  return Number(new DataView(bytes.buffer).getBigUint64(0) >> 12n)
}

type Place = Pick<PayloadTemplate, 'epoch' | 'number' | 'prev' | 'order'>

async function templateOf(core: Core, conversation: ConversationRow, content: PayloadContent, place: Place): Promise<PayloadTemplate> {
  const chains = await core.store.list('chains', {
    from: chainPrefix(conversation.conversation), to: `${chainPrefix(conversation.conversation)}~`, limit: SEEN_CHAINS_MAX,
  })
  const heads = chains.map(({ value }) => decodeChain(value)).map(({ device, epoch, head }) => ({ device, epoch, ...head }))
  return {
    v: 1, kind: content.kind, conversation: conversation.conversation, senderAccount: core.account, senderDevice: core.device,
    membershipHash: membershipHash(conversation.members),
    accountHeads: conversation.members.map((account) => core.roster.headOf(account)),
    ...place,
    sentAtMs: core.time.now(), salt: core.random.bytes(16), body: encodePayloadBody(content), seenHeads: seenHeadsDigest(heads),
  }
}

/** Envelope of a template with its bodies. Members must be loaded. */
export function envelopeOf(core: Core, conversation: ConversationRow, kind: Envelope['kind'], template: PayloadTemplate, bodies: readonly EnvelopeBody[]): Envelope {
  return {
    kind, conversation: conversation.conversation, device: core.device, account: core.account, epoch: template.epoch, number: template.number,
    order: template.order, membershipVersion: conversation.membershipVersion, accounts: versionsOf(core, conversation), bodies,
  }
}

/** Hash of an own message in its chain. */
export function hashOf(core: Core, template: PayloadTemplate): Uint8Array {
  return chainHash({ ...template, device: core.device })
}

/** An own message, staged. */
export interface Composed {
  readonly message: Message
  readonly row: OutboxRow
}

/**
 * Stages an own text in `tx`: number, chain hash, order, ciphertexts with their ratchet steps, outbox row, sent record and the
 * message as shown. Nothing may leave before `tx` is committed. Members must be loaded. Throws `too_large.payload`.
 */
export async function composeText(core: Core, tx: Transaction, before: ConversationRow, text: string): Promise<Composed> {
  const nowMs = core.time.now()
  const chain = await readOwnChain(tx, before.conversation)
  const order = nextOrder(nowMs, before.floor)
  const place = { epoch: chain.epoch, number: chain.number + 1, prev: chain.hash, order }
  const template = await templateOf(core, before, { kind: 'text', body: { text } }, place)
  const recipients = recipientsOf(core, before)
  const starts = new Map([...chain.recipients])
  for (const { device } of recipients) if (!starts.has(device)) starts.set(device, place.number)
  const { bodies, missing } = await sealFor(core, tx, template, recipients, starts)
  const key: MessageKey = { conversation: before.conversation, device: core.device, epoch: place.epoch, number: place.number }
  const messageId = messageIdOf(key)
  const envelope = encodeEnvelope(envelopeOf(core, before, ENVELOPE_KIND.message, template, bodies))
  const row: OutboxRow = {
    seq: await takeOutboxSeq(tx), conversation: before.conversation, messageId, kind: 'message', number: place.number, envelope, refusals: 0, missing,
    parked: false, held: core.connection() === undefined,
  }
  const message = await addMessage(tx, {
    messageId, conversation: before.conversation, from: core.address, fromAccount: core.account, fromDevice: core.device, direction: 'out', kind: 'text',
    text, order, epoch: place.epoch, number: place.number, sentAtMs: template.sentAtMs, receivedAtMs: nowMs, state: 'queued',
  })
  const hash = hashOf(core, template)
  writeOwnChain(tx, before.conversation, { epoch: place.epoch, number: place.number, hash, recipients: starts })
  writeConversation(tx, { ...before, floor: order, activeAtMs: nowMs })
  writeHandled(tx, messageId, { status: 'own', ciphertextHash: new Uint8Array(0), chainHash: hash, rowKey: messageRowKey(message) })
  writeSent(tx, before.conversation, place.number, { template: encodeTemplate(template), recipients, atMs: nowMs })
  writeOutbox(tx, row)
  return { message, row }
}

/**
 * Stages control traffic for `recipients` (sessions must exist: others are left out). Undefined when nobody is left.
 * Members of the conversation must be loaded.
 */
export async function composeControl(
  core: Core, tx: Transaction, conversation: ConversationRow, recipients: readonly Recipient[], content: PayloadContent,
): Promise<OutboxRow | undefined> {
  const place = { epoch: 0, number: randomNumber(core), prev: chainStart(), order: nextOrder(core.time.now(), 0n) }
  const template = await templateOf(core, conversation, content, place)
  const sealed = await sealFor(core, tx, template, recipients, new Map())
  const bodies = sealed.bodies.filter(({ bytes }) => bytes.length > 0)
  if (bodies.length === 0) return undefined
  const key: MessageKey = { conversation: conversation.conversation, device: core.device, epoch: 0, number: place.number }
  const row: OutboxRow = {
    seq: await takeOutboxSeq(tx), conversation: conversation.conversation, messageId: messageIdOf(key), kind: 'control', number: 0,
    envelope: encodeEnvelope(envelopeOf(core, conversation, ENVELOPE_KIND.control, template, bodies)),
    // Meant for these devices alone: the server must not ask for the others.
    refusals: 2, missing: [], parked: false, held: false,
  }
  writeHandled(tx, row.messageId, { status: 'own', ciphertextHash: new Uint8Array(0), chainHash: new Uint8Array(0) })
  writeOutbox(tx, row)
  return row
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
    const unchanged = { ...row, refusals }
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
