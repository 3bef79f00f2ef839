import { randomBytes } from 'node:crypto'
import { EvegramError, formatDecimalAmount, isErrorCode, parseDecimalAmount } from '@evegram/protocol'
import type { Client } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { visible } from '../visible.js'

const TIMEOUT_MS = 10_000
/** How often the statement is looked at for a deposit. */
const LOOK_MS = 500
const ANSWER_CHARACTERS_MAX = 65_536

type Fields = Readonly<Record<string, unknown>>

/** The chain of play money that a server brings, as it says itself. */
interface PlayFacts {
  readonly chain: string
  readonly asset: string
  readonly decimals: number
}

/**
 * `evegram play faucet`: play money from nothing, to the own deposit address, and waits until the own statement has it; or to `--to`, where nobody waits. Exit code 4
 * when it is not credited within `wait` seconds.
 */
export async function playFaucet(context: Context, amountText: string, options: { readonly to?: string; readonly memo?: string; readonly wait: number }): Promise<void> {
  const { chain, asset, decimals } = await facts(context)
  const amount = parseDecimalAmount(amountText, decimals)
  const { to, memo } = options
  const give = async (address: string, note: string | undefined): Promise<string> =>
    textOf(await ask(context, 'POST', '/v1/play/faucet', { to: address, amount: amount.toString(), ...(note === undefined ? {} : { memo: note }) }), 'transaction')
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

/** `evegram play balance`: what an address holds, read from the chain itself and not from the ledger. */
export async function playBalance(context: Context, address: string): Promise<void> {
  const { asset, decimals } = await facts(context)
  const found = await ask(context, 'GET', `/v1/play/addresses/${encodeURIComponent(address)}`)
  const amount = textOf(found, 'amount')
  if (!/^[0-9]{1,38}$/.test(amount)) throw invalid('amount')
  const decimal = formatDecimalAmount(BigInt(amount), decimals)
  await context.output.result({ address, asset, amount, decimal, height: found['height'] }, `${decimal} on the chain at ${visible(address)}`)
}

/** `evegram play address`: a new address of the chain, of a key that is thrown away: what is sent there stays there. */
export async function playAddress(context: Context): Promise<void> {
  const address = textOf(await ask(context, 'GET', `/v1/play/keys/${randomBytes(32).toString('hex')}`), 'address')
  await context.output.result({ address }, visible(address))
}

async function facts(context: Context): Promise<PlayFacts> {
  const answer = await ask(context, 'GET', '/v1/play')
  const { decimals } = answer
  if (typeof decimals !== 'number' || !Number.isInteger(decimals) || decimals < 0 || decimals > 38) throw invalid('decimals')
  return { chain: textOf(answer, 'chain'), asset: textOf(answer, 'asset'), decimals }
}

async function ask(context: Context, method: 'GET' | 'POST', path: string, body?: Fields): Promise<Fields> {
  const base = context.server.replace(/^ws/i, 'http').replace(/\/+$/, '')
  let response: Response
  let text: string
  try {
    response = await fetch(`${base}${path}`, {
      method, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS), ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    text = await response.text()
  } catch (cause) {
    throw new EvegramError('unavailable.server', { operation: 'ask chain of play money', cause })
  }
  const value = parse(text)
  if (response.ok) return value
  const { code, message } = { ...(value['error'] as Fields | undefined) }
  const known = typeof code === 'string' && isErrorCode(code) ? code : 'invalid.response'
  throw new EvegramError(known, { operation: 'ask chain of play money', ...(typeof message === 'string' ? { advice: message } : {}) })
}

function parse(text: string): Fields {
  try {
    const value: unknown = text.length > ANSWER_CHARACTERS_MAX ? undefined : JSON.parse(text)
    // Any object can be read by name; what it holds stays unknown until checked.
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch { /* told below */ }
  throw invalid('an object')
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' && value !== '' && value.length <= 256 ? value : fail(name)
}

function fail(expected: string): never {
  throw invalid(expected)
}

function invalid(expected: string): EvegramError {
  return new EvegramError('invalid.response', { operation: 'ask chain of play money', details: { expected } })
}
