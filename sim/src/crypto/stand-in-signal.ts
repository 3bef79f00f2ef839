import { createHash } from 'node:crypto'
import { EvegramError, type DeviceId, type Random } from '@evegram/protocol'
import {
  checkedPublicKey, parsePreKeyMessage, parseSessionMessage, PREKEY_MESSAGE, SESSION_MESSAGE, SignalRefusal, synchronousPrimitives,
  type KeyPair, type ParsedPreKeyMessage, type ParsedSessionMessage, type PreKeyBundle, type Signal, type SignalMessageType, type SignalStores,
} from '@evegram/sdk/parts'
import { encodePreKeyFrame, encodeSessionFrame, MAC_BYTES } from './stand-in-frames.js'
import { digestOf, isStandInSignature, standInAgreement, standInKeyPair, standInPublicKey, standInSignature } from './stand-in-keys.js'
import {
  bounded, chainStep, filled, openSession, ratchetStep, recordOf, sessionOfBaseKey, sessionsToTry, withOpenArchived, withSession,
  type ReceivingChain, type StandInRecord, type StandInSession,
} from './stand-in-session.js'

/** A message that was read, and its session as it is afterwards. */
interface Reading {
  readonly plaintext: Uint8Array
  readonly session: StandInSession
}

/** Ciphertexts are whole blocks, as those of AES-CBC. */
const BLOCK_BYTES = 16

/**
 * What stands for libsignal in a simulation. It KEEPS NO SECRET: keys, agreements, signatures and pads are hashes of public values, and
 * whoever reads this file can forge all of them. Everything else is as in the real library behind `loadSignal`: frames byte for byte of
 * the same form and length, prekeys and when they are used up, ratchet steps, counters and skipped keys, archived sessions, bounds,
 * refusals and their order. A test holds both against each other. All randomness comes from `random`; calls wait for nothing.
 */
export function createStandInSignal(random: Random): Signal {
  return new StandInSignal(random)
}

class StandInSignal implements Signal {
  readonly primitives = synchronousPrimitives
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  async generateKeyPair(): Promise<KeyPair> {
    return standInKeyPair(this.#random)
  }

  async sign(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
    if (privateKey.length !== 32) throw new EvegramError('invalid.argument', { operation: 'sign with identity key' })
    return standInSignature(standInPublicKey(privateKey), message)
  }

  async verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return isStandInSignature(publicKey, message, signature)
  }

