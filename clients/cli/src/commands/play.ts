import { randomBytes } from 'node:crypto'
import { formatDecimalAmount, parseDecimalAmount } from '@evegram/protocol'
import { parseAddress } from '@evegram/protocol/proof'
import type { Client } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { PlayApi, textOf, type PlayChain } from '../play-api.js'
import { visible } from '../visible.js'

/** How often the statement is looked at for a deposit. */
const LOOK_MS = 500
/** Addresses of the server's own chain begin so. */
const SIMULATED_PREFIX = 'sim'

/**
 * `evegram play faucet`: play money from nothing, to the own deposit address, and waits until the own statement has it; or to `--to`, where nobody waits. Exit code 4
 * when it is not credited within `wait` seconds.
 */
export async function playFaucet(context: Context, amountText: string, options: { readonly to?: string; readonly memo?: string; readonly wait: number }): Promise<void> {
  const api = new PlayApi(context.server)
  const { chain, asset, decimals } = await api.own()
  const amount = parseDecimalAmount(amountText, decimals)
  const { to, memo } = options
  const give = async (address: string, note: string | undefined): Promise<string> =>
    textOf(await api.ask('POST', '/v1/play/faucet', { to: address, amount: amount.toString(), ...(note === undefined ? {} : { memo: note }) }), 'transaction')
  const tell = (address: string, transaction: string, credited: boolean | undefined): Promise<void> => context.output.result(
    { transaction, to: address, amount: amount.toString(), decimal: formatDecimalAmount(amount, decimals), ...(credited === undefined ? {} : { credited }) },
    `gave ${formatDecimalAmount(amount, decimals)} of play money to ${visible(address)}${credited === true ? ': credited' : ''}\ntransaction ${visible(transaction)}`,
  )
  if (to !== undefined) return tell(to, await give(to, memo), undefined)
  return context.withClient(async (client) => {
    const place = await client.wallet.depositPlace(chain)
    const transaction = await give(place.address, place.memo)
    const isCredited = await credited(client, asset, `d:${chain}:${transaction}:`, options.wait * 1_000)
    if (!isCredited) process.exitCode = EXIT_CODES.unreachable[0]
    await tell(place.address, transaction, isCredited)
  })
}

async function credited({ wallet }: Client, asset: string, prefix: string, forMs: number): Promise<boolean> {
  const deadline = performance.now() + forMs
  while (performance.now() < deadline) {
    if ((await wallet.statement(asset)).some(({ transfer }) => transfer.startsWith(prefix))) return true
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS) })
  }
  return false
}

/** `evegram play balance`: what an address holds, read from its chain itself and not from the ledger; the address says which chain that is. */
export async function playBalance(context: Context, address: string): Promise<void> {
  const api = new PlayApi(context.server)
  const chain: PlayChain = address.startsWith(SIMULATED_PREFIX) ? await api.own() : await api.local(parseAddress(address).chain)
  const { asset, symbol, decimals } = chain
  const { amount, height } = await api.balance(chain, address)
  const decimal = formatDecimalAmount(amount, decimals)
  await context.output.result({ address, asset, amount: amount.toString(), decimal, height }, `${decimal} ${visible(symbol)} on the chain at ${visible(address)}`)
}

/** `evegram play address`: a new address of the server's own chain, of a key that is thrown away: what is sent there stays there. */
export async function playAddress(context: Context): Promise<void> {
  const address = textOf(await new PlayApi(context.server).ask('GET', `/v1/play/keys/${randomBytes(32).toString('hex')}`), 'address')
  await context.output.result({ address }, visible(address))
}
