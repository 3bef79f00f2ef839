import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { AccountWallet, UnansweredWithdrawal, Withdrawal } from '@evegram/sdk'
import type { Context } from '../context.js'
import { MoneyText } from '../money-text.js'
import { followWithdrawal, runWithdrawal, type RunOptions } from '../run-withdrawal.js'
import { timeText } from '../time-text.js'
import { unansweredObject, unansweredText, withdrawalObject, withdrawalText } from '../withdrawal-text.js'

/** Characters of an id that are enough to name it, where they name one only. */
const ID_CHARACTERS_MIN = 6

/** `evegram wallet withdrawals`: those that this device has no answer for, then the newest ones of the account. Without the server the former alone, and the failure. */
export function walletWithdrawals(context: Context, options: { readonly limit: number }): Promise<void> {
  return context.withClient(async ({ wallet }) => {
    const answer = await answered(wallet, options.limit)
    const money = answer instanceof EvegramError ? new MoneyText([]) : answer.money
    const line = (atMs: number, text: string): string => `${context.output.paint('dim', timeText(atMs, Date.now()))} ${text}`
    // Asked for behind the answer, which may have named some of them.
    for (const one of await wallet.unansweredWithdrawals()) await context.output.result(unansweredObject(one, money), line(one.askedAtMs, unansweredText(one, money)))
    if (answer instanceof EvegramError) throw answer
    for (const one of answer.withdrawals) await context.output.result(withdrawalObject(one, money), line(one.createdAtMs, withdrawalText(one, money)))
  })
}

/**
 * `evegram wallet withdrawals ask`: asks again for one without an answer, on the same terms under the same id, so that there is no second one; one that the server has is
 * followed, and nothing is signed. Exit codes as of `evegram wallet withdraw`.
 */
export function askWithdrawalAgain(context: Context, wanted: string, options: RunOptions): Promise<void> {
  return context.withClient(async (client) => {
    const { id, asset, amount, to, memo } = named(await client.wallet.unansweredWithdrawals(), wanted)
    const money = await MoneyText.of(client.wallet)
    const taken = await atServer(client.wallet, id)
    if (taken !== undefined) await followWithdrawal(context, client.wallet, money, taken, options.wait)
    else await runWithdrawal(context, client, money, { id, asset, amount, to, ...(memo === undefined ? {} : { memo }) }, options)
  })
}

/** `evegram wallet withdrawals forget`: takes one without an answer out of the list, after the server said that it does not have it. */
export function forgetWithdrawal(context: Context, wanted: string): Promise<void> {
  return context.withClient(async ({ wallet }) => {
    const { id } = named(await wallet.unansweredWithdrawals(), wanted)
    const taken = await atServer(wallet, id)
    if (taken !== undefined) {
      const money = await MoneyText.of(wallet)
      context.output.note('The server has it: it was asked for, and stands as follows.')
      await context.output.result({ ...withdrawalObject(taken, money), forgotten: false }, withdrawalText(taken, money))
      return
    }
    await wallet.forgetWithdrawal(id)
    await context.output.result({ withdrawal: id, forgotten: true }, `forgotten: the server does not have it\nwithdrawal ${id}`)
  })
}

/** What the server says, or why it says nothing. */
async function answered(wallet: AccountWallet, limit: number): Promise<{ readonly money: MoneyText; readonly withdrawals: readonly Withdrawal[] } | EvegramError> {
  try {
    return { money: await MoneyText.of(wallet), withdrawals: await wallet.withdrawals(limit) }
  } catch (error) {
    if (isEvegramError(error)) return error
    throw error
  }
}

/** The withdrawal as the server has it; undefined when it has none of this id. */
async function atServer(wallet: AccountWallet, id: string): Promise<Withdrawal | undefined> {
  try {
    return await wallet.withdrawal(id)
  } catch (error) {
    if (isEvegramError(error, 'not_found.resource')) return undefined
    throw error
  }
}

function named(unanswered: readonly UnansweredWithdrawal[], wanted: string): UnansweredWithdrawal {
  const exact = unanswered.find(({ id }) => id === wanted)
  const found = exact === undefined ? unanswered.filter(({ id }) => wanted.length >= ID_CHARACTERS_MIN && id.startsWith(wanted)) : [exact]
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const none = 'This device has no such withdrawal without an answer. See: evegram wallet withdrawals'
  const several = 'This names several withdrawals: write more of the id. See: evegram wallet withdrawals'
  throw new EvegramError('invalid.argument', { operation: 'find withdrawal', advice: found.length === 0 ? none : several })
}
