import type { SessionRecord } from 'libsignal-protocol-typescript/lib/session-record.js'
import type { SessionType } from 'libsignal-protocol-typescript'
import { base64 } from '@scure/base'
import { concatBytes, EvegramError } from '@evegram/protocol'
import { checkedPublicKey, checkedSharedSecret } from './public-key.js'
import { listenerHost, type SignalLibrary } from './signal-library.js'
import { parseSessionMessage } from './signal-message.js'
import { SignalRefusal } from './signal-refusal.js'
import type { TurnGate } from './signal-turn.js'

/**
 * Everything that is changed in the library, from outside:
 * `identity_trust` a first message waits for the answer whether its identity is trusted (the library takes the promise for a yes),
 *   and one to a used-up prekey is named so;
 * `public_keys` low-order and non-canonical public keys and all-zero secrets are refused, in our arithmetic;
 * `message_authentication` a message is authenticated, in constant time, on a copy of the session: the library tries a message
 *   on every session and keeps the ratchet steps of those that it did not belong to;
 * `session_records` old chains, skipped keys and archived sessions are bounded (the library's own removal misses), and no wall clock is read
 *   where chains and sessions are closed;
 * `session_lock` the process-wide lock, which remembers every operation for ever, is replaced by the callers' turns;
 * `process_listeners` the listeners by which the C runtime would end the program on any unhandled rejection are removed;
 * `randomness` randomness, HMAC and AES come from the ports.
 */
export const REPAIR_NAMES = [
  'identity_trust',
  'public_keys',
  'message_authentication',
  'session_records',
  'session_lock',
  'process_listeners',
  'randomness',
] as const

/** Name of one repair. */
export type RepairName = (typeof REPAIR_NAMES)[number]

/** One change of the library, which can be taken back: only tests do. */
export interface Repair {
  readonly name: RepairName
  install(): void
  remove(): void
  /** Whether it is in place now. Cheap: asked before every call. */
  installed(): boolean
}

/** Bounds of a session record, which the library does not keep itself. */
export const SESSION_LIMITS = {
  /** Messages that may be missing before one that arrives. The library's own bound. */
  skippedAheadMax: 2_000,
  /** Keys of skipped messages kept in one session; beyond it the oldest go. */
  skippedKeysMax: 2_000,
  /** Receiving chains kept beside the current one. */
  oldChainsMax: 20,
  /** Closed sessions kept for messages on their way. */
  archivedSessionsMax: 10,
} as const

/** Methods that the library's types hide. */
interface CipherMethods {
  maybeStepRatchet(session: SessionType, remoteKey: ArrayBuffer, previousCounter: number): Promise<void>
  fillMessageKeys(chain: SessionType['chains'][string], counter: number): Promise<void>
  readonly storage: { getIdentityKeyPair(): Promise<{ pubKey: ArrayBuffer } | undefined> }
}

/** The exact buffer of `bytes`, as the library wants it: made here, because the library knows no buffer of another realm (a frame, a test runner). */
export function bufferOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  return copy.buffer
}

/** All repairs for `library`, none installed. Call once, before anything is changed. */
export function createRepairs(library: SignalLibrary, gate: TurnGate): readonly Repair[] {
  return [
    identityTrust(library),
    publicKeys(library, gate),
    messageAuthentication(library, gate),
    sessionRecords(library),
    sessionLock(library),
    processListeners(library),
    randomness(library, gate),
  ]
}

/** A repair that replaces one method of a prototype or of a class. */
function replaced<Key extends string>(
  name: RepairName,
  targets: readonly { readonly host: object; readonly key: Key; readonly replacement: (...values: never[]) => unknown }[],
): Repair {
  const originals = targets.map(({ host, key }): unknown => Reflect.get(host, key))
  if (originals.some((original) => typeof original !== 'function')) {
    throw new EvegramError('e2ee.self_test', { operation: 'repair the Signal library', details: { check: name } })
  }
  return {
    name,
    install: () => targets.forEach(({ host, key, replacement }) => Reflect.set(host, key, replacement)),
    remove: () => targets.forEach(({ host, key }, index) => Reflect.set(host, key, originals[index])),
    installed: () => targets.every(({ host, key, replacement }) => Reflect.get(host, key) === replacement),
  }
}

