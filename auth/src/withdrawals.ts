import { activeDevice, decodeCbor, decodeEntry, EvegramError, isEvegramError, type AccountId, type AccountState, type Clock, type ErrorCode, type WalletId } from '@evegram/protocol'
import { decodeWalletProof, verifyProof, type ProofPrimitives, type WalletProof } from '@evegram/protocol/proof'
import { WALLET_PROOF_BYTES_MAX } from '@evegram/platform'
import type { Accounts } from './accounts.js'
import type { Challenges } from './challenge.js'
import type { AuthConfig } from './config.js'
import type { AccountStore } from './ports/account-store.js'

/** Whose an account is. */
export interface AccountOwner {
  readonly foundingWallet: WalletId
  /** When a device or wallet was added last, by the newest signature under it, in ms since 1970; undefined: never since the account was made. */
  readonly lastAddedMs: number | undefined
  readonly closed: boolean
}

/** A wallet proof of purpose `withdraw`, and what it must be about. */
export interface WithdrawalQuestion {
  readonly account: AccountId
  /** 32 bytes. */
  readonly bodyHash: Uint8Array
  /** CBOR. */
  readonly proof: Uint8Array
}

/** Whether a withdrawal was allowed, or the code of the first check that failed. */
export type WithdrawalCheck = { readonly status: 'valid' } | { readonly status: 'refused'; readonly code: ErrorCode }

/** What {@link Withdrawals} needs. */
export interface WithdrawalsOptions {
  readonly config: AuthConfig
  readonly accounts: Pick<Accounts, 'state'>
  readonly entries: Pick<AccountStore, 'entries'>
  readonly challenges: Challenges
  readonly clock: Clock
  readonly primitives: ProofPrimitives
}

/** What the wallet bridge asks about the owners of accounts. */
export class Withdrawals {
  readonly #options: WithdrawalsOptions

  constructor(options: WithdrawalsOptions) {
    this.#options = options
  }

  /** Whose an account is; undefined for one without entries. Rejects `unavailable.store`. */
  async owner(account: AccountId): Promise<AccountOwner | undefined> {
    const state = await this.#options.accounts.state(account)
    if (state?.foundingWallet === undefined) return undefined
    return { foundingWallet: state.foundingWallet, lastAddedMs: await this.#lastAddedMs(state), closed: state.closed }
  }

  /**
   * Whether an active wallet of the account allowed exactly what `bodyHash` stands for, lately and on an active device. Uses nothing up: what is allowed has an id
   * that is known for ever, so the same proof never allows a second payment, and who asks again because an answer was lost gets the same one. Rejects `unavailable.store`.
   */
  async verify({ account, bodyHash, proof: bytes }: WithdrawalQuestion): Promise<WithdrawalCheck> {
    const { config, accounts, challenges, clock, primitives } = this.#options
    const refused = (code: ErrorCode): WithdrawalCheck => ({ status: 'refused', code })
    const proof = readProof(bytes)
    if (proof === undefined) return refused('proof.malformed')
    const state = await accounts.state(account)
    if (state === undefined) return refused('account.not_found')
    if (state.closed) return refused('account.closed')
    if (state.wallets.get(proof.walletId)?.active !== true) return refused('account.wallet_unknown')
    if (activeDevice(state, proof.device) === undefined) return refused('account.device_unknown')
    const challenge = challenges.check(proof.nonce, 'withdraw', proof.device)
    if (challenge.status === 'refused') return refused(challenge.code)
    const outcome = verifyProof(proof, {
      domain: config.domain, origin: config.origin, network: config.network, walletId: proof.walletId, purpose: 'withdraw', account, device: proof.device,
      logSeq: state.seq, logHead: state.head, bodyHash, nowMs: clock.now(), mode: 'server',
    }, primitives)
    return outcome.status === 'valid' ? { status: 'valid' } : refused(outcome.code)
  }

  /** The log knows numbers, not times: the time is that of the wallet's signature, which was at most as old as a nonce lives when the entry came. */
  async #lastAddedMs({ account, devices, wallets }: AccountState): Promise<number | undefined> {
    const seq = Math.max(...[...devices.values()].map(({ addedSeq }) => addedSeq), ...[...wallets.values()].map(({ linkedAtSeq }) => linkedAtSeq))
    if (seq <= 1) return undefined
    const { entries: [bytes] } = await this.#options.entries.entries(account, seq - 1, { entriesMax: 1, bytesMax: 1 })
    // A log that is cut: who has nothing to hold by must not be told that there is nothing to hold.
    if (bytes === undefined) throw new EvegramError('unavailable.store', { operation: 'read when a device was added' })
    const times = decodeEntry(bytes).proofs.flatMap((proof) => (proof.type === 'wallet' ? [proof.proof.issuedAtMs] : []))
    return Math.max(...times)
  }
}

function readProof(bytes: Uint8Array): WalletProof | undefined {
  try {
    return decodeWalletProof(decodeCbor(bytes, WALLET_PROOF_BYTES_MAX))
  } catch (failure) {
    if (isEvegramError(failure)) return undefined
    throw failure
  }
}
