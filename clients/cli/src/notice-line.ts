import type { Client, ServerNotice } from '@evegram/sdk'
import { MoneyText } from './money-text.js'
import type { Output } from './output.js'
import { timeText } from './time-text.js'
import { visible } from './visible.js'

const SAID: Readonly<Record<ServerNotice['kind'], string>> = {
  deposit_credited: 'deposit credited', payment_received: 'payment received', payout_reserved: 'held for a withdrawal', payout_paid: 'withdrawal paid', payout_released: 'withdrawal ended unpaid, came back',
}

/** A notice for machines and for people. */
export interface NoticeView {
  readonly object: Readonly<Record<string, unknown>>
  readonly text: string
}

/**
 * Shows notices of the server, each as what it is: something that the server says. Amounts are written with what it lists of assets; while it does not
 * answer, in the smallest unit.
 */
export function noticeViews(client: Pick<Client, 'wallet'>, output: Output): (notice: ServerNotice, nowMs: number) => Promise<NoticeView> {
  let known: MoneyText | undefined
  return async (notice, nowMs) => {
    known ??= await moneyOf(client)
    return noticeView(notice, known ?? new MoneyText([]), output, nowMs)
  }
}

async function moneyOf(client: Pick<Client, 'wallet'>): Promise<MoneyText | undefined> {
  try {
    return await MoneyText.of(client.wallet)
  } catch {
    // Asked again with the next notice: a notice must not wait for the names of assets.
    return undefined
  }
}

/** A notice as it is printed. */
export function noticeView({ kind, asset, amount, transfer, transaction, atMs, number, messageId }: ServerNotice, money: MoneyText, output: Output, nowMs: number): NoticeView {
  return {
    object: {
      notice: kind, at: new Date(atMs).toISOString(), ...money.object(amount, asset), transfer, ...(transaction === undefined ? {} : { transaction }), number, messageId,
    },
    text: `${output.paint('dim', timeText(atMs, nowMs))} ${output.paint('yellow', 'server')}  ${SAID[kind]}: ${money.show(amount, asset)}  ${output.paint('dim', visible(transfer))}`,
  }
}
