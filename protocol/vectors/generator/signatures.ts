import { createHash } from 'node:crypto'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hex, seedOf, type Case } from './base.js'
import { challenge, L, le, malleated, ofLe, P, Point, signMixed, SMALL_ORDER, TORSION } from './curve-points.js'

const message = Buffer.from('Evegram signature vectors')
const at = (algorithm: string, code: string | undefined, name: string, key: Uint8Array, signature: Uint8Array, text: Uint8Array = message): Case => ({
  name: `${algorithm}: ${name}`, kind: 'signature', algorithm, valid: code === undefined, ...(code === undefined ? {} : { code }),
  publicKey: hex(key), message: hex(text), signature: hex(signature),
})

function edCases(): Case[] {
  const secret = ofLe(seedOf('scalar')) % L
  const nonce = ofLe(seedOf('nonce')) % L
  /** Tries nonces until the torsion of the key vanishes (or not) in [k]A, which decides whether the byte comparison holds. */
  const mixed = (keyTorsion: number, rTorsion: number, isEqual: boolean): { key: Buffer; signature: Buffer } => {
    for (let offset = 0n; ; offset++) {
      const made = signMixed(secret, nonce + offset, message, keyTorsion, rTorsion)
      const k = challenge(made.signature.subarray(0, 32), made.key, message)
      const expected = Point.BASE.multiply(ofLe(made.signature.subarray(32))).subtract(Point.fromBytes(made.key).multiplyUnsafe(k))
      if (Buffer.from(expected.toBytes()).equals(made.signature.subarray(0, 32)) === isEqual) return made
    }
  }
  const plain = seedOf('ed25519')
  const key = ed25519.getPublicKey(plain)
  const good = ed25519.sign(message, plain)
  const bothEqual = mixed(1, 0, true)
  const keyOnly = mixed(1, 0, false)
  const rOnly = mixed(0, 1, false)
  const both = mixed(1, 1, false)
  const bothOk = ((): { key: Buffer; signature: Buffer } => {
    // R with exactly the torsion that [k]A takes away: the cofactorless equation holds although both are of mixed order.
    for (let offset = 0n; ; offset++) {
      for (let torsion = 1; torsion < 8; torsion++) {
        const made = signMixed(secret, nonce + offset, message, 1, torsion)
        const k = challenge(made.signature.subarray(0, 32), made.key, message)
        if ((k + BigInt(torsion)) % 8n === 0n) return made
      }
    }
  })()
  const smallR = ((): { key: Buffer; signature: Buffer } => {
    const own = Buffer.from(Point.BASE.multiply(secret).toBytes())
    const r = Point.ZERO.toBytes()
    return { key: own, signature: Buffer.concat([r, le((challenge(r, own, message) * secret) % L)]) }
  })()
  const smallKeyValid = ((): { key: Buffer; signature: Buffer } => {
    const own = Buffer.from(TORSION.toBytes())
    for (let offset = 1n; ; offset++) {
      const r = Point.BASE.multiply(nonce + offset).toBytes()
      if (challenge(r, own, message) % 8n === 0n) return { key: own, signature: Buffer.concat([r, le((nonce + offset) % L)]) }
    }
  })()
  return [
    at('ed25519', undefined, 'honest', key, good),
    at('ed25519', undefined, 'empty message', key, ed25519.sign(new Uint8Array(), plain), new Uint8Array()),
    at('ed25519', 'proof.signature', 'another message', key, good, Buffer.from('x')),
    at('ed25519', 'proof.signature_encoding', 'S + L', key, malleated(good)),
    at('ed25519', 'proof.signature_encoding', 'key of 31 bytes', key.subarray(1), good),
    at('ed25519', 'proof.signature_encoding', 'key of 33 bytes', Buffer.concat([key, Buffer.alloc(1)]), good),
    at('ed25519', undefined, 'key of mixed order whose torsion vanishes', bothEqual.key, bothEqual.signature),
    at('ed25519', 'proof.signature', 'key of mixed order: only the cofactored equation holds', keyOnly.key, keyOnly.signature),
    at('ed25519', 'proof.signature', 'R of mixed order: only the cofactored equation holds', rOnly.key, rOnly.signature),
    at('ed25519', 'proof.signature', 'both of mixed order: only the cofactored equation holds', both.key, both.signature),
    at('ed25519', undefined, 'both of mixed order: the cofactorless equation holds', bothOk.key, bothOk.signature),
    at('ed25519', undefined, 'R is the neutral point and fits: both primitives compare bytes', smallR.key, smallR.signature),
    at('ed25519', 'proof.small_order_key', 'key of order 8 for which the equation holds', smallKeyValid.key, smallKeyValid.signature),
    ...SMALL_ORDER.map((point, index) => at('ed25519', 'proof.small_order_key', `key of small order, number ${String(index)}, R neutral, S zero`, point.toBytes(), Buffer.concat([le(1n), le(0n)]))),
    ...SMALL_ORDER.map((point, index) => at('ed25519', 'proof.signature', `R of small order, number ${String(index)}, S zero`, key, Buffer.concat([point.toBytes(), le(0n)]))),
    ...[P, P + 1n, P + 2n, P + 18n].map((y) => at('ed25519', 'proof.signature_encoding', `key y = p + ${String(y - P)}`, le(y), good)),
    ...[P, P + 1n, P + 18n].map((y) => at('ed25519', 'proof.signature_encoding', `R y = p + ${String(y - P)}`, key, Buffer.concat([le(y), good.subarray(32)]))),
  ]
}

