import { decodePayloadBody, messageIdOf, type AccountId, type ConversationId, type MessageId, type MessageTarget, type Payload, type PayloadContent } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { foldChanges, withChange, type Change } from '../core/fold-changes.js'
import { readHandled } from '../core/handled.js'
import type { Message } from '../core/message.js'
import { decodeMessage, encodeMessage } from '../core/message-row.js'
import { CHANGES_PREFIX, NO_CHANGES, OWN_EDITS_MAX, readChanges, writeChanges, type MessageChanges } from '../core/message-changes.js'
import { readTimer, writeTimer } from '../core/conversation-timer.js'
import { lastSaid, moved, withdrawn, withSaid, type Place, type Register } from '../core/register.js'
import type { Transaction } from '../core/transaction.js'
import { heardKey } from './heard-record.js'
import type { PayloadTemplate } from './seal.js'
import { sentKey } from './sent-record.js'
import type { AboutMessage, MessageChangeKind } from '../core/message-changes.js'

/** Content that shows nothing by itself: it changes a message, or the conversation. */
export type ChangeContent = AboutMessage | Extract<PayloadContent, { kind: 'timer' }>

/** Who says it, and where it stands. */
export interface ChangeOrigin {
  readonly conversation: ConversationId
  readonly by: AccountId
  readonly place: Place
  readonly sentAtMs: number
  /** Said by this device just now: it may still be withdrawn. */
  readonly open: boolean
  /** Its sender may delete what others say. */
  readonly deletesAny: boolean
  /** Its sender is a stranger: what they say about messages that are not here is bounded. */
  readonly ofStranger?: boolean
}

/** Messages of one conversation that are not here and of which it is kept what strangers say about them. */
export const STRANGER_CHANGES_MAX = 200

/** Whether the content shows nothing by itself. */
export function isChange(content: PayloadContent): content is ChangeContent {
  return content.kind === 'reaction' || content.kind === 'edit' || content.kind === 'delete' || content.kind === 'timer'
}

/** What an own message that was sealed changes; `undefined` where it is a message itself. */
export function changeOfTemplate({ kind, body }: Pick<Payload, 'kind' | 'body'>): ChangeContent | undefined {
  return kind === 'reaction' || kind === 'edit' || kind === 'delete' || kind === 'timer' ? decodePayloadBody(kind, body) : undefined
}

function changeOf(content: AboutMessage, { by, place, sentAtMs, open, deletesAny }: ChangeOrigin): Change {
  switch (content.kind) {
    case 'reaction': return { kind: 'reaction', by, said: { place, open, value: content.body.emoji } }
    case 'edit': return { kind: 'edit', by, said: { place, open, value: { text: content.body.text, atMs: sentAtMs } } }
    case 'delete': return { kind: 'delete', by, any: deletesAny }
    default: return content satisfies never
  }
}

/** The row of a message, where there is one; `gone` where it was here and shows nothing any more. */
async function targetRow(tx: Transaction, message: MessageId): Promise<{ readonly key: string; readonly message: Message } | 'gone' | undefined> {
  const handled = await readHandled(tx, message)
  if (handled === undefined || handled.status === 'refused') return undefined
  const row = handled.rowKey === undefined ? undefined : await tx.get('messages', handled.rowKey)
  return handled.rowKey === undefined || row === undefined ? 'gone' : { key: handled.rowKey, message: decodeMessage(row) }
}

/** Stages what somebody says about a message, which may come later, or about the conversation. Nothing is believed of it that its sender had no right to. */
export async function takeChange(core: Core, tx: Transaction, content: ChangeContent, origin: ChangeOrigin): Promise<void> {
  if (content.kind !== 'timer') return takeAboutMessage(core, tx, content, origin)
  const { conversation, by, place, open } = origin
  const before = await readTimer(tx, conversation)
  putTimer(core, tx, conversation, { before, after: withSaid(before, { place, open, value: content.body.seconds }), by })
}

function putTimer(
  core: Core, tx: Transaction, conversation: ConversationId, { before, after, by }: { readonly before: Register<number>; readonly after: Register<number>; readonly by: AccountId },
): void {
  writeTimer(tx, conversation, after)
  const seconds = lastSaid(after)?.value ?? 0
  if (seconds !== (lastSaid(before)?.value ?? 0)) tx.afterCommit(() => { core.events.emit('timer-changed', { conversation, seconds, by }) })
}

