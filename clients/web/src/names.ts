import type { Message } from '@evegram/sdk'
import type { ConversationSummary } from '@evegram/sdk/react'
import type { Texts } from './i18n/texts.js'
import { safeFileName } from './files/file-name.js'
import { lettersOf, shortAddress } from './ui/address.js'

/** What a conversation is called: as the user named the other side, or by what is known of it. */
export function nameOf(conversation: ConversationSummary, { t }: Pick<Texts, 't'>, me: string): string {
  switch (conversation.kind) {
    case 'direct': return conversation.title === me ? t('chats.self') : conversation.name ?? shortAddress(conversation.title)
    case 'group': return conversation.title === '' ? t('chats.unnamed.group') : conversation.title
    case 'channel': return conversation.title === '' ? t('chats.unnamed.channel') : conversation.title
    default: return conversation.kind satisfies never
  }
}

/** What its picture is made of. */
export function pictureOf(conversation: ConversationSummary): { readonly id: string; readonly label: string; readonly kind: ConversationSummary['kind'] } {
  const { kind, id, title, peer, name } = conversation
  return { kind, id: peer?.account ?? id, label: kind === 'direct' ? name ?? lettersOf(title) : title }
}

/** What a message says in one line: its text, the names of its files, or that it is about money. Empty where it says nothing. */
export function lineOf({ text, files, payment, request }: Pick<Message, 'text' | 'files' | 'payment' | 'request'>, { list, t }: Pick<Texts, 'list' | 't'>): string {
  if (payment !== undefined) return text === '' ? t('pay.line') : t('pay.line.note', { text })
  if (request !== undefined) return text === '' ? t('pay.line.ask') : t('pay.line.ask.note', { text })
  return text !== '' || files === undefined ? text : list(files.map(({ name }) => safeFileName(name)))
}
