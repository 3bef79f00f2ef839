import { LCDClient } from '@terra-money/terra.js'
import { EvegramError, isEvegramError } from '@evegram/protocol'
import { boundedFetch } from '../bounded-fetch.js'
import type { BroadcastAnswer } from '../chain-adapter.js'
import { isJsonObject, type Json, type JsonObject } from '../json.js'
import { eventsOfNode, type TerraEvent } from './events.js'
import { terraTxid } from './signer.js'
import { TAX_RATE_UNIT } from './tax-rate.js'

/** Options of {@link TerraRpc}. */
export interface TerraRpcOptions {
  /** Of the REST gateway (LCD). May hold a key: it is in no error. */
  readonly url: string
  /** Signatures are bound to it; an endpoint of another chain is refused. `columbus-5` is the real one. */
  readonly chainId: string
  /** Until an answer is given up, 10,000 when left out. */
  readonly timeoutMs?: number | undefined
}

/** A block. */
export interface BlockFacts {
  readonly height: number
  /** Base64, as the gateway writes it. */
  readonly hash: string
  readonly previousHash: string
  /** Ids of its transactions, in their order. */
  readonly txids: readonly string[]
}

/** What a transaction did, as a node recorded it. */
export interface TransactionFacts {
  readonly txid: string
  readonly height: number
  readonly failed: boolean
  readonly memo: string
  /** Of the fee and of all messages. */
  readonly events: readonly TerraEvent[]
  /** Of each message by itself; empty when it failed. */
  readonly logs: readonly (readonly TerraEvent[])[]
}

/** An account that can sign. */
export interface AccountFacts {
  readonly number: number
  readonly sequence: number
}

const TIMEOUT_MS = 10_000
const SEARCH_PAGE = 100
const HEIGHT_HEADER = 'x-cosmos-block-height'
const ANSWERED_HEIGHT_HEADER = `grpc-metadata-${HEIGHT_HEADER}`
const NOT_FOUND = 404
const WRONG_QUESTION = 400
const NOT_IMPLEMENTED = 501
const TX_CODES = { ok: 0, wrongSequence: 32, inMempool: 19, mempoolFull: 20 } as const
const REASON_CHARACTERS_MAX = 80
const STATE_GONE = /failed to load state at height|height in the future|version does not exist|not available/

/** An answer that is no success. */
class LcdFailure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * One Terra Classic endpoint through the SDK, whose requests go out by Node's own fetch, in time and bounded, and never by the old library that it brings.
 * Whatever goes wrong on the way, or cannot be an answer, is `unavailable.chain`.
 */
export class TerraRpc {
  readonly chainId: string
  readonly #lcd: LCDClient
  readonly #url: string
  readonly #timeoutMs: number

