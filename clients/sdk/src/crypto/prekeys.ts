import {
  equalBytes, EvegramError, idBytes, lengthPrefixed, LIMITS, textOf, uint64Of, utf8, type DeviceId,
} from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import { signWithIdentity, signWithSigning, verifyWithIdentity, verifyWithSigning, type DeviceKeys } from './device-keys.js'
import { checkedPublicKey, PUBLIC_KEY_BYTES } from './public-key.js'
import type { Signal } from './signal.js'
import { refusalOf } from './signal-refusal.js'
import { encodeKeyPair, SIGNAL_KEYS, type ChangeSet, type SignalState } from './stores.js'
import type { OneTimePreKey, PreKeyBundle, SignedPreKey } from './prekey-bundle.js'

/** Bounds of prekeys, units last. */
export const PREKEY_LIMITS = {
  /** One-time prekeys made at a time. */
  batch: 100,
  /** A new signed prekey is made when the current one is older. */
  rotationMs: 7 * 24 * 3_600_000,
  /** The private half of a replaced signed prekey is kept for messages on their way. */
  keepMs: 30 * 24 * 3_600_000,
  /** Private halves of one-time prekeys kept; past it the oldest go, and a message to one of them is answered by a new session. */
  oneTimeHeldMax: 2_000,
  /** Largest prekey id: 31 bits, so that every implementation of the protobuf agrees. */
  idMax: 0x7fff_ffff,
  /** How far the clock of a peer may be ahead of ours. */
  aheadMs: 600_000,
} as const

declare const verified: unique symbol

/** A bundle that {@link verifyBundle} accepted; nothing else makes one. */
export interface VerifiedBundle extends PreKeyBundle {
  readonly [verified]: true
  /** No one-time prekey: until the peer answers, the first messages can be sent again by the server as if new. Shown by `doctor`. */
  readonly lastResort: boolean
}

/** lp("evegram/prekey/v1") lp(device16) lp(id u64) lp(createdAtMs u64) lp(public key, 33 bytes): what the signing key signs. */
export function signedPreKeyBytes(device: DeviceId, key: Pick<SignedPreKey, 'id' | 'createdAtMs' | 'publicKey'>): Uint8Array {
  return lengthPrefixed('evegram/prekey/v1', idBytes(device), uint64Of(key.id), uint64Of(key.createdAtMs), key.publicKey)
}

/**
 * Checks a bundle against what the account log attests for its device: same identity key, both signatures over the signed
 * prekey, an age of at most 60 days, canonical keys. Throws `e2ee.untrusted_identity`, `e2ee.low_order_key` or
 * `e2ee.bundle_invalid` (details.check names the first check that failed). `primitives` verify the signing key: the portable ones when absent.
 */
export async function verifyBundle(
  signal: Signal,
  bundle: PreKeyBundle,
  attested: { readonly identityKey: Uint8Array; readonly signingKey: Uint8Array },
  nowMs: number,
  primitives?: ProofPrimitives,
): Promise<VerifiedBundle> {
  const { signedPreKey, oneTimePreKey } = bundle
  if (!equalBytes(bundle.identityKey, attested.identityKey)) throw new EvegramError('e2ee.untrusted_identity', { operation: 'verify bundle' })
  const keys = [bundle.identityKey, signedPreKey.publicKey, ...(oneTimePreKey === undefined ? [] : [oneTimePreKey.publicKey])]
  for (const key of keys) checkBundleKey(key)
  for (const id of [signedPreKey.id, ...(oneTimePreKey === undefined ? [] : [oneTimePreKey.id])]) {
    if (!Number.isInteger(id) || id < 1 || id > PREKEY_LIMITS.idMax) throw invalid('prekey id')
  }
  if (!Number.isInteger(bundle.registrationId) || bundle.registrationId < 0 || bundle.registrationId > 0xffff_ffff) throw invalid('registration id')
  const { createdAtMs } = signedPreKey
  if (!Number.isSafeInteger(createdAtMs) || createdAtMs < 0 || createdAtMs > nowMs + PREKEY_LIMITS.aheadMs) throw invalid('creation time')
  if (nowMs - createdAtMs > LIMITS.signedPrekeyMs) throw invalid('age')
  if (!verifyWithSigning(attested.signingKey, signedPreKeyBytes(bundle.device, signedPreKey), signedPreKey.deviceSignature, primitives)) {
    throw invalid('device signature')
  }
  if (!(await verifyWithIdentity(signal, attested.identityKey, signedPreKey.publicKey, signedPreKey.signature))) throw invalid('identity signature')
  // The only place that brands a bundle: every check of the docstring has passed.
  return { ...bundle, lastResort: oneTimePreKey === undefined } as VerifiedBundle
}

function checkBundleKey(key: Uint8Array): void {
  if (key.length !== PUBLIC_KEY_BYTES || key[0] !== 5) throw invalid('key encoding')
  try {
    checkedPublicKey(key)
  } catch (cause) {
    if (refusalOf(cause) === 'low_order_key') throw new EvegramError('e2ee.low_order_key', { operation: 'verify bundle', cause })
    throw invalid('key encoding', cause)
  }
}

function invalid(check: string, cause?: unknown): EvegramError {
  return new EvegramError('e2ee.bundle_invalid', { operation: 'verify bundle', details: { check }, cause })
}

