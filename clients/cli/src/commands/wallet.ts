import { formatDecimalAmount, paymentLink } from '@evegram/protocol'
import type { Client, NoticeKind, StatementLine, WalletNotice } from '@evegram/sdk'
import type { Context } from '../context.js'
import { interruption } from '../interruption.js'
import { MoneyText } from '../money-text.js'
import type { Output } from '../output.js'
import { timeText } from '../time-text.js'
import { visible } from '../visible.js'

/** How often `watch` looks at the statement. */
const WATCH_MS = 1_000

const NOTICES: Readonly<Record<NoticeKind, string>> = {
  deposit_credited: 'deposit credited', payment_received: 'received', payment_sent: 'sent', withdrawal_reserved: 'reserved for a withdrawal', withdrawal_paid: 'withdrawn',
  withdrawal_released: 'withdrawal ended, rest released', other: 'booked',
}

/** `evegram wallet balance`: what the own account holds. */
export function walletBalance(context: Context): Promise<void> {
  return context.withClient(async (client) => {
    const money = await MoneyText.of(client.wallet)
    const balances = await client.wallet.balances()
    for (const { asset, held, reserved, available } of balances) {
      const { decimals, symbol } = money.asset(asset)
      const text = (amount: bigint): string => formatDecimalAmount(amount, decimals)
      const note = reserved === 0n ? '' : `, ${text(reserved)} of it reserved`
      await context.output.result(
        { asset, symbol, decimals, held: text(held), reserved: text(reserved), available: text(available) },
        `${context.output.paint('bold', text(held))} ${visible(symbol)}${note}  ${context.output.paint('dim', visible(asset))}`,
      )
    }
    if (balances.length === 0) context.output.note('Nothing yet. Where to pay: evegram wallet deposit <asset>')
  })
}

/** `evegram wallet deposit`: where to pay so that it arrives here, in full, and the link that a wallet opens. */
export function walletDeposit(context: Context, name: string, options: { readonly amount?: string }): Promise<void> {
  return context.withClient(async (client) => {
    const money = await MoneyText.of(client.wallet)
    const asset = money.asset(name)
    const amount = options.amount === undefined ? undefined : money.parse(options.amount, asset)
    const { chain, address, memo } = await client.wallet.depositPlace(asset.chain)
    const link = paymentLink({ address, asset: asset.asset, decimals: asset.decimals, memo, ...(amount === undefined ? {} : { amount }) })
    const lines = [
      `address  ${context.output.paint('bold', visible(address))}`, `memo     ${context.output.paint('bold', visible(memo))}   without it the money finds nobody`,
      ...(link === undefined ? [] : [`link     ${link}`]), `at least ${money.show(asset.depositMin, asset.asset)}; it counts when the block is final`,
    ]
    await context.output.result({ chain, asset: asset.asset, address, memo, ...(link === undefined ? {} : { link }) }, lines.join('\n'))
  })
}

/** `evegram wallet history`: lines of the own statement, the newest first. */
export function walletHistory(context: Context, name: string, options: { readonly limit: number; readonly before?: number }): Promise<void> {
  return context.withClient(async (client) => {
    const money = await MoneyText.of(client.wallet)
    const { asset } = money.asset(name)
    const lines = await client.wallet.statement(asset, { limit: options.limit, ...(options.before === undefined ? {} : { before: options.before }) })
    for (const line of lines) await context.output.result(lineObject(line, money), lineText(line, money, context.output, `${line.kind} ${line.transfer}`))
  })
}

/** `evegram wallet watch`: what happens to the own money, as it happens: the notices of this account. */
export function walletWatch(context: Context, options: { readonly count?: number }): Promise<void> {
  return context.withClient(async (client, ended) => {
    const money = await MoneyText.of(client.wallet)
    const stop = interruption()
    const signal = AbortSignal.any([stop.signal, ended])
    context.output.note('Watching your money; Ctrl-C ends it.')
    let shown = 0
    try {
      while (!signal.aborted && shown < (options.count ?? Number.POSITIVE_INFINITY)) {
        for (const notice of await news(client, context.output)) {
          await context.output.result({ ...lineObject(notice, money), notice: notice.notice }, lineText(notice, money, context.output, NOTICES[notice.notice]))
          shown += 1
        }
        await waitFor(WATCH_MS, signal)
      }
    } finally {
      stop.release()
    }
  })
}

/** What is new; a server that is away for a moment ends no watch. */
async function news(client: Client, output: Output): Promise<readonly WalletNotice[]> {
  try {
    return await client.wallet.refresh()
  } catch (error) {
    output.failure(error)
    return []
  }
}

function lineObject({ number, atMs, transfer, kind, side, amount, asset, heldAfter }: StatementLine, money: MoneyText): Readonly<Record<string, unknown>> {
  return { number, at: new Date(atMs).toISOString(), transfer, kind, direction: side === 'credit' ? 'in' : 'out', ...money.object(amount, asset), held: heldAfter.toString() }
}

function lineText({ atMs, side, amount, asset, heldAfter }: StatementLine, money: MoneyText, output: Output, what: string): string {
  const sign = side === 'credit' ? output.paint('green', '+') : output.paint('yellow', '-')
  return `${output.paint('dim', timeText(atMs, Date.now()))} ${sign}${money.show(amount, asset)}  ${visible(what)}  ${output.paint('dim', `holds ${money.show(heldAfter, asset)}`)}`
}

function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    }, { once: true })
  })
}
