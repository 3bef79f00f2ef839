import type { Message } from '@evegram/sdk'
import { storesOf, useBlocked, useClient, useContactNames, useMessages, useTyping, type ConversationSummary, type MessagesView } from '@evegram/sdk/react'
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, type ReactElement } from 'react'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { nameOf, pictureOf } from '../names.js'
import { hrefOf } from '../route.js'
import { useVisible } from '../use-visible.js'
import { looksLike, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Empty, Failure, Loading, useAction } from '../ui/feedback.js'
import { Guard } from '../ui/guard.js'
import { Icon } from '../ui/icon.js'
import { ChatActionsProvider, type ChatActions } from './chat-actions.js'
import { Composer } from './composer.js'
import type { Composing } from './composing.js'
import { ForwardDialog } from './forward-dialog.js'
import { MessageList } from './message-list.js'
import type { PayStart } from './pay-terms.js'
import { PayPending } from './pay-pending.js'
import { PayPlaceProvider } from './pay-place.js'
import { PresenceLine } from './presence-line.js'
import { ReceiptsDialog } from './receipts-dialog.js'
import { Uploads } from './uploads.js'
import { useComposing } from './use-composing.js'
import { useGaps } from './use-gaps.js'
import { openById, type OpenConversation, type Opened } from './open-conversation.js'

// Only who sends money needs it.
const PayDialog = lazy(async () => ({ default: (await import('./pay-dialog.js')).PayDialog }))

/** A direct conversation or a group: what was said, and where to say something. */
export function ChatView({ conversation }: { readonly conversation: ConversationSummary }): ReactElement {
  const { id, kind, peer } = conversation
  const client = useClient()
  const messages = useMessages(id)
  const texts = useTexts()
  const { t } = texts
  const blocked = useBlocked()
  const isBlocked = blocked.status === 'ready' && blocked.value.some((account) => account === peer?.account)
  const opened = useOpened(conversation)
  const [composing, setComposing] = useComposing(id)
  const [code, setCode] = useState<string>()
  const [forwarded, setForwarded] = useState<Message>()
  const [inspected, setInspected] = useState<Message>()
  const actions = useActions(conversation, opened, setComposing, setCode, setForwarded, setInspected)
  const editLast = useCallback(() => {
    const last = storesOf(client).messages(id).getSnapshot().messages.findLast(({ direction, kind: said, deleted }) => direction === 'out' && said === 'text' && deleted !== true)
    if (last !== undefined) setComposing({ kind: 'edit', message: last })
  }, [client, id])
  const gaps = useGaps(opened?.conversation)
  const nameOfMissing = (account: string): string => (account === client.account ? t('gap.self') : actions.nameOf(account, messages.messages.find(({ fromAccount }) => fromAccount === account)?.from ?? peer?.address ?? t('gap.somebody')))
  const [paying, setPaying] = useState<PayStart>()
  // Not to oneself, and not to who is blocked; what strangers ask for is shown elsewhere, where nothing is paid.
  const mayPay = opened?.isMember === true && !isBlocked && peer?.account !== client.account
  const showLatest = (): void => { void messages.showLatest() }
  const place = useRef<HTMLElement>(null)
  const [isAtEnd, setIsAtEnd] = useState(true)
  const isVisible = useVisible()
  const isEmpty = messages.messages.length === 0 && gaps.every(({ kind: what }) => what === 'time')
  // Read is what was seen: not what came to a tab in the background, nor below what is looked at.
  useEffect(() => (isVisible && isAtEnd ? storesOf(client).conversations.watch(id) : undefined), [client, id, isVisible, isAtEnd])
  return (
    <section ref={place} className="chat" aria-labelledby="chat-title">
      <ChatBar conversation={conversation} />
      {messages.status === 'failed' ? <Failure code={messages.code ?? 'internal'} retry={showLatest} /> : null}
      {messages.status === 'loading' ? <Loading rows={8} /> : null}
      {messages.status === 'ready' && isEmpty ? <Empty icon="lock" title={t(kind === 'group' ? 'chat.empty.group' : 'chat.empty')} /> : null}
      <PayPlaceProvider id={id} onPay={mayPay ? setPaying : undefined}>
        {messages.status === 'ready' && !isEmpty ? <ChatActionsProvider actions={actions}><MessageList messages={messages} gaps={gaps} nameOf={nameOfMissing} showsNames={kind === 'group'} unread={conversation.unread} onEnd={setIsAtEnd} /></ChatActionsProvider> : null}
        <PayPending />
      </PayPlaceProvider>
      {waitsForThem(conversation, messages, client.account) ? <p className="waits-note soft small">{t('chat.waits', { name: nameOf(conversation, texts, client.address) })}</p> : null}
      {code === undefined ? null : <Failure code={code} />}
      {forwarded === undefined ? null : <ForwardDialog message={forwarded} onClose={() => { setForwarded(undefined) }} />}
      {inspected === undefined || opened === undefined ? null : <ReceiptsDialog message={inspected} conversation={opened.conversation} onClose={() => { setInspected(undefined) }} />}
      {paying === undefined ? null : <Guard><Suspense fallback={null}><PayDialog conversation={id} peer={peer} start={paying} onClose={() => { setPaying(undefined) }} onDone={showLatest} /></Suspense></Guard>}
      <TypingLine conversation={conversation} />
      <Uploads conversation={id} />
      {isBlocked && peer !== undefined ? <Blocked account={peer.account} /> : opened === undefined ? null : opened.isMember ? <Composer key={id} conversation={opened.conversation} draft={conversation.draft} composing={composing} onCompose={setComposing} onEditLast={editLast} onSent={showLatest} dropPlace={place} onMoney={mayPay ? () => { setPaying({ kind: 'new' }) } : undefined} /> : <p className="closed-note">{t('chat.left')}</p>}
    </section>
  )
}

