import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'
import { parseAmount } from '../../ledger/amount.js'
import type { PayoutOutcome } from './payout.js'
import { parsePayoutReason } from './payout-reason.js'

const amount = z.string().transform(parseAmount)
const outcome = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('paid'), fee: amount, tax: amount }),
  z.strictObject({ status: z.literal('failed'), fee: amount, tax: amount, reason: z.string().transform(parsePayoutReason) }),
])

/** An outcome as one text: the same for the same outcome, so that two people who say the same are known by it. */
export function outcomeWordsOf(said: PayoutOutcome): string {
  const { status, fee, tax } = said
  return JSON.stringify({ status, fee: String(fee), tax: String(tax), ...(said.status === 'failed' ? { reason: said.reason } : {}) })
}

/** What the text says. Throws `internal` for a text that {@link outcomeWordsOf} does not make. */
export function outcomeOfWords(words: string): PayoutOutcome {
  try {
    return outcome.parse(JSON.parse(words))
  } catch (cause) {
    throw new EvegramError('internal', { operation: 'read decision', cause })
  }
}
