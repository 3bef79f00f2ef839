import { textOf, utf8, type DeviceId } from '@evegram/protocol'
import { deviceChanges, generateDevice, type DeviceKeys } from './device-keys.js'
import { generateOneTimePreKeys, rotateSignedPreKey, verifyBundle } from './prekeys.js'
import type { OneTimePreKey, PreKeyBundle, SignedPreKey } from './prekey-bundle.js'
import { synchronousPrimitives, type SignalPrimitives } from './primitives.js'
import { SeededRandom } from './seeded-random.js'
import { SessionCiphers, type DecryptOutcome, type EncryptOutcome } from './session-cipher.js'
import type { SignalMessageType } from './signal-message.js'
import type { Signal } from './signal.js'
import { loadSignal } from './load-signal.js'
import { MemorySignalState, type AttestedKeys } from './stores.js'

/** Time at which test devices make their prekeys. */
export const TEST_NOW_MS = 1_790_000_000_000

/** A message between test devices. */
export interface TestMessage {
  readonly type: SignalMessageType
  readonly bytes: Uint8Array
}

/** What every account log of a test attests; tests change it at will. */
export class TestAttestations implements AttestedKeys {
  readonly keys = new Map<DeviceId, Uint8Array>()

  identityKeyOf(device: DeviceId): Uint8Array | undefined {
    return this.keys.get(device)
  }
}

/** A device in memory with published prekeys, for tests and benchmarks of this folder. */
export class TestDevice {
  readonly signal: Signal
  readonly keys: DeviceKeys
  readonly attestations: TestAttestations
  readonly ciphers: SessionCiphers
  readonly state = new MemorySignalState()
  readonly signedPreKeys: SignedPreKey[] = []
  readonly oneTimePreKeys: OneTimePreKey[] = []

  private constructor(signal: Signal, keys: DeviceKeys, attestations: TestAttestations) {
    this.signal = signal
    this.keys = keys
    this.attestations = attestations
    this.ciphers = new SessionCiphers({ signal, local: keys, attested: attestations })
  }

  /** A device that `attestations` attests, with a signed prekey and `oneTimeCount` one-time prekeys. The same seed gives the same keys. */
  static async make(
    seed: string,
    attestations: TestAttestations,
    options: { readonly primitives?: SignalPrimitives; readonly oneTimeCount?: number } = {},
  ): Promise<TestDevice> {
    const random = new SeededRandom(seed)
    const signal = await loadSignal({ random, primitives: options.primitives ?? synchronousPrimitives })
    const device = new TestDevice(signal, await generateDevice(signal, random), attestations)
    attestations.keys.set(device.keys.device, device.keys.identity.publicKey)
    device.state.commit(deviceChanges(device.keys))
    await device.rotate(TEST_NOW_MS)
    const count = options.oneTimeCount ?? 5
    if (count > 0) {
      const { publicKeys, changes } = await generateOneTimePreKeys(signal, device.state, count)
      device.state.commit(changes)
      device.oneTimePreKeys.push(...publicKeys)
    }
    return device
  }

  get id(): DeviceId {
    return this.keys.device
  }

  /** Rotates the signed prekey if it is due. */
  async rotate(nowMs: number): Promise<void> {
    const outcome = await rotateSignedPreKey(this.signal, this.keys, this.state, nowMs)
    if (outcome.status === 'current') return
    this.state.commit(outcome.changes)
    this.signedPreKeys.push(outcome.publicKey)
  }

  /** What a server would hand out now: each one-time prekey once. */
  bundle(): PreKeyBundle {
    const signedPreKey = this.signedPreKeys.at(-1)
    if (signedPreKey === undefined) throw new Error('the test device has no signed prekey')
    const oneTimePreKey = this.oneTimePreKeys.shift()
    const bundle = {
      device: this.id, registrationId: this.keys.registrationId, identityKey: this.keys.identity.publicKey, signedPreKey,
    }
    return oneTimePreKey === undefined ? bundle : { ...bundle, oneTimePreKey }
  }

  /** Fetches and verifies the bundle of `peer` and starts a session, committed. */
  async startWith(peer: TestDevice): Promise<void> {
    const attested = { identityKey: peer.keys.identity.publicKey, signingKey: peer.keys.signing.publicKey }
    const bundle = await verifyBundle(this.signal, peer.bundle(), attested, TEST_NOW_MS)
    const outcome = await this.ciphers.startSession(peer.id, bundle, this.state)
    if (outcome.status !== 'started') throw new Error(`the session did not start: ${outcome.status}`)
    this.state.commit(outcome.changes)
  }

  /** Encrypts `text` for `peer` and commits. */
  async send(peer: TestDevice, text: string): Promise<TestMessage> {
    const outcome: EncryptOutcome = await this.ciphers.encryptFor(peer.id, utf8(text), this.state)
    if (outcome.status !== 'encrypted') throw new Error(`not encrypted: ${outcome.status}`)
    this.state.commit(outcome.changes)
    return { type: outcome.type, bytes: outcome.bytes }
  }

  /** Decrypts a message of `peer`, without committing. */
  open(peer: TestDevice, message: TestMessage): Promise<DecryptOutcome> {
    return this.ciphers.decrypt(peer.id, message.type, message.bytes, this.state)
  }

  /** Decrypts a message of `peer` and commits: its text, or the status when it was refused (in angle brackets). */
  async receive(peer: TestDevice, message: TestMessage): Promise<string> {
    const outcome = await this.open(peer, message)
    if (outcome.status !== 'decrypted') return `<${outcome.status}>`
    this.state.commit(outcome.changes)
    return textOf(outcome.plaintext)
  }
}

/** Two test devices that attest each other. */
export async function testPair(seed: string): Promise<{ alice: TestDevice; bob: TestDevice; attestations: TestAttestations }> {
  const attestations = new TestAttestations()
  const alice = await TestDevice.make(`${seed}/alice`, attestations)
  const bob = await TestDevice.make(`${seed}/bob`, attestations)
  return { alice, bob, attestations }
}

/** Two test devices with a session that both sides have answered in. */
export async function testConversation(seed: string): Promise<{ alice: TestDevice; bob: TestDevice; attestations: TestAttestations }> {
  const pair = await testPair(seed)
  await pair.alice.startWith(pair.bob)
  await pair.bob.receive(pair.alice, await pair.alice.send(pair.bob, 'hello'))
  await pair.alice.receive(pair.bob, await pair.bob.send(pair.alice, 'hello back'))
  return pair
}

/** `message` with the bits `mask` of the byte at `index` (from the end when negative) changed. */
export function flipped(message: TestMessage, index: number, mask = 1): TestMessage {
  const bytes = message.bytes.slice()
  const at = index < 0 ? bytes.length + index : index
  bytes[at] = (bytes[at] ?? 0) ^ mask
  return { type: message.type, bytes }
}
