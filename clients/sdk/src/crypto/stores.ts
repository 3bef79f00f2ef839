import { bytesOfHex, equalBytes, EvegramError, hexOf, textOf, utf8, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { KeyPair } from './primitives.js'

/**
 * What the Signal code may read of the local store. `get` MUST see everything committed before the call and nothing of a
 * transaction that is still open. The bytes are not changed by the reader, and the store must not change them afterwards.
 */
export interface SignalState {
  get(key: string): Promise<Uint8Array | undefined>
}

/**
 * Writes that one operation wants. They MUST be committed by the caller in one local transaction with the rows that the
 * operation caused (plaintext, chain head, dedupe key and cursor; or number, ciphertext and outbox row), before anything
 * leaves the device or is acknowledged. An operation that failed has no change set: there is nothing to undo.
 */
export interface ChangeSet {
  readonly puts: ReadonlyMap<string, Uint8Array>
  readonly deletes: ReadonlySet<string>
}

/** Keys of the rows that the Signal code owns. All start with `signal/`. */
export const SIGNAL_KEYS = {
  /** Both key pairs and the registration id of this device. */
  device: 'signal/device',
  /** Which prekeys exist: see prekeys.ts. */
  preKeyIndex: 'signal/prekey-index',
  session: (device: DeviceId): string => `signal/session/${device}`,
  /** The chain that this device sends a group's messages with, and which devices were given it. */
  ownSenderKey: (conversation: ConversationId): string => `signal/own-sender-key/${conversation}`,
  senderKeyHolders: (conversation: ConversationId): string => `signal/sender-key-holders/${conversation}`,
  /** The distributions of a sending device that are kept, and each of them. */
  senderKeys: (conversation: ConversationId, device: DeviceId): string => `signal/sender-keys/${conversation}/${device}`,
  senderKey: (conversation: ConversationId, device: DeviceId, distribution: string): string => `signal/sender-key/${conversation}/${device}/${distribution}`,
  preKey: (id: number): string => `signal/prekey/${id}`,
  signedPreKey: (id: number): string => `signal/signed-prekey/${id}`,
} as const

/** A change set that changes nothing. */
export const NO_CHANGES: ChangeSet = { puts: new Map(), deletes: new Set() }

/** The change set that has the effect of `sets` one after the other. */
export function mergeChanges(...sets: readonly ChangeSet[]): ChangeSet {
  const puts = new Map<string, Uint8Array>()
  const deletes = new Set<string>()
  for (const set of sets) {
    for (const key of set.deletes) {
      puts.delete(key)
      deletes.add(key)
    }
    for (const [key, bytes] of set.puts) {
      deletes.delete(key)
      puts.set(key, bytes)
    }
  }
  return { puts, deletes }
}

/** `state` as it will be once `changes` is committed: for several operations in one transaction. */
export function overlay(state: SignalState, changes: ChangeSet): SignalState {
  return {
    get(key) {
      const staged = changes.puts.get(key)
      if (staged !== undefined) return Promise.resolve(staged)
      return changes.deletes.has(key) ? Promise.resolve(undefined) : state.get(key)
    },
  }
}

/** libsignal's session store, over the staged view of one operation. Records are JSON texts of the library. */
export interface SessionStore {
  loadSession(device: DeviceId): string | undefined
  storeSession(device: DeviceId, record: string): void
}

/** libsignal's identity store. Trust is never made here: it is what account logs attest. */
export interface IdentityKeyStore {
  identityKeyPair(): KeyPair
  registrationId(): number
  /** Whether `identityKey` (33 bytes) is the attested key of `device` and the device is not revoked. */
  isTrustedIdentity(device: DeviceId, identityKey: Uint8Array): boolean
}

/** libsignal's store of one-time prekeys: a key is removed by the message that used it. */
export interface PreKeyStore {
  loadPreKey(id: number): KeyPair | undefined
  removePreKey(id: number): void
}

/** libsignal's store of signed prekeys. */
export interface SignedPreKeyStore {
  loadSignedPreKey(id: number): KeyPair | undefined
}

/** What one library call may touch. All four are synchronous: their rows were read before the call began. */
export interface SignalStores extends SessionStore, IdentityKeyStore, PreKeyStore, SignedPreKeyStore {}

/** The account logs as the caller verified them: who may hold which identity key. */
export interface AttestedKeys {
  /** The identity key (33 bytes) that the log attests for `device`, or undefined when it attests none or the device is revoked. */
  identityKeyOf(device: DeviceId): Uint8Array | undefined
}

/** 1 byte of format, then 33 public and 32 private bytes. */
const KEY_PAIR_FORMAT = 1
const SESSION_FORMAT = 1

/** Row of a key pair. */
export function encodeKeyPair(pair: KeyPair): Uint8Array<ArrayBuffer> {
  const row = new Uint8Array(66)
  row[0] = KEY_PAIR_FORMAT
  row.set(pair.publicKey, 1)
  row.set(pair.privateKey, 34)
  return row
}

/** Key pair of a row. Throws `client.store` on a row of another shape. */
export function decodeKeyPair(row: Uint8Array): KeyPair {
  if (row.length !== 66 || row[0] !== KEY_PAIR_FORMAT) throw new EvegramError('client.store', { operation: 'read key pair' })
  return { publicKey: row.slice(1, 34), privateKey: row.slice(34, 66) }
}

/**
 * The rows that one operation needs, read before it starts, and its writes. Reads during the operation are synchronous, so
 * that the library never waits for input or output while it holds a ratchet.
 */
export class StagedRows {
  readonly #rows: ReadonlyMap<string, Uint8Array | undefined>
  readonly #puts = new Map<string, Uint8Array>()
  readonly #deletes = new Set<string>()

  private constructor(rows: ReadonlyMap<string, Uint8Array | undefined>) {
    this.#rows = rows
  }

  /** Reads `keys` from `state`. */
  static async read(state: SignalState, keys: readonly string[]): Promise<StagedRows> {
    const rows = new Map<string, Uint8Array | undefined>()
    for (const key of keys) rows.set(key, await state.get(key))
    return new StagedRows(rows)
  }

  /** The row as the operation sees it. Throws `internal` for a key that was not read before: that is a fault of this program. */
  get(key: string): Uint8Array | undefined {
    const staged = this.#puts.get(key)
    if (staged !== undefined) return staged
    if (this.#deletes.has(key)) return undefined
    if (!this.#rows.has(key)) throw new EvegramError('internal', { operation: 'read a row that was not staged' })
    return this.#rows.get(key)
  }

  put(key: string, row: Uint8Array): void {
    this.#deletes.delete(key)
    this.#puts.set(key, row)
  }

  delete(key: string): void {
    this.#puts.delete(key)
    this.#deletes.add(key)
  }

  /** What was written so far, for the caller's transaction. */
  changes(): ChangeSet {
    return { puts: new Map(this.#puts), deletes: new Set(this.#deletes) }
  }
}

/** The four stores over staged rows; identity and trust come from the caller. */
export function signalStores(
  rows: StagedRows,
  local: { readonly identity: KeyPair; readonly registrationId: number },
  attested: AttestedKeys,
): SignalStores {
  return {
    identityKeyPair: () => local.identity,
    registrationId: () => local.registrationId,
    isTrustedIdentity(device, identityKey) {
      const key = attested.identityKeyOf(device)
      return key !== undefined && equalBytes(key, identityKey)
    },
    loadSession(device) {
      const row = rows.get(SIGNAL_KEYS.session(device))
      if (row === undefined) return undefined
      if (row[0] !== SESSION_FORMAT) throw new EvegramError('client.store', { operation: 'read session' })
      return textOf(row.subarray(1))
    },
    storeSession(device, record) {
      const text = utf8(record)
      const row = new Uint8Array(text.length + 1)
      row[0] = SESSION_FORMAT
      row.set(text, 1)
      rows.put(SIGNAL_KEYS.session(device), row)
    },
    loadPreKey(id) {
      const row = rows.get(SIGNAL_KEYS.preKey(id))
      return row === undefined ? undefined : decodeKeyPair(row)
    },
    removePreKey(id) {
      rows.delete(SIGNAL_KEYS.preKey(id))
    },
    loadSignedPreKey(id) {
      const row = rows.get(SIGNAL_KEYS.signedPreKey(id))
      return row === undefined ? undefined : decodeKeyPair(row)
    },
  }
}

/** A {@link SignalState} in memory, for tests, the self-test and short-lived programs. `commit` is atomic. */
export class MemorySignalState implements SignalState {
  readonly #rows = new Map<string, Uint8Array>()

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#rows.get(key))
  }

  /** Applies a change set. */
  commit(changes: ChangeSet): void {
    for (const key of changes.deletes) this.#rows.delete(key)
    for (const [key, row] of changes.puts) this.#rows.set(key, row)
  }

  /** Hex of every row under its key, sorted: to compare states. */
  snapshot(): ReadonlyMap<string, string> {
    return new Map([...this.#rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([key, row]) => [key, hexOf(row)]))
  }

  /** A state with the same rows. */
  static of(snapshot: ReadonlyMap<string, string>): MemorySignalState {
    const state = new MemorySignalState()
    for (const [key, hex] of snapshot) state.#rows.set(key, bytesOfHex(hex))
    return state
  }
}
