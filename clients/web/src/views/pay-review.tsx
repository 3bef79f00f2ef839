import { useClient, useContactNames } from '@evegram/sdk/react'
import { useCallback, useEffect, useRef, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { lettersOf, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { useLoaded } from '../ui/use-loaded.js'
import type { PayTerms } from './pay-terms.js'

/** Everything once more before money goes: how much, to whom, whether their safety number was compared, what it says. */
export function PayReview({ terms: { to, asset, amount, note, request }, asked, balance, isFixed, onBack, onSend }: {
  readonly terms: PayTerms
  /** What the request that is paid says it is for. */
  readonly asked: string
  /** What can be sent of the asset. */
  readonly balance: bigint
  /** The terms are those of a request. */
  readonly isFixed: boolean
  readonly onBack: () => void
  readonly onSend: () => Promise<void>
}): ReactElement {
  const { t, amountText } = useTexts()
  const client = useClient()
  const name = useContactNames().get(to.account)
  const heading = useRef<HTMLHeadingElement>(null)
  const { now } = useLoaded(useCallback(async () => (await client.verify(to.account)).verified, [client, to.account]))
  const { busy, code, run } = useAction()
  const isEnough = amount <= balance
  const text = amountText(amount, asset)
  // Read out from its beginning, and no key that was pressed for the form sends money.
  useEffect(() => { heading.current?.focus() }, [])
  return (
    <div className="pay-form">
      <h2 id="pay-title" ref={heading} tabIndex={-1}>{t('pay.check')}</h2>
      <p className="pay-amount"><bdi className="amount">{text}</bdi></p>
      <div className="pay-to">
        <Avatar id={to.account} label={name ?? lettersOf(to.address)} />
        <span><b dir="auto">{name ?? shortAddress(to.address)}</b><code className="address" dir="ltr">{to.address}</code></span>
      </div>
      <p className={now.status === 'ready' && now.value ? 'verified small' : 'soft small'}><Icon name={now.status === 'ready' && now.value ? 'shield' : 'info'} />{t(now.status === 'loading' ? 'app.loading' : now.status === 'failed' ? 'pay.safety.failed' : now.value ? 'pay.safety.verified' : 'pay.safety.open')}</p>
      {note === '' ? null : <p className="pay-note" dir="auto">{note}</p>}
      {request === undefined ? null : <p className="soft small">{t('pay.answers')}</p>}
      {asked === '' ? null : <p className="pay-note" dir="auto">{asked}</p>}
      {isEnough ? <p className="soft small">{t('pay.left', { amount: amountText(balance - amount, asset) })}</p> : <Failure code="wallet.insufficient_funds" />}
      <p className="soft small">{t('pay.final')}</p>
      {code === undefined ? null : <Failure code={code} />}
      <div className="actions">
        {isFixed ? null : <button type="button" className="button" disabled={busy} onClick={onBack}>{t('chat.back')}</button>}
        <button type="button" className="button primary" disabled={busy || !isEnough} onClick={() => { run(onSend) }}>{t('pay.confirm', { amount: text })}</button>
      </div>
    </div>
  )
}
