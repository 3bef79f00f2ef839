import { ed25519 } from '@noble/curves/ed25519.js'
import { deviceIdOf, EvegramError, type DeviceId, type Random } from '@evegram/protocol'
import { verifyEd25519, type ProofPrimitives } from '@evegram/protocol/proof'
import { noblePrimitives } from './noble-primitives.js'
import type { KeyPair } from './primitives.js'
import type { Signal } from './signal.js'
import { SIGNAL_KEYS, type ChangeSet, type SignalState } from './stores.js'

/** Ed25519 signature (64 bytes, RFC 8032) of a message by one signing key. */
export type Ed25519Sign = (message: Uint8Array) => Uint8Array

/** Prepares a signing key (public key and private seed, 32 bytes each) for many signatures. A platform may have a faster one than the portable. */
export type LoadSigner = (signing: KeyPair) => Ed25519Sign

/** Signs with @noble/curves, for browsers and Node alike. */
export const portableSigner: LoadSigner = ({ privateKey }) => (message) => ed25519.sign(message, privateKey)

/** Everything secret that makes a device. It never leaves the device, and a backup never holds it. */
export interface DeviceKeys {
  readonly device: DeviceId
  /** 14 bits, at least 1: tells a reinstalled device from the old one. */
  readonly registrationId: number
  /** X25519 / XEdDSA, for Signal sessions. Public key: 33 bytes. */
  readonly identity: KeyPair
  /** Ed25519, for hello, DPoP, account-log entries and bundles. Public key and private seed: 32 bytes each. */
  readonly signing: KeyPair
  /** Signs with `signing`. */
  readonly sign: Ed25519Sign
}

const REGISTRATION_ID_MAX = 0x3fff
const DEVICE_FORMAT = 1
const DEVICE_BYTES = 1 + 2 + 33 + 32 + 32 + 32

/** Makes a new device: both key pairs and a registration id. Nothing is stored yet: see {@link deviceChanges}. */
export async function generateDevice(signal: Signal, random: Random, loadSigner: LoadSigner = portableSigner): Promise<DeviceKeys> {
  const identity = await signal.generateKeyPair()
  const seed = random.bytes(32)
  const signing = { publicKey: ed25519.getPublicKey(seed), privateKey: seed }
  const draw = random.bytes(4)
  const registrationId = 1 + (new DataView(draw.buffer).getUint32(0) % REGISTRATION_ID_MAX)
  return { device: deviceIdOf(identity.publicKey, signing.publicKey), registrationId, identity, signing, sign: loadSigner(signing) }
}

/** The write that stores `keys` as this profile's device. */
export function deviceChanges(keys: DeviceKeys): ChangeSet {
  const row = new Uint8Array(DEVICE_BYTES)
  row[0] = DEVICE_FORMAT
  new DataView(row.buffer).setUint16(1, keys.registrationId)
  row.set(keys.identity.publicKey, 3)
  row.set(keys.identity.privateKey, 36)
  row.set(keys.signing.publicKey, 68)
  row.set(keys.signing.privateKey, 100)
  return { puts: new Map([[SIGNAL_KEYS.device, row]]), deletes: new Set() }
}

/** The device of this profile, or undefined in a new one. Throws `client.store` on a row of another shape. */
export async function loadDevice(state: SignalState, loadSigner: LoadSigner = portableSigner): Promise<DeviceKeys | undefined> {
  const row = await state.get(SIGNAL_KEYS.device)
  if (row === undefined) return undefined
  if (row.length !== DEVICE_BYTES || row[0] !== DEVICE_FORMAT) throw new EvegramError('client.store', { operation: 'read device keys' })
  const identity = { publicKey: row.slice(3, 36), privateKey: row.slice(36, 68) }
  const signing = { publicKey: row.slice(68, 100), privateKey: row.slice(100, 132) }
  return {
    device: deviceIdOf(identity.publicKey, signing.publicKey),
    registrationId: new DataView(row.buffer, row.byteOffset).getUint16(1),
    identity,
    signing,
    sign: loadSigner(signing),
  }
}

/** XEdDSA signature (64 bytes) of `message` by the identity key: of an account-log entry hash, or of a signed prekey. */
export function signWithIdentity(signal: Signal, keys: DeviceKeys, message: Uint8Array): Promise<Uint8Array> {
  return signal.sign(keys.identity.privateKey, message)
}

/** Ed25519 signature (64 bytes, RFC 8032) of `message` by the signing key. */
export function signWithSigning(keys: DeviceKeys, message: Uint8Array): Uint8Array {
  return keys.sign(message)
}

/** Whether `signature` is the XEdDSA signature of `message` by the identity key (33 bytes). Never throws on bytes from elsewhere. */
export function verifyWithIdentity(signal: Signal, identityKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return signal.verify(identityKey, message, signature)
}

/**
 * Whether `signature` is the Ed25519 signature of `message` by the signing key (32 bytes), as strictly as the server checks it:
 * canonical A, R and S, no key of small order, no cofactor. Never throws on bytes from elsewhere.
 */
export function verifyWithSigning(
  signingKey: Uint8Array, message: Uint8Array, signature: Uint8Array, primitives: ProofPrimitives = noblePrimitives,
): boolean {
  return verifyEd25519(primitives, signingKey, message, signature) === 'valid'
}