async function takeAboutMessage(core: Core, tx: Transaction, content: AboutMessage, origin: ChangeOrigin): Promise<void> {
  const { conversation, by, place, ofStranger = false } = origin
  const { target } = content.body
  // An edit counts from the author alone: where it is known whose the device is, others need not be kept.
  if (content.kind === 'edit' && (core.roster.device(target.device)?.account ?? by) !== by) return
  const messageId = messageIdOf({ conversation, ...target })
  const row = await targetRow(tx, messageId)
  if (row === 'gone') return
  const before = await readChanges(tx, conversation, messageId)
  if (ofStranger && row === undefined && before === NO_CHANGES && (await isFullOfChanges(core, conversation))) {
    core.events.refuse({ code: 'limited.queue', conversation, account: by, device: place.device, messageId, detail: 'what a stranger says about messages that are not here' })
    return
  }
  const changed = withChange(before, changeOf(content, origin))
  if (changed === undefined) {
    core.events.refuse({ code: 'limited.queue', conversation, account: by, device: place.device, messageId, detail: 'edits of a message that is not here' })
    return
  }
  const noted = content.kind === 'edit' && place.device === core.device ? noteOwnEdit(tx, conversation, changed, place.number) : changed
  if (row === undefined) writeChanges(tx, conversation, messageId, noted)
  else putFolded(core, tx, row, noted, { kind: content.kind, by })
}

async function isFullOfChanges({ store }: Core, conversation: ConversationId): Promise<boolean> {
  const prefix = `${CHANGES_PREFIX}${conversation}/`
  return (await store.list('messages', { from: prefix, to: `${prefix}~`, limit: STRANGER_CHANGES_MAX })).length >= STRANGER_CHANGES_MAX
}

/** Stages a message's row as `changes` make it, and tells what is new. */
function putFolded(
  core: Core, tx: Transaction, row: { readonly key: string; readonly message: Message }, changes: MessageChanges, cause: { readonly kind: MessageChangeKind; readonly by: AccountId },
): void {
  const folded = foldChanges(row.message, changes)
  const { message } = folded
  if (message.deleted === true && row.message.deleted !== true) forgetSent(core, tx, message, changes)
  writeChanges(tx, message.conversation, message.messageId, folded.changes)
  const bytes = encodeMessage(message)
  if (sameBytes(bytes, encodeMessage(row.message))) return
  tx.put('messages', row.key, bytes)
  tx.afterCommit(() => { core.events.emit('message-changed', { message, change: cause.kind, by: cause.by }) })
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}

/** A message that arrives, as what was said about it before makes it. */
export async function withEarlierChanges(core: Core, tx: Transaction, message: Omit<Message, 'arrival'>): Promise<Omit<Message, 'arrival'>> {
  const before = await readChanges(tx, message.conversation, message.messageId)
  if (before === NO_CHANGES) return message
  // Folding does not look at the arrival, which is given afterwards.
  const { message: { arrival: _arrival, ...shown }, changes } = foldChanges({ ...message, arrival: 0 }, before)
  if (shown.deleted === true) forgetSent(core, tx, { ...shown, arrival: 0 }, changes)
  writeChanges(tx, message.conversation, message.messageId, changes)
  return shown
}

function noteOwnEdit(tx: Transaction, conversation: ConversationId, changes: MessageChanges, number: number): MessageChanges {
  if (changes.ownEdits.includes(number)) return changes
  const [oldest] = changes.ownEdits
  if (oldest === undefined || changes.ownEdits.length < OWN_EDITS_MAX) return { ...changes, ownEdits: [...changes.ownEdits, number] }
  tx.remove('healing', sentKey(conversation, oldest))
  return { ...changes, ownEdits: [...changes.ownEdits.slice(1), number] }
}

/**
 * What this device kept for sending a message and its edits again goes; what waits to be sent for the first time stays until it is stored,
 * see {@link settleChange}.
 */
