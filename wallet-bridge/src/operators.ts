import { createHash, timingSafeEqual } from 'node:crypto'
import { dpopCredentialsOf } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import type { WallyAuth } from './ports/auth.js'
import { checkPerson } from './flows/payout/payout.js'

/** What an operator may do. docs/wally-api.md shows this table. */
export const OPERATOR_SCOPES = [
  ['read', 'See accounts, transfers, payouts, suspense, alarms, and how the chains stand.'],
  ['approve', 'Approve and refuse payouts, and say how one ended.'],
  ['manage', 'Pause and resume chains, compare a chain with the ledger, verify the ledger.'],
] as const

/** What an operator may do. */
export type OperatorScope = (typeof OPERATOR_SCOPES)[number][0]

/** Who acts, as its credential says. */
export interface Operator {
  readonly person: string
  readonly scopes: ReadonlySet<OperatorScope>
}

/** A token of an operator: only its hash is kept. */
export interface OperatorToken extends Operator {
  /** SHA-256 of the token, 32 bytes. */
  readonly hash: Uint8Array
}

/** Operators that can be configured. */
export const OPERATORS_MAX = 64

/** What a request shows. `url`: the configured origin, and the path. */
export interface OperatorRequest {
  readonly authorization: string | undefined
  readonly dpop: string | undefined
  readonly method: string
  readonly url: string
}

/** Parts of {@link Operators}. */
export interface OperatorsParts {
  readonly tokens: readonly OperatorToken[]
  /** CAIP-10 of founding wallets whose accounts are operators with every scope, signed in on any of their devices. */
  readonly wallets?: ReadonlySet<string> | undefined
  readonly auth: Pick<WallyAuth, 'callerOf' | 'owner'>
}

/** Who is an operator: the holder of a configured token, or a signed-in account of a configured wallet. The name of a person is never taken from a request. */
export class Operators {
  readonly #parts: OperatorsParts

  /** Throws `invalid.config` for too many tokens, two of one person or of one hash, and `invalid.argument` for a name that is none. */
  constructor(parts: OperatorsParts) {
    const { tokens } = parts
    const areApart = new Set(tokens.map(({ person }) => person)).size === tokens.length && new Set(tokens.map(({ hash }) => Buffer.from(hash).toString('hex'))).size === tokens.length
    // Two tokens of one person would make four eyes of two.
    if (tokens.length > OPERATORS_MAX || !areApart || tokens.some(({ hash }) => hash.length !== 32)) throw new EvegramError('invalid.config', { operation: 'read operators' })
    for (const { person } of tokens) checkPerson(person)
    this.#parts = parts
  }

  /** Who makes a request, who must have `scope`. Rejects `auth.operator`, `auth.token_*`, `auth.dpop*`, `denied.scope`, `unavailable.*`. */
  async require(scope: OperatorScope, request: OperatorRequest): Promise<Operator> {
    const operator = await this.#operatorOf(request)
    if (operator === undefined) throw new EvegramError('auth.operator', { operation: 'authenticate operator' })
    if (!operator.scopes.has(scope)) throw new EvegramError('denied.scope', { operation: 'authenticate operator', details: { scope } })
    return operator
  }

  async #operatorOf({ authorization, dpop, method, url }: OperatorRequest): Promise<Operator | undefined> {
    const { token, proof } = dpopCredentialsOf({ authorization, dpop })
    if (token !== undefined && this.#parts.wallets !== undefined) return this.#byWallet({ token, proof, method, url })
    const given = /^Bearer (\S{1,256})$/.exec(authorization ?? '')?.[1]
    return given === undefined ? undefined : this.#byToken(given)
  }

  async #byWallet(request: Parameters<WallyAuth['callerOf']>[0]): Promise<Operator | undefined> {
    const { account } = await this.#parts.auth.callerOf(request)
    const owner = await this.#parts.auth.owner(account)
    if (owner === undefined || owner.closed || this.#parts.wallets?.has(owner.foundingWallet) !== true) return undefined
    return { person: account, scopes: new Set(OPERATOR_SCOPES.map(([scope]) => scope)) }
  }

  #byToken(given: string): Operator | undefined {
    const hash = operatorTokenHash(given)
    // All of them, each in constant time.
    const found = this.#parts.tokens.filter((one) => timingSafeEqual(one.hash, hash))
    return found[0]
  }
}

/** How a token is configured: SHA-256 of it, 32 bytes. */
export function operatorTokenHash(token: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token, 'utf8').digest())
}
