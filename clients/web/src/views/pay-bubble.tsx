import { EvegramError, isEvegramError, paymentLink, type PaymentBody, type PaymentRequestBody } from '@evegram/protocol'
import type { Message, WalletAsset } from '@evegram/sdk'
import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { now } from '../now.js'
import { CopyButton } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { RichText } from '../ui/rich-text.js'
import { useFocusHandedOn } from '../ui/use-focus-handed-on.js'
import { useAssets, usePayPlace, type PayPlace } from './pay-place.js'
import { useProof } from './use-proof.js'

/** The money that a message tells of or asks for, and what for; nothing for other messages. */
export function PayBubble({ message }: { readonly message: Message }): ReactElement | null {
  const { payment, request } = message
  if (payment !== undefined) return <Payment message={message} payment={payment} />
  return request === undefined ? null : <Request message={message} request={request} />
}

/** What the sender says of a payment, and what the own statement says. */
function Payment({ message, payment: { amount, asset, request } }: { readonly message: Message; readonly payment: PaymentBody }): ReactElement {
  const { t, amountOf } = useTexts()
  const assets = useAssets()
  const { proof, again } = useProof(message)
  const way = message.direction
  return (
    <div className="money-said">
      <p className="money"><Icon name="wallet" /><span>{t(way === 'out' ? 'pay.out' : proof === 'paid' ? 'pay.in' : 'pay.claim', { amount: amountOf(BigInt(amount), asset, assets) })}</span></p>
      <Note text={message.text} />
      {request === undefined ? null : <p className="small">{t('pay.answers')}</p>}
      <p className={`money-state is-${proof} small`}><Icon name={proof === 'paid' ? 'check' : proof === 'checking' ? 'clock' : 'warn'} />{t(`pay.proof.${way}.${proof}`)}</p>
      {proof === 'failed' ? <button type="button" className="button quiet" onClick={again}>{t('error.retry')}</button> : null}
    </div>
  )
}

function Note({ text }: Pick<Message, 'text'>): ReactElement | null {
  return text === '' ? null : <p className="text" dir="auto"><RichText text={text} /></p>
}

/** What somebody asks for, and whether it was paid. */
function Request({ message, request }: { readonly message: Message; readonly request: PaymentRequestBody }): ReactElement {
  const { t, amountOf } = useTexts()
  const place = usePayPlace()
  const assets = useAssets()
  const isOwn = message.direction === 'out'
  return (
    <div className="money-said">
      <p className="money"><Icon name="wallet" /><span>{t(isOwn ? 'pay.ask.out' : 'pay.ask.in', { amount: amountOf(BigInt(request.amount), request.asset, assets) })}</span></p>
      <Note text={message.text} />
      {isOwn ? <AskedState request={request} place={place} assets={assets} /> : <AskingState message={message} request={request} place={place} />}
      {request.deposit === undefined ? null : <OnChain request={request} asset={assets.find(({ asset }) => asset === request.asset)} />}
    </div>
  )
}

/** A request of somebody else: paid, being paid, over, or a button. */
function AskingState({ message, request: { request, expiresAtMs }, place: { answers, pending, onPay } }: { readonly message: Message; readonly request: PaymentRequestBody; readonly place: PayPlace }): ReactElement {
  const { t, date, time } = useTexts()
  const isPaid = answers.get(request)?.some(({ direction }) => direction === 'out') === true
  if (isPaid) return <p className="money-state is-paid small"><Icon name="check" />{t('pay.ask.paidByYou')}</p>
  if (pending.some(({ request: answered, state }) => answered === request && state !== 'refused')) return <p className="money-state small"><Icon name="clock" />{t('pay.ask.paying')}</p>
  const until = `${date(expiresAtMs)} ${time(expiresAtMs)}`
  if (expiresAtMs <= now()) return <p className="money-state small">{t('pay.ask.over', { date: until })}</p>
  return (
    <>
      <p className="money-state small">{t('pay.ask.until', { date: until })}</p>
      {onPay === undefined ? null : <PayButton onPress={() => { onPay({ kind: 'answer', message }) }} />}
    </>
  )
}

/** Goes when it is paid, and then leaves the focus to the messages around it. */
function PayButton({ onPress }: { readonly onPress: () => void }): ReactElement {
  const { t } = useTexts()
  const button = useFocusHandedOn<HTMLButtonElement>('.messages')
  return <button ref={button} type="button" className="button primary" onClick={onPress}>{t('pay.ask.pay')}</button>
}

/** An own request: answered, as far as the own statement says so, or open. */
function AskedState({ request, place: { answers }, assets }: { readonly request: PaymentRequestBody; readonly place: PayPlace; readonly assets: readonly WalletAsset[] }): ReactElement {
  const { t, date, time } = useTexts()
  const answer = answers.get(request.request)?.find(({ direction }) => direction === 'in')
  if (answer?.payment !== undefined) return <Answered answer={answer} payment={answer.payment} request={request} assets={assets} />
  const until = `${date(request.expiresAtMs)} ${time(request.expiresAtMs)}`
  return <p className="money-state small">{t(request.expiresAtMs <= now() ? 'pay.ask.over' : 'pay.ask.open', { date: until })}</p>
}

function Answered({ answer, payment: { amount, asset }, request, assets }: { readonly answer: Message; readonly payment: PaymentBody; readonly request: PaymentRequestBody; readonly assets: readonly WalletAsset[] }): ReactElement {
  const { t, amountOf } = useTexts()
  const { proof } = useProof(answer)
  const isWhole = asset === request.asset && BigInt(amount) >= BigInt(request.amount)
  const text = proof === 'paid' ? t(isWhole ? 'pay.ask.paid' : 'pay.ask.partly', { amount: amountOf(BigInt(amount), asset, assets) }) : t(`pay.proof.in.${proof}`)
  return <p className={`money-state is-${proof} small`}><Icon name={proof === 'paid' ? 'check' : proof === 'checking' ? 'clock' : 'warn'} />{text}</p>
}

/** Where a request may be paid on its chain instead: in full, since a link alone is easily exchanged. */
function OnChain({ request: { deposit, asset: id, amount }, asset }: { readonly request: PaymentRequestBody; readonly asset: WalletAsset | undefined }): ReactElement | null {
  const { t } = useTexts()
  if (deposit === undefined) return null
  const { address, memo } = deposit
  const link = asset === undefined ? undefined : linkOf({ address, memo, asset: id, amount: BigInt(amount), decimals: asset.decimals })
  return (
    <details className="on-chain small">
      <summary>{t('pay.chain')}</summary>
      <p>{t('pay.chain.hint')}</p>
      <p><code className="address" dir="ltr">{address}</code></p><CopyButton text={address} />
      <p>{t('pay.chain.memo')} <code dir="ltr">{memo}</code></p><CopyButton text={memo} />
      {link === undefined ? null : <a className="button quiet" href={link} rel="noopener noreferrer">{t('pay.chain.open')}</a>}
    </details>
  )
}

/** The link that a wallet opens; undefined where there is none, and for what somebody wrote that is no address of its chain. */
function linkOf(terms: Parameters<typeof paymentLink>[0]): string | undefined {
  try {
    return paymentLink(terms)
  } catch (error) {
    if (isEvegramError(error)) return undefined
    throw error instanceof Error ? error : new EvegramError('internal', { operation: 'make payment link' })
  }
}
