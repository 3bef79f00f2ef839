import { base64 } from '@scure/base'
import { equalBytes, EvegramError, utf8, type DeviceId, type Random } from '@evegram/protocol'
import { generateDevice, type DeviceKeys } from './device-keys.js'
import { generateOneTimePreKeys, rotateSignedPreKey } from './prekeys.js'
import type { PreKeyBundle } from './prekey-bundle.js'
import type { SignalPrimitives } from './primitives.js'
import { SeededRandom } from './seeded-random.js'
import { PREKEY_MESSAGE, SESSION_MESSAGE, type SignalMessageType } from './signal-message.js'
import { SESSION_LIMITS } from './signal-repairs.js'
import { refusalOf, type RefusalKind } from './signal-refusal.js'
import type { Turn } from './signal-turn.js'
import type { Signal } from './signal.js'
import { listenerHost, type SignalLibrary } from './signal-library.js'
import { MemorySignalState, SIGNAL_KEYS, signalStores, StagedRows, type AttestedKeys } from './stores.js'

interface Message {
  readonly type: SignalMessageType
  readonly bytes: Uint8Array
}

/** A device of the self-test: calls the library without the checks in front of it, so that those in it are seen. */
class Party {
  readonly keys: DeviceKeys
  readonly state: MemorySignalState
  readonly #signal: Signal

  constructor(signal: Signal, keys: DeviceKeys, state: MemorySignalState) {
    this.#signal = signal
    this.keys = keys
    this.state = state
  }

  static async make(signal: Signal, random: Random): Promise<Party> {
    return new Party(signal, await generateDevice(signal, random), new MemorySignalState())
  }

  /** Makes prekeys and the bundle that a server would hand out. */
  async publish(): Promise<PreKeyBundle> {
    const oneTime = await generateOneTimePreKeys(this.#signal, this.state, 1)
    this.state.commit(oneTime.changes)
    const rotation = await rotateSignedPreKey(this.#signal, this.keys, this.state, NOW_MS)
    const [oneTimePreKey] = oneTime.publicKeys
    if (rotation.status !== 'rotated' || oneTimePreKey === undefined) throw failure('prekeys')
    this.state.commit(rotation.changes)
    const { device, registrationId, identity } = this.keys
    return { device, registrationId, identityKey: identity.publicKey, signedPreKey: rotation.publicKey, oneTimePreKey }
  }

  /** Runs one call on staged rows and keeps what it wrote when it succeeds. */
  async #run<Result>(attested: AttestedKeys, remote: DeviceId, job: (stores: ReturnType<typeof signalStores>) => Promise<Result>): Promise<Result> {
    const rows = await StagedRows.read(this.state, [SIGNAL_KEYS.session(remote), SIGNAL_KEYS.preKey(1), SIGNAL_KEYS.signedPreKey(1)])
    const result = await job(signalStores(rows, this.keys, attested))
    this.state.commit(rows.changes())
    return result
  }

  build(remote: Party, bundle: PreKeyBundle, attested: AttestedKeys = attesting(remote)): Promise<void> {
    return this.#run(attested, remote.keys.device, (stores) => this.#signal.buildSession(stores, remote.keys.device, bundle))
  }

  encrypt(remote: Party, text: string, attested: AttestedKeys = attesting(remote)): Promise<Message> {
    return this.#run(attested, remote.keys.device, (stores) => this.#signal.encrypt(stores, remote.keys.device, utf8(text)))
  }

  decrypt(remote: Party, message: Message, attested: AttestedKeys = attesting(remote)): Promise<Uint8Array> {
    return this.#run(attested, remote.keys.device, (stores) => this.#signal.decrypt(stores, remote.keys.device, message.type, message.bytes))
  }
}

const NOW_MS = 1_700_000_000_000

function attesting(party: Party): AttestedKeys {
  return { identityKeyOf: (device) => (device === party.keys.device ? party.keys.identity.publicKey : undefined) }
}

function failure(check: string, cause?: unknown): EvegramError {
  return new EvegramError('e2ee.self_test', { operation: 'test the Signal library', details: { check }, cause })
}

/** Runs `attempt`, which must be refused as `kind`. */
async function mustRefuse(check: string, kind: RefusalKind, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt()
  } catch (error) {
    if (refusalOf(error) === kind) return
    throw failure(check, error)
  }
  throw failure(check)
}

