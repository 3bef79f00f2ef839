import { isEvegramError } from '@evegram/protocol'
import type { Client } from '../client.js'
import type { Conversation } from '../conversation.js'
import type { Message } from '../core/message.js'
import type { Group } from '../group.js'
import { base64Of } from './base64.js'
import { timeOf, type ExportLine } from './export-line.js'
import type { ExportOptions } from './export-options.js'

/** Messages of which it is asked at once whether they were hidden. */
const HIDDEN_AT_ONCE = 100

/** A direct conversation or a group with everything in it, in its order. */
export async function* conversationLines(client: Client, talk: Conversation | Group, options: ExportOptions): AsyncGenerator<ExportLine> {
  const flags = await talk.flags()
  const isDirect = 'peer' in talk
  yield {
    type: 'conversation', conversation: talk.id, kind: isDirect ? 'direct' : 'group', ...(isDirect ? { with: talk.peer.address, account: talk.peer.account } : { name: await talk.name(), member: await talk.isMember() }),
    unread: await talk.unread(), draft: (await talk.draft()) || undefined, muted: flags.muted || undefined, pinned: flags.pinned || undefined, archived: flags.archived || undefined,
    disappearAfterSeconds: (await talk.timer()) || undefined,
  }
  if (!isDirect) for (const { account, address, role } of await talk.members()) yield { type: 'member', of: talk.id, account, address, role }
  let batch: Message[] = []
  for await (const message of talk.messages({ live: false })) {
    options.signal?.throwIfAborted()
    batch.push(message)
    if (batch.length < HIDDEN_AT_ONCE) continue
    yield* messageLines(client, talk, batch, options)
    batch = []
  }
  yield* messageLines(client, talk, batch, options)
}

async function* messageLines(client: Client, talk: Conversation | Group, messages: readonly Message[], options: ExportOptions): AsyncGenerator<ExportLine> {
  const hidden = await talk.hidden(messages)
  for (const message of messages) {
    yield messageLine(message, hidden.has(message.messageId))
    if (options.files === true) for (const index of (message.files ?? []).keys()) yield* fileLines(client, message, index, options)
  }
}

function messageLine(message: Message, isHidden: boolean): ExportLine {
  const { payment, request, files, replyTo, reactions, editedAtMs, deleted, expiresIn, expiresAtMs, stranger, gap, fromArchive } = message
  return {
    type: 'message', conversation: message.conversation, message: message.messageId, from: message.from, account: message.fromAccount, device: message.fromDevice, direction: message.direction, kind: message.kind,
    text: message.text, sentAt: timeOf(message.sentAtMs), receivedAt: timeOf(message.receivedAtMs), state: message.state, order: message.order.toString(), epoch: message.epoch, number: message.number,
    replyTo: replyTo?.messageId, reactions: reactions?.map(({ emoji, by }) => ({ emoji, by })), editedAt: editedAtMs === undefined ? undefined : timeOf(editedAtMs), deleted, hidden: isHidden || undefined,
    disappearsAfterSeconds: expiresIn, disappearsAt: expiresAtMs === undefined ? undefined : timeOf(expiresAtMs), stranger, gapBefore: gap || undefined, fromArchive,
    payment: payment === undefined ? undefined : { transfer: payment.transfer, asset: payment.asset, amount: payment.amount, request: payment.request },
    paymentRequest: request === undefined ? undefined : { request: request.request, asset: request.asset, amount: request.amount, expiresAt: timeOf(request.expiresAtMs) },
    files: files?.map(({ name, type, size, width, height }) => ({ name, type, bytes: size, width, height })),
  }
}

/** The content of a file, in pieces; or that it is not to be had. */
async function* fileLines(client: Client, message: Message, index: number, { signal }: ExportOptions): AsyncGenerator<ExportLine> {
  const place = { conversation: message.conversation, message: message.messageId, index }
  let at = 0
  try {
    const reader = client.download(message, index, { signal }).getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      yield { type: 'file', ...place, at, content: base64Of(next.value) }
      at += next.value.length
    }
    yield { type: 'file', ...place, at, last: true }
  } catch (error) {
    if (!isEvegramError(error) || error.code.startsWith('client.') || error.code === 'files.cancelled') throw error
    yield { type: 'not_included', what: 'file', ...place, code: error.code }
  }
}
