import { EvegramError, paymentLink } from '@evegram/protocol'
import type { Client, Conversation } from '@evegram/sdk'
import { confirmPayment } from '../confirm-payment.js'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { followPayment } from '../follow-payment.js'
import { MoneyText } from '../money-text.js'
import { payee } from '../payee.js'
import { synced } from '../synced.js'
import { visible } from '../visible.js'

/** How long the server may be away before a request is looked for without it. */
const AWAY_MS_MAX = 10_000

/**
 * `evegram wallet send`: pays a person of this server at once, and tells it to them end-to-end encrypted. `paid` is about the money alone, `acked` about the message.
 * Exit code 0: it is paid; 4: not answered yet, the next command of the profile goes on with it. An error after the money moved says so and names the transfer.
 */
export function walletSend(
  context: Context, to: string, amountText: string, name: string,
  options: { readonly note?: string; readonly request?: string; readonly yes?: boolean; readonly wait: number },
): Promise<void> {
  return context.withClient(async (client) => {
    const { output } = context
    const money = await MoneyText.of(client.wallet)
    const asset = money.asset(name)
    const amount = money.parse(amountText, asset)
    const conversation = await payee(client, to)
    if (options.request !== undefined) await checkRequest(client, conversation, options.request)
    await confirmPayment(output, `Send ${money.show(amount, asset.asset)} to ${conversation.peer.address}?`, options.yes)
    const { transfer, paid, done } = await client.wallet.pay(conversation, {
      asset: asset.asset, amount, ...(options.note === undefined ? {} : { note: options.note }), ...(options.request === undefined ? {} : { request: options.request }),
    })
    output.note(`transfer ${transfer}`)
    const { isPaid, messageId, isAcked } = await followPayment(transfer, { paid, done }, delay(options.wait * 1_000))
    if (!isPaid) process.exitCode = EXIT_CODES.unreachable[0]
    else if (!isAcked) output.note('The message that tells of it waits for the server; it goes out with the next command.')
    await output.result(
      { transfer, to: conversation.peer.address, ...money.object(amount, asset.asset), paid: isPaid, acked: isAcked, ...(messageId === undefined ? {} : { messageId }) },
      isPaid ? `sent ${money.show(amount, asset.asset)} to ${conversation.peer.address}\ntransfer ${transfer}`
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
    const conversation = await payee(client, from)
    const { request, acked, messageId } = await client.wallet.request(conversation, {
      asset: asset.asset, amount, expiresInMs: options.hours * 3_600_000, onChain: options.onChain === true, ...(options.note === undefined ? {} : { note: options.note }),
    })
    const isStored = (await Promise.race([acked, delay(options.wait * 1_000)])) !== undefined
    if (!isStored) process.exitCode = EXIT_CODES.unreachable[0]
    const link = request.deposit === undefined ? undefined : paymentLink({ ...request.deposit, asset: asset.asset, amount, decimals: asset.decimals })
    const place = request.deposit === undefined ? [] : [`address ${visible(request.deposit.address)}`, `memo    ${visible(request.deposit.memo)}`]
    await context.output.result(
      { request: request.request, messageId, ...money.object(amount, asset.asset), expiresAt: new Date(request.expiresAtMs).toISOString(), acked: isStored, ...request.deposit, ...(link === undefined ? {} : { link }) },
      [`asked ${conversation.peer.address} for ${money.show(amount, asset.asset)}`, `request ${request.request}`, ...place, ...(link === undefined ? [] : [`link    ${visible(link)}`])].join('\n'),
    )
  })
}

/** Throws `invalid.argument` for a request that this device does not have of the other side, or that is over. */
async function checkRequest(client: Client, conversation: Conversation, id: string): Promise<void> {
  await synced(client, AWAY_MS_MAX)
  for await (const { request, direction } of conversation.messages({ live: false })) {
    if (request?.request !== id || direction !== 'in') continue
    if (request.expiresAtMs > Date.now()) return
    const when = new Date(request.expiresAtMs).toISOString()
    throw new EvegramError('invalid.argument', { operation: 'find request', details: { request: id, expiresAt: when }, advice: `This request was to be paid until ${when}: ask for a new one, or leave out --request.` })
  }
  throw new EvegramError('invalid.argument', { operation: 'find request', details: { request: id }, advice: 'This device has no such request from them: look at evegram history, or leave out --request.' })
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => { resolve(undefined) }, ms).unref()
  })
}
