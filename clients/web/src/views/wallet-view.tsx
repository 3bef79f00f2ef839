import type { StatementLine, WalletAsset, WalletBalance } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useEffect, type ReactElement } from 'react'
import { isFramed } from '../frame.js'
import type { TextKey } from '../i18n/en.js'
import { useTexts } from '../i18n/texts.js'
import { amountText } from '../ui/amount.js'
import { Empty, Failure, Loading } from '../ui/feedback.js'
import { Panel, Section } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'
import { FaucetButton } from './faucet.js'
import { Framed } from './framed.js'

/** Movements of one asset that are shown, the newest. */
const LINES_SHOWN = 50

interface Holding {
  readonly asset: WalletAsset
  readonly balance: WalletBalance
  readonly lines: readonly StatementLine[]
}

/** What the server holds for this account, and what moved it. */
export function WalletView(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async (): Promise<readonly Holding[]> => {
    const { wallet } = client
    const [assets, balances] = [await wallet.assets(), await wallet.balances()]
    const holdings: Holding[] = []
    for (const asset of assets) {
      const balance = balances.find((one) => one.asset === asset.asset)
      if (balance !== undefined) holdings.push({ asset, balance, lines: await wallet.statement(asset.asset, { limit: LINES_SHOWN }) })
    }
    return holdings
  }, [client]))
  useEffect(() => {
    const stops = [client.on('server-notice', again), client.on('wallet-notice', again)]
    return () => { for (const stop of stops) stop() }
  }, [client, again])
  return (
    <Panel title={t('wallet.title')}>
      {isFramed() ? <Framed text={t('wallet.lead')} /> : now.status === 'loading' ? <Loading /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : (
        <>
          <p className="soft">{t('wallet.lead')}</p>
          <FaucetButton />
          {now.value.length === 0 ? <Empty icon="wallet" title={t('wallet.empty')} /> : now.value.map((holding) => <HoldingCard key={holding.asset.asset} holding={holding} />)}
        </>
      )}
    </Panel>
  )
}

function HoldingCard({ holding: { asset, balance, lines } }: { readonly holding: Holding }): ReactElement {
  const { t, date, time } = useTexts()
  return (
    <>
      <div className="balance">
        <p className="soft small">{t('wallet.balance')} · {asset.chain}</p>
        <p className="balance-amount">{amountText(balance.available, asset)}</p>
        {balance.reserved === 0n ? null : <p className="soft small">{t('wallet.pending', { amount: amountText(balance.reserved, asset) })}</p>}
      </div>
      <Section title={t('wallet.statement')}>
        {lines.length === 0 ? <p className="soft">{t('wallet.empty')}</p> : (
          <ul className="people">
            {lines.map((line) => (
              <li key={line.number}>
                <span className="person-name">{t(kindOf(line))}<time className="soft small" dateTime={new Date(line.atMs).toISOString()}>{date(line.atMs)} {time(line.atMs)}</time></span>
                <b className={line.side === 'credit' ? 'amount-in' : 'amount-out'}>{line.side === 'credit' ? '+' : '−'}{amountText(line.amount, asset)}</b>
              </li>
            ))}
          </ul>
        )}
      </Section>
    </>
  )
}

/** What a line is called, by the beginning of its transfer's id. */
function kindOf({ transfer, side }: StatementLine): TextKey {
  if (transfer.startsWith('d:')) return 'wallet.kind.deposit'
  if (transfer.startsWith('p:')) return 'wallet.kind.payout'
  if (transfer.startsWith('u:')) return side === 'credit' ? 'wallet.kind.transfer_in' : 'wallet.kind.transfer_out'
  return 'wallet.kind.other'
}
