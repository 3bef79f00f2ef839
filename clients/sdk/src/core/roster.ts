import {
  activeDevices, CborFields, decodeCbor, encodeCbor, EvegramError, hexOf, idBytes, isEvegramError, LIMITS, parseAccountId, parseDeviceId,
  type AccountHead, type AccountId, type AccountState, type DeviceId,
} from '@evegram/protocol'
import { addressOf } from '@evegram/protocol/proof'
import type { AccountVerifier, AttestedDevice, VerifiedAccount } from '../account/account-verifier.js'
import type { AttestedKeys } from '../crypto/stores.js'
import type { EventHub } from '../events.js'
import type { StoreChange } from '../store/local-store.js'
import type { LocalState } from './local-state.js'
import type { Transaction } from './transaction.js'
import { carryVerified, readVerified, verifiedChange } from './verified.js'

/** Accounts whose devices are held in memory; past it the ones loaded first are read from the store again. */
const ROSTER_ACCOUNTS_MAX = 1_024

/** Start of the keys of revocations that were told end to end, in table `accounts`. */
const DISTRUSTED_PREFIX = 'distrusted/'
const DISTRUSTED_PAGE = 500
/** Devices of one account that are distrusted though no log showed them yet: as many as an account may have. Those that its log shows are bounded by the log. */
const DISTRUSTED_UNSEEN_MAX = LIMITS.devicesPerAccountMax

/** What was told about an account before: which devices were active, up to which entry. */
interface Told {
  readonly seq: number
  readonly active: ReadonlySet<DeviceId>
}

/** What a {@link Roster} works on. */
export interface RosterPorts {
  readonly accounts: AccountVerifier
  readonly events: EventHub
  readonly local: LocalState
  /** The own account. */
  readonly account: AccountId
}

/**
 * The devices that messages may be encrypted for and accepted from: what the verified account logs attest, minus what was
 * revoked in an end-to-end notice that the server does not show yet. Tells of devices that come and go.
 */
export class Roster implements AttestedKeys {
  readonly #ports: RosterPorts
  readonly #devices = new Map<DeviceId, AttestedDevice>()
  readonly #accounts = new Map<AccountId, { readonly seq: number; readonly head: AccountHead; readonly devices: readonly AttestedDevice[]; readonly state: AccountState; readonly address: string }>()
  /** By account: nobody has a say about the devices of somebody else. */
  readonly #distrusted = new Map<AccountId, Set<DeviceId>>()

  constructor(ports: RosterPorts) {
    this.#ports = ports
  }

  /** Reads what must survive a restart. Call once, before anything else. */
  async load(): Promise<void> {
    for (let from = DISTRUSTED_PREFIX, more = true; more;) {
      const rows = await this.#ports.local.store.list('accounts', { from, to: `${DISTRUSTED_PREFIX}~`, limit: DISTRUSTED_PAGE })
      for (const { key } of rows) {
        const [account = '', device = ''] = key.slice(DISTRUSTED_PREFIX.length).split('/')
        this.#noteDistrusted(parseAccountId(account), parseDeviceId(device))
        from = `${key} `
      }
      more = rows.length === DISTRUSTED_PAGE
    }
  }

  identityKeyOf(device: DeviceId): Uint8Array | undefined {
    return this.device(device)?.identityKey
  }

  /** The attested device, of the accounts that are loaded. */
  device(device: DeviceId): AttestedDevice | undefined {
    const known = this.#devices.get(device)
    return known === undefined || this.#isDistrusted(known.account, device) ? undefined : known
  }

