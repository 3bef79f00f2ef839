import { parseAccountId } from '@evegram/protocol'
import { base64urlnopad } from '@scure/base'
import type { TokenSource } from './auth-api.js'
import { AuthenticatedHttp, type AuthenticatedHttpOptions, type RequestExtra } from './authenticated-http.js'
import type { HttpRequest } from './http-client.js'
import { JsonFields } from './json-fields.js'
import { whileLedgerStarts, type LedgerWait } from './while-ledger-starts.js'
import {
  WALLY_PAGE_MAX, type DepositPlace, type StatementKind, type StatementLine, type TransferTerms, type WalletAsset, type WalletBalance, type WallyApi, type Withdrawal,
  type WithdrawalQuote, type WithdrawalRequest, type WithdrawalWish,
} from './wally-api.js'

/** Assets and balances of one answer. */
const ASSETS_MAX = 1_024
const ASSET_CHARACTERS_MAX = 160
const ADDRESS_CHARACTERS_MAX = 128
const MEMO_CHARACTERS_MAX = 256
const TIME_MS_MAX = 2 ** 48
const KINDS: readonly StatementKind[] = ['transfer', 'pending', 'post', 'void', 'expire']
/** The ledger holds 38 digits. */
const DIGITS = /^(?:0|[1-9][0-9]{0,37})$/
const ACCOUNT = /^[0-9a-f]{32}$/

/** What {@link createWallyApi} needs. */
export interface WallyApiOptions extends AuthenticatedHttpOptions, LedgerWait {
  /** Base URL of the wallet bridge, without trailing slash. */
  readonly url: string
  readonly tokens: TokenSource
}

/** The wallet bridge of a discovered server, for the account of `tokens`. It waits for a ledger that is starting, and repeats nothing else. */
export function createWallyApi(options: WallyApiOptions): WallyApi {
  return new HttpWallyApi(options)
}

class HttpWallyApi implements WallyApi {
  readonly #http: AuthenticatedHttp
  readonly #tokens: TokenSource
  readonly #wait: LedgerWait

  constructor(options: WallyApiOptions) {
    this.#http = new AuthenticatedHttp(options.url, options)
    this.#tokens = options.tokens
    this.#wait = options
  }