export function forgetSent(core: Core, tx: Transaction, message: Message, changes: MessageChanges): void {
  const open = new Set([...changes.edits.values()].flat().filter(({ open }) => open).map(({ place }) => place.number))
  for (const number of changes.ownEdits) if (!open.has(number)) tx.remove('healing', sentKey(message.conversation, number))
  if (message.fromDevice === core.device && message.state !== 'queued') tx.remove('healing', sentKey(message.conversation, message.number))
  if (message.fromAccount === core.account && message.fromDevice !== core.device) tx.remove('healing', heardKey(message.conversation, message.fromDevice, message.number))
}

/** What became of an own change. */
export type OwnChangeFate =
  | { readonly status: 'stored' }
  /** It never left this device and will not. */
  | { readonly status: 'withdrawn' }
  /** It has another order key now. */
  | { readonly status: 'moved'; readonly order: bigint }

/** Stages what became of an own change, sealed as `template`, that was shown before it was sent. */
export async function settleChange(core: Core, tx: Transaction, template: PayloadTemplate, fate: OwnChangeFate): Promise<void> {
  const content = changeOfTemplate(template)
  if (content === undefined) return
  const { conversation, order, epoch, number, sentAtMs } = template
  const place = { order, device: core.device, epoch, number }
  if (content.kind === 'timer') {
    const before = await readTimer(tx, conversation)
    if (fate.status === 'stored') await takeChange(core, tx, content, { conversation, by: core.account, place, sentAtMs, open: false, deletesAny: false })
    else putTimer(core, tx, conversation, { before, after: afterFate(before, place, fate), by: core.account })
    return
  }
  const messageId = messageIdOf({ conversation, ...content.body.target })
  const row = await targetRow(tx, messageId)
  if (row === 'gone') {
    // What it is about disappeared while it waited: as soon as the server has it, its text is nowhere either.
    if (content.kind === 'edit' && fate.status === 'stored') tx.remove('healing', sentKey(conversation, number))
    return
  }
  const before = await readChanges(tx, conversation, messageId)
  if (fate.status === 'stored') {
    if (row?.message.deleted === true) forgetStored(core, tx, row.message, before, number, content)
    // Whether it may delete what others say was judged when it was said.
    const deletesAny = before.deleters.get(core.account) ?? row?.message.deleted ?? false
    await takeChange(core, tx, content, { conversation, by: core.account, place, sentAtMs, open: false, deletesAny })
    return
  }
  const next = withFate(before, core.account, place, fate)
  if (row === undefined) writeChanges(tx, conversation, messageId, next)
  else putFolded(core, tx, row, next, { kind: content.kind, by: core.account })
}

/** What a deleted message left for sending again goes as soon as the server has it; when it has the deletion, it has everything before it. */
function forgetStored(core: Core, tx: Transaction, message: Message, changes: MessageChanges, number: number, content: AboutMessage): void {
  const isAuthor = message.fromDevice === core.device
  const numbers = content.kind === 'delete' ? [...changes.ownEdits, ...(isAuthor ? [message.number] : [])] : [number]
  for (const kept of numbers) tx.remove('healing', sentKey(message.conversation, kept))
}

function withFate(changes: MessageChanges, account: AccountId, own: MessageTarget, fate: Exclude<OwnChangeFate, { status: 'stored' }>): MessageChanges {
  const edits = changes.edits.get(account)
  const reactions = changes.reactions.get(account)
  return {
    ...changes,
    ...(edits === undefined ? {} : { edits: withRegister(changes.edits, account, afterFate(edits, own, fate)) }),
    ...(reactions === undefined ? {} : { reactions: withRegister(changes.reactions, account, afterFate(reactions, own, fate)) }),
  }
}

function afterFate<Value>(register: Register<Value>, own: MessageTarget, fate: Exclude<OwnChangeFate, { status: 'stored' }>): Register<Value> {
  switch (fate.status) {
    case 'withdrawn': return withdrawn(register, own)
    case 'moved': return moved(register, own, fate.order)
    default: return fate satisfies never
  }
}

function withRegister<Value>(registers: ReadonlyMap<AccountId, Register<Value>>, account: AccountId, register: Register<Value>): Map<AccountId, Register<Value>> {
  const next = new Map(registers)
  if (register.length === 0) next.delete(account)
  else next.set(account, register)
  return next
}