  /** Throws `invalid.config` for what is no URL or no chain id. */
  constructor({ url, chainId, timeoutMs = TIMEOUT_MS }: TerraRpcOptions) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url) || !/^[a-zA-Z0-9-]{1,48}$/.test(chainId)) throw new EvegramError('invalid.config', { operation: 'configure Terra endpoint' })
    this.chainId = chainId
    this.#url = url.replace(/\/+$/, '')
    this.#timeoutMs = timeoutMs
    this.#lcd = new LCDClient({ URL: url, chainID: chainId, isClassic: true })
    const { apiRequester } = this.#lcd
    // The SDK believes what an endpoint answers; what it makes of it is checked where it is used.
    const get = async <T>(endpoint: string): Promise<T> => (await this.#request('GET', endpoint)).body as T
    apiRequester.get = get
    apiRequester.getRaw = get
  }

  /** The newest block. */
  latest(): Promise<BlockFacts> {
    return this.#ask('ask for the head', async () => this.#blockFacts(await this.#lcd.tendermint.blockInfo()))
  }

  /** A block. */
  block(height: number): Promise<BlockFacts> {
    return this.#ask('read a block', async () => {
      const block = this.#blockFacts(await this.#lcd.tendermint.blockInfo(height))
      if (block.height !== height) throw new Error('another block')
      return block
    })
  }

  /** Transactions that the index of the node knows of a block, not more than `count`: in the order of the index, and some may be missing. */
  search(height: number, count: number): Promise<readonly TransactionFacts[]> {
    return this.#ask('search a block', async () => {
      const found: TransactionFacts[] = []
      for (let page = 1; found.length < count; page++) {
        // Numbers, since nodes of today read `order_by` as one; `page` and `limit`, since they pass `pagination.limit` over, and that beside it, since old ones read it alone.
        const query = new URLSearchParams({
          'events': `tx.height=${String(height)}`, 'order_by': '1', 'page': String(page), 'limit': String(SEARCH_PAGE),
          'pagination.offset': String((page - 1) * SEARCH_PAGE), 'pagination.limit': String(SEARCH_PAGE),
        })
        const { body } = await this.#request('GET', `/cosmos/tx/v1beta1/txs?${query.toString()}`)
        const part = listOf(body, 'tx_responses').map(transactionOf)
        found.push(...part)
        if (part.length < SEARCH_PAGE) break
      }
      return found
    })
  }

  /** A transaction; undefined when the node knows none. */
  transaction(txid: string): Promise<TransactionFacts | undefined> {
    return this.#ask('read a transaction', async () => {
      // Nodes before SDK 0.45 call what they do not have a wrong question.
      const isAbsent = ({ status, message }: LcdFailure): boolean => status === NOT_FOUND || (status === WRONG_QUESTION && message.startsWith(`tx (${txid}) not found`))
      const body = await this.#unless(isAbsent, `/cosmos/tx/v1beta1/txs/${txid}`)
      const facts = body === undefined ? undefined : transactionOf(body['tx_response'])
      if (facts !== undefined && facts.txid !== txid) throw new Error('another transaction')
      return facts
    })
  }

  /** An account, at the end of a block or as it is now; undefined for one that never had anything. */
  account(address: string, height?: number): Promise<AccountFacts | undefined> {
    return this.#ask('read an account', async () => {
      const body = await this.#unless(({ status }) => status === NOT_FOUND, `/cosmos/auth/v1beta1/accounts/${address}`, height)
      if (body === undefined) return undefined
      // Accounts with a schedule hold the simple one inside.
      let account = objectOf(body['account'])
      for (const inner of ['base_vesting_account', 'base_account']) account = isJsonObject(account[inner]) ? account[inner] : account
      if (account['address'] !== address) throw new Error('another account')
      return { number: wholeOf(account['account_number']), sequence: wholeOf(account['sequence']) }
    })
  }

  /** What an address has of a coin, at the end of a block or now; undefined when the node no longer knows, or not yet. */
  coins(address: string, denom: string, height?: number): Promise<bigint | undefined> {
    return this.#ask('read a balance', () => this.#past(async () => {
      const { body } = await this.#request('GET', `/cosmos/bank/v1beta1/balances/${address}/by_denom?denom=${encodeURIComponent(denom)}`, { height })
      const balance = objectOf(body['balance'])
      if (balance['denom'] !== denom) throw new Error('another coin')
      return amountOf(balance['amount'])
    }))
  }

  /** What an address has of a CW20 token, likewise. */
  tokens(address: string, contract: string, height?: number): Promise<bigint | undefined> {
    return this.#ask('read a token balance', () => this.#past(async () => {
      const question = Buffer.from(JSON.stringify({ balance: { address } })).toString('base64')
      const { body } = await this.#request('GET', `/cosmwasm/wasm/v1/contract/${contract}/smart/${encodeURIComponent(question)}`, { height })
      return amountOf(objectOf(body['data'])['balance'])
    }))
  }

  /**
   * What today's network takes of what is sent, in parts of {@link TAX_RATE_UNIT}; undefined for a node that says that it has no such module. The SDK has no method for it,
   * and what the treasury of such a node tells is not what is charged.
   */
  burnTaxRate(): Promise<bigint | undefined> {
    return this.#ask('ask for the tax', async () => {
      const body = await this.#unless(({ status }) => status === NOT_IMPLEMENTED, '/terra/tax/v1beta1/burn_tax_rate')
      return body === undefined ? undefined : rateOf(body['tax_rate'])
    })
  }

  /** What a node of 2022 takes of coins other than uluna, in parts of {@link TAX_RATE_UNIT}. */
  stabilityTaxRate(): Promise<bigint> {
    return this.#ask('ask for the tax', async () => rateOf((await this.#request('GET', '/terra/treasury/v1beta1/tax_rate')).body['tax_rate']))
  }

  /** The most that such a node takes of one output in a coin. */
  stabilityTaxCap(denom: string): Promise<bigint> {
    return this.#ask('ask for the tax', async () => amountOf((await this.#request('GET', `/terra/treasury/v1beta1/tax_caps/${encodeURIComponent(denom)}`)).body['tax_cap']))
  }

  /** The release that the program of the node calls itself; empty for one that was built without a name. */
  nodeVersion(): Promise<string> {
    return this.#ask('ask for the version', async () => {
      const { application_version: application } = (await this.#request('GET', '/cosmos/base/tendermint/v1beta1/node_info')).body
      return textOf(objectOf(application)['version'] ?? '')
    })
  }

  /** Hands a signed transaction over. Never rejects for a failure of the node. */
  async send(bytes: Uint8Array): Promise<BroadcastAnswer> {
    try {
      const { body } = await this.#request('POST', '/cosmos/tx/v1beta1/txs', { body: { tx_bytes: Buffer.from(bytes).toString('base64'), mode: 'BROADCAST_MODE_SYNC' } })
      const { code, raw_log: log, codespace } = objectOf(body['tx_response'])
      if (code === TX_CODES.ok || code === TX_CODES.inMempool) return { status: 'accepted' }
      if (typeof code !== 'number' || code === TX_CODES.mempoolFull) return { status: 'unknown' }
      const why = textOf(log)
      // Its turn has not come: what lies before it is not there yet.
      if (code === TX_CODES.wrongSequence && isAhead(why)) return { status: 'unknown' }
      // The last part names the kind of refusal; those before it may hold addresses and amounts.
      return { status: 'refused', reason: `${textOf(codespace)} ${String(code)}: ${why.split(': ').at(-1) ?? ''}`.slice(0, REASON_CHARACTERS_MAX) }
    } catch {
      return { status: 'unknown' }
    }
  }

  async #ask<Answer>(operation: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask()
    } catch (cause) {
      if (isEvegramError(cause)) throw cause
      throw new EvegramError('unavailable.chain', { operation, cause })
    }
  }

  /** An answer; undefined for a failure that says that there is none. */
  async #unless(isNone: (failure: LcdFailure) => boolean, path: string, height?: number): Promise<JsonObject | undefined> {
    try {
      return (await this.#request('GET', path, { height })).body
    } catch (error) {
      if (error instanceof LcdFailure && isNone(error)) return undefined
      throw error
    }
  }

  async #past<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof LcdFailure && STATE_GONE.test(error.message)) return undefined
      throw error
    }
  }

  async #request(method: 'GET' | 'POST', path: string, { height, body }: { readonly height?: number | undefined; readonly body?: Json } = {}): Promise<{ readonly body: JsonObject }> {
    const headers = { accept: 'application/json', ...(height === undefined ? {} : { [HEIGHT_HEADER]: String(height) }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    const response = await boundedFetch(`${this.#url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }, this.#timeoutMs)
    const answer: unknown = await response.json()
    const read = objectOf(answer)
    if (!response.ok) throw new LcdFailure(response.status, typeof read['message'] === 'string' ? read['message'] : 'no message')
    // A proxy that drops the header would have the state of another block told as that of this one.
    if (height !== undefined && response.headers.get(ANSWERED_HEIGHT_HEADER) !== String(height)) throw new Error('an answer about another block')
    return { body: read }
  }

  #blockFacts(answer: unknown): BlockFacts {
    const { block_id: id, block } = objectOf(answer)
    const { header, data } = objectOf(block)
    const { chain_id: chainId, height, last_block_id: before } = objectOf(header)
    if (chainId !== this.chainId) throw new Error('another chain')
    const txs = objectOf(data)['txs'] ?? []
    if (!Array.isArray(txs)) throw new Error('no list of transactions')
    return {
      height: wholeOf(height), hash: textOf(objectOf(id)['hash']), previousHash: textOf(objectOf(before)['hash']),
      txids: txs.map((tx) => terraTxid(new Uint8Array(Buffer.from(textOf(tx), 'base64')))),
    }
  }
}

function transactionOf(value: unknown): TransactionFacts {
  const { txhash, height, code, tx, events, logs } = objectOf(value)
  if (typeof code !== 'number') throw new Error('no code')
  const { memo } = objectOf(objectOf(tx)['body'])
  if (!Array.isArray(logs)) throw new Error('no logs')
  return {
    txid: textOf(txhash), height: wholeOf(height), failed: code !== TX_CODES.ok, memo: textOf(memo), events: eventsOfNode(events),
    logs: logs.map((log) => eventsOfNode(objectOf(log)['events'])),
  }
}

/** A rate as nodes write decimals, at most 1 and a part. */
function rateOf(value: unknown): bigint {
  const [, whole, part] = /^([01])\.(\d{18})$/.exec(textOf(value)) ?? []
  if (whole === undefined || part === undefined) throw new Error('not a rate')
  return BigInt(whole) * TAX_RATE_UNIT + BigInt(part)
}

/** Whether a refusal says that the number is above the one that is next. */
function isAhead(log: string): boolean {
  const [, expected, got] = /expected (\d{1,15}), got (\d{1,15})/.exec(log) ?? []
  return expected !== undefined && got !== undefined && Number(got) > Number(expected)
}

function listOf(body: JsonObject, name: string): readonly unknown[] {
  const list = body[name]
  if (!Array.isArray(list)) throw new Error(`no list of ${name}`)
  return list
}

function objectOf(value: unknown): JsonObject {
  if (!isJsonObject(value)) throw new Error('not an object')
  return value
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error('not a text')
  return value
}

function wholeOf(value: unknown): number {
  const text = textOf(value)
  if (!/^\d{1,15}$/.test(text)) throw new Error('not a whole number')
  return Number(text)
}

function amountOf(value: unknown): bigint {
  const text = textOf(value)
  if (!/^\d{1,78}$/.test(text)) throw new Error('not an amount')
  return BigInt(text)
}
