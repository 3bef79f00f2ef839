import { ClientProvider } from '@evegram/sdk/react'
import { lazy, Suspense, useSyncExternalStore, type ReactElement } from 'react'
import { textsOf } from './i18n/languages.js'
import { TextsProvider, useTexts } from './i18n/texts.js'
import { usePreferences } from './preferences.js'
import type { SessionStore } from './session/session.js'
import { SessionProvider } from './session/use-session.js'
import { Guard } from './ui/guard.js'
import { SignIn } from './views/sign-in.js'

// What wallets on other devices want of people is shown when they do, and loaded then.
const WalletDialog = lazy(async () => ({ default: (await import('./views/wallet-dialog.js')).WalletDialog }))
// What only people who are signed in need is not part of the first load.
const Shell = lazy(async () => ({ default: (await import('./views/shell.js')).Shell }))

/** The page. */
export function App({ session }: { readonly session: SessionStore }): ReactElement {
  const { language } = usePreferences()
  return (
    <TextsProvider texts={textsOf(language)}>
      <SessionProvider session={session}><Guard><Views session={session} /></Guard><Guard><Prompts session={session} /></Guard></SessionProvider>
    </TextsProvider>
  )
}

function Views({ session }: { readonly session: SessionStore }): ReactElement {
  const now = useSyncExternalStore(session.subscribe, session.getSnapshot)
  switch (now.status) {
    case 'ready': return <ClientProvider client={now.client}><Suspense fallback={<Splash text="app.loading" />}><Shell /></Suspense></ClientProvider>
    case 'starting': return <Splash text="app.loading" />
    case 'ending': return <Splash text="app.ending" />
    case 'signed_out':
    case 'signing_in': return <SignIn session={session} now={now} />
    default: return now satisfies never
  }
}

function Prompts({ session }: { readonly session: SessionStore }): ReactElement | null {
  const shown = useSyncExternalStore(session.prompts.subscribe, session.prompts.getSnapshot)
  return shown === undefined ? null : <Suspense fallback={null}><WalletDialog shown={shown} /></Suspense>
}

function Splash({ text }: { readonly text: 'app.loading' | 'app.ending' }): ReactElement {
  const { t } = useTexts()
  return <main className="splash" role="status"><span className="logo" aria-hidden="true" /><p>{t(text)}</p></main>
}
