import { useEffect, useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import type { SessionStore } from '../session/session.js'
import type { FoundWallet } from '../wallets/found-wallet.js'
import { watchSolanaWallets } from '../wallets/solana-wallets.js'
import { terraWallets } from '../wallets/terra-wallets.js'
import { tonWallets } from '../wallets/ton-wallets.js'

/** The wallet programs of this browser, to sign in with. */
export function WalletChoices({ session }: { readonly session: SessionStore }): ReactElement {
  const { t } = useTexts()
  const [solana, setSolana] = useState<readonly FoundWallet[]>([])
  useEffect(() => watchSolanaWallets(setSolana), [])
  const [others] = useState(() => [...tonWallets(), ...terraWallets()])
  const found = [...solana, ...others]
  return (
    <section aria-labelledby="wallets-title">
      <h2 id="wallets-title">{t('signin.wallets.title')}</h2>
      {found.length === 0 ? <p className="soft">{t('signin.wallets.none')}</p> : (
        <div className="wallet-choices">
          {found.map((wallet) => (
            <button key={`${wallet.chain} ${wallet.name}`} type="button" className={`wallet-choice chain-${wallet.chain}`} onClick={() => { void session.signInWith(wallet) }}>
              {wallet.icon === undefined ? <span className="coin" aria-hidden="true" /> : <img className="coin" src={wallet.icon} alt="" />}
              <span>{t('signin.with', { name: wallet.name })}<span className="soft small"> · {t(`signin.chain.${wallet.chain}`)}</span></span>
            </button>
          ))}
        </div>
      )}
    </section>
  )
}
