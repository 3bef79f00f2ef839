import { encodeEnvelope, encodePayloadBody, ENVELOPE_KIND, messageIdOf, utf8, type MessageKey } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, membershipHashOf, writeConversation, type ConversationRow } from '../core/conversation-row.js'
import { readHandled, writeHandled } from '../core/handled.js'
import { arrivalKey, decodeMessage, encodeMessage, MESSAGE_PREFIX, messageRowKey } from '../core/message-row.js'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import { readOwnChain, writeOwnChain } from './chain-row.js'
import { hashOf } from './compose.js'
import { envelopeOf, headsOf } from './control.js'
import { sealNumbered } from './group-seal.js'
import { nextOrder, raiseCeiling } from './order-clock.js'
import { writeOutbox, type OutboxRow } from './outbox-row.js'
import { decodeTemplate, encodeTemplate, type PayloadTemplate } from './seal.js'
import { readSent, writeSent } from './sent-record.js'
import { settleChange } from './take-change.js'

/** How queued messages are made anew. */
export interface Resealing {
  /** Which of them become `void`: their numbers stand, what they said will not be sent. */
  voids(row: OutboxRow): boolean
  /** New order keys: the old ones were ahead of the server's clock. */
  readonly reorder: boolean
}

/**
 * Stages new ciphertexts for queued messages that have *never left* this device, and chains them anew. `rows` are
 * all numbered ones of the conversation from the first changed number to the last, ascending. Members must be loaded.
 */
export async function resealRows(
  core: Core, tx: Transaction, before: ConversationRow, rows: readonly OutboxRow[], resealing: Resealing,
): Promise<OutboxRow[]> {
  const chain = await readOwnChain(tx, before.conversation)
  let floor = resealing.reorder ? await floorWithout(core, before, rows, chain.epoch) : before.floor
  let prev: Uint8Array | undefined
  const next: OutboxRow[] = []
  for (const row of rows) {
    const sent = await readSent(tx, row.conversation, row.number)
    if (sent === undefined) continue
    const old = decodeTemplate(sent.template)
    const order = resealing.reorder ? nextOrder(core.time.now(), floor) : old.order
    if (order > floor) floor = order
    // A group may have other members than when the message was made, and its envelope names those that it has.
    const madeFor = isGroup(before) ? { membershipHash: membershipHashOf(before), accountHeads: headsOf(core, before) } : {}
    const template = changed(core, { ...old, ...madeFor, order, prev: prev ?? old.prev }, resealing.voids(row))
    // The rows keep their places, so nothing can be put before them: who lacks the key of a group gets it with the next message.
    const { bodies, missing } = await sealNumbered(core, tx, before, template, sent.recipients, chain.recipients, 'later')
    const resealed: OutboxRow = {
      ...row, kind: template.kind === 'void' ? 'void' : 'message', missing,
      envelope: encodeEnvelope(envelopeOf(core, before, ENVELOPE_KIND.message, template, bodies)),
    }
    prev = hashOf(core, template)
    writeSent(tx, row.conversation, row.number, { ...sent, template: encodeTemplate(template) })
    writeOutbox(tx, resealed)
    await moveMessage(tx, core, old, template, prev)
    next.push(resealed)
  }
  if (prev !== undefined) {
    writeOwnChain(tx, before.conversation, { ...chain, hash: prev })
    writeConversation(tx, { ...before, floor })
  }
  return next
}

function changed(core: Core, template: PayloadTemplate, isVoid: boolean): PayloadTemplate {
  if (!isVoid || template.kind === 'void') return template
  return { ...template, kind: 'void', body: encodePayloadBody({ kind: 'void', body: {} }), salt: core.random.bytes(16) }
}

/** The highest order key of the conversation that a clock near the server's can have led to, and those of what this device said before `rows`. */
async function floorWithout(core: Core, conversation: ConversationRow, rows: readonly OutboxRow[], epoch: number): Promise<bigint> {
  const ids = new Set(rows.map(({ messageId }) => messageId))
  const prefix = `${MESSAGE_PREFIX}${conversation.conversation}/`
  const near = await core.store.list('messages', {
    from: prefix, to: `${prefix}${sortable(raiseCeiling(core.time.now()), 16)}`, reverse: true, limit: rows.length + 1,
  })
  const shown = near.map(({ value }) => decodeMessage(value)).find(({ messageId }) => !ids.has(messageId))?.order ?? 0n
  const own = await lastStanding(core, { conversation: conversation.conversation, device: core.device, epoch, number: rows[0]?.number ?? 0 })
  return own > shown ? own : shown
}

/**
 * Order key of the last own message before number `key.number` that stands, 0 without one: it keeps its place before what follows, however far ahead it is.
 * Own messages of a clock that was wrong may stand above it, given up. Not looked for by its place: any number of messages of others may stand there.
 */
async function lastStanding(core: Core, key: MessageKey): Promise<bigint> {
  for (let number = key.number - 1; number > 0; number--) {
    const handled = await readHandled(core.store, messageIdOf({ ...key, number }))
    // Older than what is kept.
    if (handled === undefined) return 0n
    const row = handled.rowKey === undefined ? undefined : await core.store.get('messages', handled.rowKey)
    if (row === undefined) continue
    const { order, state } = decodeMessage(row)
    if (state !== 'failed') return order
  }
  return 0n
}

/** The message as shown follows its order key; its arrival stays. */
async function moveMessage(tx: Transaction, core: Core, old: PayloadTemplate, template: PayloadTemplate, chainHash: Uint8Array): Promise<void> {
  const messageId = messageIdOf({ ...template, device: core.device })
  const handled = await readHandled(tx, messageId)
  if (handled === undefined) return
  if (handled.rowKey === undefined) {
    writeHandled(tx, messageId, { ...handled, chainHash })
    await moveChange(tx, core, old, template)
    return
  }
  const row = await tx.get('messages', handled.rowKey)
  if (row === undefined) return
  const message = { ...decodeMessage(row), order: template.order }
  const key = messageRowKey(message)
  if (key !== handled.rowKey) {
    tx.remove('messages', handled.rowKey)
    tx.put('messages', key, encodeMessage(message))
    tx.put('messages', arrivalKey(message.arrival), utf8(key))
  }
  writeHandled(tx, messageId, { ...handled, chainHash, rowKey: key })
}

/** What an own message said about another one goes with it: under another order key, or not at all. */
async function moveChange(tx: Transaction, core: Core, old: PayloadTemplate, template: PayloadTemplate): Promise<void> {
  await settleChange(core, tx, old, template.kind === 'void' ? { status: 'withdrawn' } : { status: 'moved', order: template.order })
}
