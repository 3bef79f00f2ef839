import { useConversations } from '@evegram/sdk/react'
import { lazy, Suspense, useEffect, type ReactElement } from 'react'
import { clearMedia } from '../files/use-media.js'
import { useTexts } from '../i18n/texts.js'
import { hrefOf, useRoute, type Route } from '../route.js'
import { Empty, Loading } from '../ui/feedback.js'
import { Guard } from '../ui/guard.js'
import { useNoStrayDrops } from './attach.js'
import { BackupView } from './backup-view.js'
import { ChannelView } from './channel-view.js'
import { ChatView } from './chat-view.js'
import { DevicesView } from './devices-view.js'
import { Here } from './here.js'
import { HistoryView } from './history-view.js'
import { InfoView } from './info-view.js'
import { Looks } from './looks.js'
import { NewChannelView, NewConversationView, NewGroupView } from './new-views.js'
import { NoticesView } from './notices-view.js'
import { RequestView } from './request-view.js'
import { RequestsView } from './requests-view.js'
import { SettingsView } from './settings-view.js'
import { Sidebar } from './sidebar.js'
import { Announcer } from './announcer.js'

// Money is looked at now and then: whoever only talks does not load it.
const WalletView = lazy(async () => ({ default: (await import('./wallet-view.js')).WalletView }))
const DepositView = lazy(async () => ({ default: (await import('./wallet-deposit.js')).DepositView }))
const WithdrawView = lazy(async () => ({ default: (await import('./wallet-withdraw.js')).WithdrawView }))

/** The page of somebody who is signed in: the list, and beside it (on phones instead of it) one view. */
export function Shell(): ReactElement {
  const route = useRoute()
  const { t } = useTexts()
  const unread = useConversations().conversations.reduce((sum, { unread: count, flags }) => sum + (flags.muted ? 0 : count), 0)
  // So that a tab in the background tells of news.
  useEffect(() => { globalThis.document.title = unread === 0 ? t('app.name') : `(${String(unread)}) ${t('app.name')}` }, [unread, t])
  useNoStrayDrops()
  // Who signs out leaves no picture behind.
  useEffect(() => clearMedia, [])
  return (
    <div className={`shell view-${route.view}`}>
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); globalThis.document.getElementById('main')?.focus() }}>{t('app.skip')}</a>
      <Sidebar route={route} />
      <main id="main" tabIndex={-1}><Guard key={hrefOf(route)}><Suspense fallback={<Loading />}><MainView route={route} /></Suspense></Guard></main>
      <Announcer />
      <Here />
      <Looks />
    </div>
  )
}

function MainView({ route }: { readonly route: Route }): ReactElement {
  const { t } = useTexts()
  switch (route.view) {
    case 'conversation':
    case 'info': return <OfConversation key={route.id} id={route.id} view={route.view} />
    case 'new': return <NewConversationView />
    case 'new-group': return <NewGroupView />
    case 'new-channel':
    case 'follow': return <NewChannelView key={route.view} follows={route.view === 'follow'} />
    case 'devices': return <DevicesView />
    case 'wallet': return <WalletView />
    case 'wallet-deposit': return <DepositView />
    case 'wallet-withdraw': return <WithdrawView />
    case 'notices': return <NoticesView />
    case 'settings': return <SettingsView />
    case 'requests': return <RequestsView />
    case 'request': return <RequestView key={route.id} id={route.id} />
    case 'backup': return <BackupView />
    case 'history': return <HistoryView />
    case 'list': return <Empty icon="lock" title={t('chat.pick.title')}><p className="soft">{t('chat.pick.lead')}</p></Empty>
    default: return route satisfies never
  }
}

function OfConversation({ id, view }: { readonly id: string; readonly view: 'conversation' | 'info' }): ReactElement {
  const { status, conversations } = useConversations()
  const { t } = useTexts()
  const conversation = conversations.find((known) => known.id === id)
  if (conversation === undefined) return status === 'loading' ? <Loading /> : <Empty icon="search" title={t('chats.none', { query: id.slice(0, 8) })} />
  if (view === 'info') return <InfoView conversation={conversation} />
  return conversation.kind === 'channel' ? <ChannelView conversation={conversation} /> : <ChatView conversation={conversation} />
}