/** A signature as libsignal's curve library makes it: Ed25519 with the clamped key itself, the sign of the Edwards key in the last bit. */
function signXeddsa(privateKey: Uint8Array, text: Uint8Array): Buffer {
  const clamped = Buffer.from(privateKey)
  clamped[0] = (clamped[0] ?? 0) & 248
  clamped[31] = ((clamped[31] ?? 0) & 127) | 64
  const a = ofLe(clamped) % L
  const key = Buffer.from(Point.BASE.multiply(a).toBytes())
  const nonce = ofLe(createHash('sha512').update('nonce').update(clamped).update(text).digest()) % L
  const r = Point.BASE.multiply(nonce).toBytes()
  const signature = Buffer.concat([r, le((nonce + challenge(r, key, text) * a) % L)])
  signature[63] = (signature[63] ?? 0) | ((key[31] ?? 0) & 0x80)
  return signature
}

function xeddsaCases(): Case[] {
  const made = ['one', 'two', 'three', 'four'].map((name) => {
    const secret = seedOf(`xeddsa ${name}`)
    return { key: Buffer.concat([Buffer.from([5]), x25519.getPublicKey(secret)]), signature: signXeddsa(secret, message) }
  })
  const [{ key, signature } = { key: Buffer.alloc(33), signature: Buffer.alloc(64) }, second] = made
  const edit = (source: Uint8Array, offset: number, change: (byte: number) => number): Buffer => {
    const copy = Buffer.from(source)
    copy[offset] = change(copy[offset] ?? 0)
    return copy
  }
  const u = (value: bigint): Buffer => Buffer.concat([Buffer.from([5]), le(value)])
  return [
    ...made.map((one, index) => at('xeddsa', undefined, `honest, key ${String(index)}`, one.key, one.signature)),
    at('xeddsa', 'proof.signature', 'the other sign of the key', key, edit(signature, 63, (byte) => byte ^ 0x80)),
    at('xeddsa', 'proof.signature', 'another key', second?.key ?? key, signature),
    at('xeddsa', 'proof.signature', 'another message', key, signature, Buffer.from('x')),
    at('xeddsa', 'proof.signature_encoding', 'S + L', key, edit(malleated(edit(signature, 63, (byte) => byte & 0x7f)), 63, (byte) => byte | ((signature[63] ?? 0) & 0x80))),
    at('xeddsa', 'proof.signature_encoding', 'key without its type', key.subarray(1), signature),
    at('xeddsa', 'proof.signature_encoding', 'key of type 4', edit(key, 0, () => 4), signature),
    at('xeddsa', 'proof.signature_encoding', 'u = p', u(P), signature),
    at('xeddsa', 'proof.signature_encoding', 'u = p - 1, which has no Edwards point', u(P - 1n), signature),
    at('xeddsa', 'proof.signature_encoding', 'u with its top bit set', edit(key, 32, (byte) => byte | 0x80), signature),
    at('xeddsa', 'proof.small_order_key', 'u = 1', u(1n), Buffer.concat([le(1n), le(0n)])),
    at('xeddsa', 'proof.signature_encoding', 'signature of 63 bytes', key, signature.subarray(1)),
  ]
}

function secpCases(): Case[] {
  const secret = seedOf('secp256k1')
  const key = secp256k1.getPublicKey(secret, true)
  const good = secp256k1.sign(message, secret)
  const N = secp256k1.Point.Fn.ORDER
  const be = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
  const s = BigInt(`0x${hex(good.subarray(32))}`)
  const offCurve = ((): Buffer => {
    for (let x = 1n; ; x++) {
      const candidate = Buffer.concat([Buffer.from([2]), be(x)])
      try {
        secp256k1.Point.fromBytes(candidate)
      } catch {
        return candidate
      }
    }
  })()
  return [
    at('secp256k1', undefined, 'honest', key, good),
    at('secp256k1', 'proof.signature', 'another message', key, good, Buffer.from('x')),
    at('secp256k1', 'proof.high_s', 'high S', key, Buffer.concat([good.subarray(0, 32), be(N - s)])),
    at('secp256k1', 'proof.high_s', 'S one above the half', key, Buffer.concat([good.subarray(0, 32), be(N / 2n + 1n)])),
    at('secp256k1', 'proof.signature', 'S exactly the half', key, Buffer.concat([good.subarray(0, 32), be(N / 2n)])),
    at('secp256k1', 'proof.signature_encoding', 'S zero', key, Buffer.concat([good.subarray(0, 32), be(0n)])),
    at('secp256k1', 'proof.signature_encoding', 'R = n', key, Buffer.concat([be(N), good.subarray(32)])),
    at('secp256k1', 'proof.signature', 'key off the curve', offCurve, good),
    at('secp256k1', 'proof.signature_encoding', 'uncompressed key', secp256k1.getPublicKey(secret, false), good),
    at('secp256k1', 'proof.signature_encoding', 'DER signature', key, secp256k1.Signature.fromBytes(good).toBytes('der')),
  ]
}

/** All cases of proof-signatures.json. */
export function signatureCases(): Case[] {
  return [...edCases(), ...xeddsaCases(), ...secpCases()]
}
