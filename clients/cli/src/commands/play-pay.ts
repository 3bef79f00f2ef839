import { EvegramError, formatDecimalAmount, parseDecimalAmount } from '@evegram/protocol'
import type { Client, LocalPayer, StatementLine } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { PlayApi, requireOwnMachine, type PlayChain } from '../play-api.js'
import { visible } from '../visible.js'

/** How often the chain and the statement are looked at. */
const LOOK_MS = 500

/**
 * `evegram play fund`: coins from the faucet of a local chain to the address of the own wallet, or to `--to`, and waits until the chain has them for good. Exit code 4
 * when it does not within `wait` seconds.
 */
export async function playFund(context: Context, amountText: string, name: string, options: { readonly wallet?: string; readonly to?: string; readonly wait: number }): Promise<void> {
  requireOwnMachine(context.server)
  const api = new PlayApi(context.server)
  const chain = await api.local(name)
  const amount = amountOf(amountText, chain)
  const to = options.to ?? (await payerOn(context, chain, options.wallet)).address
  const before = (await api.balance(chain, to)).amount
  await api.fund(chain, to, amount)
  const now = await until(options.wait, async () => {
    const { amount: held } = await api.balance(chain, to)
    return held >= before + amount ? held : undefined
  })
  if (now === undefined) process.exitCode = EXIT_CODES.unreachable[0]
  await context.output.result(
    { chain: chain.chain, asset: chain.asset, to, amount: amount.toString(), decimal: show(amount, chain), ...(now === undefined ? {} : { held: now.toString() }) },
    `gave ${show(amount, chain)} ${visible(chain.symbol)} to ${visible(to)}${now === undefined ? ', and the chain does not have it for good yet' : `, which holds ${show(now, chain)} on the chain`}`,
  )
}

/**
 * `evegram play pay`: the own wallet signs a payment on a local chain to the own deposit address, with the memo that names the account, and waits until the own
 * statement has it. Exit code 4 when it is not credited within `wait` seconds.
 */
export async function playPay(context: Context, amountText: string, name: string, options: { readonly wallet?: string; readonly wait: number }): Promise<void> {
  requireOwnMachine(context.server)
  const api = new PlayApi(context.server)
  const chain = await api.local(name)
  const amount = amountOf(amountText, chain)
  const payer = await payerOn(context, chain, options.wallet)
  return context.withClient(async (client) => {
    const { address: to, memo } = await client.wallet.depositPlace(chain.chain)
    const known = new Set((await deposits(client, chain)).map(({ transfer }) => transfer))
    const { bytes, fee } = payer.sign({ to, amount, memo }, await api.payerFacts(payer.chain, payer.address))
    const transaction = await api.submit(chain, bytes)
    context.output.note(`transaction ${visible(transaction)}`)
    // The chain may know what arrives by another name than what went out (TON), so that it is told by being new.
    const line = await until(options.wait, async () => (await deposits(client, chain)).find(({ transfer }) => !known.has(transfer)))
    if (line === undefined) process.exitCode = EXIT_CODES.unreachable[0]
    await context.output.result(
      {
        chain: chain.chain, asset: chain.asset, transaction, from: payer.address, to, memo, amount: amount.toString(), decimal: show(amount, chain),
        ...(fee === undefined ? {} : { fee: fee.toString() }), ...(line === undefined ? {} : { credited: line.amount.toString() }),
      },
      `paid ${show(amount, chain)} ${visible(chain.symbol)}${fee === undefined ? '' : ` and ${show(fee, chain)} of fees`} to ${visible(to)}\nmemo ${visible(memo)}\n`
      + (line === undefined ? 'not credited yet: evegram wallet history tells' : `credited ${show(line.amount, chain)} ${visible(chain.symbol)}`),
    )
  })
}

/** Newest deposits of the account on a chain. */
async function deposits({ wallet }: Client, { chain, asset }: PlayChain): Promise<readonly StatementLine[]> {
  return (await wallet.statement(asset)).filter(({ transfer }) => transfer.startsWith(`d:${chain}:`))
}

/** The own wallet as one that pays. Throws `invalid.argument` when it is one of another chain. */
async function payerOn(context: Context, { chain, symbol }: PlayChain, path: string | undefined): Promise<LocalPayer> {
  const payer = await context.payer(path)
  if (payer.chain === chain) return payer
  throw new EvegramError('invalid.argument', { operation: 'open wallet', advice: `${visible(symbol)} is on ${visible(chain)}, and this is a wallet of ${payer.chain}: pass --wallet <file> of that chain.` })
}

function amountOf(text: string, { decimals }: PlayChain): bigint {
  const amount = parseDecimalAmount(text, decimals)
  if (amount > 0n) return amount
  throw new EvegramError('invalid.argument', { operation: 'read amount', advice: 'Write an amount above 0.' })
}

function show(amount: bigint, { decimals }: PlayChain): string {
  return formatDecimalAmount(amount, decimals)
}

async function until<Found>(seconds: number, look: () => Promise<Found | undefined>): Promise<Found | undefined> {
  const deadline = performance.now() + seconds * 1_000
  for (;;) {
    const found = await look()
    if (found !== undefined || performance.now() >= deadline) return found
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS) })
  }
}
