import { EvegramError } from '@evegram/protocol'
import { isEnded, type AccountWallet, type Client, type Withdrawal, type WithdrawalTermsAsked } from '@evegram/sdk'
import { askForWithdrawal } from './ask-withdrawal.js'
import { confirmPayment } from './confirm-payment.js'
import type { Context } from './context.js'
import { EXIT_CODES } from './exit-codes.js'
import type { MoneyText } from './money-text.js'
import { visible } from './visible.js'
import { withdrawalObject, withdrawalText } from './withdrawal-text.js'

/** How often a withdrawal on its way is looked at. */
const LOOK_MS = 500

/** How a withdrawal is asked for and followed. */
export interface RunOptions {
  readonly wallet?: string
  readonly yes?: boolean
  /** Seconds. */
  readonly wait: number
}

/**
 * Shows what a withdrawal costs and where it goes, has it confirmed, has a wallet of the account sign for exactly that, asks for it, and follows it to its end. Without
 * an id one is drawn. Rejects `invalid.argument` when it is not confirmed, `wallet.payout_refused` when it would be refused, and as {@link askForWithdrawal} does.
 */
export async function runWithdrawal(context: Context, client: Client, money: MoneyText, terms: WithdrawalTermsAsked, options: RunOptions): Promise<void> {
  const { output } = context
  const { id: given, ...wish } = terms
  const quote = await client.wallet.quote(wish)
  if (quote.refusal !== undefined) throw new EvegramError('wallet.payout_refused', { operation: 'withdraw', details: { reason: quote.refusal }, advice: `It would be refused: ${quote.refusal} (docs/payouts.md)` })
  const tax = quote.taxMax === 0n ? '' : ` and up to ${money.show(quote.taxMax, wish.asset)} of tax`
  const fee = `up to ${money.show(quote.feeMax, quote.feeAsset)} of fees${tax}${quote.feeFrom === 'house' ? ' (paid by the server)' : ''}`
  output.note(`Withdraw ${money.show(wish.amount, wish.asset)} and ${fee}\nto ${visible(quote.to)}${wish.memo === undefined ? '' : `\nmemo ${visible(wish.memo)}`}`)
  if (quote.needsApproval) output.note('An operator must approve it.')
  await confirmPayment(output, 'Is every character of the destination right?', options.yes)
  const wallet = await context.wallet(options.wallet)
  // Drawn and shown before anything is asked: whoever asks again without it would withdraw twice.
  const id = given ?? client.wallet.newId()
  output.note(`withdrawal ${id}`)
  const asked = await askForWithdrawal(id, { ask: () => client.wallet.withdraw(wallet, { ...wish, id }), pause, note: (text) => { output.note(text) } })
  await followWithdrawal(context, client.wallet, money, asked, options.wait)
}

/** Tells each new state of a withdrawal until it has ended or `waitSeconds` are over, then how it stands. Exit code 0: paid; 1: failed or refused; 4: still on its way. */
export async function followWithdrawal({ output }: Pick<Context, 'output'>, wallet: Pick<AccountWallet, 'withdrawal'>, money: MoneyText, asked: Withdrawal, waitSeconds: number): Promise<void> {
  const deadline = performance.now() + waitSeconds * 1_000
  let last = asked
  output.note(visible(last.state))
  while (!isEnded(last) && performance.now() < deadline) {
    await pause(LOOK_MS)
    // A server that is away for a moment is asked again.
    const next = await wallet.withdrawal(asked.id).catch(() => last)
    if (next.state !== last.state) output.note(visible(next.state))
    last = next
  }
  if (!isEnded(last)) process.exitCode = EXIT_CODES.unreachable[0]
  else if (last.state !== 'paid') process.exitCode = EXIT_CODES.failed[0]
  await output.result(withdrawalObject(last, money), withdrawalText(last, money))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms) })
}
