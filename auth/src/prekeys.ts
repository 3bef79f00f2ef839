import {
  activeDevice, EvegramError, LIMITS, signedPrekeyBytes, type AccountId, type Clock, type DeviceId, type LogDevice,
} from '@evegram/protocol'
import { verifyEd25519, verifyXeddsa, type ProofPrimitives } from '@evegram/protocol/proof'
import type { Logger } from '@evegram/platform'
import type { Accounts } from './accounts.js'
import { LocalRateBuckets } from './local-rate-buckets.js'
import type { Contacts } from './ports/contacts.js'
import type { OneTimePrekey, PrekeyStatus, PrekeyStore, SignedPrekey } from './ports/prekey-store.js'
import type { RateBuckets, RateRule } from './ports/rate-buckets.js'

/** Rates and bounds of the prekey directory (identity.md section 5). */
export const PREKEY_RULES = {
  /** Fetches of one requester for one device at once, and the time for one to come back. */
  pairBurst: 6,
  pairRefillMs: 600_000,
  pairsMax: 500_000,
  /** One-time keys that strangers take of one device in an hour. */
  strangersPerHour: 60,
  targetsMax: 200_000,
  /** The last one-time keys, kept for accepted contacts. */
  keptForContacts: 20,
  /** Uploads of one device at once, and the time for one to come back. */
  uploadBurst: 20,
  uploadRefillMs: 60_000,
  uploadersMax: 200_000,
  /** libsignal ids have 24 bits. */
  idMax: 0xff_ffff,
} as const

const PAIRS: RateRule = {
  name: 'prekeys.pairs', capacity: PREKEY_RULES.pairBurst, refillMs: PREKEY_RULES.pairRefillMs, keysMax: PREKEY_RULES.pairsMax,
}
const STRANGERS: RateRule = {
  name: 'prekeys.strangers', capacity: PREKEY_RULES.strangersPerHour, refillMs: 3_600_000 / PREKEY_RULES.strangersPerHour,
  keysMax: PREKEY_RULES.targetsMax,
}

/** What a device publishes. */
export interface PrekeyUpload {
  readonly registrationId: number
  readonly signedPrekey: SignedPrekey
  readonly oneTimePrekeys: readonly OneTimePrekey[]
}

/** What a requester gets to start a session with a device. */
export interface PrekeyBundle {
  readonly account: AccountId
  readonly device: DeviceId
  readonly registrationId: number
  readonly identityKey: Uint8Array
  readonly signingKey: Uint8Array
  readonly signedPrekey: SignedPrekey
  /** Absent: last resort, three agreements instead of four. */
  readonly oneTimePrekey: OneTimePrekey | undefined
  /** Left after this one, for the notice to the owner. */
  readonly oneTimeRemaining: number
}

/** What {@link Prekeys} needs. `rateFactor` multiplies the upload rate alone: the others are promises to owners. */
export interface PrekeysOptions {
  readonly store: PrekeyStore
  readonly accounts: Accounts
  readonly contacts: () => Contacts
  readonly clock: Clock
  readonly log: Logger
  readonly primitives: ProofPrimitives
  readonly rateFactor: number
  /** Default: buckets of this process. */
  readonly buckets?: RateBuckets
}

/** The prekey directory: devices publish, others take each one-time key once. */
export class Prekeys {
  readonly #options: PrekeysOptions
  readonly #buckets: RateBuckets
  readonly #uploads: RateRule

