import type { Client, Message, PaymentProof } from '@evegram/sdk'
import { isEvegramError } from '@evegram/protocol'
import { MoneyText } from './money-text.js'
import { visible } from './visible.js'

/** What a payment message or request says, checked as far as that was possible. */
export interface PaymentView {
  /** For people, without the note. */
  readonly text: string
  readonly object: Readonly<Record<string, unknown>>
}

const PROOFS: Readonly<Record<PaymentProof, string>> = {
  paid: 'paid', unproven: 'NOT in your statement: do not rely on it', contradicted: 'your statement says otherwise: NOT paid',
}

/**
 * How payments among messages are shown: by the own statement, never by the message alone. The server is asked once for its assets; without it amounts are shown in
 * their smallest unit and payments as not proved. Undefined for other messages.
 */
export function paymentViews(client: Client): (message: Message) => Promise<PaymentView | undefined> {
  let assets: Promise<MoneyText> | undefined
  const money = (): Promise<MoneyText> => assets ??= withoutServer(async () => MoneyText.of(client.wallet), new MoneyText([]))
  return async (message) => {
    const { payment, request, direction } = message
    if (payment !== undefined) {
      const proof = await withoutServer(async () => client.wallet.proofOf(message), 'unproven' as const)
      const amount = (await money()).show(BigInt(payment.amount), payment.asset)
      return {
        text: `[${direction === 'out' ? 'you sent' : 'says they sent you'} ${amount}: ${PROOFS[proof]}]`,
        object: { ...payment, proof },
      }
    }
    if (request === undefined) return undefined
    const amount = (await money()).show(BigInt(request.amount), request.asset)
    const onChain = request.deposit === undefined ? '' : `, or on the chain to ${visible(request.deposit.address)} with the memo ${visible(request.deposit.memo)}`
    return {
      text: `[${direction === 'out' ? 'you ask' : 'asks you'} for ${amount} until ${new Date(request.expiresAtMs).toISOString()}; request ${request.request}${onChain}]`,
      object: { ...request },
    }
  }
}

/** A server that is away, or has no wallet bridge, must not keep anybody from reading messages. */
async function withoutServer<Value>(work: () => Promise<Value>, otherwise: Value): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    if (isEvegramError(error)) return otherwise
    throw error
  }
}
