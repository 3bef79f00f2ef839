import { isEnded, type UnansweredWithdrawal, type Withdrawal } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { CopyButton, Failure, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Section } from '../ui/panel.js'
import { PAYOUT_STAGES, reasonText, stageOf, stateText } from './payout-texts.js'
import { useSigner } from './wallet-signer.js'
import type { Money } from './wallet-money.js'

/** Withdrawals that ended and are shown at first. */
const ENDED_SHOWN = 3

/** The own withdrawals: all that are on their way, and the newest that ended. */
export function Withdrawals({ value }: { readonly value: Money }): ReactElement | null {
  const { t } = useTexts()
  const [isAll, setAll] = useState(false)
  const ended = value.withdrawals.filter(isEnded)
  const hidden = isAll ? 0 : Math.max(0, ended.length - ENDED_SHOWN)
  if (value.withdrawals.length === 0) return null
  const shown = [...value.withdrawals.filter((one) => !isEnded(one)), ...ended.slice(0, ended.length - hidden)]
  return (
    <Section title={t('withdraw.list')}>
      <ul className="payouts">{shown.map((withdrawal) => <li key={withdrawal.id}><WithdrawalCard withdrawal={withdrawal} value={value} /></li>)}</ul>
      {hidden === 0 ? null : <button type="button" className="button" onClick={() => { setAll(true) }}>{t('withdraw.all', { count: hidden })}</button>}
    </Section>
  )
}

/** One withdrawal: how far it is, or how it ended and why. */
export function WithdrawalCard({ withdrawal, value: { assets } }: { readonly withdrawal: Withdrawal; readonly value: Money }): ReactElement {
  const { t, date, time, amountOf } = useTexts()
  const { asset, amount, to, reason, transaction, createdAtMs, fee, tax, feeFrom } = withdrawal
  const feeAsset = assets.find((one) => one.chain === withdrawal.chain && one.native)?.asset
  const stage = stageOf(withdrawal)
  return (
    <article className="payout" data-state={withdrawal.state}>
      <p><b className="amount">{amountOf(amount, asset, assets)}</b> <time className="soft small" dateTime={new Date(createdAtMs).toISOString()}>{date(createdAtMs)} {time(createdAtMs)}</time></p>
      <p className="small">{t('withdraw.to')} <code className="address" dir="ltr">{to}</code></p>
      {stage === undefined ? null : <Stages reached={PAYOUT_STAGES.indexOf(stage)} />}
      <p className={stage === undefined ? 'wrong' : 'soft'} role="status">{t(stateText(withdrawal))}{reason === undefined ? '' : ` ${t(reasonText(reason), { reason })}`}</p>
      {fee === undefined || feeAsset === undefined || feeFrom === 'house' ? null : <p className="soft small">{t('withdraw.fee.was', { amount: amountOf(fee, feeAsset, assets) })}{tax === undefined || tax === 0n ? '' : ` ${t('withdraw.tax.was', { amount: amountOf(tax, asset, assets) })}`}</p>}
      {transaction === undefined ? null : <p className="payout-transaction small">{t('withdraw.transaction')} <code className="address" dir="ltr">{transaction}</code><CopyButton text={transaction} /></p>}
    </article>
  )
}

function Stages({ reached }: { readonly reached: number }): ReactElement {
  const { t } = useTexts()
  return (
    <ol className="stages">
      {PAYOUT_STAGES.map((stage, at) => (
        <li key={stage} className={at <= reached ? 'is-reached' : ''} {...(at === reached ? { 'aria-current': 'step' as const } : {})}>
          <span className="stage-dot" aria-hidden="true">{at <= reached ? <Icon name="check" /> : null}</span>{t(`payout.stage.${stage}`)}
          {at <= reached ? <span className="only-heard">{t('payout.stage.done')}</span> : null}
        </li>
      ))}
    </ol>
  )
}

/** Withdrawals that were asked for here and had no answer: to be asked for again, which makes no second one. `except`: one that is being asked for at this moment. */
export function Unanswered({ value, again, except }: { readonly value: Money; readonly again: () => void; readonly except?: string | undefined }): ReactElement | null {
  const { t } = useTexts()
  const shown = value.unanswered.filter(({ id }) => id !== except)
  if (shown.length === 0) return null
  return (
    <Section title={t('withdraw.unanswered')} hint={t('withdraw.unanswered.hint')}>
      <ul className="payouts">{shown.map((one) => <li key={one.id}><UnansweredCard one={one} value={value} again={again} /></li>)}</ul>
    </Section>
  )
}

function UnansweredCard({ one: { id, asset, amount, to, memo }, value: { assets }, again }: { readonly one: UnansweredWithdrawal; readonly value: Money; readonly again: () => void }): ReactElement {
  const { t, amountOf } = useTexts()
  const { wallet } = useClient()
  const signer = useSigner()
  const { busy, code, run } = useAction()
  const repeat = async (): Promise<void> => {
    try {
      // The same in every field, under the same id: the server answers with what it did.
      await wallet.withdraw(await signer.open(), { id, asset, amount, to, memo })
    } finally {
      again()
    }
  }
  return (
    <article className="payout" data-state="unanswered">
      <p><b className="amount">{amountOf(amount, asset, assets)}</b></p>
      <p className="small">{t('withdraw.to')} <code className="address" dir="ltr">{to}</code></p>
      {code === undefined ? null : <Failure code={code} />}
      <div className="buttons">
        <button type="button" className="button primary" disabled={busy} onClick={() => { run(repeat) }}>{t('withdraw.again')}</button>
        <ConfirmButton label={t('withdraw.forget')} question={t('withdraw.forget.sure')} disabled={busy} onConfirm={() => { run(async () => { await wallet.forgetWithdrawal(id); again() }) }} />
      </div>
      {signer.dialog}
    </article>
  )
}
