import type { AccountChange, AccountDirectory, AccountSummary, TokenHolder } from '@evegram/engine'
import { EvegramError, isEvegramError, type AccountId, type ErrorCode } from '@evegram/protocol'
import type { SimProcess } from '../../kernel/process.js'
import type { Exchange } from './exchange.js'
import type { ChangeFeed } from './feed.js'
import type { AuthInstance } from './instance.js'

/** What a node is told of a token. Every other failure is auth's own, and no news about the token. */
const TOKEN_CODES: ReadonlySet<ErrorCode> = new Set(['auth.token_expired', 'auth.token_invalid', 'auth.token_revoked'])

/** The window of one node on auth, over the simulated network. */
export class NodeDirectory implements AccountDirectory {
  readonly #node: SimProcess
  readonly #exchange: Exchange
  readonly #feed: ChangeFeed

  constructor(node: SimProcess, exchange: Exchange, feed: ChangeFeed) {
    this.#node = node
    this.#exchange = exchange
    this.#feed = feed
  }

  summary(account: AccountId): Promise<AccountSummary | undefined> {
    return this.#ask('account summary', (instance) => instance.summary(account))
  }

  verifyToken(token: string): Promise<TokenHolder> {
    return this.#ask('verify token', (instance) => instance.verifyToken(token))
  }

  onChange(listener: (change: AccountChange) => void): () => void {
    return this.#feed.subscribe(this.#node, listener)
  }

  async #ask<Answer>(operation: string, handle: (instance: AuthInstance) => Promise<Answer>): Promise<Answer> {
    try {
      return (await this.#exchange.call(this.#node, operation, handle)).value
    } catch (cause) {
      if (isEvegramError(cause) && TOKEN_CODES.has(cause.code)) throw cause
      throw new EvegramError('unavailable.auth', { operation, cause })
    }
  }
}
