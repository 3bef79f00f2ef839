import {
  accountIdOf, activeDevices, emptyAccountState, equalBytes, EvegramError, hexOf, idBytes, isAttestationFresh, isEvegramError,
  parseAccountId,
  type AccountId, type Clock, type ErrorCode, type WalletId,
} from '@evegram/protocol'
import { parseAddress, type Network, type ProofPrimitives } from '@evegram/protocol/proof'
import type { AuthApi, ClaimedHead } from '../api/auth-api.js'
import type { ServerClock } from '../api/server-clock.js'
import type { LocalStore, StoreChange } from '../store/local-store.js'
import { accountKey, addressKey, decodeAccountRow, encodeAccountRow, type AccountRecord } from './account-row.js'
import type { AccountUpdate, AccountVerifier, AttestedDevice, HeadCheck, ResolvedAddress, VerifiedAccount } from './account-verifier.js'
import { extendAccount } from './extend-account.js'

/** What an account verifier needs. */
export interface AccountVerifierOptions {
  readonly api: Pick<AuthApi, 'accountOfWallet' | 'logPage'>
  readonly store: LocalStore
  readonly primitives: ProofPrimitives
  /** Configured, as `domainOf` and `originOf` write them. */
  readonly domain: string
  readonly origin: string
  readonly network: Network
  readonly clock: Clock
  readonly serverClock: Pick<ServerClock, 'now'>
  /** Commits a verified step, with whatever else must be durable together with it. Default: `store.commit(changes)`. */
  readonly commit?: (changes: readonly StoreChange[], update: AccountUpdate) => Promise<void>
}

/** Accounts held in memory; past it the ones used longest ago are read from the store again. */
const ACCOUNTS_HELD_MAX = 1_024

/** Failures of a refresh that speak against the server, and stop sending. */
const ALARM_CODES: ReadonlySet<ErrorCode> = new Set([
  'account.log_rolled_back', 'account.log_withheld', 'account.log_invalid', 'account.mismatch',
])

interface Held extends AccountRecord {
  readonly confirmedAtMs: number
  readonly askedMonotonicMs: number | undefined
  /** Monotonic time of the confirmation; undefined when the record comes from the store. */
  readonly confirmedMonotonicMs: number | undefined
}

/** The {@link AccountVerifier} of a profile. */
export function createAccountVerifier(options: AccountVerifierOptions): AccountVerifier {
  return new LogVerifier(options)
}

class LogVerifier implements AccountVerifier {
  readonly #options: AccountVerifierOptions
  readonly #held = new Map<AccountId, Held>()
  readonly #alarms = new Map<AccountId, EvegramError>()
  readonly #refreshing = new Map<AccountId, Promise<Held>>()

  constructor(options: AccountVerifierOptions) {
    this.#options = options
  }

