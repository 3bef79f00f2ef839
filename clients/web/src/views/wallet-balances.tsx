import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { chainName } from '../ui/chain-name.js'
import type { Holding } from './wallet-money.js'

/** What is held of each asset, and how much of it can be used now. */
export function Balances({ holdings }: { readonly holdings: readonly Holding[] }): ReactElement {
  const { t } = useTexts()
  return <ul className="balances" aria-label={t('wallet.balance')}>{holdings.map((holding) => <Card key={holding.asset.asset} holding={holding} />)}</ul>
}

function Card({ holding: { asset, balance: { held, reserved, available } } }: { readonly holding: Holding }): ReactElement {
  const texts = useTexts()
  const { t, amountText } = texts
  return (
    <li className="balance">
      <p className="soft small">{t('money.available.on', { chain: chainName(asset.chain, texts) })}</p>
      <p className="balance-amount"><bdi className="amount">{amountText(available, asset)}</bdi></p>
      {reserved === 0n ? null : <p className="soft small">{t('money.held', { held: amountText(held, asset), reserved: amountText(reserved, asset) })}</p>}
    </li>
  )
}