/** Reads `message`, which must hold `text`. */
async function mustRead(check: string, reader: Party, from: Party, message: Message, text: string): Promise<void> {
  try {
    if (equalBytes(await reader.decrypt(from, message), utf8(text))) return
  } catch (error) {
    throw failure(check, error)
  }
  throw failure(check)
}

/** `message` with one bit of the byte at `index` (from the end when negative) changed. */
function flipped(message: Message, index: number, bit = 1): Message {
  const bytes = message.bytes.slice()
  const at = index < 0 ? bytes.length + index : index
  bytes[at] = (bytes[at] ?? 0) ^ bit
  return { type: message.type, bytes }
}

/**
 * Proves, with keys of its own, that the library does what it must and refuses what it must. Throws `e2ee.self_test` with
 * the name of the first check that failed in its details. Takes the time of about eight session builds.
 */
export async function runSelfTest(library: SignalLibrary, make: (turn: Turn) => Signal, primitives: SignalPrimitives): Promise<void> {
  try {
    await runChecks(library, make, primitives)
  } catch (error) {
    // Anything that a check did not expect is a failed self-test too.
    throw error instanceof EvegramError && error.code === 'e2ee.self_test' ? error : failure('unexpected', error)
  }
}

async function runChecks(library: SignalLibrary, make: (turn: Turn) => Signal, primitives: SignalPrimitives): Promise<void> {
  const random = new SeededRandom('evegram/self-test')
  const signal = make({ random, primitives })
  const alice = await Party.make(signal, random)
  const bob = await Party.make(signal, random)
  const mallory = await Party.make(signal, random)
  const bundle = await bob.publish()
  const wrong: AttestedKeys = { identityKeyOf: () => mallory.keys.identity.publicKey }
  const nobody: AttestedKeys = { identityKeyOf: () => undefined }

  await checkSignatures(signal, bundle)

  await mustRefuse('bundle of a changed identity', 'untrusted_identity', () => alice.build(bob, bundle, wrong))
  for (const zero of [new Uint8Array(33).fill(5, 0, 1), new Uint8Array(33).fill(5, 0, 1).fill(1, 1, 2)]) {
    await mustRefuse('all-zero and low-order keys', 'low_order_key', () =>
      alice.build(bob, { ...bundle, oneTimePreKey: { id: 1, publicKey: zero } }))
  }
  const drawnBefore = random.drawn
  await alice.build(bob, bundle)
  if (random.drawn - drawnBefore < 64) throw failure('randomness')

  const first = await alice.encrypt(bob, 'first')
  if (first.type !== PREKEY_MESSAGE) throw failure('type of the first message')
  await mustRefuse('first message of a changed identity', 'untrusted_identity', () => bob.decrypt(alice, first, wrong))
  await mustRefuse('first message of a revoked device', 'untrusted_identity', () => bob.decrypt(alice, first, nobody))
  await mustRefuse('tampered MAC of a first message', 'bad_mac', () => bob.decrypt(alice, flipped(first, -1)))
  await mustRead('first message', bob, alice, first, 'first')
  await mustRefuse('replayed first message', 'replayed', () => bob.decrypt(alice, first))

  await mustRefuse('encryption for a changed identity', 'untrusted_identity', () => bob.encrypt(alice, 'reply', wrong))
  const reply = await bob.encrypt(alice, 'reply')
  if (reply.type !== SESSION_MESSAGE) throw failure('type of a reply')
  await mustRefuse('message of a changed identity', 'untrusted_identity', () => alice.decrypt(bob, reply, wrong))
  await mustRefuse('tampered MAC', 'bad_mac', () => alice.decrypt(bob, flipped(reply, -8)))
  await mustRefuse('tampered ciphertext', 'bad_mac', () => alice.decrypt(bob, flipped(reply, -9)))
  await mustRead('reply', alice, bob, reply, 'reply')
  await mustRefuse('replayed message', 'replayed', () => alice.decrypt(bob, reply))

  await checkArchivedSession(alice, bob, bundle)
  checkBounds(library)

  if (library.SessionLock._promises.length > 0) throw failure('session lock')
  const host = listenerHost()
  if (library.addedListeners.some(({ event, listener }) => host?.listeners(event).includes(listener) === true)) throw failure('process listeners')
}