function identityTrust(library: SignalLibrary): Repair {
  const host = library.SessionBuilder.prototype
  type ProcessV3 = typeof host.processV3
  // Taken off its prototype on purpose: it is called with the builder below.
  const original: ProcessV3 = Reflect.get<typeof host, 'processV3'>(host, 'processV3')
  return replaced('identity_trust', [
    {
      host,
      key: 'processV3',
      async replacement(this: typeof host, ...[record, message]: Parameters<ProcessV3>) {
        const trusted = await this.storage.isTrustedIdentity(this.remoteAddress.name, bufferOf(message.identityKey), RECEIVING)
        if (!trusted) throw new SignalRefusal('untrusted_identity')
        // The library would go on with three agreements instead of four and fail later, as if the message had been changed.
        const known = record.getSessionByBaseKey(bufferOf(message.baseKey)) !== undefined
        if (!known && message.preKeyId !== 0 && (await this.storage.loadPreKey(message.preKeyId)) === undefined) {
          throw new SignalRefusal('missing_prekey')
        }
        return original.call(this, record, message)
      },
    },
  ])
}

/** `Direction.RECEIVING` of the library. */
const RECEIVING = 2

function publicKeys(library: SignalLibrary, gate: TurnGate): Repair {
  const curve = (checked: boolean): Parameters<typeof library.setCurve>[0] => ({
    async keyPair(privateKey: ArrayBuffer) {
      const clamped = clampedScalar(new Uint8Array(privateKey))
      return { pubKey: bufferOf(await gate.current().primitives.x25519PublicKey(clamped)), privKey: clamped.buffer }
    },
    async sharedSecret(publicKey: ArrayBuffer, privateKey: ArrayBuffer) {
      const bytes = new Uint8Array(publicKey)
      const { primitives } = gate.current()
      if (!checked) return bufferOf(await primitives.x25519SharedSecret(new Uint8Array(privateKey), bytes))
      const secret = await primitives.x25519SharedSecret(new Uint8Array(privateKey), checkedPublicKey(bytes))
      return bufferOf(checkedSharedSecret(secret))
    },
    sign: (privateKey: ArrayBuffer, message: ArrayBuffer) => Promise.resolve(library.curve.calculateSignature(privateKey, message)),
    // The library takes true for a bad signature here. The asynchronous check of the C code throws instead.
    async verify(publicKey: ArrayBuffer, message: ArrayBuffer, signature: ArrayBuffer) {
      await library.curve.async.verifySignature(bufferOf(concatBytes(new Uint8Array([5]), new Uint8Array(publicKey))), message, signature)
      return false
    },
  })
  let inPlace = false
  return {
    name: 'public_keys',
    install() {
      library.setCurve(curve(true))
      inPlace = true
    },
    remove() {
      library.setCurve(curve(false))
      inPlace = false
    },
    installed: () => inPlace,
  }
}

/** RFC 7748 section 5: the scalar of 32 random bytes. */
export function clampedScalar(random: Uint8Array): Uint8Array<ArrayBuffer> {
  const scalar = new Uint8Array(random)
  scalar[0] = (scalar[0] ?? 0) & 248
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64
  return scalar
}

const MESSAGE_KEY_INFO = new TextEncoder().encode('WhisperMessageKeys')
const NO_SALT = new Uint8Array(32)
/** `ChainType.SENDING` of the library. */
const SENDING = 1