/** Which prekeys this device has. One row; ids only grow and are never used twice. */
interface PreKeyIndex {
  readonly nextPreKeyId: number
  /** Lowest id whose private half may still be stored. */
  readonly oldestPreKeyId: number
  readonly nextSignedPreKeyId: number
  /** Newest last. `replacedAtMs` is absent for the current one. */
  readonly signed: readonly { readonly id: number; readonly createdAtMs: number; readonly replacedAtMs?: number }[]
}

const EMPTY_INDEX: PreKeyIndex = { nextPreKeyId: 1, oldestPreKeyId: 1, nextSignedPreKeyId: 1, signed: [] }

async function loadIndex(state: SignalState): Promise<PreKeyIndex> {
  const row = await state.get(SIGNAL_KEYS.preKeyIndex)
  // Written only by this file, in the transaction that made the keys: its shape is ours.
  return row === undefined ? EMPTY_INDEX : (JSON.parse(textOf(row)) as PreKeyIndex)
}

/**
 * Makes `count` one-time prekeys with ids that were never used. Commit `changes` before uploading `publicKeys`: a key that
 * was handed out and then lost makes a message unreadable. Keys that were committed and not uploaded are only wasted.
 */
export async function generateOneTimePreKeys(
  signal: Signal,
  state: SignalState,
  count: number = PREKEY_LIMITS.batch,
): Promise<{ readonly publicKeys: readonly OneTimePreKey[]; readonly changes: ChangeSet }> {
  if (!Number.isInteger(count) || count < 1 || count > PREKEY_LIMITS.batch) {
    throw new EvegramError('invalid.argument', { operation: 'generate prekeys' })
  }
  const index = await loadIndex(state)
  const end = index.nextPreKeyId + count
  if (end > PREKEY_LIMITS.idMax) throw new EvegramError('limited.prekeys', { operation: 'generate prekeys', advice: 'This device has used all its prekey ids: make a new one.' })
  const publicKeys: OneTimePreKey[] = []
  const puts = new Map<string, Uint8Array>()
  for (let id = index.nextPreKeyId; id < end; id++) {
    const pair = await signal.generateKeyPair()
    puts.set(SIGNAL_KEYS.preKey(id), encodeKeyPair(pair))
    publicKeys.push({ id, publicKey: pair.publicKey })
  }
  const deletes = new Set<string>()
  const oldestPreKeyId = Math.max(index.oldestPreKeyId, end - PREKEY_LIMITS.oneTimeHeldMax)
  for (let id = index.oldestPreKeyId; id < oldestPreKeyId; id++) deletes.add(SIGNAL_KEYS.preKey(id))
  puts.set(SIGNAL_KEYS.preKeyIndex, utf8(JSON.stringify({ ...index, nextPreKeyId: end, oldestPreKeyId } satisfies PreKeyIndex)))
  return { publicKeys, changes: { puts, deletes } }
}

/** How far ahead of now a signed prekey may be dated; servers take twice that. */
const SIGNED_AHEAD_MS = LIMITS.challengeMs / 2

/** Outcome of {@link rotateSignedPreKey}: `current` when the newest key is young enough and nothing was made. */
export type RotationOutcome =
  | { readonly status: 'current'; readonly id: number; readonly dueAtMs: number }
  | { readonly status: 'rotated'; readonly publicKey: SignedPreKey; readonly changes: ChangeSet }

/**
 * Makes a new signed prekey when there is none, when the current one is a week old or from the future, or when `force` is set (the server
 * lost it), and drops private halves that were replaced more than 30 days ago. Commit `changes` before uploading `publicKey`.
 */
export async function rotateSignedPreKey(
  signal: Signal,
  keys: DeviceKeys,
  state: SignalState,
  nowMs: number,
  force = false,
): Promise<RotationOutcome> {
  const index = await loadIndex(state)
  const current = index.signed.at(-1)
  // One from the future was made with a clock that was wrong then: no server takes it, and nobody could reach this device.
  const isTimely = current !== undefined && nowMs - current.createdAtMs < PREKEY_LIMITS.rotationMs && current.createdAtMs - nowMs < SIGNED_AHEAD_MS
  if (isTimely && !force) {
    return { status: 'current', id: current.id, dueAtMs: current.createdAtMs + PREKEY_LIMITS.rotationMs }
  }
  const pair = await signal.generateKeyPair()
  const draft = { id: index.nextSignedPreKeyId, createdAtMs: nowMs, publicKey: pair.publicKey }
  const publicKey: SignedPreKey = {
    ...draft,
    signature: await signWithIdentity(signal, keys, pair.publicKey),
    deviceSignature: signWithSigning(keys, signedPreKeyBytes(keys.device, draft)),
  }
  const replaced = index.signed.map((entry) => ({ ...entry, replacedAtMs: entry.replacedAtMs ?? nowMs }))
  const kept = replaced.filter((entry) => nowMs - entry.replacedAtMs <= PREKEY_LIMITS.keepMs)
  const dropped = replaced.filter((entry) => !kept.includes(entry))
  const next: PreKeyIndex = {
    ...index,
    nextSignedPreKeyId: draft.id + 1,
    signed: [...kept, { id: draft.id, createdAtMs: nowMs }],
  }
  return {
    status: 'rotated',
    publicKey,
    changes: {
      puts: new Map([
        [SIGNAL_KEYS.signedPreKey(draft.id), encodeKeyPair(pair)],
        [SIGNAL_KEYS.preKeyIndex, utf8(JSON.stringify(next))],
      ]),
      deletes: new Set(dropped.map((entry) => SIGNAL_KEYS.signedPreKey(entry.id))),
    },
  }
}
