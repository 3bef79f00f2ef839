import { createHash } from 'node:crypto'
import { emptyHead, EvegramError, parseAccountId, parseDeviceId, type AccountId, type Clock, type DeviceId } from '@evegram/protocol'
import type { AccountChange, AccountDirectory, AccountSummary, TokenHolder } from '../ports/account-directory.js'

interface Account {
  seq: number
  closed: boolean
  readonly devices: Map<DeviceId, Uint8Array>
}

/** Accounts of a test: devices come and go as it says; a token is the text `account.device.expiry`. */
export class TestDirectory implements AccountDirectory {
  readonly #clock: Clock
  readonly #accounts = new Map<AccountId, Account>()
  readonly #listeners = new Set<(change: AccountChange) => void>()
  /** Set to make every answer fail. */
  failure: Error | undefined
  /** Tokens that were revoked, whatever they say themselves. */
  readonly revokedTokens = new Set<string>()
  /** Whether changes are told to the nodes. */
  tells = true
  /** Runs before every summary is answered. */
  beforeSummary: () => Promise<void> = async () => undefined
  summaries = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async summary(account: AccountId): Promise<AccountSummary | undefined> {
    this.summaries++
    await this.beforeSummary()
    if (this.failure !== undefined) throw this.failure
    const found = this.#accounts.get(account)
    if (found === undefined) return undefined
    return { account, seq: found.seq, head: emptyHead(), closed: found.closed, devices: [...found.devices].map(([device, signingKey]) => ({ device, signingKey })) }
  }

  async verifyToken(token: string): Promise<TokenHolder> {
    if (this.failure !== undefined) throw this.failure
    if (this.revokedTokens.has(token)) throw new EvegramError('auth.token_revoked', { operation: 'verify token' })
    const [account = '', device = '', expiresAtMs = ''] = token.split('.')
    if (Number(expiresAtMs) <= this.#clock.now()) throw new EvegramError('auth.token_expired', { operation: 'verify token' })
    return { account: parseAccountId(account), device: parseDeviceId(device), expiresAtMs: Number(expiresAtMs) }
  }

  onChange(listener: (change: AccountChange) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Tells of a change, as the log of the account or a logout would. */
  tell(change: AccountChange): void {
    if (this.tells || change.kind === 'resync') for (const listener of this.#listeners) listener(change)
  }

  /** Adds a device; the account is made with its first one. */
  addDevice(account: AccountId, device: DeviceId): void {
    const found = this.#accounts.get(account) ?? { seq: 0, closed: false, devices: new Map<DeviceId, Uint8Array>() }
    this.#accounts.set(account, found)
    found.seq++
    found.devices.set(device, signingKeyOf(device))
    this.tell({ kind: 'log', account, seq: found.seq, revokedDevices: [], closed: false })
  }

  /** Revokes a device. */
  revokeDevice(account: AccountId, device: DeviceId): void {
    const found = this.#accounts.get(account)
    if (found === undefined) throw new Error('no such account')
    found.seq++
    found.devices.delete(device)
    this.tell({ kind: 'log', account, seq: found.seq, revokedDevices: [device], closed: false })
  }

  /** Closes an account. */
  closeAccount(account: AccountId): void {
    const found = this.#accounts.get(account)
    if (found === undefined) throw new Error('no such account')
    found.seq++
    found.closed = true
    this.tell({ kind: 'log', account, seq: found.seq, revokedDevices: [], closed: true })
  }

  /** Version of the account's log. */
  seqOf(account: AccountId): number {
    return this.#accounts.get(account)?.seq ?? 0
  }

  /** A token for the device, good for `lifeMs`. */
  tokenOf(account: AccountId, device: DeviceId, lifeMs = 600_000): string {
    return `${account}.${device}.${this.#clock.now() + lifeMs}`
  }
}

/** The signing key of a test device: made from its id. */
export function signingKeyOf(device: DeviceId): Uint8Array {
  return createHash('sha256').update(device).digest()
}
