import { EvegramError, type DeviceId } from '@evegram/protocol'
import type { DeviceKeys } from './device-keys.js'
import type { VerifiedBundle } from './prekeys.js'
import type { Signal } from './signal.js'
import { parsePreKeyMessage, parseSessionMessage } from './signal-message.js'
import { refusalOf, type RefusalKind } from './signal-refusal.js'
import { SIGNAL_KEYS, signalStores, StagedRows, type AttestedKeys, type ChangeSet, type SignalState, type SignalStores } from './stores.js'
import { SESSION_MESSAGE, type SignalMessageType } from './signal-message.js'

/** Outcome of {@link SessionCiphers.startSession}. Commit `changes`, alone or with the first message. */
export type StartOutcome =
  | { readonly status: 'started'; readonly changes: ChangeSet }
  | { readonly status: 'untrusted_identity' | 'bad_signature' | 'low_order_key' | 'malformed' }

/** Outcome of {@link SessionCiphers.encryptFor}. `no_session`: fetch a bundle and start one. */
export type EncryptOutcome =
  | { readonly status: 'encrypted'; readonly type: SignalMessageType; readonly bytes: Uint8Array; readonly changes: ChangeSet }
  | { readonly status: 'no_session' | 'untrusted_identity' }

/**
 * Outcome of {@link SessionCiphers.decrypt}. Every other status than `decrypted` changed nothing.
 * `replayed` and `bad_mac` say nothing that is authenticated: neither is a reason to reset a session by itself. A `replayed`
 * message that the caller's dedupe rows do not know is missing (its key was dropped past a bound), not read before.
 */
export type DecryptOutcome =
  | { readonly status: 'decrypted'; readonly plaintext: Uint8Array; readonly changes: ChangeSet }
  | { readonly status: Exclude<RefusalKind, 'bad_signature'> }

/** Operations of one device that may wait for their turn; beyond it, `limited.queue`. */
const WAITING_MAX = 10_000

/**
 * The Signal sessions of this device with others. One object per profile: operations on one remote device run one after the
 * other, those on different devices may overlap. The caller commits the change set of an operation before it starts the
 * next one for the same remote device (or passes an `overlay` of the uncommitted changes).
 */
export class SessionCiphers {
  readonly #signal: Signal
  readonly #local: DeviceKeys
  readonly #attested: AttestedKeys
  readonly #turns = new Map<DeviceId, { last: Promise<unknown>; waiting: number }>()

  constructor(options: { readonly signal: Signal; readonly local: DeviceKeys; readonly attested: AttestedKeys }) {
    this.#signal = options.signal
    this.#local = options.local
    this.#attested = options.attested
  }

