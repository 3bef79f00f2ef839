import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, concatBytes, hexOf, parseDeviceId, utf8, type Random } from '@evegram/protocol'
import { nodePrimitives } from '../node/signal-primitives.js'
import { verifyWithSigning } from './device-keys.js'
import { portablePrimitives, synchronousPrimitives, type KeyPair, type SignalPrimitives } from './primitives.js'
import { numericFingerprint } from './safety-number.js'
import { parsePreKeyMessage, PREKEY_MESSAGE, SESSION_MESSAGE } from './signal-message.js'
import { loadSignal } from './load-signal.js'
import { encodeKeyPair, MemorySignalState, SIGNAL_KEYS, signalStores, StagedRows, type SignalStores } from './stores.js'
import { TestAttestations, TestDevice } from './test-device.js'

const folder = process.env['EVEGRAM_VECTORS'] ?? fileURLToPath(new URL('../../../../../shared/vectors', import.meta.url))
const file = `${folder}/signal-x3dh-double-ratchet.json`
const present = existsSync(file)

/** Steps of the published two-party scripts; hex strings. */
interface Step {
  readonly smsText?: string
  readonly expectedSmsText?: string
  readonly endSession?: boolean
  readonly expectTerminateSession?: boolean
  readonly ourBaseKey?: string
  readonly ourEphemeralKey?: string
  readonly newEphemeralKey?: string
  readonly ourIdentityKey?: string
  readonly ourPreKey?: string
  readonly preKeyId?: number
  readonly ourSignedPreKey?: string
  readonly signedPreKeyId?: number
  readonly registrationId?: number
  readonly expectedCiphertext?: string
  readonly message?: string
  readonly type?: number
  readonly getKeys?: {
    readonly identityKey: string
    readonly devices: readonly {
      readonly registrationId: number
      readonly preKey: { readonly keyId: number; readonly publicKey: string }
      readonly signedPreKey: { readonly keyId: number; readonly publicKey: string; readonly signature: string }
    }[]
  }
}

interface Vectors {
  readonly scripts: readonly { readonly name: string; readonly vectors: readonly (readonly ['sendMessage' | 'receiveMessage', Step])[] }[]
  readonly x25519: { readonly alice_priv: string; readonly bob_priv: string; readonly alice_pub: string; readonly bob_pub: string; readonly shared: string }
  readonly xeddsa: { readonly priv: string; readonly pub: string; readonly msg: string; readonly sig: string }
  readonly fingerprint: {
    readonly iterations: number
    readonly alice: { readonly id: string; readonly key: string }
    readonly bob: { readonly id: string; readonly key: string }
    readonly display: string
  }
}

/** Gives the private keys of the script in turn. */
class ScriptedRandom implements Random {
  readonly keys: Uint8Array<ArrayBuffer>[] = []

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const key = this.keys.shift()
    if (key?.length !== length) throw new Error('the script has no key for this step')
    return key
  }
}

const REMOTE = parseDeviceId('f'.repeat(32))

/** PushMessageContent {body} or {flags: END_SESSION}, then 0x80 and zeros up to 159 bytes. */
function plaintextOf(step: Step): Uint8Array {
  const text = step.smsText ?? step.expectedSmsText
  const content = text === undefined ? new Uint8Array([0x20, 0x01]) : concatBytes(new Uint8Array([0x0a, text.length]), utf8(text))
  const padded = new Uint8Array(159)
  padded.set(content)
  padded[content.length] = 0x80
  return padded
}

