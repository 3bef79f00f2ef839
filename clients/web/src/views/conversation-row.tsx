import { useContactNames, type ConversationSummary } from '@evegram/sdk/react'
import { memo, type ReactElement } from 'react'
import { startOfDay, useTexts, type Texts } from '../i18n/texts.js'
import { lineOf, type pictureOf } from '../names.js'
import { now } from '../now.js'
import { hrefOf } from '../route.js'
import { shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Icon } from '../ui/icon.js'
import { DeliveryState } from './delivery-state.js'

/** What a row shows. */
export interface ConversationRowProps {
  readonly conversation: ConversationSummary
  readonly name: string
  readonly picture: ReturnType<typeof pictureOf>
  readonly isOpen: boolean
  readonly isInTabOrder: boolean
}

/** A conversation in the list: who, what was said last and when, and how much of it is new. */
export const ConversationRow = memo(function ConversationRow({ conversation, name, picture, isOpen, isInTabOrder }: ConversationRowProps): ReactElement {
  const texts = useTexts()
  const names: ReadonlyMap<string, string> = useContactNames()
  const { id, last, unread, atMs, draft, flags } = conversation
  return (
    <li>
      <a className="row" data-row href={hrefOf({ view: 'conversation', id })} aria-current={isOpen ? 'page' : undefined} tabIndex={isInTabOrder ? 0 : -1}>
        <Avatar {...picture} />
        <span className="row-name" dir="auto">{name}</span>
        <time className="row-time" dateTime={atMs === 0 ? undefined : new Date(atMs).toISOString()}>{atMs === 0 ? '' : shortWhen(texts, atMs)}</time>
        <span className="row-text" dir="auto">{draft !== '' && !isOpen ? <span className="row-draft">{texts.t('chats.draft', { text: draft })}</span> : <>{last === undefined ? null : <DeliveryState message={last} />}{previewOf(conversation, texts, names)}</>}</span>
        <RowFlags flags={flags} />
        {unread === 0 ? null : <span className={flags.muted ? 'badge is-quiet' : 'badge'}><span aria-hidden="true">{unread > 99 ? '99+' : unread}</span><span className="only-heard">{texts.t('chats.unread', { count: unread })}</span></span>}
      </a>
    </li>
  )
})

function RowFlags({ flags: { muted, pinned } }: Pick<ConversationSummary, 'flags'>): ReactElement | null {
  const { t } = useTexts()
  if (!muted && !pinned) return null
  return (
    <span className="row-flags">
      {pinned ? <><Icon name="pin" /><span className="only-heard">{t('chats.pinned')}</span></> : null}
      {muted ? <><Icon name="mute" /><span className="only-heard">{t('chats.muted')}</span></> : null}
    </span>
  )
}

/** The time of today, the date of other days. */
function shortWhen({ time, date }: Texts, atMs: number): string {
  return startOfDay(atMs) === startOfDay(now()) ? time(atMs) : date(atMs)
}

function previewOf({ kind, last, lastPost }: ConversationSummary, texts: Texts, names: ReadonlyMap<string, string>): string {
  const { t } = texts
  if (lastPost !== undefined) return lastPost.kind === 'text' ? lastPost.text : t('chat.unsupported')
  if (last === undefined) return t(kind === 'direct' ? 'chats.nothing' : kind === 'group' ? 'chats.group' : 'chats.channel')
  if (last.kind.startsWith('unknown:')) return t('chat.unsupported')
  if (last.deleted === true) return t('chat.deleted')
  const text = lineOf(last, texts)
  if (text === '') return t('chat.removed')
  if (last.direction === 'out') return kind === 'direct' ? text : t('chats.you', { text })
  return kind === 'group' ? `${names.get(last.fromAccount) ?? shortAddress(last.from)}: ${text}` : text
}
