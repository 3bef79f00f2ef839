import {
  activeDevice, activeDevices, activeWallets, applyEntry, decodeEntry, emptyAccountState, EvegramError,
  type AccountId, type AccountState, type Clock, type DeviceId, type LogEntry, type LogHead, type WalletId,
} from '@evegram/protocol'
import type { ProofPrimitives, WalletProof } from '@evegram/protocol/proof'
import type { Challenges } from './challenge.js'
import { AUTH_LIMITS, type AuthConfig } from './config.js'
import type { AccountStore, AppendRequest, EntriesPage } from './ports/account-store.js'
import type { NonceStore, NonceUse } from './ports/nonce-store.js'
import { SerialByKey } from './serial-by-key.js'

/** An account log moved on. */
export interface AccountChange {
  readonly account: AccountId
  readonly seq: number
  /** Devices that are active and were not before. */
  readonly addedDevices: readonly DeviceId[]
  /** Devices that were active before and are not any more. */
  readonly revokedDevices: readonly DeviceId[]
  readonly closed: boolean
}

/** What {@link Accounts} needs. */
export interface AccountsOptions {
  readonly config: AuthConfig
  readonly store: AccountStore
  readonly nonces: NonceStore
  readonly challenges: Challenges
  readonly clock: Clock
  readonly primitives: ProofPrimitives
}

/** Account logs: append under the rules of the protocol, and reads. */
export class Accounts {
  readonly #options: AccountsOptions
  readonly #lanes = new SerialByKey({ total: AUTH_LIMITS.appendsMax, perKey: AUTH_LIMITS.appendsPerAccountMax })

  constructor(options: AccountsOptions) {
    this.#options = options
  }

  /** The newest state, undefined for an account without entries. */
  state(account: AccountId): Promise<AccountState | undefined> {
    return this.#options.store.read(account)
  }

  /** The account to which a wallet belongs now. Throws `account.not_found`. */
  async ofWallet(wallet: WalletId): Promise<AccountState> {
    const account = await this.#options.store.accountOfWallet(wallet)
    return this.#existing(account)
  }

  /** One page of a log behind entry `after`, with the state that it belongs to. Throws `account.not_found`. */
  async log(account: AccountId, after: number): Promise<EntriesPage & { readonly state: AccountState }> {
    const state = await this.#existing(account)
    // The log may move on between the two reads: a page never shows more than the state that it names, which peers would refuse.
    const left = Math.max(0, state.seq - after)
    const { entries } = await this.#options.store.entries(account, after, {
      entriesMax: Math.min(left, AUTH_LIMITS.logPageEntriesMax), bytesMax: AUTH_LIMITS.logPageBytesMax,
    })
    return { entries, more: entries.length < left, state }
  }

  /**
   * Appends an encoded entry: rules of the log, then nonces, wallets and entry in one durable step.
   * Throws the code of the first rule that it breaks, `proof.replayed`, `conflict.log_head` (details seq, head),
   * `account.wallet_taken`, `limited.rate`.
   */
  async append(account: AccountId, bytes: Uint8Array): Promise<{ readonly head: LogHead; readonly change: AccountChange }> {
    const entry = decodeEntry(bytes)
    if (entry.account !== account) throw refusal('account.mismatch')
    const nonces = this.#checkNonces(entry)
    return this.#lanes.run(account, async () => {
      const before = await this.#options.store.read(account) ?? emptyAccountState(account)
      // Cheaper than verifying, and it tells a replay from a race: the head moved because this very proof was used.
      if (await this.#anyUsed(nonces)) throw refusal('proof.replayed')
      const after = this.#apply(before, bytes)
      await this.#store({ before, after, entry: bytes, nonces, ...walletChanges(before, after) })
      return { head: { seq: after.seq, head: after.head }, change: changeOf(before, after) }
    })
  }

  #checkNonces(entry: LogEntry): NonceUse[] {
    return walletProofs(entry).map((proof) => {
      const check = this.#options.challenges.check(proof.nonce, proof.purpose, proof.device)
      if (check.status === 'valid') return check.use
      throw refusal(check.code)
    })
  }

  async #anyUsed(nonces: readonly NonceUse[]): Promise<boolean> {
    for (const { key } of nonces) if (await this.#options.nonces.isUsed(key)) return true
    return false
  }

  #apply(before: AccountState, bytes: Uint8Array): AccountState {
    const { primitives, clock, config } = this.#options
    const result = applyEntry(before, bytes, {
      primitives, domain: config.domain, origin: config.origin, network: config.network, nowMs: clock.now(), mode: 'server',
    })
    if (result.status === 'applied') return result.state
    if (result.code === 'conflict.log_head') throw conflict(before)
    throw new EvegramError(result.code, { operation: 'append entry', details: { reason: result.reason } })
  }

  async #store(request: AppendRequest): Promise<void> {
    const outcome = await this.#options.store.append(request)
    switch (outcome.status) {
      case 'appended':
        return
      case 'conflict':
        throw conflict(outcome)
      case 'nonce_used':
        throw refusal('proof.replayed')
      case 'wallet_taken':
        throw refusal('account.wallet_taken')
      default:
        return outcome satisfies never
    }
  }

  async #existing(account: AccountId | undefined): Promise<AccountState> {
    const state = account === undefined ? undefined : await this.#options.store.read(account)
    if (state === undefined) throw new EvegramError('account.not_found', { operation: 'find account' })
    return state
  }
}

function walletProofs(entry: LogEntry): WalletProof[] {
  return entry.proofs.flatMap((proof) => (proof.type === 'wallet' ? [proof.proof] : []))
}

function refusal(code: 'account.mismatch' | 'account.wallet_taken' | 'proof.replayed' | 'proof.nonce' | 'proof.expired'): EvegramError {
  return new EvegramError(code, { operation: 'append entry' })
}

function conflict(current: LogHead): EvegramError {
  return new EvegramError('conflict.log_head', {
    operation: 'append entry', details: { seq: current.seq, head: Buffer.from(current.head).toString('base64url') },
  })
}

/**
 * Which wallets the step from `before` to `after` binds and frees. A closed account keeps its founding wallet, whose name it has, and
 * frees the others.
 */
function walletChanges(before: AccountState, after: AccountState): Pick<AppendRequest, 'bind' | 'release'> {
  const held = new Set(heldWallets(before))
  const holds = new Set(heldWallets(after))
  return { bind: [...holds].filter((wallet) => !held.has(wallet)), release: [...held].filter((wallet) => !holds.has(wallet)) }
}

function heldWallets(state: AccountState): WalletId[] {
  return activeWallets(state).filter((wallet) => !state.closed || wallet === state.foundingWallet)
}

/** What the step from `before` to `after` means for others. */
export function changeOf(before: AccountState, after: AccountState): AccountChange {
  const revokedDevices = activeDevices(before).filter((device) => activeDevice(after, device) === undefined)
  const addedDevices = activeDevices(after).filter((device) => activeDevice(before, device) === undefined)
  return { account: after.account, seq: after.seq, addedDevices, revokedDevices, closed: after.closed }
}
