import { createHmac } from 'node:crypto'
import { EvegramError, type AccountId, type Random } from '@evegram/protocol'
import type { ChainAddress, ChainName } from './chain/chain-adapter.js'
import { newDepositCode, type DepositCode } from './flows/deposit/deposit-code.js'
import type { DepositRoutes } from './flows/deposit/deposit-routes.js'

/** Codes of an account that are tried: that one is somebody else's happens once in 2^50 accounts. */
const CODES_TRIED_MAX = 8

/** Where to pay, so that it arrives at one account. */
export interface DepositPlace {
  readonly chain: ChainName
  readonly address: ChainAddress
  /** To be written into the memo, comment or text of the payment: without it the money finds nobody. */
  readonly memo: DepositCode
}

/**
 * Tells where an account is paid to: the shared address of the chain, and the code of the account. The code is made of the account and a secret, so the same
 * account always gets the same one, and it says nothing to who does not know the secret. With another secret accounts get other codes; the old ones lead there for ever.
 */
export class DepositPlaces {
  readonly #routes: Pick<DepositRoutes, 'giveCode'>
  readonly #secret: Uint8Array

  /** `secret`: 32 bytes. */
  constructor(routes: Pick<DepositRoutes, 'giveCode'>, secret: Uint8Array) {
    if (secret.length !== 32) throw new EvegramError('invalid.config', { operation: 'make deposit codes' })
    this.#routes = routes
    this.#secret = secret
  }

  /** The code of an account, which leads to it when this resolved. Rejects `unavailable.store`. */
  async codeOf(account: AccountId): Promise<DepositCode> {
    for (let tried = 0; tried < CODES_TRIED_MAX; tried++) {
      const code = newDepositCode(this.#randomOf(account, tried))
      if (await this.#routes.giveCode(code, account) !== 'taken') return code
    }
    throw new EvegramError('internal', { operation: 'give deposit code' })
  }

  #randomOf(account: AccountId, tried: number): Random {
    return {
      bytes: (length) => new Uint8Array(createHmac('sha256', this.#secret).update(`evegram/deposit-code/v1\0${account}\0${String(tried)}`).digest().subarray(0, length)),
    }
  }
}