async function checkSignatures(signal: Signal, bundle: PreKeyBundle): Promise<void> {
  const { publicKey, signature } = bundle.signedPreKey
  const tampered = signature.slice()
  tampered[0] = (tampered[0] ?? 0) ^ 1
  if (!(await signal.verify(bundle.identityKey, publicKey, signature))) throw failure('good signature')
  if (await signal.verify(bundle.identityKey, publicKey, tampered)) throw failure('bad signature')
}

/** A late message of an old session is read, and the session that it was tried on first stays usable in both directions. */
async function checkArchivedSession(alice: Party, bob: Party, bundle: PreKeyBundle): Promise<void> {
  const late = await alice.encrypt(bob, 'late')
  const { oneTimePreKey: _used, ...lastResort } = bundle
  await alice.build(bob, lastResort)
  const second = await alice.encrypt(bob, 'second')
  await mustRead('last-resort message', bob, alice, second, 'second')
  // Base key of the outer message: protobuf field 2 with 33 bytes, type byte first. Its highest bit is another spelling of the same point.
  const baseKey = second.bytes.findIndex((byte, index) => byte === 0x12 && second.bytes[index + 1] === 33 && second.bytes[index + 2] === 5)
  await mustRefuse('second spelling of a key', 'malformed', () => bob.decrypt(alice, flipped(second, baseKey + 34, 0x80)))
  await mustRead('late message of an archived session', bob, alice, late, 'late')
  await mustRead('message after a late one', bob, alice, await alice.encrypt(bob, 'third'), 'third')
  await mustRead('reply after a late one', alice, bob, await bob.encrypt(alice, 'fourth'), 'fourth')
}

/** Old chains, skipped keys and archived sessions are bounded. */
function checkBounds(library: SignalLibrary): void {
  const record = new library.SessionRecord()
  const keyOf = (index: number): Uint8Array => new Uint8Array(33).fill(index % 256)
  const oldRatchetList = Array.from({ length: SESSION_LIMITS.oldChainsMax + 5 }, (_, index) => ({ ephemeralKey: keyOf(index).slice().buffer, added: 0 }))
  const messageKeys = Object.fromEntries(Array.from({ length: SESSION_LIMITS.skippedKeysMax + 1 }, (_, index) => [index, new ArrayBuffer(32)]))
  const session: Parameters<typeof record.updateSessionState>[0] = {
    indexInfo: { closed: -1, remoteIdentityKey: new ArrayBuffer(33), baseKey: keyOf(1).slice().buffer },
    currentRatchet: { rootKey: new ArrayBuffer(32), lastRemoteEphemeralKey: keyOf(200).slice().buffer, previousCounter: 0 },
    oldRatchetList,
    chains: Object.fromEntries(oldRatchetList.map(({ ephemeralKey }, index) =>
      [base64.encode(new Uint8Array(ephemeralKey)), { chainType: 2, chainKey: { counter: 0 }, messageKeys: index === 24 ? messageKeys : {} }])),
  }
  record.updateSessionState(session)
  const chains = Object.values(session.chains)
  if (chains.length > SESSION_LIMITS.oldChainsMax) throw failure('bound of old chains')
  const skipped = chains.reduce((sum, chain) => sum + Object.keys(chain.messageKeys).length, 0)
  if (skipped !== SESSION_LIMITS.skippedKeysMax) throw failure('bound of skipped keys')
}
