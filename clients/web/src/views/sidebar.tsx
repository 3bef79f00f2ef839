import { useClient, useConnection, useConversations, useRequests, type ConversationSummary } from '@evegram/sdk/react'
import { useMemo, useRef, useState, type KeyboardEvent, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { nameOf, pictureOf } from '../names.js'
import { hrefOf, type Route } from '../route.js'
import { lettersOf } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Empty, Failure, Loading } from '../ui/feedback.js'
import { Icon, type IconName } from '../ui/icon.js'
import { ConversationRow } from './conversation-row.js'
import { HistoryBanner } from './history-banner.js'

const MENU = [['wallet', 'wallet'], ['notices', 'bell'], ['devices', 'device'], ['settings', 'gear']] as const satisfies readonly (readonly [Route['view'], IconName])[]

/** The list of conversations with its search, and the ways to everything else. */
export function Sidebar({ route }: { readonly route: Route }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const [query, setQuery] = useState('')
  return (
    <nav className="sidebar" aria-label={t('chats.title')}>
      <header className="bar">
        <Avatar id={client.account} label={lettersOf(client.address)} />
        <h1 className="brand">{t('app.name')}</h1>
        <a className="icon-button" href={hrefOf({ view: 'new' })} aria-label={t('chats.new')} title={t('chats.new')}><Icon name="plus" /></a>
      </header>
      <ConnectionBar />
      <HistoryBanner />
      <label className="search">
        <Icon name="search" />
        <span className="only-heard">{t('chats.search')}</span>
        <input type="search" value={query} placeholder={t('chats.search')} autoComplete="off" onChange={(event) => { setQuery(event.target.value) }} />
      </label>
      <RequestsEntry isOpen={route.view === 'requests' || route.view === 'request'} />
      <List query={query} openId={'id' in route ? route.id : undefined} />
      <footer className="places" aria-label={t('chats.menu')} role="group">
        {MENU.map(([view, icon]) => (
          <a key={view} href={hrefOf({ view })} aria-current={route.view === view || route.view.startsWith(`${view}-`) ? 'page' : undefined}><Icon name={icon} /><span>{t(`menu.${view}`)}</span></a>
        ))}
      </footer>
    </nav>
  )
}

/** The way to what strangers began, as long as something waits. */
function RequestsEntry({ isOpen }: { readonly isOpen: boolean }): ReactElement | null {
  const { t } = useTexts()
  const requests = useRequests()
  const count = requests.status === 'ready' ? requests.value.length : 0
  if (count === 0) return null
  return (
    <a className="row requests-entry" href={hrefOf({ view: 'requests' })} aria-current={isOpen ? 'page' : undefined}>
      <span className="card-icon"><Icon name="person" /></span>
      <span className="row-name">{t('requests.title')}</span>
      <span className="row-text">{t('requests.count', { count })}</span>
      <span className="badge" aria-hidden="true">{count > 99 ? '99+' : count}</span>
    </a>
  )
}

/** Says where the connection stands, whenever it is not simply there. */
function ConnectionBar(): ReactElement | null {
  const { t } = useTexts()
  const state = useConnection()
  const isFine = state === 'live'
  return <p className={isFine ? 'only-heard' : `connection is-${state}`} role="status" data-state={state}>{isFine ? null : <Icon name="wifi" />}{t(`connection.${state}`)}</p>
}

function List({ query, openId }: { readonly query: string; readonly openId: string | undefined }): ReactElement {
  const texts = useTexts()
  const { status, conversations, code } = useConversations()
  const { address } = useClient()
  const list = useRef<HTMLUListElement>(null)
  const [showsArchived, setShowsArchived] = useState(false)
  const isSearching = query.trim() !== ''
  const archived = conversations.filter(({ flags }) => flags.archived).length
  const found = useMemo(
    () => conversations.filter((one) => (isSearching || one.flags.archived === showsArchived || one.id === openId) && isAbout(one, query, nameOf(one, texts, address))),
    [conversations, query, isSearching, showsArchived, openId, texts, address],
  )
  if (status === 'failed') return <Failure code={code ?? 'internal'} />
  if (status === 'loading') return <Loading rows={6} />
  if (conversations.length === 0) {
    return (
      <Empty icon="smile" title={texts.t('chats.empty.title')}>
        <p className="soft">{texts.t('chats.empty.lead')}</p>
        <a className="button primary" href={hrefOf({ view: 'new' })}>{texts.t('chats.new')}</a>
      </Empty>
    )
  }
  if (found.length === 0 && isSearching) return <Empty icon="search" title={texts.t('chats.none', { query })} />
  // One of the rows is in the order of Tab; arrows go through all of them.
  const inTabOrder = found.find(({ id }) => id === openId)?.id ?? found[0]?.id
  return (
    <>
      <ul ref={list} className="rows" aria-label={texts.t('chats.list')} onKeyDown={(event) => { rove(event, list.current) }}>
        {found.map((one) => <ConversationRow key={one.id} conversation={one} name={nameOf(one, texts, address)} picture={pictureOf(one)} isOpen={one.id === openId} isInTabOrder={one.id === inTabOrder} />)}
      </ul>
      {archived === 0 || isSearching ? null : (
        <button type="button" className="archived-toggle" aria-pressed={showsArchived} onClick={() => { setShowsArchived(!showsArchived) }}><Icon name="archive" />{showsArchived ? texts.t('chats.archived.hide') : texts.t('chats.archived', { count: archived })}</button>
      )}
    </>
  )
}

function isAbout({ title, last, lastPost }: ConversationSummary, query: string, name: string): boolean {
  const wanted = query.trim().toLocaleLowerCase()
  return wanted === '' || [name, title, last?.text ?? '', lastPost?.text ?? ''].some((text) => text.toLocaleLowerCase().includes(wanted))
}

/** Arrows, Home and End move the focus among the rows of a list. */
function rove(event: KeyboardEvent, list: HTMLElement | null): void {
  const rows = [...(list?.querySelectorAll<HTMLElement>('[data-row]') ?? [])]
  const at = rows.findIndex((row) => row === globalThis.document.activeElement)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key]
  if (to === undefined) return
  event.preventDefault()
  rows[Math.max(0, Math.min(rows.length - 1, to))]?.focus()
}