function messageAuthentication(library: SignalLibrary, gate: TurnGate): Repair {
  async function decryptAuthenticated(this: CipherMethods, bytes: ArrayBuffer, session: SessionType): Promise<ArrayBuffer> {
    const message = parseSessionMessage(new Uint8Array(bytes))
    const { primitives } = gate.current()
    const work = copyOfSession(session)
    await this.maybeStepRatchet(work, bufferOf(message.ratchetKey), message.previousCounter)
    const chain = work.chains[base64.encode(message.ratchetKey)]
    if (chain === undefined || Number(chain.chainType) === SENDING) throw new SignalRefusal('undecryptable')
    if (message.counter - chain.chainKey.counter > SESSION_LIMITS.skippedAheadMax) throw new SignalRefusal('too_far_ahead')
    await this.fillMessageKeys(chain, message.counter)
    const messageKey = chain.messageKeys[message.counter]
    if (messageKey === undefined) throw new SignalRefusal('replayed')
    delete chain.messageKeys[message.counter]

    // RFC 5869 with SHA-256 and a salt of zeros: 32 bytes for AES, 32 for the MAC, 16 for the iv.
    const extracted = await primitives.hmacSha256(NO_SALT, new Uint8Array(messageKey))
    const cipherKey = await primitives.hmacSha256(extracted, concatBytes(MESSAGE_KEY_INFO, new Uint8Array([1])))
    const macKey = await primitives.hmacSha256(extracted, concatBytes(cipherKey, MESSAGE_KEY_INFO, new Uint8Array([2])))
    const ivBlock = await primitives.hmacSha256(extracted, concatBytes(macKey, MESSAGE_KEY_INFO, new Uint8Array([3])))

    const own = await this.storage.getIdentityKeyPair()
    if (own === undefined) throw new SignalRefusal('undecryptable')
    const sender = new Uint8Array(session.indexInfo.remoteIdentityKey)
    const expected = await primitives.hmacSha256(macKey, concatBytes(sender, new Uint8Array(own.pubKey), message.authenticated))
    if (!equalInConstantTime(expected.subarray(0, 8), message.mac)) throw new SignalRefusal('bad_mac')
    const plaintext = await decryptBlock(() => primitives.aesDecrypt(cipherKey, ivBlock.subarray(0, 16), message.ciphertext))

    session.currentRatchet = work.currentRatchet
    session.chains = work.chains
    session.oldRatchetList = work.oldRatchetList
    // The peer has the session: later messages need not carry the keys that built it.
    delete session.pendingPreKey
    return bufferOf(plaintext)
  }
  return replaced('message_authentication', [
    { host: library.SessionCipher.prototype, key: 'doDecryptWhisperMessage', replacement: decryptAuthenticated },
  ])
}

async function decryptBlock(decrypt: () => Uint8Array | Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await decrypt()
  } catch (cause) {
    // Behind a good MAC: the sender itself wrote bad padding.
    throw new SignalRefusal('undecryptable', cause)
  }
}

/** A copy that shares only buffers, which neither we nor the library ever write to. */
function copyOfSession(session: SessionType): SessionType {
  const chains: SessionType['chains'] = {}
  for (const [key, chain] of Object.entries(session.chains)) {
    chains[key] = { ...chain, chainKey: { ...chain.chainKey }, messageKeys: { ...chain.messageKeys } }
  }
  return { ...session, currentRatchet: { ...session.currentRatchet }, oldRatchetList: [...session.oldRatchetList], chains }
}

/** Whether two MACs of the same length are equal, in a time that does not tell where they differ. */
export function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  let bits = left.length ^ right.length
  for (let index = 0; index < left.length; index++) bits |= (left[index] ?? 0) ^ (right[index] ?? 0)
  return bits === 0
}

function sessionRecords(library: SignalLibrary): Repair {
  const host = library.SessionRecord.prototype
  const cipher = library.SessionCipher.prototype
  // Taken off its prototype on purpose: it is called with the cipher below. The library's types hide it.
  const step: unknown = Reflect.get(cipher, 'maybeStepRatchet')
  async function closeAndStep(this: CipherMethods, session: SessionType, remoteKey: ArrayBuffer, previousCounter: number): Promise<void> {
    if (session.chains[base64.encode(new Uint8Array(remoteKey))] !== undefined) return
    await closeChain(this, session, previousCounter)
    if (typeof step === 'function') await Reflect.apply(step, this, [session, remoteKey, previousCounter])
  }
  return replaced('session_records', [
    { host: cipher, key: 'maybeStepRatchet', replacement: closeAndStep },
    { host, key: 'removeOldChains', replacement: boundChains },
    { host, key: 'removeOldSessions', replacement: boundArchive },
    {
      host,
      key: 'archiveCurrentState',
      replacement(this: SessionRecord) {
        const open = this.getOpenSession()
        if (open === undefined) return
        // A counter instead of the time: two sessions closed in one millisecond keep their order, and runs repeat.
        const lastClosed = Object.values(this.sessions).reduce((last, { indexInfo }) => Math.max(last, indexInfo.closed), 0)
        open.indexInfo.closed = lastClosed + 1
        this.updateSessionState(open)
      },
    },
  ])
}

