import { createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Vectors {
  readonly alice: { readonly identityPublicKey: string }
  readonly bob: { readonly identityPrivateKey: string; readonly identityPublicKey: string }
  readonly bundleOfBob: { readonly signedPreKey: { readonly id: number; readonly privateKey: string }; readonly oneTimePreKey: { readonly id: number; readonly privateKey: string } }
  readonly messages: readonly { readonly from: string; readonly type: number; readonly plaintext: string; readonly bytes: string }[]
}

const vectors = JSON.parse(readFileSync(new URL('../../../../protocol/vectors/signal-sessions.json', import.meta.url), 'utf8')) as Vectors
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
// RFC 8410: the bytes before a key of X25519 in PKCS #8 and in SubjectPublicKeyInfo.
const PRIVATE_KEY = hex('302e020100300506032b656e04220420')
const PUBLIC_KEY = hex('302a300506032b656e032100')

/** X25519 by OpenSSL; public keys have the type byte 5 before them. */
function agree(privateKey: string, publicKey: Buffer): Buffer {
  return diffieHellman({
    privateKey: createPrivateKey({ key: Buffer.concat([PRIVATE_KEY, hex(privateKey)]), format: 'der', type: 'pkcs8' }),
    publicKey: createPublicKey({ key: Buffer.concat([PUBLIC_KEY, publicKey.subarray(1)]), format: 'der', type: 'spki' }),
  })
}

const derive = (secret: Buffer, salt: Buffer, info: string, bytes: number): Buffer => Buffer.from(hkdfSync('sha256', secret, salt, info, bytes))
const mac = (key: Buffer, ...parts: readonly Buffer[]): Buffer => createHmac('sha256', key).update(Buffer.concat(parts)).digest()

/** Fields of a protobuf message of varints and bytes, by number. */
function fieldsOf(bytes: Buffer): ReadonlyMap<number, Buffer | number> {
  const fields = new Map<number, Buffer | number>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * factor
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    if ((tag & 7) === 0) fields.set(tag >> 3, varint())
    else {
      const length = varint()
      fields.set(tag >> 3, bytes.subarray(at, at + length))
      at += length
    }
  }
  return fields
}

function bytesField(fields: ReadonlyMap<number, Buffer | number>, number: number): Buffer {
  const value = fields.get(number)
  if (!Buffer.isBuffer(value)) throw new Error(`no bytes in field ${String(number)}`)
  return value
}

/** What Bob reads of a first message of Alice, step by step as docs/e2ee.md writes it down; `counter` ratchet steps behind the first. */
function open(outer: Buffer): { readonly plaintext: string; readonly counter: unknown; readonly authentic: boolean } {
  expect(outer[0]).toBe(0x33)
  const prekeyMessage = fieldsOf(outer.subarray(1))
  expect([prekeyMessage.get(1), prekeyMessage.get(6)]).toEqual([vectors.bundleOfBob.oneTimePreKey.id, vectors.bundleOfBob.signedPreKey.id])
  const identity = bytesField(prekeyMessage, 3)
  expect(identity.toString('hex')).toBe(vectors.alice.identityPublicKey)
  const { signedPreKey, oneTimePreKey } = vectors.bundleOfBob
  const base = bytesField(prekeyMessage, 2)
  const secret = Buffer.concat([
    Buffer.alloc(32, 0xff), agree(signedPreKey.privateKey, identity), agree(vectors.bob.identityPrivateKey, base), agree(signedPreKey.privateKey, base), agree(oneTimePreKey.privateKey, base),
  ])
  const root = derive(secret, Buffer.alloc(32), 'WhisperText', 64).subarray(0, 32)
  const inner = bytesField(prekeyMessage, 4)
  const message = fieldsOf(inner.subarray(1, -8))
  const counter = message.get(2)
  let chain = derive(agree(signedPreKey.privateKey, bytesField(message, 1)), root, 'WhisperRatchet', 64).subarray(32)
  for (let step = 0; step < Number(counter); step++) chain = mac(chain, Buffer.of(2))
  const keys = derive(mac(chain, Buffer.of(1)), Buffer.alloc(32), 'WhisperMessageKeys', 80)
  const authenticated = inner.subarray(0, -8)
  const authentic = mac(keys.subarray(32, 64), identity, hex(vectors.bob.identityPublicKey), authenticated).subarray(0, 8).equals(inner.subarray(-8))
  return { plaintext: decrypt(keys.subarray(0, 32), keys.subarray(64), bytesField(message, 4)), counter, authentic }
}

function decrypt(key: Buffer, iv: Buffer, ciphertext: Buffer): string {
  const decipher = createDecipheriv('aes-256-cbc', key, iv)
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('hex')
}

describe('the session vectors, by OpenSSL and the construction of docs/e2ee.md', () => {
  const first = vectors.messages.filter(({ from, type }) => from === 'alice' && type === 1)

  it('open a session: X3DH with a one-time prekey, one ratchet step, and the chain behind it', () => {
    expect(first.length).toBe(2)
    expect(first.map(({ bytes }) => open(hex(bytes)))).toEqual(first.map(({ plaintext }, index) => ({ plaintext, counter: index, authentic: true })))
  })

  it('are not authentic with another counter', () => {
    const outer = hex(first[0]?.bytes ?? '')
    // Field 2 of the inner message, and nothing else, says 0 here.
    const at = outer.indexOf(hex('10001800'))
    expect(at).toBeGreaterThan(0)
    outer[at + 1] = 1
    expect(() => open(outer).authentic && 'read').toThrow()
  })
})

describe('the sender key vectors, by OpenSSL and the construction of docs/e2ee.md', () => {
  it('are read with what the distribution gives, one message after the other', () => {
    const { distribution, messages } = JSON.parse(readFileSync(new URL('../../../../protocol/vectors/sender-keys.json', import.meta.url), 'utf8')) as {
      readonly distribution: string; readonly messages: readonly { readonly plaintext: string; readonly message: string }[]
    }
    const gift = fieldsOf(hex(distribution).subarray(1))
    let chain = bytesField(gift, 4)
    expect([gift.get(3), messages.length]).toEqual([0, 6])
    for (const [iteration, { plaintext, message }] of messages.entries()) {
      const fields = fieldsOf(hex(message).subarray(1, -64))
      expect([fields.get(2), fields.get(3)]).toEqual([gift.get(2), iteration])
      expect(bytesField(fields, 1).equals(bytesField(gift, 1))).toBe(true)
      const keys = derive(mac(chain, Buffer.of(1)), Buffer.alloc(32), 'WhisperGroup', 48)
      expect(decrypt(keys.subarray(16), keys.subarray(0, 16), bytesField(fields, 4))).toBe(plaintext)
      chain = mac(chain, Buffer.of(2))
    }
  })
})
