import type { ConversationId, ErrorCode, PaymentBody } from '@evegram/protocol'
import type { PaymentRow, RefusedRow } from './payment-row.js'

/**
 * Where a payment stands that was decided on and has no message yet. `waiting`: the server has not answered, and is asked until it does. `untold`: the money has moved, and
 * the message that tells of it is still to go. `refused`: nothing moved, and nothing will.
 */
export type PendingState = 'waiting' | 'untold' | 'refused'

/** A payment of this device that has no message yet, because it is on its way or because it was refused. */
export interface PendingPayment {
  /** Client id of the transfer. */
  readonly transfer: string
  readonly conversation: ConversationId
  readonly asset: string
  /** In the smallest unit. */
  readonly amount: bigint
  readonly note: string
  /** The request that it answers. */
  readonly request?: string
  readonly state: PendingState
  /** Why it was refused. */
  readonly code?: ErrorCode
  /** When it was decided on, in ms since 1970, server time; 0: an earlier version did not note it. */
  readonly decidedAtMs: number
}

/** A row that waits, for people. */
export function pendingOf({ conversation, payment, paid, decidedAtMs }: PaymentRow): PendingPayment {
  return { ...said(payment), conversation, state: paid ? 'untold' : 'waiting', decidedAtMs }
}

/** A row that was refused, for people. */
export function refusedOf({ conversation, payment, code, decidedAtMs }: RefusedRow): PendingPayment {
  return { ...said(payment), conversation, state: 'refused', code, decidedAtMs }
}

function said({ transfer, asset, amount, note, request }: PaymentBody): Pick<PendingPayment, 'transfer' | 'asset' | 'amount' | 'note' | 'request'> {
  return { transfer, asset, amount: BigInt(amount), note, ...(request === undefined ? {} : { request }) }
}