  async assets(): Promise<readonly WalletAsset[]> {
    return (await this.#get('/v1/wally/assets', 'read assets')).objects('assets', ASSETS_MAX).map(readAsset)
  }

  async balances(): Promise<readonly WalletBalance[]> {
    return (await this.#get('/v1/wally/balances', 'read balances')).objects('balances', ASSETS_MAX).map((fields) => ({
      asset: fields.text('asset', ASSET_CHARACTERS_MAX), held: amount(fields, 'held'), reserved: amount(fields, 'reserved'), available: amount(fields, 'available'),
    }))
  }

  async statement(asset: string, before: number | undefined, limit: number): Promise<readonly StatementLine[]> {
    const query = `asset=${encodeURIComponent(asset)}&limit=${String(limit)}${before === undefined ? '' : `&before=${String(before)}`}`
    return (await this.#get(`/v1/wally/statement?${query}`, 'read statement')).objects('lines', WALLY_PAGE_MAX).map((fields) => readLine(asset, fields))
  }

  async depositPlace(chain: string): Promise<DepositPlace> {
    const fields = await this.#ask('POST', '/v1/wally/deposit-address', 'ask for deposit address', { body: { chain } })
    if (fields.text('chain', 16) !== chain) fields.fail('the chain that was asked for')
    return { chain, address: fields.text('address', ADDRESS_CHARACTERS_MAX), memo: fields.text('memo', MEMO_CHARACTERS_MAX) }
  }

  async send({ id, to, asset, amount: what }: TransferTerms): Promise<void> {
    const fields = await this.#ask('POST', '/v1/wally/transfers', 'send money', { body: { id, to, asset, amount: what.toString() } })
    const isThis = fields.text('id', 64) === id && fields.text('to', 32) === to && fields.text('asset', ASSET_CHARACTERS_MAX) === asset && amount(fields, 'amount') === what
    if (!isThis) fields.fail('the transfer that was asked for')
  }

  async quote({ asset, amount: what, to, memo }: WithdrawalWish): Promise<WithdrawalQuote> {
    const body = { asset, amount: what.toString(), to, ...(memo === undefined ? {} : { memo }) }
    const fields = await this.#ask('POST', '/v1/wally/payouts/quote', 'ask for quote', { body })
    const refusal = optionalText(fields, 'refusal')
    return {
      chain: fields.text('chain', 16), to: fields.text('to', ADDRESS_CHARACTERS_MAX), feeAsset: fields.text('feeAsset', ASSET_CHARACTERS_MAX), feeMax: amount(fields, 'feeMax'),
      taxMax: amount(fields, 'taxMax'), feeFrom: readPayer(fields), holdMs: fields.uint('holdMs', TIME_MS_MAX), needsApproval: fields.boolean('needsApproval', true), ...(refusal === undefined ? {} : { refusal }),
    }
  }

  async withdraw({ id, asset, amount: what, to, memo, proof }: WithdrawalRequest): Promise<Withdrawal> {
    const body = { id, asset, amount: what.toString(), to, ...(memo === undefined ? {} : { memo }), proof: base64urlnopad.encode(proof) }
    const fields = await this.#ask('POST', '/v1/wally/payouts', 'withdraw', { body })
    const withdrawal = readWithdrawal(fields)
    const isThis = withdrawal.id === id && withdrawal.asset === asset && withdrawal.amount === what && withdrawal.to === to
    return isThis ? withdrawal : fields.fail('the withdrawal that was asked for')
  }

  async withdrawals(limit: number): Promise<readonly Withdrawal[]> {
    return (await this.#get(`/v1/wally/payouts?limit=${String(limit)}`, 'read withdrawals')).objects('payouts', WALLY_PAGE_MAX).map(readWithdrawal)
  }

  async withdrawal(id: string): Promise<Withdrawal> {
    return readWithdrawal(await this.#get(`/v1/wally/payouts/${encodeURIComponent(id)}`, 'read withdrawal'))
  }

  #get(path: string, operation: string): Promise<JsonFields> {
    return this.#ask('GET', path, operation)
  }

  async #ask(method: HttpRequest['method'], path: string, operation: string, extra: RequestExtra = {}): Promise<JsonFields> {
    return new JsonFields(await whileLedgerStarts(() => this.#http.authenticated(method, path, operation, this.#tokens, extra), this.#wait), operation)
  }
}

function amount(fields: JsonFields, name: string): bigint {
  const text = fields.text(name, 38)
  return DIGITS.test(text) ? BigInt(text) : fields.fail(`${name}: decimal digits`)
}

function optionalText(fields: JsonFields, name: string): string | undefined {
  return fields.value(name) === undefined ? undefined : fields.text(name, MEMO_CHARACTERS_MAX)
}

function readPayer(fields: JsonFields): 'account' | 'house' {
  const payer = fields.text('feeFrom', 16)
  return payer === 'account' || payer === 'house' ? payer : fields.fail('feeFrom')
}

function readAsset(fields: JsonFields): WalletAsset {
  const asset = fields.text('asset', ASSET_CHARACTERS_MAX)
  const chain = fields.text('chain', 16)
  if (!asset.startsWith(`${chain}/`)) fields.fail('asset of its chain')
  const payout = fields.optionalObject('payout')
  return {
    asset, chain, symbol: fields.text('symbol', 32), decimals: fields.uint('decimals', 38), native: fields.boolean('native', false), depositMin: amount(fields, 'depositMin'),
    ...(payout === undefined ? {} : {
      withdrawal: { min: amount(payout, 'min'), max: amount(payout, 'max'), accountDayMax: amount(payout, 'accountDayMax'), approvalAbove: amount(payout, 'approvalAbove') },
    }),
  }
}

function readLine(asset: string, fields: JsonFields): StatementLine {
  const kind = KINDS.find((one) => one === fields.value('kind')) ?? fields.fail('kind')
  const direction = fields.text('direction', 8)
  if (direction !== 'in' && direction !== 'out') fields.fail('direction')
  const after = fields.object('after')
  const [held, reserved] = [amount(after, 'held'), amount(after, 'reserved')]
  if (reserved > held) fields.fail('reserved: not more than held')
  const other = fields.value('other') === undefined ? undefined : fields.text('other', 32)
  if (other !== undefined && !ACCOUNT.test(other)) fields.fail('other: an account')
  return {
    asset, number: fields.uint('number'), atMs: fields.uint('atMs', TIME_MS_MAX), transfer: fields.text('transfer', 256), kind, side: direction === 'in' ? 'credit' : 'debit',
    amount: amount(fields, 'amount'), heldAfter: held, availableAfter: held - reserved, ...(other === undefined ? {} : { other: parseAccountId(other) }),
  }
}

function readWithdrawal(fields: JsonFields): Withdrawal {
  const [reason, transaction, fee, tax] = ['reason', 'txid', 'fee', 'tax'].map((name) => optionalText(fields, name))
  return {
    id: fields.text('id', 64), chain: fields.text('chain', 16), asset: fields.text('asset', ASSET_CHARACTERS_MAX), amount: amount(fields, 'amount'),
    to: fields.text('to', ADDRESS_CHARACTERS_MAX), feeMax: amount(fields, 'feeMax'), taxMax: amount(fields, 'taxMax'), feeFrom: readPayer(fields),
    state: fields.text('state', 32), createdAtMs: fields.uint('createdMs', TIME_MS_MAX), ...(reason === undefined ? {} : { reason }), ...(transaction === undefined ? {} : { transaction }),
    ...(fee === undefined ? {} : { fee: amount(fields, 'fee') }), ...(tax === undefined ? {} : { tax: amount(fields, 'tax') }),
  }
}
