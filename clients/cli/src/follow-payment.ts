import { EvegramError, type MessageId } from '@evegram/protocol'
import type { SentPayment } from '@evegram/sdk'

/** How far a payment came in the time that there was. */
export interface PaymentOutcome {
  /** The money has moved. */
  readonly isPaid: boolean
  /** The server stored the message that tells of it. */
  readonly isAcked: boolean
  readonly messageId?: MessageId
}

/**
 * Follows the payment `transfer` until its message is stored, or until `timeUp` resolves. Rejects as the payment does when it was refused; what goes wrong with the
 * message afterwards rejects with `details.paid` and the id of the transfer, so that nobody pays again.
 */
export async function followPayment(transfer: string, { paid, done }: Pick<SentPayment, 'paid' | 'done'>, timeUp: Promise<unknown>): Promise<PaymentOutcome> {
  const isOver = timeUp.then(() => undefined)
  if (!(await Promise.race([paid.then(() => true), isOver]))) return { isPaid: false, isAcked: false }
  try {
    const message = await Promise.race([done, isOver])
    if (message === undefined) return { isPaid: true, isAcked: false }
    const isAcked = await Promise.race([message.acked.then(() => true), isOver])
    return { isPaid: true, isAcked: isAcked === true, messageId: message.messageId }
  } catch (cause) {
    const [code, why] = cause instanceof EvegramError ? [cause.code, cause.advice] as const : ['internal', String(cause)] as const
    throw new EvegramError(code, {
      operation: 'tell of payment', details: { transfer, paid: true }, cause, advice: `The money has moved (transfer ${transfer}): do not pay again. The message that tells of it failed: ${why}`,
    })
  }
}
