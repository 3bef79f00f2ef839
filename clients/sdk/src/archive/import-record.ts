import {
  CborFields, directConversationIdOf, encodeCbor, hexOf, isEvegramError, parseAccountId, parseConversationId, parseDeviceId,
  type CborValue, type ConversationId,
} from '@evegram/protocol'
import { accountKey, decodeAccountRow } from '../account/account-row.js'
import {
  decodeChannel, decodeChannelGap, decodeChannelLog, decodeChannelPostRow, readChannel, writeChannel, writeChannelGap,
  writeChannelLog, writeChannelPost,
} from '../core/channel-row.js'
import { decodeConversation, isGroup, readConversation, removeConversation, writeConversation, type ConversationRow } from '../core/conversation-row.js'
import { decodeGroup, readGroup, writeGroup } from '../core/group-row.js'
import { readHandled, writeHandled } from '../core/handled.js'
import { foldChanges } from '../core/fold-changes.js'
import { decodeMessage, encodeMessage, hasMessages, messageRowKey, withArchiveMarks } from '../core/message-row.js'
import { decodeChanges, NO_CHANGES, readChanges, writeChanges } from '../core/message-changes.js'
import type { Transaction } from '../core/transaction.js'
import { carryVerified, readVerified, verifiedChange } from '../core/verified.js'
import { raiseFloor } from '../sync/order-clock.js'
import { ARCHIVE_RECORD_BYTES_MAX, archiveFault } from './archive-frame.js'
import { readArchivedGap, writeArchivedGap } from './archived-gap.js'
import type { Imported, ImportPorts } from './import-ports.js'
import { mergeChanges } from './merge-changes.js'

type Fields = Readonly<Record<string, CborValue>>
/** Takes one record into the profile; resolves with what it counts as. */
type Importer = (ports: ImportPorts, tx: Transaction, fields: Fields) => Promise<Imported>

const fieldsOf = (value: Fields): CborFields => new CborFields(value, 'invalid.archive')
const conversationOf = (fields: CborFields, name = 'conversation'): ConversationId => parseConversationId(hexOf(fields.bytes(name, 16)))

/** Rows of an archive are read as rows of the store are; one that is none is the archive's fault. */
function readRow<Row>(read: () => Row): Row {
  try {
    return read()
  } catch (error) {
    if (!isEvegramError(error)) throw error
    throw archiveFault('a row that can be read', error)
  }
}

const importRegister: Importer = async ({ state }, tx, fields) => {
  const bytes = fieldsOf(fields).bytes('register', { lengthMax: ARCHIVE_RECORD_BYTES_MAX })
  try {
    const merged = await state.mergeBytes(tx, bytes)
    if (merged === 'full') return 'skipped'
    return merged === 'news' ? 'registers' : undefined
  } catch (error) {
    if (!isEvegramError(error, 'invalid.payload') && !isEvegramError(error, 'invalid.cbor')) throw error
    throw archiveFault('a register', error)
  }
}

const importRequest: Importer = async ({ requests, local }, tx, fields) => {
  const known = fieldsOf(fields)
  const conversation = conversationOf(known)
  const request = {
    conversation, account: parseAccountId(hexOf(known.bytes('account', 16))), group: known.boolean('group'), firstAtMs: known.uint('firstAtMs'), dropped: known.uint('dropped'),
  }
  const admission = await requests.restore(tx, request, (await readConversation(tx, conversation))?.floor ?? 0n)
  // The record before this one brought its conversation, which nothing is to be shown of.
  if (admission === 'hidden' && !request.group && !(await hasMessages(local.store, conversation))) removeConversation(tx, conversation)
  return undefined
}

const importMessage: Importer = async ({ account, now, requests }, tx, fields) => {
  const { chain, changes, stranger, ...plain } = fields
  if (!(chain instanceof Uint8Array) || (chain.length !== 32 && chain.length !== 0)) throw archiveFault('the chain hash of a message')
  const row = readRow(() => withArchiveMarks(plain, hexOf(fieldsOf(plain).bytes('account', 16)) === account))
  const message = readRow(() => decodeMessage(encodeCbor(row)))
  const said = changes instanceof Uint8Array ? readRow(() => decodeChanges(changes)) : NO_CHANGES
  // What disappears is gone everywhere at its time, whoever kept it.
  if (message.expiresIn !== undefined || (message.expiresAtMs !== undefined && message.expiresAtMs <= now())) return 'skipped'
  const before = await readHandled(tx, message.messageId)
  if (before !== undefined && before.status !== 'refused') return 'known'
  const { conversation, fromAccount: from, order } = message
  const place = await readConversation(tx, conversation)
  const group = place === undefined ? conversation !== directConversationIdOf(account, from) : isGroup(place)
  const admission = stranger === true ? await requests.restored(tx, { conversation, account: from, group, order }) : 'shown'
  if (admission === 'hidden') return 'skipped'
  if (place === undefined) throw archiveFault('the conversation of a message before it')
  const key = messageRowKey(message)
  const marks = admission === 'stranger' ? { stranger: true as const } : {}
  const here = await readChanges(tx, message.conversation, message.messageId)
  if (here === NO_CHANGES) {
    // As it is, with the fields of newer versions.
    tx.put('messages', key, encodeCbor({ ...row, ...marks }))
    writeChanges(tx, message.conversation, message.messageId, { ...said, ownEdits: [] })
  } else {
    const folded = foldChanges(message, mergeChanges(message, said, here))
    tx.put('messages', key, encodeMessage({ ...folded.message, ...marks }))
    writeChanges(tx, message.conversation, message.messageId, folded.changes)
  }
  writeHandled(tx, message.messageId, { status: 'archived', ciphertextHash: new Uint8Array(0), chainHash: chain, rowKey: key })
  return 'messages'
}