  /** The attested devices of an account that is loaded. */
  devicesOf(account: AccountId): readonly AttestedDevice[] {
    return (this.#accounts.get(account)?.devices ?? []).filter(({ device }) => !this.#isDistrusted(account, device))
  }

  /** A device that an account that is loaded attested once, and does no more: nothing is believed of it alone. */
  formerDevice(account: AccountId, device: DeviceId): AttestedDevice | undefined {
    const known = this.#accounts.get(account)?.state.devices.get(device)
    return known === undefined || this.device(device) !== undefined ? undefined : { ...known, account, device }
  }

  /** Whether the account is loaded. */
  isLoaded(account: AccountId): boolean {
    return this.#accounts.has(account)
  }

  /** State of the log of an account that is loaded. Throws `internal` otherwise: that is a fault of this program. */
  headOf(account: AccountId): AccountHead {
    const head = this.#accounts.get(account)?.head
    if (head === undefined) throw new EvegramError('internal', { operation: 'use an account that was not loaded' })
    return head
  }

  /** Address of the founding wallet of an account that is loaded; empty otherwise. */
  addressOf(account: AccountId): string {
    return this.#accounts.get(account)?.address ?? ''
  }

  /** Loads what was verified last of an account; asks the server only for one that is unknown. Rejects as the verifier does. */
  async loadAccount(account: AccountId): Promise<VerifiedAccount> {
    const known = await this.#ports.accounts.known(account)
    return known === undefined ? this.refresh(account) : this.#take(known)
  }

  /** Brings an account up to date with the server. Rejects as the verifier does, after an `account-alarm` where the log is at fault. */
  async refresh(account: AccountId, options?: { readonly maxAgeMs?: number }): Promise<VerifiedAccount> {
    try {
      return await this.#take(await this.#ports.accounts.refresh(account, options))
    } catch (error) {
      if (isEvegramError(error)) this.alarm(account, error)
      throw error
    }
  }

  /** Tells of a log that cannot be believed; other failures are left to the caller. */
  alarm(account: AccountId, error: EvegramError): void {
    if (!['account.log_rolled_back', 'account.log_withheld', 'account.log_invalid', 'account.mismatch'].includes(error.code)) return
    this.#ports.events.emit('account-alarm', { account, code: error.code, error })
  }

  /**
   * Stops trusting a device of `account`, whose owner said end to end that it is revoked, whatever the server shows. Returns the write to commit; undefined where that account
   * named too many devices that its log does not show, which is told.
   */
  distrust(account: AccountId, device: DeviceId): StoreChange | undefined {
    const log = this.#accounts.get(account)?.state.devices
    const named = this.#distrusted.get(account) ?? new Set()
    const unseen = [...named].filter((known) => log?.has(known) !== true)
    if (log?.has(device) !== true && !named.has(device) && unseen.length >= DISTRUSTED_UNSEEN_MAX) {
      this.#ports.events.refuse({ code: 'limited.queue', account, detail: 'revocations of devices that its log does not show' })
      return undefined
    }
    this.#noteDistrusted(account, device)
    return { table: 'accounts', key: `${DISTRUSTED_PREFIX}${account}/${device}`, value: new Uint8Array(1) }
  }

  #noteDistrusted(account: AccountId, device: DeviceId): void {
    this.#distrusted.set(account, (this.#distrusted.get(account) ?? new Set()).add(device))
  }

  #isDistrusted(account: AccountId, device: DeviceId): boolean {
    return this.#distrusted.get(account)?.has(device) === true
  }

  /** Takes a state that the verifier returned elsewhere (a resolved address). */
  async take(verified: VerifiedAccount): Promise<VerifiedAccount> {
    return this.#take(verified)
  }

  async #take(verified: VerifiedAccount): Promise<VerifiedAccount> {
    const { account, state } = verified
    const held = this.#accounts.get(account)
    // Attestations age: the list is asked for again each time, which costs no request for an account that is known.
    const devices = await this.#ports.accounts.attestedDevices(account)
    for (const { device } of held?.devices ?? []) this.#devices.delete(device)
    for (const device of devices) this.#devices.set(device.device, device)
    this.#accounts.delete(account)
    const founding = state.foundingWallet
    const head = { account, seq: verified.seq, head: verified.head }
    this.#accounts.set(account, { seq: verified.seq, head, devices, state, address: founding === undefined ? '' : addressOf(founding) })
    this.#evict()
    if (held?.seq !== verified.seq) await this.#tell(account, state)
    return verified
  }

  #evict(): void {
    for (const [account, { devices }] of this.#accounts) {
      if (this.#accounts.size <= ROSTER_ACCOUNTS_MAX) return
      if (account === this.#ports.account) continue
      this.#accounts.delete(account)
      for (const { device } of devices) this.#devices.delete(device)
    }
  }

  /** Compares with what was told before, and tells the difference once it is durable. */
  #tell(account: AccountId, state: AccountState): Promise<void> {
    return this.#ports.local.write(async (tx) => {
      const before = await this.#readTold(tx, account)
      if (before !== undefined && before.seq >= state.seq) return
      const active = activeDevices(state)
      tx.put('accounts', `told/${account}`, encodeCbor({ seq: state.seq, active: active.map((device) => idBytes(device)) }))
      const verified = await readVerified(tx, account)
      const kept = verified === undefined ? undefined : carryVerified(verified, state)
      if (verified !== undefined) tx.change(verifiedChange(account, kept))
      if (before === undefined) return
      tx.afterCommit(() => { this.#announce(account, state, before, verified !== undefined && kept === undefined) })
    })
  }

  #announce(account: AccountId, state: AccountState, before: Told, isUnverified: boolean): void {
    const { events } = this.#ports
    const address = this.addressOf(account)
    const own = account === this.#ports.account
    const active = activeDevices(state)
    for (const device of active) {
      if (before.active.has(device)) continue
      const approvedBy = state.devices.get(device)?.approvedBy
      events.emit('device-added', { account, address, device, own, ...(approvedBy === undefined ? {} : { approvedBy }) })
    }
    for (const device of before.active) if (!active.includes(device)) events.emit('device-revoked', { account, address, device, own })
    if (isUnverified) events.emit('identity-changed', { account, address, wasVerified: true })
  }

  async #readTold(source: Pick<Transaction, 'get'>, account: AccountId): Promise<Told | undefined> {
    const row = await source.get('accounts', `told/${account}`)
    if (row === undefined) return undefined
    const fields = new CborFields(decodeCbor(row, 262_144), 'client.store')
    const active = fields.list('active', 4_096).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : fields.fail('device')))
    return { seq: fields.uint('seq'), active: new Set(active) }
  }
}
