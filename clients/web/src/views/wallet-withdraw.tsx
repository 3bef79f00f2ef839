import { isEvegramError } from '@evegram/protocol'
import type { Client } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useEffect, useRef, useState, type FormEvent, type ReactElement, type ReactNode } from 'react'
import { isFramed } from '../frame.js'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { AmountField, useAmount } from '../ui/amount-field.js'
import { chainName } from '../ui/chain-name.js'
import { Empty, Failure, useAction } from '../ui/feedback.js'
import { Panel, Section } from '../ui/panel.js'
import { writeAmount } from '../ui/read-amount.js'
import { Framed } from './framed.js'
import { Field } from './new-views.js'
import { reasonText } from './payout-texts.js'
import { canWithdraw, useMoney, type Holding, type Money } from './wallet-money.js'
import { leavingOf, Review, type Order } from './wallet-review.js'
import { useSigner } from './wallet-signer.js'
import { MoneyOr } from './wallet-view.js'
import { Unanswered, WithdrawalCard, Withdrawals } from './wallet-withdrawals.js'

/** Longest destination and memo that may be written: what the wallet bridge takes at most. */
const [ADDRESS_MAX, MEMO_MAX] = [128, 128]

/** Takes money out to an address on its chain: written, looked at, signed by a wallet, followed to its end. */
export function WithdrawView(): ReactElement {
  const { t } = useTexts()
  return <Panel title={t('withdraw.title')} back={{ view: 'wallet' }}>{isFramed() ? <Framed text={t('withdraw.lead')} /> : <Own />}</Panel>
}

function Own(): ReactElement {
  const money = useMoney()
  return <MoneyOr money={money}>{(value) => <Steps value={value} again={money.again} />}</MoneyOr>
}

/** Where somebody is on the way: writing, perhaps what was looked at before; an order that is looked at, one that a wallet is signing, or the id of one that was asked for. */
type Step = { readonly at: 'form'; readonly before?: Order } | { readonly at: 'review' | 'signing'; readonly order: Order } | { readonly at: 'asked'; readonly id: string }

function Steps({ value, again }: { readonly value: Money; readonly again: () => void }): ReactElement {
  const client = useClient()
  const signer = useSigner()
  const [step, setStep] = useState<Step>({ at: 'form' })
  const [wrong, setWrong] = useState<Wrong>()
  const sign = (order: Order): void => {
    setWrong(undefined)
    setStep({ at: 'signing', order })
    signAndAsk(client, order, () => signer.open()).then(() => { setStep({ at: 'asked', id: order.id }) }, (failure: unknown) => {
      setWrong(wrongOf(failure))
      setStep({ at: 'review', order })
    }).finally(again)
  }
  if (step.at === 'asked') return <Asked id={step.id} value={value} again={again} next={() => { setStep({ at: 'form' }) }} />
  const order = step.at === 'form' ? undefined : step.order
  return (
    <>
      <Unanswered value={value} again={again} except={order?.id} />
      {order === undefined ? (
        <>
          <Form value={value} before={step.at === 'form' ? step.before : undefined} done={(made) => { setWrong(undefined); setStep({ at: 'review', order: made }) }} />
          <Withdrawals value={value} />
        </>
      ) : (
        <Review order={order} assets={value.assets} isBusy={step.at === 'signing'} onSign={() => { sign(order) }} onBack={() => { setStep({ at: 'form', before: order }) }}>
          {wrong === undefined ? null : <WhyNot wrong={wrong} />}
        </Review>
      )}
      {signer.dialog}
    </>
  )
}

/** Resolves when the server has it, or may have it: what became of it is in the list then. Rejects when it certainly was not taken. */
async function signAndAsk({ wallet }: Client, { id, wish }: Order, open: () => Promise<Parameters<Client['wallet']['withdraw']>[0]>): Promise<void> {
  try {
    await wallet.withdraw(await open(), { id, ...wish })
  } catch (failure) {
    const isUnanswered = (await wallet.unansweredWithdrawals()).some((one) => one.id === id)
    if (!isUnanswered) throw failure
  }
}

interface Wrong {
  readonly code: string
  /** As docs/payouts.md names it. */
  readonly reason?: string
}

function wrongOf(failure: unknown): Wrong {
  const reason = isEvegramError(failure) ? failure.details?.['reason'] : undefined
  return { code: codeOf(failure), ...(typeof reason === 'string' ? { reason } : {}) }
}

function WhyNot({ wrong: { code, reason }, children }: { readonly wrong: Wrong; readonly children?: ReactNode }): ReactElement {
  const { t } = useTexts()
  return reason === undefined ? <Failure code={code} /> : <p className="wrong" role="alert">{t(reasonText(reason), { reason })}{children}</p>
}

/** Whether there is enough for the amount and all that it may cost. */
function isCovered(order: Order, holdings: readonly Holding[]): boolean {
  return [...leavingOf(order)].every(([id, most]) => most <= (holdings.find(({ asset }) => asset.asset === id)?.balance.available ?? 0n))
}

