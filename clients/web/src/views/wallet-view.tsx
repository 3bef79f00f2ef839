import type { ReactElement } from 'react'
import { isFramed } from '../frame.js'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { Empty, Failure, Loading } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel } from '../ui/panel.js'
import { FaucetButton } from './faucet.js'
import { Framed } from './framed.js'
import { Balances } from './wallet-balances.js'
import { canWithdraw, useMoney, type Money, type MoneyNow } from './wallet-money.js'
import { Statement } from './wallet-statement.js'
import { Unanswered, Withdrawals } from './wallet-withdrawals.js'

/** What the server holds for this account, where it may go, and what moved it. */
export function WalletView(): ReactElement {
  const { t } = useTexts()
  return <Panel title={t('wallet.title')}>{isFramed() ? <Framed text={t('wallet.lead')} /> : <Own />}</Panel>
}

function Own(): ReactElement {
  const money = useMoney()
  return <MoneyOr money={money}>{(value) => <Whole value={value} money={money} />}</MoneyOr>
}

/** The own money once it is read; before that, and where there is none, why. */
export function MoneyOr({ money: { now, stale, again }, children }: { readonly money: MoneyNow; readonly children: (value: Money) => ReactElement }): ReactElement {
  const { t } = useTexts()
  if (now.status === 'loading') return <Loading />
  if (now.status === 'failed') return now.code === 'wallet.none' ? <Empty icon="wallet" title={t('wallet.none')} /> : <Failure code={now.code} retry={again} />
  return (
    <>
      {stale === undefined ? null : <p className="stale" role="status"><Icon name="warn" />{t('money.stale')}</p>}
      {children(now.value)}
    </>
  )
}

function Whole({ value, money: { again, revision } }: { readonly value: Money; readonly money: MoneyNow }): ReactElement {
  const { t } = useTexts()
  return (
    <>
      <p className="soft">{t('money.word')}</p>
      <Unanswered value={value} again={again} />
      <div className="money-ways">
        <nav aria-label={t('money.ways')}>
          <a className="button primary" href={hrefOf({ view: 'wallet-deposit' })}><Icon name="down_to" />{t('deposit.title')}</a>
          {value.holdings.some(canWithdraw) ? <a className="button" href={hrefOf({ view: 'wallet-withdraw' })}><Icon name="up_from" />{t('withdraw.title')}</a> : null}
        </nav>
        <FaucetButton />
      </div>
      {value.holdings.length === 0 ? <Empty icon="wallet" title={t('wallet.empty')}><p className="soft">{t('money.empty.lead')}</p></Empty> : <Balances holdings={value.holdings} />}
      <Withdrawals value={value} />
      {value.holdings.length === 0 ? null : <Statement holdings={value.holdings} revision={revision} />}
    </>
  )
}
