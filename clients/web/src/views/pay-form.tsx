import { LIMITS, utf8 } from '@evegram/protocol'
import { useContactNames } from '@evegram/sdk/react'
import { useEffect, useId, useRef, type FormEvent, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { shortAddress } from '../ui/address.js'
import { AmountField, useAmount } from '../ui/amount-field.js'
import { Failure, useAction } from '../ui/feedback.js'
import type { PayFacts, PayTerms } from './pay-terms.js'

/** What is being written. */
export interface PayDraft {
  readonly kind: 'send' | 'ask'
  /** Account. */
  readonly to: string
  /** Id of the asset. */
  readonly asset: string
  readonly text: string
  readonly note: string
  /** For how long a request holds. */
  readonly days: number
  /** A request names the own deposit address, too. */
  readonly onChain: boolean
}

const DAYS = [1, 7, 30] as const
const NO_ASSET = { symbol: '', decimals: 0 }

/** Asset, amount, note, and in a group whom: of money to send or to ask for. */
export function PayForm({ facts: { assets, balances, people, isGroup }, draft, onDraft, mayAsk, onReview, onAsk }: {
  readonly facts: PayFacts
  readonly draft: PayDraft
  readonly onDraft: (draft: PayDraft) => void
  readonly mayAsk: boolean
  readonly onReview: (terms: PayTerms) => void
  readonly onAsk: (terms: PayTerms) => Promise<void>
}): ReactElement {
  const { t, amountText } = useTexts()
  const names: ReadonlyMap<string, string> = useContactNames()
  const { busy, code, run } = useAction()
  const id = useId()
  const form = useRef<HTMLFormElement>(null)
  // It comes after the dialog that it stands in, whose only button had the focus meanwhile; and again from the last look.
  const first = isGroup && people.length > 1 ? 'select' : '.amount-field input'
  useEffect(() => { form.current?.querySelector<HTMLElement>(first)?.focus() }, [first])
  const isAsking = draft.kind === 'ask'
  const [asset, to] = [assets.find((known) => known.asset === draft.asset), people.find(({ account }) => account === draft.to)]
  const available = balances.find((balance) => balance.asset === draft.asset)?.available ?? 0n
  const bounds = isAsking ? undefined : { max: available }
  const read = useAmount(draft.text, asset ?? NO_ASSET, bounds)
  const isLong = utf8(draft.note).length > LIMITS.paymentNoteBytesMax
  const terms = asset === undefined || to === undefined || read.status !== 'amount' || isLong ? undefined : { to, asset, amount: read.amount, note: draft.note.trim() }
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (terms === undefined) return
    if (isAsking) run(() => onAsk(terms))
    else onReview(terms)
  }
  return (
    <form ref={form} className="pay-form" onSubmit={submit}>
      <h2 id="pay-title">{t(isAsking ? 'pay.ask' : 'pay.send')}</h2>
      {mayAsk ? (
        <fieldset className="choice">
          <legend className="only-heard">{t('pay.title')}</legend>
          {(['send', 'ask'] as const).map((kind) => <label key={kind}><input type="radio" name={`${id}-kind`} checked={draft.kind === kind} onChange={() => { onDraft({ ...draft, kind }) }} /><span>{t(`pay.kind.${kind}`)}</span></label>)}
        </fieldset>
      ) : null}
      {people.length === 0 ? <p>{t('pay.nobody')}</p> : !isGroup ? null : (
        <div className="field"><label htmlFor={`${id}-to`}>{t(isAsking ? 'pay.whom.ask' : 'pay.whom')}</label>
          <select id={`${id}-to`} value={draft.to} onChange={({ target }) => { onDraft({ ...draft, to: target.value }) }}>{people.map(({ account, address }) => <option key={account} value={account}>{names.get(account) === undefined ? shortAddress(address) : `${names.get(account) ?? ''} · ${shortAddress(address)}`}</option>)}</select>
          <p className="soft small">{t('pay.direct')}</p>
        </div>
      )}
      {assets.length > 1 ? (
        <div className="field"><label htmlFor={`${id}-asset`}>{t('pay.asset')}</label>
          <select id={`${id}-asset`} value={draft.asset} onChange={({ target }) => { onDraft({ ...draft, asset: target.value }) }}>{assets.map((one) => <option key={one.asset} value={one.asset}>{`${one.symbol} · ${one.asset}`}</option>)}</select>
        </div>
      ) : null}
      {asset === undefined ? <p>{t('wallet.empty')}</p> : (
        <AmountField label={t('pay.amount')} asset={asset} text={draft.text} onText={(text) => { onDraft({ ...draft, text }) }} bounds={bounds}
          note={isAsking ? undefined : available === 0n ? <>{t('pay.nothing')} <a href={hrefOf({ view: 'wallet' })}>{t('wallet.title')}</a></> : t('pay.available', { amount: amountText(available, asset) })} />
      )}
      <div className="field"><label htmlFor={`${id}-note`}>{t('pay.note')}</label>
        <textarea id={`${id}-note`} rows={2} dir="auto" value={draft.note} aria-describedby={`${id}-note-hint`} onChange={({ target }) => { onDraft({ ...draft, note: target.value }) }} />
        <p id={`${id}-note-hint`} className="soft small">{t('pay.note.hint')}</p>
      </div>
      {isAsking ? (
        <>
          <div className="field"><label htmlFor={`${id}-days`}>{t('pay.holds')}</label>
            <select id={`${id}-days`} value={draft.days} onChange={({ target }) => { onDraft({ ...draft, days: Number(target.value) }) }}>{DAYS.map((days) => <option key={days} value={days}>{t('pay.days', { count: days })}</option>)}</select>
          </div>
          <label className="switch"><span><span>{t('pay.onChain')}</span><span className="soft small">{t('pay.onChain.hint')}</span></span><input type="checkbox" role="switch" checked={draft.onChain} onChange={({ target }) => { onDraft({ ...draft, onChain: target.checked }) }} /></label>
        </>
      ) : null}
      {isLong ? <Failure code="too_large.payload" /> : null}
      {code === undefined ? null : <Failure code={code} />}
      <div className="actions"><button type="submit" className="button primary" disabled={terms === undefined || busy}>{t(isAsking ? 'pay.ask' : 'pay.review')}</button></div>
    </form>
  )
}