/** What became of one that was asked for. */
function Asked({ id, value, again, next }: { readonly id: string; readonly value: Money; readonly again: () => void; readonly next: () => void }): ReactElement {
  const { t } = useTexts()
  const withdrawal = value.withdrawals.find((one) => one.id === id)
  const place = useRef<HTMLDivElement>(null)
  // What was pressed is gone.
  useEffect(() => { place.current?.focus() }, [])
  return (
    <div ref={place} className="withdraw-asked" tabIndex={-1} role="group" aria-label={t('withdraw.asked')}>
      <Unanswered value={value} again={again} />
      {withdrawal === undefined ? null : <Section title={t('withdraw.asked')}><WithdrawalCard withdrawal={withdrawal} value={value} /></Section>}
      <div className="actions"><a className="button" href={hrefOf({ view: 'wallet' })}>{t('withdraw.back')}</a><button type="button" className="button" onClick={next}>{t('withdraw.another')}</button></div>
    </div>
  )
}

function Form({ value: { holdings, assets }, before, done }: { readonly value: Money; readonly before: Order | undefined; readonly done: (order: Order) => void }): ReactElement {
  const { t } = useTexts()
  const [chosen, choose] = useState(before?.asset.asset)
  const able = holdings.filter(canWithdraw)
  const holding = able.find(({ asset }) => asset.asset === chosen) ?? able[0]
  if (holding === undefined) return <Empty icon="wallet" title={t(assets.some(({ withdrawal }) => withdrawal !== undefined) ? 'withdraw.nothing' : 'withdraw.none')} />
  return <Fields key={holding.asset.asset} holding={holding} holdings={holdings} before={before?.asset.asset === holding.asset.asset ? before : undefined} choose={choose} done={done} />
}

function Fields({ holding: { asset, balance }, holdings, before, choose, done }: {
  readonly holding: Holding
  readonly holdings: readonly Holding[]
  readonly before: Order | undefined
  readonly choose: (asset: string) => void
  readonly done: (order: Order) => void
}): ReactElement {
  const texts = useTexts()
  const { t, decimalSign, amountText } = texts
  const { wallet } = useClient()
  const form = useRef<HTMLFormElement>(null)
  const isBack = before !== undefined
  // Back from the last look, whose button is gone.
  useEffect(() => { if (isBack) form.current?.querySelector<HTMLElement>('.amount-field input')?.focus() }, [isBack])
  const [text, setText] = useState(before === undefined ? '' : writeAmount(before.wish.amount, asset.decimals, decimalSign))
  const [to, setTo] = useState(before?.wish.to ?? '')
  const [memo, setMemo] = useState(before?.wish.memo ?? '')
  const [refusal, setRefusal] = useState<string>()
  /** What could be withdrawn of what is there, where that is why not. */
  const [short, setShort] = useState<bigint>()
  const { busy, code, run } = useAction()
  const able = holdings.filter(canWithdraw)
  const most = asset.withdrawal === undefined || asset.withdrawal.max > balance.available ? balance.available : asset.withdrawal.max
  const bounds = { min: asset.withdrawal?.min, max: most }
  const read = useAmount(text, asset, bounds)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (read.status !== 'amount') return
    setRefusal(undefined)
    run(async () => {
      const written = { asset: asset.asset, amount: read.amount, to: to.trim(), ...(memo.trim() === '' ? {} : { memo: memo.trim() }) }
      const quote = await wallet.quote(written)
      const order = { id: wallet.newId(), wish: { ...written, to: quote.to }, quote, asset }
      const refused = quote.refusal ?? (isCovered(order, holdings) ? undefined : 'balance_too_low')
      setShort(refused === 'balance_too_low' ? balance.available - (leavingOf(order).get(asset.asset) ?? 0n) + read.amount : undefined)
      if (refused === undefined) done(order)
      else setRefusal(refused)
    })
  }
  return (
    <form ref={form} className="form" onSubmit={submit}>
      <p className="soft">{t('withdraw.lead')}</p>
      {able.length === 1 ? null : (
        <Field label={t('money.asset')}>
          {(id) => <select id={id} value={asset.asset} onChange={(event) => { choose(event.target.value) }}>{able.map((one) => <option key={one.asset.asset} value={one.asset.asset}>{one.asset.symbol} · {chainName(one.asset.chain, texts)}</option>)}</select>}
        </Field>
      )}
      <AmountField label={t('withdraw.amount')} asset={asset} text={text} onText={setText} bounds={bounds} note={<>{t('money.available')}: <bdi className="amount">{amountText(balance.available, asset)}</bdi></>} />
      <Field label={t('withdraw.destination', { chain: chainName(asset.chain, texts) })} hint={t('withdraw.destination.hint')}>
        {(id, hint) => <input id={id} aria-describedby={hint} value={to} maxLength={ADDRESS_MAX} onChange={(event) => { setTo(event.target.value) }} dir="ltr" autoComplete="off" spellCheck={false} required />}
      </Field>
      <Field label={t('withdraw.memo')} hint={t('withdraw.memo.hint')}>
        {(id, hint) => <input id={id} aria-describedby={hint} value={memo} maxLength={MEMO_MAX} onChange={(event) => { setMemo(event.target.value) }} dir="auto" autoComplete="off" />}
      </Field>
      {code === undefined ? null : <Failure code={code} />}
      {refusal === undefined ? null : <WhyNot wrong={{ code: 'wallet.payout_refused', reason: refusal }}>{short === undefined || short <= 0n ? null : ` ${t('withdraw.most', { amount: amountText(short, asset) })}`}</WhyNot>}
      <button type="submit" className="button primary" disabled={busy || read.status !== 'amount' || to.trim() === ''}>{busy ? <span className="spinner" aria-hidden="true" /> : null}{t('withdraw.review')}</button>
    </form>
  )
}
