import { Address, Cell, type TupleItem } from '@ton/core'
import { TonClient } from '@ton/ton'
import { EvegramError, isEvegramError, type Clock } from '@evegram/protocol'
import { boundedFetch } from '../bounded-fetch.js'
import type { BroadcastAnswer } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import { isJsonObject, type Json, type JsonObject } from '../json.js'
import { RateLimit } from '../rate-limit.js'
import { integerOf, listOf, nanotonsOf, objectOf, textOf } from './answer-fields.js'
import type { TransactionPlace } from './transaction-place.js'
import { readTransaction, type TonTransaction } from './transaction.js'

/** Options of {@link TonRpc}. */
export interface TonRpcOptions {
  /** Of the JSON-RPC of toncenter v2 (`…/api/v2/jsonRPC`). May hold a key: it is in no error. */
  readonly url: string
  /** Sent as `X-API-Key`. It is in no error. */
  readonly apiKey?: string | undefined
  /** The root hash of the first block of the masterchain (`init` of getMasterchainInfo): an endpoint of another network is refused. Left out, any will do. */
  readonly initHash?: string | undefined
  /** Until an answer is given up, 10,000 when left out. */
  readonly timeoutMs?: number | undefined
  /** By which an endpoint is waited for that has too many requests; left out, it is not. */
  readonly clock?: Clock | undefined
}

/** Which network an endpoint belongs to, as {@link TonRpcOptions.initHash} names it. Rejects `unavailable.chain`. */
export function tonInitHash(options: TonRpcOptions): Promise<string> {
  return new TonRpc(options).network()
}

/** A block of the base workchain. Equal texts are equal blocks: the hash is in it. */
export interface ShardBlockId {
  readonly shard: string
  readonly seqno: number
  readonly rootHash: string
}

/** What the header of a block of a shard says. */
export interface BlockFacts {
  readonly seconds: number
  readonly endLt: bigint
  readonly previous: readonly ShardBlockId[]
}

/** What names a transaction in a block. */
export interface TransactionId {
  readonly account: Address
  readonly lt: string
  /** Base64. */
  readonly hash: string
}

/** An account at the end of a block of the masterchain. */
export interface AccountFacts {
  readonly balance: bigint
  readonly isActive: boolean
  /** Its newest transaction; `lt` 0n: it has none. */
  readonly last: { readonly lt: bigint; readonly hash: string }
  /** Time of the block. */
  readonly seconds: number
}

/** What a get method left. `exitCode` 0: it ran. */
export interface GetFacts {
  readonly exitCode: number
  readonly stack: readonly TupleItem[]
}

const TIMEOUT_MS = 10_000
const BLOCK_PAGE = 256
/** Transactions of one block that are read. */
const BLOCK_TRANSACTIONS_MAX = 65_536
const REASON_CHARACTERS_MAX = 200

/** The endpoint answered, and says that it cannot: not found, not kept any more, not understood. */
class EndpointRefusal extends Error {}

/**
 * One endpoint. Transactions, messages and broadcasts go through TonClient; blocks and past states, which it does not have, remembers for ever or refuses when
 * they are long, by the same JSON-RPC. Whatever goes wrong on the way, or cannot be an answer, is `unavailable.chain`.
 */
export class TonRpc {
  readonly #url: string
  readonly #apiKey: string | undefined
  readonly #initHash: string | undefined
  readonly #timeoutMs: number
  readonly #client: TonClient
  readonly #limit: RateLimit | undefined

