import type { PendingPayment } from '@evegram/sdk'
import { useClient, useConnection } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { errorText } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { useFocusHandedOn } from '../ui/use-focus-handed-on.js'
import { useAssets, usePayPlace } from './pay-place.js'

/** Payments of the conversation that have no message yet: on their way, from before the page was loaded too, or refused. */
export function PayPending(): ReactElement | null {
  const { t } = useTexts()
  const { pending } = usePayPlace()
  if (pending.length === 0) return null
  return <ul className="uploads pay-pending" aria-label={t('pay.pending')}>{pending.map((payment) => <li key={payment.transfer}><Pending payment={payment} /></li>)}</ul>
}

function Pending({ payment }: { readonly payment: PendingPayment }): ReactElement {
  const texts = useTexts()
  const { t, amountOf } = texts
  const client = useClient()
  const isLive = useConnection() === 'live'
  const assets = useAssets()
  const { onPay } = usePayPlace()
  const { busy, code, run } = useAction()
  const { state, transfer, note } = payment
  const amount = amountOf(payment.amount, payment.asset, assets)
  const isRefused = state === 'refused'
  const place = useFocusHandedOn<HTMLDivElement>('#composer-field')
  return (
    <div ref={place} className={isRefused ? 'upload is-failed' : 'upload'}>
      <Icon name={isRefused ? 'warn' : 'wallet'} />
      <span className="file-facts">
        <b className="file-name">{amount}{note === '' ? null : <> · <bdi>{note}</bdi></>}</b>
        <span className="small" role={isRefused ? 'alert' : 'status'}>{isRefused ? t('pay.state.refused', { why: errorText(texts, payment.code ?? 'internal') }) : t(state === 'untold' ? 'pay.state.untold' : isLive ? 'pay.state.waiting' : 'pay.state.offline')}</span>
        {code === undefined ? null : <Failure code={code} />}
      </span>
      {isRefused ? (
        <>
          {onPay === undefined ? null : <button type="button" className="button quiet" onClick={() => { onPay({ kind: 'again', payment }) }}>{t('error.retry')}</button>}
          <button type="button" className="icon-button" disabled={busy} aria-label={t('pay.dismiss', { amount })} title={t('pay.dismiss', { amount })} onClick={() => { run(() => client.wallet.dismissPayment(transfer)) }}><Icon name="close" /></button>
        </>
      ) : null}
    </div>
  )
}