  async buildSession(stores: SignalStores, device: DeviceId, bundle: PreKeyBundle): Promise<void> {
    const { identityKey, signedPreKey, oneTimePreKey } = bundle
    if (!stores.isTrustedIdentity(device, identityKey)) throw new SignalRefusal('untrusted_identity')
    if (!isStandInSignature(identityKey, signedPreKey.publicKey, signedPreKey.signature)) throw new SignalRefusal('bad_signature')
    for (const key of [signedPreKey.publicKey, identityKey, ...(oneTimePreKey === undefined ? [] : [oneTimePreKey.publicKey])]) checkedPublicKey(key)
    const own = nameOf(stores.identityKeyPair().publicKey)
    const [base, ratchet] = [nameOf(standInKeyPair(this.#random).publicKey), nameOf(standInKeyPair(this.#random).publicKey)]
    const [identity, signed] = [nameOf(identityKey), nameOf(signedPreKey.publicKey)]
    const agreements = [
      standInAgreement(own, signed), standInAgreement(base, identity), standInAgreement(base, signed),
      ...(oneTimePreKey === undefined ? [] : [standInAgreement(base, nameOf(oneTimePreKey.publicKey))]),
    ]
    const { rootKey, chainKey } = ratchetStep(digestOf('start', ...agreements), ratchet, signed)
    const session: StandInSession = {
      closed: -1, remoteIdentityKey: identity, baseKey: base, ours: true, registrationId: bundle.registrationId,
      rootKey, ratchetKey: ratchet, sending: { key: chainKey, counter: -1 }, old: [], previousCounter: 0,
      pending: { preKeyId: oneTimePreKey?.id ?? 0, signedPreKeyId: signedPreKey.id },
    }
    store(stores, device, withSession(withOpenArchived(recordOf(stores.loadSession(device))), session))
  }

  async encrypt(stores: SignalStores, device: DeviceId, plaintext: Uint8Array): Promise<{ type: SignalMessageType; bytes: Uint8Array }> {
    const record = recordOf(stores.loadSession(device))
    const session = openSession(record)
    if (session?.sending === undefined) throw new SignalRefusal('no_session')
    const counter = session.sending.counter + 1
    const { messageKey, next } = chainStep(session.sending.key)
    const bytes = encodeSessionFrame({
      ratchetKey: bytesOf(session.ratchetKey), counter, previousCounter: session.previousCounter, ciphertext: padded(plaintext, messageKey),
    })
    const identityKey = stores.identityKeyPair().publicKey
    const remote = bytesOf(session.remoteIdentityKey)
    bytes.set(macOf(messageKey, identityKey, remote, bytes.subarray(0, -MAC_BYTES)), bytes.length - MAC_BYTES)
    if (!stores.isTrustedIdentity(device, remote)) throw new SignalRefusal('untrusted_identity')
    store(stores, device, withSession(record, { ...session, sending: { key: next, counter } }))
    if (session.pending === undefined) return { type: SESSION_MESSAGE, bytes }
    const outer = encodePreKeyFrame({
      registrationId: stores.registrationId(), ...session.pending, baseKey: bytesOf(session.baseKey), identityKey, message: bytes,
    })
    return { type: PREKEY_MESSAGE, bytes: outer }
  }

  async decrypt(stores: SignalStores, device: DeviceId, type: SignalMessageType, bytes: Uint8Array): Promise<Uint8Array> {
    return type === PREKEY_MESSAGE
      ? this.#decryptFirst(stores, device, parsePreKeyMessage(bytes))
      : this.#decryptWithin(stores, device, parseSessionMessage(bytes))
  }

  async hasOpenSession(stores: SignalStores, device: DeviceId): Promise<boolean> {
    return openSession(recordOf(stores.loadSession(device))) !== undefined
  }

  async archiveSession(stores: SignalStores, device: DeviceId): Promise<void> {
    const record = recordOf(stores.loadSession(device))
    if (openSession(record) === undefined) return
    store(stores, device, withOpenArchived(record))
  }

  #decryptFirst(stores: SignalStores, device: DeviceId, outer: ParsedPreKeyMessage): Uint8Array {
    const record = recordOf(stores.loadSession(device))
    if (!stores.isTrustedIdentity(device, outer.identityKey)) throw new SignalRefusal('untrusted_identity')
    const known = sessionOfBaseKey(record, nameOf(outer.baseKey))
    const message = parseSessionMessage(outer.message)
    const { plaintext, session } = this.#decryptIn(known ?? this.#startedBy(stores, outer), message, stores.identityKeyPair().publicKey)
    store(stores, device, withSession(known === undefined ? withOpenArchived(record) : record, session))
    if (known === undefined && outer.preKeyId !== 0) stores.removePreKey(outer.preKeyId)
    return plaintext
  }

  /** The session that `outer` opens on this side, with the prekeys that it names. */
  #startedBy(stores: SignalStores, outer: ParsedPreKeyMessage): StandInSession {
    const oneTime = outer.preKeyId === 0 ? undefined : stores.loadPreKey(outer.preKeyId)
    if (outer.preKeyId !== 0 && oneTime === undefined) throw new SignalRefusal('missing_prekey')
    const signedPair = stores.loadSignedPreKey(outer.signedPreKeyId)
    if (signedPair === undefined) throw new SignalRefusal('missing_prekey')
    const own = nameOf(stores.identityKeyPair().publicKey)
    const [base, identity, signed] = [nameOf(outer.baseKey), nameOf(outer.identityKey), nameOf(signedPair.publicKey)]
    const agreements = [
      standInAgreement(identity, signed), standInAgreement(base, own), standInAgreement(base, signed),
      ...(oneTime === undefined ? [] : [standInAgreement(base, nameOf(oneTime.publicKey))]),
    ]
    return {
      closed: -1, remoteIdentityKey: identity, baseKey: base, ours: false, registrationId: outer.registrationId,
      rootKey: digestOf('start', ...agreements), ratchetKey: signed, old: [], previousCounter: 0,
    }
  }

  #decryptWithin(stores: SignalStores, device: DeviceId, message: ParsedSessionMessage): Uint8Array {
    const record = recordOf(stores.loadSession(device))
    const own = stores.identityKeyPair().publicKey
    let first: SignalRefusal | undefined
    for (const candidate of sessionsToTry(record)) {
      try {
        const { plaintext, session } = this.#decryptIn(candidate, message, own)
        if (!stores.isTrustedIdentity(device, bytesOf(session.remoteIdentityKey))) throw new SignalRefusal('untrusted_identity')
        store(stores, device, withSession(candidate.closed === -1 ? record : withOpenArchived(record), { ...session, closed: -1 }))
        return plaintext
      } catch (error) {
        // These two end the walk; after any other refusal the message may belong to an older session.
        if (!(error instanceof SignalRefusal) || error.kind === 'replayed' || error.kind === 'untrusted_identity') throw error
        first ??= error
      }
    }
    throw first ?? new SignalRefusal('no_session')
  }