  async resolveAddress(address: string): Promise<ResolvedAddress> {
    const parsed = parseAddress(address, { network: this.#options.network })
    const { walletId } = parsed
    const claimed = await this.#options.api.accountOfWallet(walletId)
    const account = claimed?.account ?? (await this.#knownFounder(walletId))
    if (account === undefined) throw new EvegramError('account.not_found', { operation: 'resolve address' })
    const held = await this.#follow(account, claimed)
    if (held.state.wallets.get(walletId)?.active !== true) throw new EvegramError('account.mismatch', { operation: 'resolve address' })
    if (held.state.closed) throw new EvegramError('account.closed', { operation: 'resolve address' })
    const before = await this.#remember(walletId, account)
    const changed = before === undefined || before === account ? {} : { changedFrom: before }
    return { walletId, address: parsed.address, verified: verifiedOf(held), ...changed }
  }

  async refresh(account: AccountId, options: { readonly maxAgeMs?: number } = {}): Promise<VerifiedAccount> {
    const held = this.#held.get(account)
    const confirmedAt = held?.confirmedMonotonicMs
    const isFresh = confirmedAt !== undefined && this.#options.clock.monotonicMs() - confirmedAt < (options.maxAgeMs ?? 0)
    if (held !== undefined && isFresh && !this.#alarms.has(account)) return verifiedOf(held)
    return verifiedOf(await this.#refresh(account))
  }

  async known(account: AccountId): Promise<VerifiedAccount | undefined> {
    const held = await this.#load(account)
    return held === undefined ? undefined : verifiedOf(held)
  }

  async expectHead(account: AccountId, seq: number, head: Uint8Array): Promise<HeadCheck> {
    const known = await this.#load(account)
    const isNews = known === undefined || seq > known.state.seq
    const held = isNews ? await this.#reach(account, seq).catch((error: unknown) => withheldOf(error)) : known
    if (held instanceof EvegramError) return { status: 'withheld', error: held }
    const expected = seq === 0 ? emptyAccountState(account).head : held.heads[seq - 1]
    if (expected !== undefined && equalBytes(expected, head)) return { status: 'known', verified: verifiedOf(held) }
    const error = new EvegramError('account.log_rolled_back', { operation: 'compare account heads', details: { seq } })
    return { status: 'forked', error }
  }

  async attestedDevices(account: AccountId): Promise<readonly AttestedDevice[]> {
    const { state } = (await this.#load(account)) ?? (await this.#refresh(account))
    if (state.closed) return []
    const now = this.#options.serverClock.now()
    return activeDevices(state).flatMap((device) => {
      const known = state.devices.get(device)
      return known !== undefined && isAttestationFresh(known, now) ? [{ account, device, ...known }] : []
    })
  }

  alarm(account: AccountId): EvegramError | undefined {
    return this.#alarms.get(account)
  }

  /** The log that the directory of the server leads to: both must tell one history. */
  async #follow(account: AccountId, claimed: ClaimedHead | undefined): Promise<Held> {
    try {
      const held = await this.#reach(account, claimed?.seq ?? 0)
      if (claimed !== undefined) refuseOtherHistory(held, claimed)
      return held
    } catch (error) {
      throw isEvegramError(error) ? this.#raise(account, error) : error
    }
  }

  /**
   * A state of at least `seq`: a refresh that was on its way already may have asked too early, so one more follows it.
   * Rejects with `account.log_withheld`.
   */
  async #reach(account: AccountId, seq: number): Promise<Held> {
    const joined = await this.#refresh(account)
    const held = joined.state.seq >= seq ? joined : await this.#refresh(account)
    if (held.state.seq >= seq) return held
    throw new EvegramError('account.log_withheld', { operation: 'verify account log', details: { seq: held.state.seq, claimed: seq } })
  }

  #refresh(account: AccountId): Promise<Held> {
    const running = this.#refreshing.get(account)
    if (running !== undefined) return running
    const started = this.#fetch(account).finally(() => this.#refreshing.delete(account))
    this.#refreshing.set(account, started)
    return started
  }

  async #fetch(account: AccountId): Promise<Held> {
    const { api, clock, serverClock, primitives, domain, origin, network } = this.#options
    const askedMonotonicMs = clock.monotonicMs()
    const known = await this.#load(account)
    const start = known ?? { state: emptyAccountState(account), heads: [] }
    const context = { primitives, domain, origin, network, nowMs: serverClock.now(), mode: 'peer' } as const
    let record: AccountRecord
    try {
      record = await extendAccount(account, start, { api, clock, context })
    } catch (error) {
      throw isEvegramError(error) ? this.#raise(account, error) : error
    }
    if (record.state.seq > start.state.seq) await this.#commit(record, known)
    this.#alarms.delete(account)
    return this.#hold({ ...record, confirmedAtMs: serverClock.now(), askedMonotonicMs, confirmedMonotonicMs: clock.monotonicMs() })
  }

  async #commit(record: AccountRecord, known: AccountRecord | undefined): Promise<void> {
    const { store, commit } = this.#options
    const changes: StoreChange[] = [{ table: 'accounts', key: accountKey(record.state.account), value: encodeAccountRow(record) }]
    if (commit === undefined) await store.commit(changes)
    else await commit(changes, { before: known?.state, after: record.state })
  }

  async #load(account: AccountId): Promise<Held | undefined> {
    const held = this.#held.get(account)
    if (held !== undefined) return this.#hold(held)
    const row = await this.#options.store.get('accounts', accountKey(account))
    // A refresh may have been faster than the store.
    const newer = this.#held.get(account)
    if (newer !== undefined || row === undefined) return newer
    return this.#hold({ ...decodeAccountRow(row), confirmedAtMs: 0, askedMonotonicMs: undefined, confirmedMonotonicMs: undefined })
  }

  /** Keeps a record as the one used last. */
  #hold(held: Held): Held {
    this.#held.delete(held.state.account)
    this.#held.set(held.state.account, held)
    const [oldest] = this.#held.keys()
    if (this.#held.size > ACCOUNTS_HELD_MAX && oldest !== undefined) this.#held.delete(oldest)
    return held
  }

  /** The account founded by a wallet, where it was verified before: the server cannot deny it. */
  async #knownFounder(wallet: WalletId): Promise<AccountId | undefined> {
    const account = accountIdOf(wallet)
    return (await this.#load(account)) === undefined ? undefined : account
  }

  /** Notes under which account an address was found; returns the one noted before. */
  async #remember(wallet: WalletId, account: AccountId): Promise<AccountId | undefined> {
    const row = await this.#options.store.get('accounts', addressKey(wallet))
    const before = row === undefined ? undefined : parseAccountId(hexOf(row))
    if (before !== account) await this.#options.store.commit([{ table: 'accounts', key: addressKey(wallet), value: idBytes(account) }])
    return before
  }

  #raise(account: AccountId, error: EvegramError): EvegramError {
    if (!ALARM_CODES.has(error.code)) return error
    this.#alarms.delete(account)
    this.#alarms.set(account, error)
    const [oldest] = this.#alarms.keys()
    if (this.#alarms.size > ACCOUNTS_HELD_MAX && oldest !== undefined) this.#alarms.delete(oldest)
    return error
  }
}

function verifiedOf({ state, confirmedAtMs, askedMonotonicMs }: Held): VerifiedAccount {
  return { account: state.account, seq: state.seq, head: state.head, state, confirmedAtMs, askedMonotonicMs }
}

function refuseOtherHistory(held: Held, { seq, head }: ClaimedHead): void {
  const shown = seq === 0 ? undefined : held.heads[seq - 1]
  if (shown === undefined || equalBytes(shown, head)) return
  throw new EvegramError('account.log_rolled_back', { operation: 'resolve address', details: { seq } })
}

function withheldOf(error: unknown): EvegramError {
  if (isEvegramError(error, 'account.log_withheld')) return error
  throw error
}
