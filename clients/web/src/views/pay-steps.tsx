import type { Conversation } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { writeAmount } from '../ui/read-amount.js'
import type { Payee, PayFacts, PayStart, PayTerms } from './pay-terms.js'
import { PayForm, type PayDraft } from './pay-form.js'
import { PayReview } from './pay-review.js'

/** First what and to whom, then everything once more before it goes. A request is looked at at once. */
export function PaySteps({ facts, start, onDone }: { readonly facts: PayFacts; readonly start: PayStart; readonly onDone: (conversation: string) => void }): ReactElement {
  const { t, decimalSign } = useTexts()
  const client = useClient()
  const [draft, setDraft] = useState<PayDraft>(() => draftOf(facts, start, decimalSign))
  const [terms, setTerms] = useState<PayTerms | undefined>(() => termsOf(facts, start))
  if (facts.refusal !== undefined) return <><h2 id="pay-title">{t('pay.title')}</h2><p>{t(`pay.refusal.${facts.refusal}`)}</p></>
  const send = async (decided: PayTerms): Promise<void> => {
    const { to, asset, amount, note, request } = decided
    const conversation = await conversationWith(client, to)
    const { paid, done } = await facts.wallet.pay(conversation, { asset: asset.asset, amount, note, ...(request === undefined ? {} : { request }) })
    // What becomes of it is shown in the conversation.
    for (const promise of [paid, done]) promise.catch(() => undefined)
    if (start.kind === 'again') await facts.wallet.dismissPayment(start.payment.transfer)
    onDone(conversation.id)
  }
  const ask = async ({ to, asset, amount, note }: PayTerms): Promise<void> => {
    const conversation = await conversationWith(client, to)
    const { acked } = await facts.wallet.request(conversation, { asset: asset.asset, amount, note, expiresInMs: draft.days * 86_400_000, onChain: draft.onChain })
    acked.catch(() => undefined)
    onDone(conversation.id)
  }
  if (terms !== undefined) return <PayReview terms={terms} asked={start.kind === 'answer' ? start.message.text : ''} balance={facts.balances.find(({ asset }) => asset === terms.asset.asset)?.available ?? 0n} isFixed={start.kind === 'answer'} onBack={() => { setTerms(undefined) }} onSend={() => send(terms)} />
  return <PayForm facts={facts} draft={draft} onDraft={setDraft} mayAsk={start.kind === 'new'} onReview={setTerms} onAsk={ask} />
}

function draftOf({ assets, balances, people }: PayFacts, start: PayStart, sign: '.' | ','): PayDraft {
  const payment = start.kind === 'again' ? start.payment : undefined
  // What there is most likely to send: the first that holds something.
  const first = assets.find(({ asset }) => balances.some((balance) => balance.asset === asset && balance.available > 0n)) ?? assets[0]
  const asset = assets.find(({ asset: id }) => id === payment?.asset) ?? first
  const text = payment === undefined || asset === undefined ? '' : writeAmount(payment.amount, asset.decimals, sign)
  return { kind: 'send', to: people[0]?.account ?? '', asset: asset?.asset ?? '', text, note: payment?.note ?? '', days: 1, onChain: false }
}

/** Of a request all terms stand; of a payment that is tried again they may be changed. */
function termsOf({ assets, people }: PayFacts, start: PayStart): PayTerms | undefined {
  const request = start.kind === 'answer' ? start.message.request : undefined
  const [to] = people
  const asset = assets.find((known) => known.asset === request?.asset)
  return request === undefined || asset === undefined || to === undefined ? undefined : { to, asset, amount: BigInt(request.amount), note: '', request: request.request }
}

async function conversationWith(client: ReturnType<typeof useClient>, { account }: Payee): Promise<Conversation> {
  return (await client.conversations()).find(({ peer }) => peer.account === account) ?? client.conversation(account)
}