  /** Reads `message` in `session`, and the session as it is afterwards. */
  #decryptIn(session: StandInSession, message: ParsedSessionMessage, own: Uint8Array): Reading {
    const remoteKey = nameOf(message.ratchetKey)
    if (session.sending !== undefined && remoteKey === session.ratchetKey) throw new SignalRefusal('undecryptable')
    const at = session.old.findIndex(({ ratchetKey }) => ratchetKey === remoteKey)
    const known = session.receiving?.ratchetKey === remoteKey ? session.receiving : session.old[at]
    const stepped = known === undefined ? receivingStep(session, remoteKey, message.previousCounter) : { ...session, receiving: known }
    const chain = filled(stepped.receiving, message.counter)
    const { [message.counter]: messageKey, ...messageKeys } = chain.messageKeys
    if (messageKey === undefined) throw new SignalRefusal('replayed')
    const mac = macOf(messageKey, bytesOf(session.remoteIdentityKey), own, message.authenticated)
    if (Buffer.compare(mac, message.mac) !== 0) throw new SignalRefusal('bad_mac')
    const plaintext = unpadded(message.ciphertext, messageKey)
    const read = { ...chain, messageKeys }
    // The peer has the session: later messages need not carry the keys that built it.
    const { pending: _pending, ...answered } = known === undefined ? stepped : session
    if (at !== -1) return { plaintext, session: bounded({ ...answered, old: session.old.with(at, read) }) }
    const received = { ...answered, receiving: read }
    if (known !== undefined) return { plaintext, session: bounded(received) }
    return { plaintext, session: bounded(sendingStep(received, remoteKey, nameOf(standInKeyPair(this.#random).publicKey))) }
  }
}

/** Closes the receiving chain, whose newest message the other side names, and opens the one of `remoteKey`. */
function receivingStep(session: StandInSession, remoteKey: string, previousCounter: number): StandInSession & { readonly receiving: ReceivingChain } {
  const { rootKey, chainKey } = ratchetStep(session.rootKey, session.ratchetKey, remoteKey)
  const stepped = { ...session, rootKey, receiving: { ratchetKey: remoteKey, key: chainKey, counter: -1, messageKeys: {} } }
  if (session.receiving === undefined) return stepped
  const { key: _key, ...closed } = filled(session.receiving, previousCounter)
  return { ...stepped, old: [...session.old, closed] }
}

/** Replaces the sending chain by one of a fresh ratchet key. */
function sendingStep(session: StandInSession, remoteKey: string, freshKey: string): StandInSession {
  const { rootKey, chainKey } = ratchetStep(session.rootKey, freshKey, remoteKey)
  const previousCounter = session.sending?.counter ?? session.previousCounter
  return { ...session, rootKey, ratchetKey: freshKey, sending: { key: chainKey, counter: -1 }, previousCounter }
}

function store(stores: SignalStores, device: DeviceId, record: StandInRecord): void {
  stores.storeSession(device, JSON.stringify(record))
}

/** Keys have names in records and maps: their base64. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('base64')
}

function bytesOf(name: string): Uint8Array {
  return Buffer.from(name, 'base64')
}

function macOf(messageKey: string, sender: Uint8Array, receiver: Uint8Array, authenticated: Uint8Array): Uint8Array {
  return createHash('sha256').update(messageKey).update(sender).update(receiver).update(authenticated).digest().subarray(0, MAC_BYTES)
}

/** `plaintext` in whole blocks (PKCS#7) under a pad that repeats: that it hides the text from a search is all that it must do. */
function padded(plaintext: Uint8Array, messageKey: string): Uint8Array {
  const fill = BLOCK_BYTES - (plaintext.length % BLOCK_BYTES)
  const bytes = new Uint8Array(plaintext.length + fill).fill(fill, plaintext.length)
  bytes.set(plaintext)
  return xorPad(bytes, messageKey)
}

function unpadded(ciphertext: Uint8Array, messageKey: string): Uint8Array {
  const bytes = xorPad(Uint8Array.from(ciphertext), messageKey)
  return bytes.slice(0, bytes.length - (bytes.at(-1) ?? 0))
}

/** Changes `bytes` in place. */
function xorPad(bytes: Uint8Array, messageKey: string): Uint8Array {
  const pad = createHash('sha256').update('pad').update(messageKey).digest()
  for (let index = 0; index < bytes.length; index++) bytes[index] = (bytes[index] ?? 0) ^ (pad[index % pad.length] ?? 0)
  return bytes
}
