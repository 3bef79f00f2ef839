import { ed25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, deviceIdOf, utf8 } from '@evegram/protocol'
import { verifyXeddsa } from '@evegram/protocol/proof'
import {
  deviceChanges, generateDevice, loadDevice, signWithIdentity, signWithSigning, verifyWithIdentity, verifyWithSigning,
} from './device-keys.js'
import { noblePrimitives } from './noble-primitives.js'
import { synchronousPrimitives } from './primitives.js'
import { SeededRandom } from './seeded-random.js'
import { loadSignal } from './load-signal.js'
import { MemorySignalState, SIGNAL_KEYS } from './stores.js'

const random = new SeededRandom('device-keys')
const signal = await loadSignal({ random, primitives: synchronousPrimitives })

describe('a device', () => {
  it('is named by its two public keys and has a registration id of 14 bits', async () => {
    for (let count = 0; count < 20; count++) {
      const keys = await generateDevice(signal, random)
      expect(keys.device).toBe(deviceIdOf(keys.identity.publicKey, keys.signing.publicKey))
      expect(keys.registrationId).toBeGreaterThanOrEqual(1)
      expect(keys.registrationId).toBeLessThanOrEqual(0x3fff)
      expect(keys.identity.publicKey[0]).toBe(5)
    }
  })

  it('comes back from the store as it was made, and a damaged row is an error rather than a new device', async () => {
    const keys = await generateDevice(signal, random)
    const state = new MemorySignalState()
    expect(await loadDevice(state)).toBeUndefined()
    state.commit(deviceChanges(keys))
    const { sign, ...secrets } = keys
    const loaded = await loadDevice(state)
    expect(loaded).toMatchObject(secrets)
    expect(loaded?.sign(utf8('message'))).toEqual(sign(utf8('message')))
    state.commit({ puts: new Map([[SIGNAL_KEYS.device, new Uint8Array(131)]]), deletes: new Set() })
    await expect(loadDevice(state)).rejects.toMatchObject({ code: 'client.store' })
  })

  it('signs with both keys, each verified by its own public key only', async () => {
    const keys = await generateDevice(signal, random)
    const other = await generateDevice(signal, random)
    const hash = new Uint8Array(32).fill(1)
    const byIdentity = await signWithIdentity(signal, keys, hash)
    const bySigning = signWithSigning(keys, hash)
    expect(await verifyWithIdentity(signal, keys.identity.publicKey, hash, byIdentity)).toBe(true)
    expect(await verifyWithIdentity(signal, other.identity.publicKey, hash, byIdentity)).toBe(false)
    expect(await verifyWithIdentity(signal, keys.identity.publicKey, hash, bySigning)).toBe(false)
    expect(verifyWithSigning(keys.signing.publicKey, hash, bySigning)).toBe(true)
    expect(verifyWithSigning(other.signing.publicKey, hash, bySigning)).toBe(false)
    expect(verifyWithSigning(keys.signing.publicKey, utf8('other'), bySigning)).toBe(false)
  })
})

describe('verifyWithSigning', () => {
  it('is strict: no small-order key, no S beyond the group order, no odd lengths', async () => {
    const keys = await generateDevice(signal, random)
    const message = utf8('strict')
    const signature = signWithSigning(keys, message)
    // S + L: the same point, another signature.
    const scalar = signature.subarray(32).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) + ed25519.Point.Fn.ORDER
    const malleable = signature.slice()
    for (let index = 0; index < 32; index++) malleable[32 + index] = Number((scalar >> BigInt(8 * index)) & 0xffn)
    expect(verifyWithSigning(keys.signing.publicKey, message, malleable)).toBe(false)
    // Identity point as key, R = identity, S = 0: verifies for every message where small orders are let through.
    const identity = bytesOfHex(`01${'00'.repeat(31)}`)
    const universal = new Uint8Array(64)
    universal.set(identity)
    expect(verifyWithSigning(identity, message, universal)).toBe(false)
    expect(verifyWithSigning(keys.signing.publicKey.subarray(1), message, signature)).toBe(false)
    expect(verifyWithSigning(keys.signing.publicKey, message, signature.subarray(1))).toBe(false)
    expect(verifyWithSigning(new Uint8Array(32).fill(0xff), message, signature)).toBe(false)
  })
})

describe('verifyWithIdentity', () => {
  it('agrees with the verifier of the server on good, changed and malleated signatures', async () => {
    const answers: [boolean, boolean][] = []
    for (let round = 0; round < 12; round++) {
      const keys = await generateDevice(signal, random)
      const message = random.bytes(round * 7)
      const signature = await signWithIdentity(signal, keys, message)
      const changed = signature.slice()
      changed[round * 5] = (changed[round * 5] ?? 0) ^ 0x10
      const sign = (signature[63] ?? 0) & 0x80
      const plain = signature.slice()
      plain[63] = (plain[63] ?? 0) & 0x7f
      const scalar = plain.subarray(32).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) + ed25519.Point.Fn.ORDER
      const malleated = signature.slice()
      for (let index = 0; index < 32; index++) malleated[32 + index] = Number((scalar >> BigInt(8 * index)) & 0xffn)
      malleated[63] = (malleated[63] ?? 0) | sign
      for (const candidate of [signature, changed, malleated]) {
        const here = await verifyWithIdentity(signal, keys.identity.publicKey, message, candidate)
        answers.push([here, verifyXeddsa(keys.identity.publicKey, message, candidate, noblePrimitives) === 'valid'])
      }
    }
    expect(answers.map(([here]) => here)).toEqual(answers.map(([, there]) => there))
    expect(answers.filter(([here]) => here)).toHaveLength(12)
  })
})