  /** Whether messages can be encrypted for `device` now. */
  hasSession(device: DeviceId, state: SignalState): Promise<boolean> {
    return this.#inTurn(device, async () => {
      const { stores } = await this.#stage(device, state)
      return this.#signal.hasOpenSession(stores, device)
    })
  }

  /** Builds a session from a bundle that {@link VerifiedBundle} proves to be checked (X3DH, initiator). An older one is archived. */
  startSession(device: DeviceId, bundle: VerifiedBundle, state: SignalState): Promise<StartOutcome> {
    return this.#inTurn(device, async () => {
      if (bundle.device !== device) throw new EvegramError('invalid.argument', { operation: 'start session' })
      const { rows, stores } = await this.#stage(device, state)
      if (!stores.isTrustedIdentity(device, bundle.identityKey)) return { status: 'untrusted_identity' }
      try {
        await this.#signal.buildSession(stores, device, bundle)
      } catch (error) {
        const kind = refusalOf(error)
        if (kind === 'untrusted_identity' || kind === 'bad_signature' || kind === 'low_order_key' || kind === 'malformed') return { status: kind }
        throw fault('start session', error)
      }
      return { status: 'started', changes: rows.changes() }
    })
  }

  /** Encrypts `plaintext` for `device`. The bytes may leave only after `changes` is committed: a lost ratchet step reuses a key. */
  encryptFor(device: DeviceId, plaintext: Uint8Array, state: SignalState): Promise<EncryptOutcome> {
    return this.#inTurn(device, async () => {
      if (this.#attested.identityKeyOf(device) === undefined) return { status: 'untrusted_identity' }
      const { rows, stores } = await this.#stage(device, state)
      if (stores.loadSession(device) === undefined) return { status: 'no_session' }
      try {
        const { type, bytes } = await this.#signal.encrypt(stores, device, plaintext)
        return { status: 'encrypted', type, bytes, changes: rows.changes() }
      } catch (error) {
        const kind = refusalOf(error)
        if (kind === 'no_session' || kind === 'untrusted_identity') return { status: kind }
        throw fault('encrypt', error)
      }
    })
  }

  /** Decrypts what `device` sent. Bytes come from the server and are not trusted. */
  decrypt(device: DeviceId, type: SignalMessageType, bytes: Uint8Array, state: SignalState): Promise<DecryptOutcome> {
    return this.#inTurn(device, async () => {
      try {
        const { rows, stores } = await this.#stageDecryption(device, type, bytes, state)
        const plaintext = await this.#signal.decrypt(stores, device, type, bytes)
        return { status: 'decrypted', plaintext, changes: rows.changes() }
      } catch (error) {
        const kind = refusalOf(error)
        if (kind === undefined) throw fault('decrypt', error)
        return { status: kind === 'bad_signature' ? 'undecryptable' : kind }
      }
    })
  }

  /**
   * Archives the open session, so that the next message needs a new one; messages that are still on their way in the old one
   * stay readable. The caller limits how often (5 per hour and device).
   */
  resetSession(device: DeviceId, state: SignalState): Promise<ChangeSet> {
    return this.#inTurn(device, async () => {
      const { rows, stores } = await this.#stage(device, state)
      await this.#signal.archiveSession(stores, device)
      return rows.changes()
    })
  }

  /** The change that forgets everything about `device`: for a device that was revoked. */
  forget(device: DeviceId): ChangeSet {
    return { puts: new Map(), deletes: new Set([SIGNAL_KEYS.session(device)]) }
  }

  async #stage(device: DeviceId, state: SignalState, more: readonly string[] = []): Promise<{ rows: StagedRows; stores: SignalStores }> {
    const rows = await StagedRows.read(state, [SIGNAL_KEYS.session(device), ...more])
    return { rows, stores: signalStores(rows, this.#local, this.#attested) }
  }

  async #stageDecryption(
    device: DeviceId,
    type: SignalMessageType,
    bytes: Uint8Array,
    state: SignalState,
  ): Promise<{ rows: StagedRows; stores: SignalStores }> {
    if (type === SESSION_MESSAGE) {
      parseSessionMessage(bytes)
      return this.#stage(device, state)
    }
    const outer = parsePreKeyMessage(bytes)
    return this.#stage(device, state, [SIGNAL_KEYS.preKey(outer.preKeyId), SIGNAL_KEYS.signedPreKey(outer.signedPreKeyId)])
  }

  #inTurn<Result>(device: DeviceId, job: () => Promise<Result>): Promise<Result> {
    const turn = this.#turns.get(device) ?? { last: Promise.resolve(), waiting: 0 }
    if (turn.waiting >= WAITING_MAX) return Promise.reject(new EvegramError('limited.queue', { operation: 'use session' }))
    turn.waiting += 1
    this.#turns.set(device, turn)
    const result = turn.last.then(job).finally(() => {
      turn.waiting -= 1
      if (turn.waiting === 0) this.#turns.delete(device)
    })
    // The next turn starts whether this one failed or not; its caller sees the failure through `result`.
    turn.last = result.then(() => undefined, () => undefined)
    return result
  }
}

function fault(operation: string, cause: unknown): EvegramError {
  // A session record that is no JSON: the store gave back other bytes than it was given.
  if (cause instanceof SyntaxError) return new EvegramError('client.store', { operation, cause })
  return cause instanceof EvegramError ? cause : new EvegramError('internal', { operation, cause })
}
