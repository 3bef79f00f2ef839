import type { StatementLine } from '../api/wally-api.js'

/** What happened. `withdrawal_released`: what was reserved came back, because the withdrawal was refused or failed. */
export type NoticeKind = 'deposit_credited' | 'payment_received' | 'payment_sent' | 'withdrawal_reserved' | 'withdrawal_paid' | 'withdrawal_released' | 'other'

/** Something that happened to the own money: a line of the own statement, for people. */
export interface WalletNotice extends StatementLine {
  readonly notice: NoticeKind
}

/** What a line of the statement tells its owner. */
export function noticeOf(line: StatementLine): WalletNotice {
  return { ...line, notice: kindOf(line) }
}

function kindOf({ transfer, kind, side }: StatementLine): NoticeKind {
  const isIncoming = side === 'credit'
  if (transfer.startsWith('d:') && kind === 'transfer' && isIncoming) return 'deposit_credited'
  if (transfer.startsWith('u:') && kind === 'transfer') return isIncoming ? 'payment_received' : 'payment_sent'
  if (!/^(?:x:)?p:/.test(transfer) || isIncoming) return 'other'
  switch (kind) {
    case 'pending': return 'withdrawal_reserved'
    case 'post': return 'withdrawal_paid'
    case 'void':
    case 'expire': return 'withdrawal_released'
    case 'transfer': return 'other'
    default: return kind satisfies never
  }
}
