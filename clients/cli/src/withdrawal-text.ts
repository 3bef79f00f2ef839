import type { UnansweredWithdrawal, Withdrawal } from '@evegram/sdk'
import type { MoneyText } from './money-text.js'
import { oneLine, visible } from './visible.js'

/** A withdrawal as machines read it. */
export function withdrawalObject({ id, chain, asset, amount, to, state, reason, transaction, fee, tax, feeMax, taxMax, createdAtMs }: Withdrawal, money: MoneyText): Readonly<Record<string, unknown>> {
  return {
    withdrawal: id, chain, ...money.object(amount, asset), to, state, feeMax: feeMax.toString(), taxMax: taxMax.toString(), createdAt: new Date(createdAtMs).toISOString(),
    ...(fee === undefined ? {} : { fee: fee.toString() }), ...(tax === undefined ? {} : { tax: tax.toString() }), ...(reason === undefined ? {} : { reason }), ...(transaction === undefined ? {} : { transaction }),
  }
}

/** A withdrawal for people, in two or three lines. */
export function withdrawalText({ id, asset, amount, to, state, reason, transaction }: Withdrawal, money: MoneyText): string {
  const why = reason === undefined ? '' : ` (${visible(reason)})`
  const where = transaction === undefined ? '' : `\ntransaction ${visible(transaction)}`
  return `${visible(state)}${why}: ${money.show(amount, asset)} to ${visible(to)}\nwithdrawal ${visible(id)}${where}`
}

/** A withdrawal without an answer as machines read it: its state is `unanswered`, which no withdrawal of the server has. */
export function unansweredObject({ id, asset, amount, to, memo, askedAtMs }: UnansweredWithdrawal, money: MoneyText): Readonly<Record<string, unknown>> {
  return { withdrawal: id, ...money.object(amount, asset), to, ...(memo === undefined ? {} : { memo }), state: 'unanswered', askedAt: new Date(askedAtMs).toISOString() }
}

/** A withdrawal without an answer for people, with what can be done. */
export function unansweredText({ id, asset, amount, to, memo }: UnansweredWithdrawal, money: MoneyText): string {
  const said = memo === undefined ? '' : `, memo ${oneLine(memo)}`
  return `no answer, it may have been taken: ${money.show(amount, asset)} to ${visible(to)}${said}\nwithdrawal ${visible(id)}\n`
    + 'The same one again, never a second: evegram wallet withdrawals ask <id>; when it is not wanted any more: evegram wallet withdrawals forget <id>'
}