/** Runs one script on `primitives`; every expectation of it is checked. */
async function runScript(steps: Vectors['scripts'][number]['vectors'], primitives: SignalPrimitives): Promise<void> {
  const random = new ScriptedRandom()
  const signal = await loadSignal({ random, primitives })
  const pairOf = async (privateHex: string): Promise<KeyPair> => {
    const privateKey = bytesOfHex(privateHex)
    return { privateKey, publicKey: concatBytes(new Uint8Array([5]), await primitives.x25519PublicKey(privateKey)) }
  }
  const state = new MemorySignalState()
  let identity: KeyPair | undefined
  let registrationId = 0
  const call = async <Result>(rowKeys: readonly string[], job: (stores: SignalStores) => Promise<Result>): Promise<Result> => {
    const own = identity
    if (own === undefined) throw new Error('the script has no identity')
    const rows = await StagedRows.read(state, [SIGNAL_KEYS.session(REMOTE), ...rowKeys])
    const stores = { ...signalStores(rows, { identity: own, registrationId }, { identityKeyOf: () => undefined }), isTrustedIdentity: () => true }
    const result = await job(stores)
    state.commit(rows.changes())
    return result
  }
  const archive = (): Promise<void> => call([], (stores) => signal.archiveSession(stores, REMOTE))

  for (const [kind, step] of steps) {
    if (step.ourIdentityKey !== undefined) identity = await pairOf(step.ourIdentityKey)
    if (step.registrationId !== undefined) registrationId = step.registrationId
    for (const key of [step.ourBaseKey, step.ourEphemeralKey, step.newEphemeralKey]) if (key !== undefined) random.keys.push(bytesOfHex(key))
    if (step.ourPreKey !== undefined && step.ourSignedPreKey !== undefined) {
      state.commit({
        puts: new Map([
          [SIGNAL_KEYS.preKey(step.preKeyId ?? 0), encodeKeyPair(await pairOf(step.ourPreKey))],
          [SIGNAL_KEYS.signedPreKey(step.signedPreKeyId ?? 0), encodeKeyPair(await pairOf(step.ourSignedPreKey))],
        ]),
        deletes: new Set(),
      })
    }
    if (kind === 'sendMessage') {
      const [remote] = step.getKeys?.devices ?? []
      if (step.getKeys !== undefined && remote !== undefined) {
        const { identityKey } = step.getKeys
        await call([], (stores) => signal.buildSession(stores, REMOTE, {
          device: REMOTE,
          registrationId: remote.registrationId,
          identityKey: bytesOfHex(identityKey),
          oneTimePreKey: { id: remote.preKey.keyId, publicKey: bytesOfHex(remote.preKey.publicKey) },
          signedPreKey: {
            id: remote.signedPreKey.keyId,
            publicKey: bytesOfHex(remote.signedPreKey.publicKey),
            signature: bytesOfHex(remote.signedPreKey.signature),
            createdAtMs: 0,
            deviceSignature: new Uint8Array(64),
          },
        }))
      }
      const { type, bytes } = await call([], (stores) => signal.encrypt(stores, REMOTE, plaintextOf(step)))
      const expected = bytesOfHex(step.expectedCiphertext ?? '')
      // The outer protobuf is not authenticated, and its writers order the fields differently; what is inside is compared as bytes.
      if (type === PREKEY_MESSAGE) expect(parsePreKeyMessage(bytes)).toEqual(parsePreKeyMessage(expected))
      else expect(hexOf(bytes)).toBe(hexOf(expected))
      if (step.endSession === true) await archive()
    } else {
      const type = step.type === 3 ? PREKEY_MESSAGE : SESSION_MESSAGE
      const rowKeys = [3850073, 3850074, 4611143].map((id) => SIGNAL_KEYS.preKey(id)).concat([10476053, 14983230].map((id) => SIGNAL_KEYS.signedPreKey(id)))
      const plaintext = await call(rowKeys, (stores) => signal.decrypt(stores, REMOTE, type, bytesOfHex(step.message ?? '')))
      expect(hexOf(plaintext)).toBe(hexOf(plaintextOf(step)))
    }
  }
  expect(random.keys).toHaveLength(0)
}

