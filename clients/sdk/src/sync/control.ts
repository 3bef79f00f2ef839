import {
  chainStart, encodeEnvelope, encodePayloadBody, ENVELOPE_KIND, messageIdOf, seenHeadsDigest,
  type AccountHead, type AccountVersion, type ConversationId, type DeviceId, type Envelope, type EnvelopeBody, type MessageId, type MessageKey,
  type PayloadContent,
} from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, membershipHashOf, type ConversationRow } from '../core/conversation-row.js'
import { writeHandled } from '../core/handled.js'
import type { Transaction } from '../core/transaction.js'
import { chainPrefix, decodeChain } from './chain-row.js'
import { nextOrder } from './order-clock.js'
import { takeOutboxSeq, writeOutbox, type OutboxRow, type Repeat } from './outbox-row.js'
import { sealFor, type PayloadTemplate, type Recipient } from './seal.js'

/** Chains of one conversation whose heads the digest in a payload covers. */
const SEEN_CHAINS_MAX = 512

/** The devices that a message of `conversation` is for: all attested ones of all members, except this device. Members must be loaded. */
export function recipientsOf(core: Core, conversation: ConversationRow): Recipient[] {
  return conversation.members.flatMap((account) => core.roster.devicesOf(account))
    .filter(({ device }) => device !== core.device)
    .map(({ account, device }) => ({ account, device }))
}

/** The account-log versions that a message of `conversation` is encrypted for. Members must be loaded. */
export function versionsOf(core: Core, conversation: ConversationRow): AccountVersion[] {
  return conversation.members.map((account) => ({ account, seq: core.roster.headOf(account).seq }))
}

/** A random number for control traffic, which has no place in the chain: 52 bits. */
function randomNumber(core: Core): number {
  const bytes = core.random.bytes(8)
  return Number(new DataView(bytes.buffer).getBigUint64(0) >> 12n)
}

/** Where a payload stands in its chain and its conversation. */
export type Place = Pick<PayloadTemplate, 'epoch' | 'number' | 'prev' | 'order'>

/** Own and recipients' logs; in a group the own one, to which sealing for a device adds that device's: the others would fill the payload. */
export function headsOf(core: Core, conversation: ConversationRow): AccountHead[] {
  return (isGroup(conversation) ? [core.account] : conversation.members).map((account) => core.roster.headOf(account))
}

/** A payload of `content` at its place, without a recipient. Members must be loaded. */
export async function templateOf(core: Core, conversation: ConversationRow, content: PayloadContent, place: Place): Promise<PayloadTemplate> {
  const chains = await core.store.list('chains', {
    from: chainPrefix(conversation.conversation), to: `${chainPrefix(conversation.conversation)}~`, limit: SEEN_CHAINS_MAX,
  })
  const heads = chains.map(({ value }) => decodeChain(value)).map(({ device, epoch, head }) => ({ device, epoch, ...head }))
  return {
    v: 1, kind: content.kind, conversation: conversation.conversation, senderAccount: core.account, senderDevice: core.device,
    membershipHash: membershipHashOf(conversation), accountHeads: headsOf(core, conversation),
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

/**
 * Stages control traffic for `recipients` (sessions must exist: others are left out). Undefined when nobody is left.
 * Members of the conversation must be loaded. `repeats` names the message that it sends again, if it does.
 */
export async function composeControl(
  core: Core, tx: Transaction, conversation: ConversationRow, recipients: readonly Recipient[], content: PayloadContent, repeats?: Repeat,
): Promise<OutboxRow | undefined> {
  const sealed = await sealControl(core, tx, conversation, recipients, content)
  return sealed === undefined ? undefined : stageControl(tx, conversation.conversation, sealed, repeats)
}

/** Control traffic, encrypted. */
export interface SealedControl {
  readonly messageId: MessageId
  readonly envelope: Uint8Array<ArrayBuffer>
  /** Devices that have a body. */
  readonly devices: readonly DeviceId[]
}

/** As {@link composeControl}, without a place in the outbox. */
export async function sealControl(
  core: Core, tx: Transaction, conversation: ConversationRow, recipients: readonly Recipient[], content: PayloadContent,
): Promise<SealedControl | undefined> {
  const place = { epoch: 0, number: randomNumber(core), prev: chainStart(), order: nextOrder(core.time.now(), 0n) }
  const template = await templateOf(core, conversation, content, place)
  // Who asked, or is asked, may be out of the group by now: there is nothing to say to it under a membership that it is not in.
  const members = recipients.filter(({ account }) => conversation.members.includes(account))
  const sealed = await sealFor(core, tx, template, members, new Map())
  const bodies = sealed.bodies.filter(({ bytes }) => bytes.length > 0)
  if (bodies.length === 0) return undefined
  const key: MessageKey = { conversation: conversation.conversation, device: core.device, epoch: 0, number: place.number }
  const messageId = messageIdOf(key)
  writeHandled(tx, messageId, { status: 'own', ciphertextHash: new Uint8Array(0), chainHash: new Uint8Array(0) })
  const envelope = encodeEnvelope(envelopeOf(core, conversation, ENVELOPE_KIND.control, template, bodies))
  return { messageId, envelope, devices: bodies.map(({ device }) => device) }
}

/** Puts sealed control traffic into the outbox. */
export async function stageControl(
  tx: Transaction, conversation: ConversationId, { messageId, envelope }: SealedControl, repeats?: Repeat,
): Promise<OutboxRow> {
  const row: OutboxRow = {
    seq: await takeOutboxSeq(tx), conversation, messageId, kind: 'control', number: 0, envelope,
    // Meant for these devices alone: the server must not ask for the others.
    refusals: 2, missing: [], parked: false, held: false,
    ...(repeats === undefined ? {} : { repeats }),
  }
  writeOutbox(tx, row)
  return row
}
