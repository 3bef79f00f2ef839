import type { Client } from '../client.js'
import { timeOf, type ExportLine } from './export-line.js'

const LINES_AT_ONCE = 100

/** What was decided on and has no end yet: this device alone knows of it. */
async function* unendedLines({ wallet }: Client): AsyncGenerator<ExportLine> {
  for (const { transfer, conversation, asset, amount, note, request, state, code, decidedAtMs } of await wallet.payments()) {
    yield { type: 'pending_payment', transfer, conversation, asset, amount: amount.toString(), note, request, state, code, at: decidedAtMs === 0 ? undefined : timeOf(decidedAtMs) }
  }
  for (const { id, asset, amount, to, memo, askedAtMs } of await wallet.unansweredWithdrawals()) {
    yield { type: 'unanswered_withdrawal', withdrawal: id, asset, amount: amount.toString(), to, memo, at: timeOf(askedAtMs) }
  }
}

/** What the account has and had at the wallet bridge of the server. Throws `wallet.none` where it has none. */
export async function* moneyLines(client: Client): AsyncGenerator<ExportLine> {
  const { wallet } = client
  yield* unendedLines(client)
  for (const { asset, held, reserved, available } of await wallet.balances()) {
    yield { type: 'balance', asset, held: held.toString(), reserved: reserved.toString(), available: available.toString() }
    let before: number | undefined
    for (let more = true; more;) {
      const lines = await wallet.statement(asset, { limit: LINES_AT_ONCE, ...(before === undefined ? {} : { before }) })
      for (const { number, atMs, transfer, kind, side, amount, heldAfter } of lines) {
        before = number
        yield { type: 'statement', asset, number, at: timeOf(atMs), transfer, kind, side, amount: amount.toString(), heldAfter: heldAfter.toString() }
      }
      more = lines.length === LINES_AT_ONCE
    }
  }
  for (const { id, chain, asset, amount, to, fee, tax, state, reason, transaction, createdAtMs } of await wallet.withdrawals(LINES_AT_ONCE)) {
    yield { type: 'withdrawal', withdrawal: id, chain, asset, amount: amount.toString(), to, fee: fee?.toString(), tax: tax?.toString(), state, reason, transaction, at: timeOf(createdAtMs) }
  }
}
