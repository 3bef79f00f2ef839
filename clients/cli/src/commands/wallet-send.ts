import { paymentLink } from '@evegram/protocol'
import { confirmPayment } from '../confirm-payment.js'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { MoneyText } from '../money-text.js'
import { visible } from '../visible.js'

/** `evegram wallet send`: pays a person of this server at once, and tells it to them end-to-end encrypted. */
export function walletSend(
  context: Context, to: string, amountText: string, name: string,
  options: { readonly note?: string; readonly request?: string; readonly yes?: boolean; readonly wait: number },
): Promise<void> {
  return context.withClient(async (client) => {
    const { output } = context
    const money = await MoneyText.of(client.wallet)
    const asset = money.asset(name)
    const amount = money.parse(amountText, asset)
    const conversation = await client.conversation(to)
    await confirmPayment(output, `Send ${money.show(amount, asset.asset)} to ${conversation.peer.address}?`, options.yes)
    const { transfer, done } = await client.wallet.pay(conversation, {
      asset: asset.asset, amount, ...(options.note === undefined ? {} : { note: options.note }), ...(options.request === undefined ? {} : { request: options.request }),
    })
    const told = done.then(async (message) => {
      await message.acked
      return message
    })
    const message = await Promise.race([told, delay(options.wait * 1_000)])
    if (message === undefined) process.exitCode = EXIT_CODES.unreachable[0]
    const paid = message !== undefined
    await output.result(
      { transfer, to: conversation.peer.address, ...money.object(amount, asset.asset), paid, ...(paid ? { messageId: message.messageId } : {}) },
      paid ? `sent ${money.show(amount, asset.asset)} to ${conversation.peer.address}\ntransfer ${transfer}`
        : `decided on, and not answered yet: the next command of this profile goes on with it, once\ntransfer ${transfer}`,
    )
  })
}

/** `evegram wallet request`: asks a person to pay; with `--on-chain` the deposit address goes with it, and a link that a wallet opens. */
export function walletRequest(
  context: Context, from: string, amountText: string, name: string,
  options: { readonly note?: string; readonly hours: number; readonly onChain?: boolean; readonly wait: number },
): Promise<void> {
  return context.withClient(async (client) => {
    const money = await MoneyText.of(client.wallet)
    const asset = money.asset(name)
    const amount = money.parse(amountText, asset)
    const conversation = await client.conversation(from)
    const { request, acked, messageId } = await client.wallet.request(conversation, {
      asset: asset.asset, amount, expiresInMs: options.hours * 3_600_000, onChain: options.onChain === true, ...(options.note === undefined ? {} : { note: options.note }),
    })
    const isStored = (await Promise.race([acked, delay(options.wait * 1_000)])) !== undefined
    if (!isStored) process.exitCode = EXIT_CODES.unreachable[0]
    const link = request.deposit === undefined ? undefined : paymentLink({ ...request.deposit, asset: asset.asset, amount, decimals: asset.decimals })
    const place = request.deposit === undefined ? [] : [`address ${visible(request.deposit.address)}`, `memo    ${visible(request.deposit.memo)}`]
    await context.output.result(
      { request: request.request, messageId, ...money.object(amount, asset.asset), expiresAt: new Date(request.expiresAtMs).toISOString(), acked: isStored, ...request.deposit, ...(link === undefined ? {} : { link }) },
      [`asked ${conversation.peer.address} for ${money.show(amount, asset.asset)}`, `request ${request.request}`, ...place, ...(link === undefined ? [] : [`link    ${link}`])].join('\n'),
    )
  })
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => { resolve(undefined) }, ms).unref()
  })
}