describe.skipIf(!present)('the published vectors of libsignal', () => {
  const vectors: Vectors = present
    ? (JSON.parse(readFileSync(file, 'utf8')) as Vectors)
    : { scripts: [], x25519: { alice_priv: '', bob_priv: '', alice_pub: '', bob_pub: '', shared: '' }, xeddsa: { priv: '', pub: '', msg: '', sig: '' },
        fingerprint: { iterations: 1, alice: { id: '', key: '' }, bob: { id: '', key: '' }, display: '' } }
  const all: readonly SignalPrimitives[] = [synchronousPrimitives, portablePrimitives, nodePrimitives]

  for (const primitives of all) {
    for (const { name, vectors: steps } of vectors.scripts) {
      it(`${name} (${primitives.name})`, async () => {
        await runScript(steps, primitives)
      })
    }

    it(`X25519 (${primitives.name})`, async () => {
      const { alice_priv, bob_priv, alice_pub, bob_pub, shared } = vectors.x25519
      const clamped = bytesOfHex(alice_priv)
      expect(`05${hexOf(await primitives.x25519PublicKey(clamped))}`).toBe(alice_pub)
      expect(hexOf(await primitives.x25519SharedSecret(clamped, bytesOfHex(bob_pub).subarray(1)))).toBe(shared)
      expect(hexOf(await primitives.x25519SharedSecret(bytesOfHex(bob_priv), bytesOfHex(alice_pub).subarray(1)))).toBe(shared)
    })
  }

  it('XEdDSA', async () => {
    const { priv, pub, msg, sig } = vectors.xeddsa
    const signal = await loadSignal({ random: new ScriptedRandom(), primitives: synchronousPrimitives })
    expect(hexOf(await signal.sign(bytesOfHex(priv), bytesOfHex(msg)))).toBe(sig)
    expect(await signal.verify(bytesOfHex(pub), bytesOfHex(msg), bytesOfHex(sig))).toBe(true)
    // An XEdDSA signature is none of Ed25519 by the same bytes.
    expect(verifyWithSigning(bytesOfHex(pub).subarray(1), bytesOfHex(msg), bytesOfHex(sig))).toBe(false)
  })

  it('the numeric fingerprint', () => {
    const { iterations, alice, bob, display } = vectors.fingerprint
    const number = numericFingerprint({ identifier: alice.id, key: bytesOfHex(alice.key) }, { identifier: bob.id, key: bytesOfHex(bob.key) }, iterations)
    expect(number).toBe(display)
  })
})

describe.skipIf(present)('the published vectors of libsignal are NOT HERE', () => {
  it('so only the own vectors below were run: set EVEGRAM_VECTORS to the folder that holds signal-x3dh-double-ratchet.json', () => {
    expect(present).toBe(false)
  })
})

describe('the own session vectors', () => {
  it('are what a seeded conversation writes: protocol/vectors/signal-sessions.json', async () => {
    const attestations = new TestAttestations()
    const alice = await TestDevice.make('vectors/alice', attestations)
    const bob = await TestDevice.make('vectors/bob', attestations)
    const describeDevice = (device: TestDevice): object => ({
      device: device.id,
      registrationId: device.keys.registrationId,
      identityPrivateKey: hexOf(device.keys.identity.privateKey),
      identityPublicKey: hexOf(device.keys.identity.publicKey),
      signingPrivateKey: hexOf(device.keys.signing.privateKey),
      signingPublicKey: hexOf(device.keys.signing.publicKey),
    })
    const bundle = bob.bundle()
    bob.oneTimePreKeys.unshift(...(bundle.oneTimePreKey === undefined ? [] : [bundle.oneTimePreKey]))
    const privateOf = (key: string): string => (bob.state.snapshot().get(key) ?? '').slice(68)
    const keys = {
      signedPreKeyPrivate: privateOf(SIGNAL_KEYS.signedPreKey(bundle.signedPreKey.id)),
      oneTimePreKeyPrivate: privateOf(SIGNAL_KEYS.preKey(bundle.oneTimePreKey?.id ?? 0)),
    }
    await alice.startWith(bob)
    const messages: object[] = []
    for (const [from, to, text] of [[alice, bob, 'first'], [alice, bob, 'second'], [bob, alice, 'reply'], [alice, bob, 'third']] as const) {
      const message = await from.send(to, text)
      expect(await to.receive(from, message)).toBe(text)
      messages.push({ from: from === alice ? 'alice' : 'bob', type: message.type, plaintext: hexOf(utf8(text)), bytes: hexOf(message.bytes) })
    }
    const vectors = {
      note: 'Keys of both sides and the messages that they exchange: enough to check X3DH, the signatures of a bundle, and reading in both directions.',
      alice: describeDevice(alice),
      bob: describeDevice(bob),
      bundleOfBob: {
        signedPreKey: {
          id: bundle.signedPreKey.id,
          createdAtMs: bundle.signedPreKey.createdAtMs,
          publicKey: hexOf(bundle.signedPreKey.publicKey),
          privateKey: keys.signedPreKeyPrivate,
          signature: hexOf(bundle.signedPreKey.signature),
          deviceSignature: hexOf(bundle.signedPreKey.deviceSignature),
        },
        oneTimePreKey: { id: bundle.oneTimePreKey?.id, publicKey: hexOf(bundle.oneTimePreKey?.publicKey ?? new Uint8Array(0)), privateKey: keys.oneTimePreKeyPrivate },
      },
      messages,
    }
    await expect(`${JSON.stringify(vectors, undefined, 2)}\n`).toMatchFileSnapshot('../../../../protocol/vectors/signal-sessions.json')
  })
})
