import { concatBytes, EvegramError, type DeviceId } from '@evegram/protocol'
import type { PreKeyBundle } from './prekey-bundle.js'
import type { KeyPair, SignalPrimitives } from './primitives.js'
import { checkedPublicKey, hasCanonicalScalar, PUBLIC_KEY_BYTES } from './public-key.js'
import { PREKEY_MESSAGE, SESSION_MESSAGE, type SignalMessageType } from './signal-message.js'
import { bufferOf, clampedScalar, createRepairs, type Repair, type RepairName } from './signal-repairs.js'
import { runSelfTest } from './signal-self-test.js'
import { TurnGate, type Turn } from './signal-turn.js'
import type { Signal } from './signal.js'
import type { SignalLibrary } from './signal-library.js'
import type { SignalStores } from './stores.js'

const gate = new TurnGate()
const repairsOf = new WeakMap<SignalLibrary, readonly Repair[]>()
const testedFor = new WeakMap<object, Promise<void>>()

/**
 * Installs exactly `names` of the repairs (removing others), runs the self-test and resolves the library. Throws
 * `e2ee.self_test` when a check fails: with any repair missing, one does. The application calls it through `loadSignal`
 * with all names; tests call it with fewer.
 */
export async function hardenSignal(library: SignalLibrary, turn: Turn, names: readonly RepairName[]): Promise<Signal> {
  let repairs = repairsOf.get(library)
  if (repairs === undefined) {
    repairs = createRepairs(library, gate)
    repairsOf.set(library, repairs)
  }
  const wanted = repairs.filter(({ name }) => names.includes(name))
  const complete = wanted.length === repairs.length
  for (const repair of repairs) {
    const want = wanted.includes(repair)
    if (want !== repair.installed()) {
      if (want) repair.install()
      else repair.remove()
    }
  }
  // Once per arithmetic and process: the result depends on nothing else as long as the repairs stay, which every call checks.
  let tested = complete ? testedFor.get(turn.primitives) : undefined
  if (tested === undefined) {
    tested = runSelfTest(library, (testTurn) => new HardenedSignal(library, testTurn, wanted), turn.primitives)
    if (complete) testedFor.set(turn.primitives, tested)
  }
  await tested
  return new HardenedSignal(library, turn, wanted)
}

type Storage = ConstructorParameters<SignalLibrary['SessionCipher']>[0]

class HardenedSignal implements Signal {
  readonly #library: SignalLibrary
  readonly #turn: Turn
  readonly #repairs: readonly Repair[]

  constructor(library: SignalLibrary, turn: Turn, repairs: readonly Repair[]) {
    this.#library = library
    this.#turn = turn
    this.#repairs = repairs
  }

  get primitives(): SignalPrimitives {
    return this.#turn.primitives
  }

  async generateKeyPair(): Promise<KeyPair> {
    const privateKey = clampedScalar(this.#turn.random.bytes(32))
    const bare = await this.#turn.primitives.x25519PublicKey(privateKey)
    return { publicKey: concatBytes(new Uint8Array([5]), bare), privateKey }
  }

  sign(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
    if (privateKey.length !== 32) return Promise.reject(new EvegramError('invalid.argument', { operation: 'sign with identity key' }))
    return Promise.resolve(new Uint8Array(this.#library.curve.calculateSignature(bufferOf(privateKey), bufferOf(message))))
  }

  async verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    if (publicKey.length !== PUBLIC_KEY_BYTES || publicKey[0] !== 5 || !hasCanonicalScalar(signature)) return false
    try {
      checkedPublicKey(publicKey)
      // Only the asynchronous check is used: it throws for a bad signature. The synchronous one answers true for it.
      const bad: unknown = await this.#library.curve.async.verifySignature(bufferOf(publicKey), bufferOf(message), bufferOf(signature))
      return bad === false
    } catch {
      // Whatever the reason, these bytes prove nothing.
      return false
    }
  }

  async buildSession(stores: SignalStores, device: DeviceId, bundle: PreKeyBundle): Promise<void> {
    const { signedPreKey, oneTimePreKey } = bundle
    await this.#call(async () => {
      const builder = new this.#library.SessionBuilder(storageOf(stores, device), this.#addressOf(device))
      await builder.processPreKey({
        identityKey: bufferOf(bundle.identityKey),
        registrationId: bundle.registrationId,
        signedPreKey: { keyId: signedPreKey.id, publicKey: bufferOf(signedPreKey.publicKey), signature: bufferOf(signedPreKey.signature) },
        ...(oneTimePreKey === undefined ? {} : { preKey: { keyId: oneTimePreKey.id, publicKey: bufferOf(oneTimePreKey.publicKey) } }),
      })
    })
  }

