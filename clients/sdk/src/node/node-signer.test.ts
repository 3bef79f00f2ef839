import { expect, it } from 'vitest'
import { portableSigner } from '../crypto/device-keys.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { nodeSigner } from './node-signer.js'

const random = new SeededRandom('node-signer')

it('signs as the portable signer does, byte for byte', () => {
  for (let length = 0; length < 200; length += 17) {
    const privateKey = random.bytes(32)
    const signing = { privateKey, publicKey: ed25519.getPublicKey(privateKey) }
    const message = random.bytes(length)
    expect(nodeSigner(signing)(message)).toEqual(portableSigner(signing)(message))
  }
})

it('signs with a key whose bytes lie in a larger buffer', () => {
  const row = random.bytes(100)
  const privateKey = row.subarray(7, 39)
  const signing = { privateKey, publicKey: ed25519.getPublicKey(privateKey) }
  expect(nodeSigner(signing)(row)).toEqual(portableSigner(signing)(row))
})
