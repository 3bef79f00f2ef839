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

const PROOFS: Readonly<Record<PaymentProof | 'unchecked', string>> = {
  paid: 'paid', unproven: 'NOT in your statement: do not rely on it', contradicted: 'your statement says otherwise: NOT paid',
  unchecked: 'could not be checked against your statement: look again later',
}

/** A server that gave no answer is not asked again for so long: a history of many payments must not wait for each. */
const RETRY_MS = 30_000

/**
 * How payments among messages are shown: by the own statement, never by the message alone. The server is asked once for its assets; while it gives no answer amounts are
 * shown in their smallest unit, and payments that this device does not know to be paid as not checked. Undefined for other messages.
 */
export function paymentViews(client: Pick<Client, 'wallet'>, now: () => number = () => performance.now()): (message: Message) => Promise<PaymentView | undefined> {
  let assets: MoneyText | undefined
  let quietUntilMs = Number.NEGATIVE_INFINITY
  /** What the server says; a server that is away, or has no wallet bridge, must not keep anybody from reading messages. */
  const asked = async <Value>(ask: () => Promise<Value>): Promise<Value | undefined> => {
    if (now() < quietUntilMs) return undefined
    try {
      return await ask()
    } catch (error) {
      if (!isEvegramError(error)) throw error
      // Only silence is waited out: an answer about one message says nothing of the next one, and anybody can write one that gets such an answer.
      if (/^(?:timeout$|unavailable\.|limited\.|wallet\.none$)/.test(error.code)) quietUntilMs = now() + RETRY_MS
      return undefined
    }
  }
  const money = async (): Promise<MoneyText> => {
    assets ??= await asked(async () => MoneyText.of(client.wallet))
    return assets ?? new MoneyText([])
  }
  const proofOf = async (message: Message): Promise<PaymentProof | 'unchecked'> => {
    const proof = await asked(async () => client.wallet.proofOf(message))
    if (proof !== undefined) return proof
    // What this device took over before needs no server.
    const known = await knownProof(client, message)
    return known === 'unproven' ? 'unchecked' : known
  }
  return async (message) => {
    const { payment, request, direction } = message
    if (payment !== undefined) {
      const proof = await proofOf(message)
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

async function knownProof(client: Pick<Client, 'wallet'>, message: Message): Promise<PaymentProof> {
  try {
    return await client.wallet.proofOf(message, { ask: false })
  } catch (error) {
    if (isEvegramError(error, 'wallet.none')) return 'unproven'
    throw error
  }
}
