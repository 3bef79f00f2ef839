import type { Chain } from '@evegram/protocol/proof'
import { lazy, Suspense, type ReactElement } from 'react'
import { isFramed } from '../frame.js'
import { useTexts } from '../i18n/texts.js'
import type { Session, SessionStore } from '../session/session.js'
import { Failure } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Framed } from './framed.js'

// Looking for wallets needs the forms of proofs, which the first sight of the page does not.
const WalletChoices = lazy(async () => ({ default: (await import('./wallet-choices.js')).WalletChoices }))

const CHAINS: readonly Chain[] = ['solana', 'ton', 'terra']

/** Where people begin: which wallet they are. */
export function SignIn({ session, now }: { readonly session: SessionStore; readonly now: Extract<Session, { status: 'signed_out' | 'signing_in' }> }): ReactElement {
  const { t } = useTexts()
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <span className="logo" aria-hidden="true" />
        <h1>{t('signin.title')}</h1>
        <p className="lead">{t('signin.lead')}</p>
        {isFramed() ? <Framed text={t('signin.framed')} /> : <Choices session={session} now={now} />}
        <ul className="points">
          <li><Icon name="lock" />{t('signin.point.e2e')}</li>
          <li><Icon name="wallet" />{t('signin.point.proof')}</li>
          <li><Icon name="shield" />{t('signin.point.check')}</li>
        </ul>
      </div>
    </main>
  )
}

function Choices({ session, now }: { readonly session: SessionStore; readonly now: Extract<Session, { status: 'signed_out' | 'signing_in' }> }): ReactElement {
  const { t } = useTexts()
  if (now.status === 'signing_in') return <p className="busy" role="status"><span className="spinner" aria-hidden="true" />{t('signin.busy')}</p>
  return (
    <>
      {now.code === undefined ? null : <Failure code={now.code} />}
      <Suspense fallback={null}><WalletChoices choose={(found) => { void session.signInWith(found) }} /></Suspense>
      {now.demo ? (
        <section aria-labelledby="demo-title">
          <h2 id="demo-title">{t('signin.demo.title')}</h2>
          <p className="soft">{t('signin.demo.lead')}</p>
          <div className="wallet-choices demo-choices">
            {CHAINS.map((chain) => (
              <button key={chain} type="button" className={`wallet-choice chain-${chain}`} onClick={() => { void session.signInWithDemo(chain) }}>
                <span className="coin" aria-hidden="true" />{t(`signin.chain.${chain}`)}
              </button>
            ))}
          </div>
        </section>
      ) : null}
    </>
  )
}
