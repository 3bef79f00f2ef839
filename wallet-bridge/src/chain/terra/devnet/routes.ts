import { isEvegramError } from '@evegram/protocol'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import { terraAddressBytes } from '../address.js'
import { TERRA_GAS_PRICES } from '../gas-price.js'
import { RATE_UNIT } from './burn-tax.js'
import { DENOMINATIONS, type TerraDevnet } from './chain.js'
import { GRPC_CODES, LcdError, notImplemented } from './lcd-error.js'
import { TerraRefusal } from './refusal.js'
import { renderBlock, renderRecord, renderTransaction } from './render.js'
import { searchTransactions } from './search.js'

/** What is asked of the REST gateway. */
export interface LcdRequest {
  readonly method: string
  readonly url: URL
  /** Of a POST. */
  readonly body: unknown
  /** The header `x-cosmos-block-height`: at the end of which block; the newest when it is left out. */
  readonly height: string | undefined
}

/** An answer, with the block whose state it tells. */
export interface LcdAnswer {
  readonly body: Json
  readonly height: number
}

type Handler = (request: LcdRequest, height: number, ...parts: readonly string[]) => Json | Promise<Json>

const DECIMALS = 18
const VERSION = 'evegram-terra-devnet'

/** The paths of a node that this chain has, and `/faucet`. Throws `LcdError` (501 for every other path). */
export function terraRoutes(chain: TerraDevnet): (request: LcdRequest) => Promise<LcdAnswer> {
  const routes = routesOf(chain)
  return async (request) => {
    const height = heightOf(chain, request.height)
    for (const [method, pattern, handle] of routes) {
      const match = method === request.method ? pattern.exec(request.url.pathname) : null
      if (match !== null) return { body: await handle(request, height, ...match.slice(1)), height }
    }
    throw notImplemented()
  }
}

function routesOf(chain: TerraDevnet): readonly (readonly [method: string, pattern: RegExp, handle: Handler])[] {
  const balances: Handler = (_request, height, address = '') => ({
    balances: DENOMINATIONS.map((denom) => ({ denom, amount: String(chain.amount(checked(address), denom, height)) })).filter(({ amount }) => amount !== '0'),
    pagination: { next_key: null, total: '0' },
  })
  return [
    ['GET', /^\/cosmos\/auth\/v1beta1\/accounts\/([^/]+)$/, (_request, height, address = '') => renderAccount(chain, checked(address), height)],
    ['GET', /^\/cosmos\/bank\/v1beta1\/balances\/([^/]+)$/, balances],
    ['GET', /^\/cosmos\/bank\/v1beta1\/spendable_balances\/([^/]+)$/, balances],
    ['GET', /^\/cosmos\/bank\/v1beta1\/balances\/([^/]+)\/by_denom$/, ({ url }, height, address = '') => {
      const denom = url.searchParams.get('denom') ?? ''
      return { balance: { denom, amount: String(DENOMINATIONS.some((known) => known === denom) ? chain.amount(checked(address), denom, height) : 0n) } }
    }],
    ['GET', /^\/cosmos\/bank\/v1beta1\/supply$/, () => ({
      supply: DENOMINATIONS.map((denom) => ({ denom, amount: String(chain.faucet.supply) })), pagination: { next_key: null, total: '0' },
    })],
    ['GET', /^\/cosmos\/base\/tendermint\/v1beta1\/node_info$/, () => ({
      default_node_info: { network: chain.chainId, moniker: VERSION, version: '0.37' }, application_version: { name: 'terra', app_name: VERSION, version: '3' },
    })],
    ['GET', /^\/cosmos\/base\/tendermint\/v1beta1\/syncing$/, () => ({ syncing: false })],
    ['GET', /^\/cosmos\/base\/tendermint\/v1beta1\/blocks\/(latest|\d{1,15})$/, (_request, _height, which = '') => blockOf(chain, which)],
    ['GET', /^\/cosmos\/base\/node\/v1beta1\/config$/, () => ({ minimum_gas_price: gasPrices() })],
    ['GET', /^\/cosmos\/tx\/v1beta1\/txs$/, ({ url }) => searchTransactions(chain, url.searchParams)],
    ['GET', /^\/cosmos\/tx\/v1beta1\/txs\/([^/]+)$/, (_request, _height, hash = '') => {
      const record = chain.record(hash.toUpperCase())
      if (record === undefined) throw new LcdError(GRPC_CODES.notFound, `tx not found: ${hash.slice(0, 80)}`)
      return { tx: renderTransaction(record.transaction), tx_response: renderRecord(record) }
    }],
    ['POST', /^\/cosmos\/tx\/v1beta1\/txs$/, ({ body }) => broadcast(chain, body)],
    ['POST', /^\/cosmos\/tx\/v1beta1\/simulate$/, ({ body }) => simulate(chain, body)],
    ['GET', /^\/cosmwasm\/wasm\/v1\/contract\/([^/]+)\/smart\/(.+)$/, (_request, height, contract = '', question = '') => ({ data: ask(chain, contract, question, height) })],
    ['GET', /^\/terra\/tax\/v1beta1\/burn_tax_rate$/, () => ({ tax_rate: decimal(chain.taxRate) })],
    // What nodes still answer here is not what is charged.
    ['GET', /^\/terra\/treasury\/v1beta1\/tax_rate$/, () => ({ tax_rate: '0.001000000000000000' })],
    ['GET', /^\/terra\/treasury\/v1beta1\/tax_caps\/([a-z]{3,32})$/, () => ({ tax_cap: '1000000000000000000' })],
    ['GET', /^\/faucet$/, () => ({ address: chain.faucet.address, denominations: [...DENOMINATIONS], token: chain.playToken, chain_id: chain.chainId })],
    ['POST', /^\/faucet$/, ({ body }) => give(chain, body)],
  ]
}