  constructor(options: PrekeysOptions) {
    this.#options = options
    this.#buckets = options.buckets ?? new LocalRateBuckets(options.clock)
    this.#uploads = {
      name: 'prekeys.uploads', capacity: PREKEY_RULES.uploadBurst * options.rateFactor,
      refillMs: PREKEY_RULES.uploadRefillMs / options.rateFactor, keysMax: PREKEY_RULES.uploadersMax,
    }
  }

  /** Publishes keys of the caller's own device. Throws `limited.rate`, `invalid.request`, `proof.signature*`, `account.*`. */
  async publish(account: AccountId, device: DeviceId, upload: PrekeyUpload): Promise<{ readonly oneTimeRemaining: number }> {
    const taken = await this.#buckets.take(this.#uploads, device)
    if (taken.status === 'limited') {
      throw new EvegramError('limited.rate', { operation: 'publish prekeys', retryAfterMs: taken.retryAfterMs })
    }
    const attested = await this.#device(account, device)
    this.#checkUpload(device, attested, upload)
    const outcome = await this.#options.store.publish(account, device, upload, LIMITS.oneTimePrekeysMax)
    switch (outcome.status) {
      case 'published':
        return { oneTimeRemaining: outcome.oneTimeRemaining }
      case 'id_seen':
        throw invalid('A one-time prekey id was published before: ids are never used again.', { id: outcome.id })
      case 'too_many':
        throw invalid(
          'There would be too many one-time prekeys.', { oneTimeRemaining: outcome.oneTimeRemaining, oneTimeMax: LIMITS.oneTimePrekeysMax },
        )
      case 'removed':
        throw new EvegramError('account.device_revoked', { operation: 'publish prekeys' })
      default:
        return outcome satisfies never
    }
  }

  /** What is stored for the caller's own device; undefined before the first upload. */
  status(account: AccountId, device: DeviceId): Promise<PrekeyStatus | undefined> {
    return this.#options.store.status(account, device)
  }

  /**
   * Takes a bundle of `device` for `requester`. Throws `limited.prekeys`, `account.not_found`, `account.device_unknown`,
   * `not_found.prekeys`.
   */
  async take(requester: AccountId, account: AccountId, device: DeviceId): Promise<PrekeyBundle> {
    const attested = await this.#device(account, device)
    // Asking for what is not there costs nothing: a device that was just added has no prekeys yet, and everybody asks for them at once.
    if (await this.#options.store.status(account, device) === undefined) throw new EvegramError('not_found.prekeys', { operation: 'take prekeys' })
    const pair = await this.#buckets.take(PAIRS, `${requester}.${device}`)
    if (pair.status === 'limited') throw new EvegramError('limited.prekeys', { operation: 'take prekeys', retryAfterMs: pair.retryAfterMs })
    const taken = await this.#options.store.take(account, device, await this.#keepFor(requester, account, device))
    if (taken === undefined) throw new EvegramError('not_found.prekeys', { operation: 'take prekeys' })
    const { registrationId, identityKey, signingKey } = attested
    return { account, device, registrationId, identityKey, signingKey, ...taken }
  }

  /** Removes the keys of devices that the account log has revoked. */
  async removeDevices(account: AccountId, devices: readonly DeviceId[]): Promise<void> {
    for (const device of devices) await this.#options.store.remove(account, device)
  }

  /** How many one-time keys this requester must leave: none for contacts, some for strangers, all once strangers have had their hour. */
  async #keepFor(requester: AccountId, owner: AccountId, device: DeviceId): Promise<number> {
    if (requester === owner || await this.#isContact(owner, requester)) return 0
    const { status } = await this.#buckets.take(STRANGERS, device)
    return status === 'taken' ? PREKEY_RULES.keptForContacts : LIMITS.oneTimePrekeysMax
  }

  async #isContact(owner: AccountId, other: AccountId): Promise<boolean> {
    try {
      return await this.#options.contacts().accepted(owner, other)
    } catch (failure) {
      // Without an answer the requester is a stranger: it gets a bundle all the same.
      this.#options.log.warn({ err: failure }, 'contacts could not be asked')
      return false
    }
  }

  async #device(account: AccountId, device: DeviceId): Promise<LogDevice> {
    const state = await this.#options.accounts.state(account)
    if (state === undefined) throw new EvegramError('account.not_found', { operation: 'find device' })
    const known = activeDevice(state, device)
    if (known === undefined) throw new EvegramError('account.device_unknown', { operation: 'find device' })
    return known
  }

  #checkUpload(device: DeviceId, attested: LogDevice, upload: PrekeyUpload): void {
    const { signedPrekey, oneTimePrekeys } = upload
    if (upload.registrationId !== attested.registrationId) throw invalid('The registration id is not the one of the account log.')
    if (signedPrekey.createdAtMs > this.#options.clock.now() + LIMITS.challengeMs) throw invalid('The signed prekey is from the future.')
    if (new Set(oneTimePrekeys.map(({ id }) => id)).size !== oneTimePrekeys.length) throw invalid('Two one-time prekeys have one id.')
    const { primitives } = this.#options
    const statuses = [
      verifyXeddsa(attested.identityKey, signedPrekey.publicKey, signedPrekey.signature, primitives),
      verifyEd25519(primitives, attested.signingKey, signedPrekeyBytes({ device, ...signedPrekey }), signedPrekey.deviceSignature),
    ]
    for (const status of statuses) if (status !== 'valid') throw new EvegramError(status, { operation: 'publish prekeys' })
  }
}

function invalid(advice: string, details?: Readonly<Record<string, unknown>>): EvegramError {
  return new EvegramError('invalid.request', { operation: 'publish prekeys', advice, ...(details === undefined ? {} : { details }) })
}