/** Whether all that was said here was said by this account: the other side may see it as a request, which only they know. */
function waitsForThem({ kind, peer }: ConversationSummary, { status, messages, hasOlder }: MessagesView, me: string): boolean {
  return kind === 'direct' && peer?.account !== me && status === 'ready' && !hasOlder && messages.length > 0 && messages.every(({ direction }) => direction === 'out')
}

function Blocked({ account }: { readonly account: string }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { busy, code, run } = useAction()
  return (
    <div className="closed-note">
      <p>{t('chat.blocked')}</p>
      {code === undefined ? null : <Failure code={code} />}
      <button type="button" className="button" disabled={busy} onClick={() => { run(() => client.unblock(account)) }}>{t('block.undo')}</button>
    </div>
  )
}

/** Name and picture of a conversation, and the way to more about it. */
export function ChatBar({ conversation, note }: { readonly conversation: ConversationSummary; readonly note?: string }): ReactElement {
  const texts = useTexts()
  const { address } = useClient()
  const { id } = conversation
  return (
    <header className="bar chat-bar">
      <a className="icon-button only-phone" href={hrefOf({ view: 'list' })} aria-label={texts.t('chat.back')}><Icon name="back" /></a>
      <Avatar {...pictureOf(conversation)} />
      <div className="chat-name">
        <h1 id="chat-title" dir="auto">{nameOf(conversation, texts, address)}</h1>
        <p className="soft small"><Icon name="lock" />{note ?? (conversation.peer === undefined ? texts.t('chats.group') : <PresenceLine account={conversation.peer.account} otherwise={texts.t(`signin.chain.${looksLike(conversation.peer.address)}`)} />)}</p>
      </div>
      <a className="icon-button" href={hrefOf({ view: 'info', id })} aria-label={texts.t('chat.info')} title={texts.t('chat.info')}><Icon name="info" /></a>
    </header>
  )
}

function TypingLine({ conversation: { id } }: { readonly conversation: ConversationSummary }): ReactElement {
  const { t } = useTexts()
  const names = useContactNames()
  const [first, ...others] = useTyping(id)
  const text = first === undefined ? '' : others.length === 0 ? t('chat.typing', { name: names.get(first.account) ?? shortAddress(first.address) }) : t('chat.typing.many', { count: others.length + 1 })
  return <p className="typing" role="status">{text === '' ? null : <span className="dots" aria-hidden="true"><i /><i /><i /></span>}{text}</p>
}

/** What people do with messages, told to the conversation; what is refused is shown. */
function useActions({ id }: ConversationSummary, opened: Opened | undefined, compose: (composing: Composing) => void, fail: (code: string | undefined) => void, forward: (message: Message) => void, showReceipts: (message: Message) => void): ChatActions {
  const client = useClient()
  const names = useContactNames()
  return useMemo(() => {
    const known: ReadonlyMap<string, string> = names
    const tell = (action: (conversation: OpenConversation) => Promise<{ readonly acked: Promise<unknown> }>): void => {
      if (opened === undefined) return
      fail(undefined)
      action(opened.conversation).then(({ acked }) => acked).catch((failure: unknown) => { fail(codeOf(failure)) })
    }
    return {
      me: client.account, maySpeak: opened?.isMember === true, mayDeleteAny: opened?.mayDeleteAny === true,
      reply: (message) => { compose({ kind: 'reply', message }) },
      edit: (message) => { compose({ kind: 'edit', message }) },
      react: (message, emoji) => { tell((conversation) => conversation.react(message.messageId, emoji)) },
      nameOf: (account, address) => known.get(account) ?? shortAddress(address),
      forward, showReceipts,
      remove: (message) => { tell((conversation) => conversation.deleteForEveryone(message.messageId)) },
      find: (messageId): Message | undefined => storesOf(client).messages(id).getSnapshot().messages.find((message) => message.messageId === messageId),
    }
  }, [client, id, opened, names, compose, fail, forward, showReceipts])
}

/** The conversation itself, once it was found. */
function useOpened({ id, kind, peer }: ConversationSummary): Opened | undefined {
  const client = useClient()
  const [opened, setOpened] = useState<Opened>()
  useEffect(() => {
    let isCurrent = true
    const look = async (): Promise<void> => {
      const found = await openById(client, { id, kind, peer })
      if (isCurrent) setOpened(found)
    }
    const looked = (): void => { look().catch(() => { if (isCurrent) setOpened(undefined) }) }
    looked()
    const stops = [client.on('group-changed', (event) => { if (event.conversation === id) looked() }), client.on('group-gone', (event) => { if (event.conversation === id) looked() })]
    // Nobody tells who is removed: whether this account is still a member is asked when the group is opened. Offline what is known holds.
    if (kind === 'group') client.group(id).then((group) => group.refresh()).catch(() => undefined)
    return () => {
      isCurrent = false
      for (const stop of stops) stop()
    }
  }, [client, id, kind, peer])
  return opened
}