function heightOf(chain: TerraDevnet, header: string | undefined): number {
  if (header === undefined || header === '0') return chain.height
  if (!/^\d{1,15}$/.test(header)) throw new LcdError(GRPC_CODES.invalidArgument, `invalid height header "x-cosmos-block-height": ${header.slice(0, 40)}`)
  const height = Number(header)
  if (height > chain.height) throw new LcdError(GRPC_CODES.unknown, 'cannot query with height in the future; please provide a valid height: invalid height')
  if (height >= chain.firstHeight) return height
  throw new LcdError(GRPC_CODES.invalidArgument, `failed to load state at height ${header}; version does not exist (latest height: ${String(chain.height)}): invalid request`)
}

function renderAccount(chain: TerraDevnet, address: string, height: number): JsonObject {
  const account = chain.account(address, height)
  if (account === undefined) throw new LcdError(GRPC_CODES.notFound, `account ${address} not found`)
  const { number, sequence, publicKey } = account
  const key = publicKey === undefined ? null : { '@type': '/cosmos.crypto.secp256k1.PubKey', 'key': publicKey }
  return { account: { '@type': '/cosmos.auth.v1beta1.BaseAccount', address, 'pub_key': key, 'account_number': String(number), 'sequence': String(sequence) } }
}

function blockOf(chain: TerraDevnet, which: string): JsonObject {
  const height = which === 'latest' ? chain.height : Number(which)
  const block = chain.block(height)
  if (block !== undefined) return renderBlock(block, chain.chainId)
  if (height > chain.height) throw new LcdError(GRPC_CODES.invalidArgument, 'requested block height is bigger then the chain length')
  throw new LcdError(GRPC_CODES.unknown, `height ${which} is not available, lowest height is ${String(chain.firstHeight)}`)
}

function broadcast(chain: TerraDevnet, body: unknown): JsonObject {
  const mode = isJsonObject(body) ? body['mode'] : undefined
  // BROADCAST_MODE_BLOCK went with SDK 0.47.
  if (mode !== 'BROADCAST_MODE_SYNC' && mode !== 'BROADCAST_MODE_ASYNC') throw new LcdError(GRPC_CODES.invalidArgument, 'unsupported broadcast mode')
  const { hash, code, codespace, log } = chain.broadcast(transactionBytes(body))
  return {
    tx_response: {
      height: '0', txhash: hash, codespace, code, data: '', raw_log: log, logs: [], info: '', gas_wanted: '0', gas_used: '0', tx: null, timestamp: '', events: [],
    },
  }
}

function simulate(chain: TerraDevnet, body: unknown): JsonObject {
  try {
    return { gas_info: { gas_wanted: '0', gas_used: String(chain.simulate(transactionBytes(body))) }, result: { data: '', log: '', events: [] } }
  } catch (error) {
    if (!(error instanceof TerraRefusal)) throw error
    throw new LcdError(GRPC_CODES.unknown, `${error.message} With gas wanted: '0' and gas used: '0' `)
  }
}

function transactionBytes(body: unknown): Uint8Array {
  const text = isJsonObject(body) ? body['tx_bytes'] : undefined
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new LcdError(GRPC_CODES.invalidArgument, 'invalid empty tx')
  return new Uint8Array(Buffer.from(text, 'base64'))
}

function ask(chain: TerraDevnet, contract: string, question: string, height: number): Json {
  try {
    return chain.query(contract, JSON.parse(Buffer.from(decodeURIComponent(question), 'base64').toString('utf8')), height)
  } catch (error) {
    if (error instanceof TerraRefusal) throw new LcdError(GRPC_CODES.unknown, error.message)
    throw new LcdError(GRPC_CODES.invalidArgument, 'invalid JSON in query')
  }
}

async function give(chain: TerraDevnet, body: unknown): Promise<JsonObject> {
  const { address, denom, amount } = isJsonObject(body) ? body : {}
  if (typeof address !== 'string' || typeof denom !== 'string' || typeof amount !== 'string' || !/^\d{1,20}$/.test(amount)) {
    throw new LcdError(GRPC_CODES.invalidArgument, 'the faucet takes {"address", "denom", "amount"} as texts')
  }
  try {
    return { txhash: await chain.give(address, denom, BigInt(amount)) }
  } catch (error) {
    if (isEvegramError(error, 'invalid.argument')) throw new LcdError(GRPC_CODES.invalidArgument, error.message)
    throw error
  }
}

function checked(address: string): string {
  if (terraAddressBytes(address) === undefined) throw new LcdError(GRPC_CODES.invalidArgument, 'decoding bech32 failed: invalid address')
  return address
}

/** A rate in millionths as nodes write decimals. */
function decimal(rate: bigint): string {
  const digits = String(rate * 10n ** BigInt(DECIMALS) / RATE_UNIT).padStart(DECIMALS + 1, '0')
  return `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`
}

function gasPrices(): string {
  return Object.entries(TERRA_GAS_PRICES).map(([denom, price]) => `${decimal(price)}${denom}`).join(',')
}
