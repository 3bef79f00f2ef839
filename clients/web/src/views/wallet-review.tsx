import type { WalletAsset, WithdrawalQuote, WithdrawalWish } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useEffect, useRef, type ReactElement, type ReactNode } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Icon } from '../ui/icon.js'

const HOUR_MS = 3_600_000
/** Characters of an address that stand together, so that people can compare them. */
const GROUP = 4

/** A withdrawal that was written and not asked for yet. Its id is drawn once: however often it is signed, it is one. */
export interface Order {
  readonly id: string
  /** `to` in the one form that the proof names. */
  readonly wish: WithdrawalWish
  readonly quote: WithdrawalQuote
  readonly asset: WalletAsset
}

/** What leaves the account at most, by asset: the amount, and what fee and tax may be where the account pays them. */
export function leavingOf({ wish: { amount }, quote: { feeMax, feeAsset, taxMax, feeFrom }, asset }: Pick<Order, 'wish' | 'quote' | 'asset'>): ReadonlyMap<string, bigint> {
  const leaving = new Map([[asset.asset, amount]])
  if (feeFrom === 'house') return leaving
  leaving.set(asset.asset, amount + taxMax)
  return leaving.set(feeAsset, (leaving.get(feeAsset) ?? 0n) + feeMax)
}

/** What a person looks at before their wallet signs: where it goes, what it costs, and every field that the signature is about. */
export function Review({ order, assets, isBusy, onSign, onBack, children }: {
  readonly order: Order
  readonly assets: readonly WalletAsset[]
  readonly isBusy: boolean
  readonly onSign: () => void
  readonly onBack: () => void
  /** Why it did not work the last time. */
  readonly children: ReactNode
}): ReactElement {
  const { t, amountOf, amountText } = useTexts()
  const client = useClient()
  const heading = useRef<HTMLHeadingElement>(null)
  // At first, and when a wallet did not sign: the buttons were gone meanwhile.
  useEffect(() => { if (!isBusy) heading.current?.focus() }, [isBusy])
  const { id, wish, quote, asset } = order
  const { amount, to, memo } = wish
  const { feeMax, feeAsset, taxMax, feeFrom, needsApproval, holdMs } = quote
  const isOwn = feeFrom === 'account'
  const leaving = [...leavingOf(order)].map(([name, most]) => amountOf(most, name, assets))
  return (
    <section className="section review" aria-labelledby="review-title">
      <h2 id="review-title" ref={heading} tabIndex={-1}>{t('withdraw.review.title')}</h2>
      <dl className="facts">
        <div><dt>{t('withdraw.arrives')}</dt><dd><b className="amount">{amountText(amount, asset)}</b></dd></div>
        <div><dt>{t('withdraw.to')}</dt><dd><code className="address grouped" dir="ltr">{groupsOf(to).map((part, at) => <span key={at}>{part}</span>)}</code></dd></div>
        {memo === undefined ? null : <div><dt>{t('withdraw.memo')}</dt><dd dir="auto">{memo}</dd></div>}
        <div><dt>{t('withdraw.fee')}</dt><dd>{t(isOwn ? 'withdraw.upTo' : 'withdraw.house', { amount: amountOf(feeMax, feeAsset, assets) })}</dd></div>
        {taxMax === 0n ? null : <div><dt>{t('withdraw.tax')}</dt><dd>{t(isOwn ? 'withdraw.upTo' : 'withdraw.house', { amount: amountText(taxMax, asset) })}</dd></div>}
        <div><dt>{t('withdraw.leaves')}</dt><dd>{leaving.map((text) => <b key={text} className="amount">{text}</b>)}</dd></div>
      </dl>
      {needsApproval ? <p className="warning"><Icon name="warn" />{t('withdraw.approval')}</p> : null}
      {holdMs === 0 ? null : <p className="warning"><Icon name="clock" />{t('withdraw.hold', { hours: Math.ceil(holdMs / HOUR_MS) })}</p>}
      <p className="warning"><Icon name="warn" />{t('withdraw.check')}</p>
      <details className="signed">
        <summary>{t('withdraw.signs')}</summary>
        <dl className="facts">
          <div><dt>{t('withdraw.signs.purpose')}</dt><dd><code>withdraw</code></dd></div>
          <div><dt>{t('withdraw.signs.id')}</dt><dd><code className="address">{id}</code></dd></div>
          <div><dt>{t('money.asset')}</dt><dd><code className="address">{wish.asset}</code></dd></div>
          <div><dt>{t('withdraw.signs.amount')}</dt><dd><code className="address">{amount.toString()}</code></dd></div>
          <div><dt>{t('withdraw.to')}</dt><dd><code className="address" dir="ltr">{to}</code></dd></div>
          <div><dt>{t('withdraw.memo')}</dt><dd dir="auto">{memo ?? t('withdraw.signs.none')}</dd></div>
          <div><dt>{t('withdraw.signs.account')}</dt><dd><code className="address">{client.account}</code></dd></div>
          <div><dt>{t('withdraw.signs.device')}</dt><dd><code className="address">{client.device}</code></dd></div>
        </dl>
      </details>
      {children}
      {isBusy ? <p className="busy" role="status"><span className="spinner" aria-hidden="true" />{t('withdraw.signing')}</p> : (
        <div className="actions"><button type="button" className="button" onClick={onBack}>{t('withdraw.change')}</button><button type="button" className="button primary" onClick={onSign}>{t('withdraw.sign')}</button></div>
      )}
    </section>
  )
}

function groupsOf(text: string): string[] {
  return text.match(new RegExp(`.{1,${String(GROUP)}}`, 'gu')) ?? []
}
