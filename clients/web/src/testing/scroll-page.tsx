import type { Client, ConversationGap, HistoryPlace, Message } from '@evegram/sdk'
import { ClientProvider, useMessages } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import { textsOf } from '../i18n/languages.js'
import { TextsProvider } from '../i18n/texts.js'
import { MessageList } from '../views/message-list.js'

// The list of messages as the page has it, over a conversation of 10,000 that is made up: what is measured is the list.
const COUNT = 10_000
const ID = 'c0'.repeat(16)
const [ALICE, BOB] = ['a1'.repeat(16), 'b2'.repeat(16)]
const WORDS = 'the ferry is late again so do not wait with dinner I will bring bread and the good cheese from the market'.split(' ')

// Everything that a row of the list looks at; ids are made up and checked by nobody here.
const messages = Array.from({ length: COUNT }, (_, at) => ({
  messageId: at.toString(16).padStart(32, '0'), conversation: ID, from: at % 3 === 0 ? 'UQBvW8Z5huBkMJYdnfAEM5JqTNkuWX3diqYENkWsIL0XggGG' : '9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin', fromAccount: at % 3 === 0 ? ALICE : BOB, fromDevice: 'd', direction: at % 3 === 0 ? 'in' : 'out', kind: 'text',
  text: `${String(at)} ${WORDS.slice(0, 1 + (at * 7) % WORDS.length).join(' ')}${at % 20 === 0 ? ' https://example.com/way' : ''}`, order: BigInt(at), epoch: 0, number: at, sentAtMs: 1_700_000_000_000 + at * 240_000, receivedAtMs: 0, state: at % 3 === 0 ? 'received' : 'sent', arrival: at,
})) as unknown as readonly Message[]

const conversation = {
  id: ID, peer: { account: BOB, address: 'x' },
  history: async (limit = 100, { before, after }: HistoryPlace = {}) => {
    if (before !== undefined) return messages.slice(Math.max(0, before.number - limit), before.number)
    if (after !== undefined) return messages.slice(after.number + 1, after.number + 1 + limit)
    return messages.slice(-limit)
  },
}
// With `?gaps` something is missing, of every kind, among the newest: before the message with the number, or behind the last one.
const REASONS = ['withheld', 'unreadable', 'sender_revoked', 'expired', 'erased'] as const
const search = new URLSearchParams(globalThis.location.search)
const gaps = search.has('gaps') ? [
  ...REASONS.map((reason, at) => ({ kind: 'messages', account: BOB, device: 'd', epoch: 1, from: 1, to: 1 + at, reason, before: messages[COUNT - 10 + 2 * at]?.messageId })),
  { kind: 'messages', account: ALICE, device: 'e', epoch: 1, from: 1, to: 1, reason: 'unreadable', behind: messages.at(-1)?.messageId },
  { kind: 'time', sinceMs: messages[COUNT - 5]?.sentAtMs ?? 0, untilMs: 0, reason: 'expired' },
] as unknown as readonly ConversationGap[] : []
const texts = textsOf(search.has('es') ? 'es' : 'en')
const nameOf = (account: string): string => (account === BOB ? 'Bo of the harbour' : texts.t('gap.self'))

// The part of a client that the list uses.
const client = { account: ALICE, state: 'live', on: () => () => undefined, conversations: async () => [conversation], groups: async () => [], channels: async () => [], requests: async () => [], contacts: { list: async () => [] } } as unknown as Client

function Page(): ReactElement {
  const window = useMessages(conversation.id as Message['conversation'])
  return <section className="chat scroll-test">{window.status === 'ready' ? <MessageList messages={window} gaps={gaps} nameOf={nameOf} showsNames={false} /> : null}</section>
}

const root = globalThis.document.getElementById('root')
if (root !== null) createRoot(root).render(<TextsProvider texts={texts}><ClientProvider client={client}><main className="shell"><Page /></main></ClientProvider></TextsProvider>)