/** Closes the receiving chain that a new ratchet key ends: done by the library, it would read the wall clock. */
async function closeChain(cipher: CipherMethods, session: SessionType, counter: number): Promise<void> {
  const { currentRatchet, oldRatchetList } = session
  const ephemeralKey = currentRatchet.lastRemoteEphemeralKey
  const chain = session.chains[base64.encode(new Uint8Array(ephemeralKey))]
  if (chain === undefined) return
  await cipher.fillMessageKeys(chain, counter)
  delete chain.chainKey.key
  oldRatchetList.push({ added: 0, ephemeralKey })
  // The library finds nothing to close, and puts the new key here.
  currentRatchet.lastRemoteEphemeralKey = new ArrayBuffer(0)
}

/** Keeps the current chains, the newest old ones, and the newest skipped keys. */
function boundChains(session: SessionType): void {
  const { currentRatchet, oldRatchetList } = session
  while (oldRatchetList.length > SESSION_LIMITS.oldChainsMax) {
    const oldest = oldRatchetList.shift()
    if (oldest !== undefined) delete session.chains[base64.encode(new Uint8Array(oldest.ephemeralKey))]
  }
  // The library sorts by the time at which a chain was closed: the place in the list says the same.
  oldRatchetList.forEach((ratchet, index) => (ratchet.added = index))
  let left: number = SESSION_LIMITS.skippedKeysMax
  for (const key of [currentRatchet.lastRemoteEphemeralKey, ...oldRatchetList.map((ratchet) => ratchet.ephemeralKey).reverse()]) {
    const chain = session.chains[base64.encode(new Uint8Array(key))]
    if (chain === undefined) continue
    const counters = Object.keys(chain.messageKeys).map(Number).sort((one, other) => other - one)
    for (const counter of counters.slice(left)) delete chain.messageKeys[counter]
    left = Math.max(0, left - counters.length)
  }
}

/** Keeps the newest closed sessions. */
function boundArchive(this: SessionRecord): void {
  const closed = Object.entries(this.sessions).filter(([, session]) => session.indexInfo.closed !== -1)
  closed.sort(([, one], [, other]) => other.indexInfo.closed - one.indexInfo.closed)
  for (const [key] of closed.slice(SESSION_LIMITS.archivedSessionsMax)) Reflect.deleteProperty(this.sessions, key)
}

function sessionLock(library: SignalLibrary): Repair {
  const repair = replaced('session_lock', [
    { host: library.SessionLock, key: 'queueJobForNumber', replacement: (_address: string, job: () => Promise<unknown>) => job() },
  ])
  return {
    ...repair,
    install() {
      repair.install()
      library.SessionLock._promises = []
      library.SessionLock.errors = []
    },
  }
}

function processListeners(library: SignalLibrary): Repair {
  const host = listenerHost()
  return {
    name: 'process_listeners',
    install: () => library.addedListeners.forEach(({ event, listener }) => host?.removeListener(event, listener)),
    remove: () => library.addedListeners.forEach(({ event, listener }) => host?.on(event, listener)),
    installed: () => library.addedListeners.every(({ event, listener }) => host?.listeners(event).includes(listener) !== true),
  }
}

function randomness(library: SignalLibrary, gate: TurnGate): Repair {
  const bytesOf = (data: ArrayBuffer | ArrayBufferView): Uint8Array =>
    ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
  const subtle = {
    // A "key" of this facade is its bytes: the library only hands it back.
    importKey: (_format: string, key: ArrayBuffer) => Promise.resolve(new Uint8Array(key)),
    sign: async (_algorithm: unknown, key: Uint8Array, data: ArrayBuffer) => bufferOf(await gate.current().primitives.hmacSha256(key, bytesOf(data))),
    encrypt: async ({ iv }: { iv: Uint8Array }, key: Uint8Array, data: ArrayBuffer) =>
      bufferOf(await gate.current().primitives.aesEncrypt(key, iv, bytesOf(data))),
    decrypt: async ({ iv }: { iv: Uint8Array }, key: Uint8Array, data: ArrayBuffer) =>
      bufferOf(await gate.current().primitives.aesDecrypt(key, iv, bytesOf(data))),
  }
  const facade = {
    subtle,
    getRandomValues(target: Uint8Array) {
      target.set(gate.current().random.bytes(target.length))
      return target
    },
  }
  let inPlace = false
  return {
    name: 'randomness',
    install() {
      // The library calls these five functions and no others; its type asks for the whole of WebCrypto.
      library.setWebCrypto(facade as unknown as Crypto)
      inPlace = true
    },
    remove() {
      library.setWebCrypto(globalThis.crypto)
      inPlace = false
    },
    installed: () => inPlace,
  }
}
