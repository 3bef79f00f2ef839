import { EvegramError } from '@evegram/protocol'
import { isEnded, type AccountWallet, type Withdrawal } from '@evegram/sdk'
import { askForWithdrawal } from '../ask-withdrawal.js'
import { confirmPayment } from '../confirm-payment.js'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { MoneyText } from '../money-text.js'
import { timeText } from '../time-text.js'
import { visible } from '../visible.js'

/** How often a withdrawal on its way is looked at. */
const LOOK_MS = 500

/** Options of {@link walletWithdraw}. */
export interface WithdrawOptions {
  readonly wallet?: string
  readonly memo?: string
  readonly id?: string
  readonly yes?: boolean
  /** Seconds. */
  readonly wait: number
}

/**
 * `evegram wallet withdraw`: shows what it costs and where it goes, has a wallet of the account sign for exactly that, and follows it to its end. Exit code 0: it was
 * paid; 1: it failed or was refused; 4: it is still on its way, `evegram wallet withdrawals` tells.
 */
export function walletWithdraw(context: Context, amountText: string, name: string, to: string, options: WithdrawOptions): Promise<void> {
  return context.withClient(async (client) => {
    const { output } = context
    const money = await MoneyText.of(client.wallet)
    const asset = money.asset(name)
    const wish = { asset: asset.asset, amount: money.parse(amountText, asset), to, ...(options.memo === undefined ? {} : { memo: options.memo }) }
    const quote = await client.wallet.quote(wish)
    if (quote.refusal !== undefined) throw new EvegramError('wallet.payout_refused', { operation: 'withdraw', details: { reason: quote.refusal }, advice: `It would be refused: ${quote.refusal} (docs/payouts.md)` })
    const tax = quote.taxMax === 0n ? '' : ` and up to ${money.show(quote.taxMax, wish.asset)} of tax`
    const fee = `up to ${money.show(quote.feeMax, quote.feeAsset)} of fees${tax}${quote.feeFrom === 'house' ? ' (paid by the server)' : ''}`
    output.note(`Withdraw ${money.show(wish.amount, wish.asset)} and ${fee}\nto ${visible(quote.to)}${options.memo === undefined ? '' : `\nmemo ${visible(options.memo)}`}`)
    if (quote.needsApproval) output.note('An operator must approve it.')
    await confirmPayment(output, 'Is every character of the destination right?', options.yes)
    const wallet = await context.wallet(options.wallet)
    // Drawn and shown before anything is asked: whoever asks again without it would withdraw twice.
    const id = options.id ?? client.wallet.newId()
    output.note(`withdrawal ${id}`)
    const asked = await askForWithdrawal(id, { ask: () => client.wallet.withdraw(wallet, { ...wish, id }), pause, note: (text) => { output.note(text) } })
    const last = await followed(client.wallet, asked, options.wait * 1_000, ({ state }) => { output.note(visible(state)) })
    if (!isEnded(last)) process.exitCode = EXIT_CODES.unreachable[0]
    else if (last.state !== 'paid') process.exitCode = EXIT_CODES.failed[0]
    await output.result(withdrawalObject(last, money), withdrawalText(last, money))
  })
}

/** `evegram wallet withdrawals`: the newest withdrawals of the account. */
export function walletWithdrawals(context: Context, options: { readonly limit: number }): Promise<void> {
  return context.withClient(async (client) => {
    const money = await MoneyText.of(client.wallet)
    for (const one of await client.wallet.withdrawals(options.limit)) {
      await context.output.result(withdrawalObject(one, money), `${context.output.paint('dim', timeText(one.createdAtMs, Date.now()))} ${withdrawalText(one, money)}`)
    }
  })
}

/** Tells each new state until it has ended or the time is over. A server that is away for a moment is asked again. */
async function followed(wallet: AccountWallet, asked: Withdrawal, forMs: number, tell: (withdrawal: Withdrawal) => void): Promise<Withdrawal> {
  const deadline = performance.now() + forMs
  let last = asked
  tell(last)
  while (!isEnded(last) && performance.now() < deadline) {
    await pause(LOOK_MS)
    const next = await wallet.withdrawal(asked.id).catch(() => last)
    if (next.state !== last.state) tell(next)
    last = next
  }
  return last
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms) })
}

function withdrawalObject({ id, chain, asset, amount, to, state, reason, transaction, fee, tax, feeMax, taxMax, createdAtMs }: Withdrawal, money: MoneyText): Readonly<Record<string, unknown>> {
  return {
    withdrawal: id, chain, ...money.object(amount, asset), to, state, feeMax: feeMax.toString(), taxMax: taxMax.toString(), createdAt: new Date(createdAtMs).toISOString(),
    ...(fee === undefined ? {} : { fee: fee.toString() }), ...(tax === undefined ? {} : { tax: tax.toString() }), ...(reason === undefined ? {} : { reason }), ...(transaction === undefined ? {} : { transaction }),
  }
}

function withdrawalText({ id, asset, amount, to, state, reason, transaction }: Withdrawal, money: MoneyText): string {
  const why = reason === undefined ? '' : ` (${visible(reason)})`
  const where = transaction === undefined ? '' : `\ntransaction ${visible(transaction)}`
  return `${visible(state)}${why}: ${money.show(amount, asset)} to ${visible(to)}\nwithdrawal ${visible(id)}${where}`
}