  /** Throws `invalid.config` for what is no URL. */
  constructor({ url, apiKey, initHash, timeoutMs = TIMEOUT_MS, clock }: TonRpcOptions) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new EvegramError('invalid.config', { operation: 'configure TON endpoint' })
    this.#url = url
    this.#apiKey = apiKey
    this.#initHash = initHash
    this.#timeoutMs = timeoutMs
    this.#limit = clock === undefined ? undefined : new RateLimit(clock)
    this.#client = new TonClient({
      endpoint: url, timeout: timeoutMs,
      // What the SDK asks goes the same bounded way; a status that is not 200 is an answer to be read.
      httpAdapter: async (config) => {
        const { status, text } = await this.#post(String(config.data))
        return { data: text, status, statusText: '', headers: {}, config }
      },
    })
  }

  /** Seqno of the newest block of the masterchain. */
  newest(): Promise<Height> {
    return this.#ask('ask for the head', async () => {
      const info = await this.#call('getMasterchainInfo', {})
      if (this.#initHash !== undefined && networkOf(info) !== this.#initHash) throw new Error('another network')
      return integerOf(objectOf(info, 'last'), 'seqno')
    })
  }

  /** Which network it is: the root hash of its first block, base64. */
  network(): Promise<string> {
    return this.#ask('ask for the network', async () => networkOf(await this.#call('getMasterchainInfo', {})))
  }

  /** The newest block of each shard of the base workchain that a block of the masterchain names. */
  shards(seqno: Height): Promise<readonly ShardBlockId[]> {
    return this.#ask('list shards', () => this.#shards(seqno))
  }

  /** As {@link TonRpc.shards}; undefined when the endpoint does not have the block. */
  shardsIfKept(seqno: Height): Promise<readonly ShardBlockId[] | undefined> {
    return this.#askFor('list shards', () => this.#shards(seqno))
  }

  /** The block of the shard of an account in which a logical time is, or the first behind it; undefined when the endpoint does not have it. */
  blockAt(account: Address, lt: bigint): Promise<ShardBlockId | undefined> {
    // The smallest shard that could have the account: a node finds the right one by it, however shards split and merged meanwhile.
    const shard = BigInt.asIntN(64, account.hash.readBigUInt64BE(0) >> 4n << 4n | 8n)
    return this.#askFor('find a block', async () => shardIdOf(await this.#call('lookupBlock', { workchain: 0, shard: String(shard), lt: String(lt) })))
  }

  /** When a block of a shard was made, the logical time at its end, and the blocks before it: two behind a merge. */
  header(id: ShardBlockId): Promise<BlockFacts> {
    return this.#ask('read a block', () => this.#header(id))
  }

  /** As {@link TonRpc.header}; undefined when the endpoint does not have the block. */
  headerIfKept(id: ShardBlockId): Promise<BlockFacts | undefined> {
    return this.#askFor('read a block', () => this.#header(id))
  }

  /** All transactions of a block of a shard. */
  blockTransactions({ shard, seqno, rootHash }: ShardBlockId): Promise<readonly TransactionId[]> {
    return this.#ask('list the transactions of a block', async () => {
      const found: TransactionId[] = []
      for (let after: TransactionId | undefined; ; after = found.at(-1)) {
        const page = await this.#call('getBlockTransactions', {
          workchain: 0, shard, seqno, count: BLOCK_PAGE, ...(after === undefined ? {} : { after_lt: after.lt, after_hash: after.account.hash.toString('hex') }),
        })
        if (shardIdOf(objectOf(page, 'id')).rootHash !== rootHash) throw new Error('another block')
        const listed = listOf(page, 'transactions').map((one): TransactionId => ({ account: Address.parseRaw(textOf(one, 'account')), lt: textOf(one, 'lt'), hash: textOf(one, 'hash') }))
        found.push(...listed)
        if (page['incomplete'] !== true) return found
        if (listed.length === 0 || found.length > BLOCK_TRANSACTIONS_MAX) throw new Error('a block without an end')
      }
    })
  }

  /** A transaction that a block names. */
  transaction({ account, lt, hash }: TransactionId): Promise<TonTransaction> {
    return this.#ask('read a transaction', async () => {
      const found = await this.#client.getTransaction(account, lt, hash)
      if (found?.raw.hash().toString('base64') !== hash) throw new Error('a transaction of a block is not there')
      return readTransaction(found.raw, account)
    })
  }

  /** An account at the end of a block of the masterchain; undefined when the endpoint does not say. */
  account(address: Address, seqno: Height): Promise<AccountFacts | undefined> {
    return this.#askFor('read an account', async () => {
      const state = await this.#call('getAddressInformation', { address: address.toString(), seqno })
      // Older servers do not know the parameter and answer for the newest block.
      if (integerOf(objectOf(state, 'block_id'), 'seqno') !== seqno) return undefined
      const last = objectOf(state, 'last_transaction_id')
      return {
        balance: nanotonsOf(state, 'balance'), isActive: state['state'] === 'active', seconds: integerOf(state, 'sync_utime'),
        last: { lt: BigInt(textOf(last, 'lt')), hash: Buffer.from(textOf(last, 'hash'), 'base64').toString('hex') },
      }
    })
  }

  /** Runs a get method on the state at the end of a block of the masterchain; undefined when the endpoint does not say. */
  get(address: Address, method: string, stack: readonly (readonly [string, string])[], seqno: Height): Promise<GetFacts | undefined> {
    return this.#askFor('run a get method', async () => {
      const result = await this.#call('runGetMethod', { address: address.toString(), method, stack, seqno })
      // As above: without the block, it may be any state.
      if (integerOf(objectOf(result, 'block_id'), 'seqno') !== seqno) return undefined
      return { exitCode: integerOf(result, 'exit_code'), stack: (result['stack'] as readonly Json[] | undefined ?? []).map(stackItemOf) }
    })
  }

  /** Transactions of an account from a place back, without a gap: each is the one that the next names. 1 to `limit`. */
  history(account: Address, from: TransactionPlace, limit: number): Promise<readonly TonTransaction[]> {
    return this.#ask('read the history of an account', async () => {
      const hash = Buffer.from(from.hash, 'hex').toString('base64')
      const page = await this.#client.getTransactions(account, { limit, lt: String(from.lt), hash, inclusive: true })
      if (page.length === 0) throw new Error('older transactions are gone')
      const found: TonTransaction[] = []
      for (let next = from; next.lt > 0n && found.length < Math.min(limit, page.length);) {
        const raw = page[found.length]?.raw
        const transaction = raw === undefined ? undefined : readTransaction(raw, account)
        if (transaction?.lt !== next.lt || transaction.hash !== next.hash) throw new Error('transactions do not follow each other')
        found.push(transaction)
        next = transaction.previous
      }
      return found
    })
  }

  /** Hands an external message over. Never rejects for a failure of the node. */
  async send(bytes: Uint8Array): Promise<BroadcastAnswer> {
    try {
      await this.#client.sendFile(Buffer.from(bytes))
      return { status: 'accepted' }
    } catch (error) {
      const said = error instanceof Error ? error.message : ''
      // Of highload wallet v3: executed already.
      if (/exit\s?code[=: ]+36\b/i.test(said)) return { status: 'accepted' }
      // A node that is behind or busy has not looked at the bytes.
      if (!/not accepted|cannot apply external message|cannot parse/i.test(said)) return { status: 'unknown' }
      return { status: 'refused', reason: said.slice(0, REASON_CHARACTERS_MAX) }
    }
  }

  async #header({ shard, seqno, rootHash }: ShardBlockId): Promise<BlockFacts> {
    const header = await this.#call('getBlockHeader', { workchain: 0, shard, seqno })
    if (shardIdOf(objectOf(header, 'id')).rootHash !== rootHash) throw new Error('another block')
    return { seconds: integerOf(header, 'gen_utime'), endLt: BigInt(textOf(header, 'end_lt')), previous: listOf(header, 'prev_blocks').map(shardIdOf) }
  }

  async #shards(seqno: Height): Promise<readonly ShardBlockId[]> {
    return listOf(await this.#call('shards', { seqno }), 'shards').filter((id) => id['workchain'] === 0).map(shardIdOf)
  }

  /** As {@link TonRpc.#ask}, with undefined where the endpoint answered that it cannot. */
  async #askFor<Answer>(operation: string, ask: () => Promise<Answer | undefined>): Promise<Answer | undefined> {
    try {
      return await this.#ask(operation, ask)
    } catch (error) {
      if (isEvegramError(error) && error.cause instanceof Error && isRefusal(error.cause)) return undefined
      throw error
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

  async #call(method: string, params: JsonObject): Promise<JsonObject> {
    const { text } = await this.#post(JSON.stringify({ id: '1', jsonrpc: '2.0', method, params }))
    const answer: unknown = JSON.parse(text)
    if (!isJsonObject(answer)) throw new Error('not an answer')
    if (answer['ok'] !== true) throw new EndpointRefusal(JSON.stringify(answer['error'] ?? '').slice(0, REASON_CHARACTERS_MAX))
    const { result } = answer as { readonly result?: Json }
    if (result === undefined || !isJsonObject(result)) throw new Error('not an answer')
    return result
  }

  async #post(body: string): Promise<{ readonly status: number; readonly text: string }> {
    const headers = { 'content-type': 'application/json', ...(this.#apiKey === undefined ? {} : { 'x-api-key': this.#apiKey }) }
    const ask = (): Promise<Response> => boundedFetch(this.#url, { method: 'POST', body, headers }, this.#timeoutMs)
    const response = await (this.#limit?.asked(ask) ?? ask())
    return { status: response.status, text: await response.text() }
  }
}

/** The SDK tells the answer of an endpoint that cannot in the text of an error of its own. Too many requests are no such answer. */
function isRefusal(error: Error): boolean {
  if (error instanceof EndpointRefusal) return !/ratelimit|too many/i.test(error.message)
  return error.message.startsWith('Received error: {"ok":false') && !/"code":(?:429|503)/.test(error.message)
}

function networkOf(info: JsonObject): string {
  return textOf(objectOf(info, 'init'), 'root_hash')
}

function shardIdOf(id: JsonObject): ShardBlockId {
  return { shard: textOf(id, 'shard'), seqno: integerOf(id, 'seqno'), rootHash: textOf(id, 'root_hash') }
}

function stackItemOf(item: Json): TupleItem {
  const [type, value] = Array.isArray(item) ? item as readonly Json[] : []
  if (type === 'num' && typeof value === 'string' && /^-?0x[0-9a-f]+$/i.test(value)) return { type: 'int', value: value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value) }
  if ((type === 'cell' || type === 'slice') && value !== undefined && isJsonObject(value)) return { type: 'cell', cell: Cell.fromBase64(textOf(value, 'bytes')) }
  return { type: 'null' }
}
