import { useEffect, useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import type { FoundWallet } from '../wallets/found-wallet.js'
import { watchSolanaWallets } from '../wallets/solana-wallets.js'
import { terraWallets } from '../wallets/terra-wallets.js'
import { readRemoteTonWallets } from '../wallets/ton/remote-wallets.js'
import { tonWallets } from '../wallets/ton-wallets.js'

/** The wallet programs of this browser, and wallets on other devices that this server knows a way to: to sign in or sign with. */
export function WalletChoices({ choose }: { readonly choose: (found: FoundWallet) => void }): ReactElement {
  const { t } = useTexts()
  const [solana, setSolana] = useState<readonly FoundWallet[]>([])
  useEffect(() => watchSolanaWallets(setSolana), [])
  const [others] = useState(() => [...tonWallets(), ...terraWallets()])
  const remote = useRemoteWallets()
  const found = [...solana, ...others]
  return (
    <section aria-labelledby="wallets-title">
      <h2 id="wallets-title">{t('signin.wallets.title')}</h2>
      {found.length === 0 ? <p className="soft">{t('signin.wallets.none')}</p> : null}
      {found.length + remote.length === 0 ? null : (
        <div className="wallet-choices">
          {[...found, ...remote].map((wallet) => (
            <button key={`${wallet.chain} ${wallet.name} ${String(wallet.isRemote)}`} type="button" className={`wallet-choice chain-${wallet.chain}`} onClick={() => { choose(wallet) }}>
              {wallet.icon === undefined ? <span className="coin" aria-hidden="true" /> : <img className="coin" src={wallet.icon} alt="" />}
              <span>{t('signin.with', { name: wallet.name })}{wallet.isRemote === true
                ? <span className="soft small wallet-where">{t(`signin.chain.${wallet.chain}`)}, {t('remote.where')}</span>
                : <span className="soft small"> · {t(`signin.chain.${wallet.chain}`)}</span>}</span>
            </button>
          ))}
        </div>
      )}
    </section>
  )
}

function useRemoteWallets(): readonly FoundWallet[] {
  const [remote, setRemote] = useState<readonly FoundWallet[]>([])
  useEffect(() => {
    let isOver = false
    void readRemoteTonWallets().then((wallets) => { if (!isOver) setRemote(wallets) })
    return () => { isOver = true }
  }, [])
  return remote
}
