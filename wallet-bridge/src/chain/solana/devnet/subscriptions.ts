import type { SolanaDevnet } from './chain.js'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import { addressOf, signatureOf, type Params } from './params.js'
import type { Commitment, TransactionRecord } from './record.js'
import { accountJson } from './render.js'
import { invalidParams, RPC_CODES, RpcError } from './rpc-error.js'

/** Subscriptions of one socket. */
export const SUBSCRIPTIONS_MAX = 100
/** Transactions whose logs wait to be told to one subscription. */
const LOGS_WAITING_MAX = 10_000

/** Tells what changed since the last call; answers true when it has told all that it ever will. */
type Subscription = () => boolean

/** The subscriptions of one websocket. `push` sends a notification. */
export class Subscriptions {
  readonly #chain: SolanaDevnet
  readonly #push: (method: string, subscription: number, result: Json) => void
  readonly #open = new Map<number, Subscription>()
  #next = 1

  constructor(chain: SolanaDevnet, push: (method: string, subscription: number, result: Json) => void) {
    this.#chain = chain
    this.#push = push
  }

  /** Answers a request that subscribes, or ends a subscription. Throws `RpcError`. */
  answer(method: string, params: Params): Json {
    if (method === 'ping') return 'pong'
    if (method.endsWith('Unsubscribe')) return this.#open.delete(params.integer(0))
    if (this.#open.size >= SUBSCRIPTIONS_MAX) throw invalidParams(`a socket has at most ${String(SUBSCRIPTIONS_MAX)} subscriptions`)
    const id = this.#next++
    this.#open.set(id, this.#subscription(method, id, params))
    return id
  }

  /** Tells all subscriptions what changed. To be called after every change of the chain, and behind the answer to a request. */
  notify(): void {
    for (const [id, tell] of this.#open) if (tell()) this.#open.delete(id)
  }

  #subscription(method: string, id: number, params: Params): Subscription {
    const { commitment } = params
    switch (method) {
      case 'signatureSubscribe':
        return this.#ofSignature(id, signatureOf(params.value(0)), commitment)
      case 'accountSubscribe':
        return this.#ofAccount(id, params.address(0), params.choice('encoding', ['base64', 'base58', 'jsonParsed'], 'base64'), commitment)
      case 'logsSubscribe':
        return this.#ofLogs(id, mentionOf(params.value(0)), commitment)
      case 'slotSubscribe':
        return this.#ofSlot(id)
      case 'rootSubscribe':
        return this.#ofRoot(id)
      default:
        throw new RpcError(RPC_CODES.methodNotFound, `Method not found: ${method}`)
    }
  }

  #inContext(value: Json, commitment: Commitment): JsonObject {
    return { context: { slot: commitment === 'processed' ? this.#chain.openSlot : this.#chain.newest(commitment).slot }, value }
  }

  #ofSignature(id: number, signature: string, commitment: Commitment): Subscription {
    return () => {
      const record = this.#chain.transaction(signature)
      if (record === undefined || !this.#chain.isAtLeast(record, commitment)) return false
      this.#push('signatureNotification', id, this.#inContext({ err: record.error }, commitment))
      return true
    }
  }

  #ofAccount(id: number, address: string, encoding: string, commitment: Commitment): Subscription {
    const look = (): string => {
      const account = this.#chain.account(address, commitment)
      return JSON.stringify(accountJson(account, encoding, (mint) => this.#chain.account(mint, commitment)) ?? GONE)
    }
    let last = look()
    return () => {
      const now = look()
      if (now !== last) this.#push('accountNotification', id, this.#inContext(JSON.parse(now) as Json, commitment))
      last = now
      return false
    }
  }

  #ofLogs(id: number, mention: string | undefined, commitment: Commitment): Subscription {
    const told = new Set<string>(this.#recent(commitment).map(({ signature }) => signature))
    return () => {
      const recent = this.#recent(commitment)
      for (const record of recent.filter(({ signature, keys }) => !told.has(signature) && (mention === undefined || keys.includes(mention)))) {
        const { signature, error, logs } = record
        this.#push('logsNotification', id, this.#inContext({ signature, err: error, logs }, commitment))
      }
      told.clear()
      for (const { signature } of recent) told.add(signature)
      return false
    }
  }

  #ofSlot(id: number): Subscription {
    let last = this.#chain.openSlot
    return () => {
      const slot = this.#chain.openSlot
      if (slot !== last) this.#push('slotNotification', id, { slot, parent: this.#chain.newest('processed').slot, root: this.#chain.newest('finalized').slot })
      last = slot
      return false
    }
  }

  #ofRoot(id: number): Subscription {
    let last = this.#chain.newest('finalized').slot
    return () => {
      const root = this.#chain.newest('finalized').slot
      if (root !== last) this.#push('rootNotification', id, root)
      last = root
      return false
    }
  }

  /** What may be new at a commitment: the chain tells each of its steps. */
  #recent(commitment: Commitment): readonly TransactionRecord[] {
    return this.#chain.recent(commitment).slice(-LOGS_WAITING_MAX)
  }
}

/** An account that is not there, as its subscribers see it. */
const GONE = { lamports: 0, owner: '11111111111111111111111111111111', executable: false, rentEpoch: 0, space: 0, data: ['', 'base64'] } as const

function mentionOf(filter: Json | undefined): string | undefined {
  if (filter === 'all' || filter === 'allWithVotes') return undefined
  const mentions = filter !== undefined && isJsonObject(filter) ? filter['mentions'] : undefined
  if (!Array.isArray(mentions) || mentions.length !== 1) throw invalidParams('logsSubscribe takes "all" or {"mentions": [address]}')
  // Array.isArray gives `any[]` here.
  return addressOf((mentions as readonly Json[])[0])
}