const importConversation: Importer = async ({ account, now }, tx, fields) => {
  const { conversation: _id, ...map } = fields
  const id = conversationOf(fieldsOf(fields))
  const row = readRow(() => decodeConversation(id, encodeCbor(map)))
  const isKnownGroup = isGroup(row) && (await readGroup(tx, id)) !== undefined
  if (!isGroup(row) && directConversationIdOf(account, row.peer) !== id) throw archiveFault('a conversation of this account')
  const known = await readConversation(tx, id)
  if (known === undefined) {
    // A group without its log says nothing about who is in it.
    if (isGroup(row) && !isKnownGroup) return 'skipped'
    writeConversation(tx, { ...row, floor: raiseFloor(0n, row.floor, now()), activeAtMs: Math.min(row.activeAtMs, now()) })
    return 'conversations'
  }
  const merged: ConversationRow = {
    ...known, createdAtMs: Math.min(known.createdAtMs, row.createdAtMs), activeAtMs: Math.max(known.activeAtMs, Math.min(row.activeAtMs, now())),
    floor: raiseFloor(known.floor, row.floor, now()),
  }
  writeConversation(tx, merged)
  return undefined
}

const importGroup: Importer = async (_ports, tx, fields) => {
  const known = fieldsOf(fields)
  const id = conversationOf(known)
  const group = readRow(() => decodeGroup(known.bytes('row', { lengthMax: 1_048_576 })))
  if (group.state.conversation !== id) throw archiveFault('the group that is named')
  const here = await readGroup(tx, id)
  if (here === undefined) writeGroup(tx, group)
  // Its name was said before this device came; the log of its members is read from the server.
  else if (here.name === '') writeGroup(tx, { ...here, name: group.name })
  return undefined
}

const importVerified: Importer = async (_ports, tx, fields) => {
  const known = fieldsOf(fields)
  const account = parseAccountId(hexOf(known.bytes('account', 16)))
  if ((await readVerified(tx, account)) !== undefined) return undefined
  const set = {
    wallets: known.list('wallets', 4_096).map((wallet) => (typeof wallet === 'string' ? wallet : known.fail('wallet'))),
    devices: known.list('devices', 4_096).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : known.fail('device'))),
  }
  const log = await tx.get('accounts', accountKey(account))
  // What joined the account since the mark was made takes it away, as it does for a mark that was made here.
  const kept = log === undefined ? set : carryVerified(set, decodeAccountRow(log).state)
  if (kept === undefined) return undefined
  tx.change(verifiedChange(account, kept))
  return 'verified'
}

const importGap: Importer = async (_ports, tx, fields) => {
  writeArchivedGap(tx, readArchivedGap(fields))
  return Promise.resolve('gaps')
}

const importPost: Importer = async (_ports, tx, fields) => {
  const { channel: _id, ...map } = fields
  const channel = conversationOf(fieldsOf(fields), 'channel')
  // A channel that this device follows is read from the server, and verified.
  if ((await readChannel(tx, channel)) !== undefined) return 'known'
  writeChannelPost(tx, readRow(() => decodeChannelPostRow(channel, encodeCbor(map))))
  return 'posts'
}

const importChannelGap: Importer = async (_ports, tx, fields) => {
  const { channel: _id, ...map } = fields
  const channel = conversationOf(fieldsOf(fields), 'channel')
  if ((await readChannel(tx, channel)) === undefined) writeChannelGap(tx, readRow(() => decodeChannelGap(channel, encodeCbor(map))))
  return undefined
}

const importChannel: Importer = async ({ channelRoom, channelAdded }, tx, fields) => {
  const known = fieldsOf(fields)
  const channel = conversationOf(known, 'channel')
  const row = readRow(() => decodeChannel(channel, known.bytes('row', { lengthMax: 2 * 1_048_576 })))
  const log = readRow(() => decodeChannelLog(known.bytes('log', { lengthMax: 2 * 1_048_576 })))
  if (log.group.state.conversation !== channel) throw archiveFault('the log of the channel that is named')
  if ((await readChannel(tx, channel)) !== undefined) return undefined
  if (channelRoom() <= 0) return 'skipped'
  // What the server named as the newest then is no news now.
  writeChannel(tx, { ...row, confirmedAtMs: 0 })
  writeChannelLog(tx, log)
  tx.afterCommit(() => { channelAdded(channel) })
  return 'channels'
}

/** What becomes of a record, by its type. Others are of newer versions. */
export const IMPORTERS: ReadonlyMap<string, Importer> = new Map([
  ['register', importRegister], ['request', importRequest],
  ['verified', importVerified], ['group', importGroup], ['conversation', importConversation], ['message', importMessage], ['gap', importGap],
  ['post', importPost], ['channel_gap', importChannelGap], ['channel', importChannel],
])

