import type { Context } from '../context.js'
import { MoneyText } from '../money-text.js'
import { runWithdrawal, type RunOptions } from '../run-withdrawal.js'

/** Options of {@link walletWithdraw}. */
export interface WithdrawOptions extends RunOptions {
  readonly memo?: string
  readonly id?: string
}

/**
 * `evegram wallet withdraw`: shows what it costs and where it goes, has a wallet of the account sign for exactly that, and follows it to its end. Exit code 0: it was
 * paid; 1: it failed or was refused; 4: it is still on its way, `evegram wallet withdrawals` tells.
 */
export function walletWithdraw(context: Context, amountText: string, name: string, to: string, { memo, id, ...options }: WithdrawOptions): Promise<void> {
  return context.withClient(async (client) => {
    const money = await MoneyText.of(client.wallet)
    const asset = money.asset(name)
    const amount = money.parse(amountText, asset)
    await runWithdrawal(context, client, money, { asset: asset.asset, amount, to, ...(memo === undefined ? {} : { memo }), ...(id === undefined ? {} : { id }) }, options)
  })
}