  encrypt(stores: SignalStores, device: DeviceId, plaintext: Uint8Array): Promise<{ type: SignalMessageType; bytes: Uint8Array }> {
    return this.#call(async () => {
      const { type, body } = await this.#cipher(stores, device).encrypt(bufferOf(plaintext))
      // One character per byte, in spite of its name.
      const bytes = Uint8Array.from(body ?? '', (character) => character.charCodeAt(0))
      return { type: type === LIBRARY_PREKEY_MESSAGE ? PREKEY_MESSAGE : SESSION_MESSAGE, bytes }
    })
  }

  decrypt(stores: SignalStores, device: DeviceId, type: SignalMessageType, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#call(async () => {
      const cipher = this.#cipher(stores, device)
      const buffer = bufferOf(bytes)
      const plaintext = type === PREKEY_MESSAGE ? await cipher.decryptPreKeyWhisperMessage(buffer) : await cipher.decryptWhisperMessage(buffer)
      return new Uint8Array(plaintext)
    })
  }

  hasOpenSession(stores: SignalStores, device: DeviceId): Promise<boolean> {
    return this.#call(() => this.#cipher(stores, device).hasOpenSession())
  }

  archiveSession(stores: SignalStores, device: DeviceId): Promise<void> {
    return this.#call(() => this.#cipher(stores, device).closeOpenSessionForDevice())
  }

  #call<Result>(job: () => Promise<Result>): Promise<Result> {
    return gate.run(this.#turn, () => {
      const missing = this.#repairs.find((repair) => !repair.installed())
      if (missing !== undefined) {
        throw new EvegramError('e2ee.self_test', { operation: 'use the Signal library', details: { check: missing.name } })
      }
      return job()
    })
  }

  #cipher(stores: SignalStores, device: DeviceId): InstanceType<SignalLibrary['SessionCipher']> {
    return new this.#library.SessionCipher(storageOf(stores, device), this.#addressOf(device))
  }

  #addressOf(device: DeviceId): InstanceType<SignalLibrary['SignalProtocolAddress']> {
    // The trust check sees the name only: one name per device, and always device number 1.
    return new this.#library.SignalProtocolAddress(device, 1)
  }
}

/** The library's number for a prekey message. */
const LIBRARY_PREKEY_MESSAGE = 3

/** The library's storage over our stores, for one remote device. Writes that we make elsewhere are refused. */
function storageOf(stores: SignalStores, device: DeviceId): Storage {
  const pairOf = (pair: KeyPair | undefined): { pubKey: ArrayBuffer; privKey: ArrayBuffer } | undefined =>
    pair === undefined ? undefined : { pubKey: bufferOf(pair.publicKey), privKey: bufferOf(pair.privateKey) }
  const refuse = (): Promise<void> => Promise.reject(new EvegramError('internal', { operation: 'store a prekey from the Signal library' }))
  return {
    getIdentityKeyPair: async () => pairOf(stores.identityKeyPair()),
    getLocalRegistrationId: async () => stores.registrationId(),
    isTrustedIdentity: async (name, key) => name === device && stores.isTrustedIdentity(device, new Uint8Array(key)),
    // Trust comes from account logs and never from what was seen first.
    saveIdentity: async () => false,
    loadPreKey: async (id) => pairOf(Number(id) === 0 ? undefined : stores.loadPreKey(Number(id))),
    storePreKey: refuse,
    removePreKey: async (id) => {
      if (Number(id) !== 0) stores.removePreKey(Number(id))
    },
    storeSession: async (_address, record) => stores.storeSession(device, record),
    loadSession: async () => stores.loadSession(device),
    loadSignedPreKey: async (id) => pairOf(stores.loadSignedPreKey(Number(id))),
    storeSignedPreKey: refuse,
    removeSignedPreKey: refuse,
  }
}
