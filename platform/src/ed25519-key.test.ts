import { createPublicKey, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ed25519KeyOfSeed } from './ed25519-key.js'

describe('the key of a seed', () => {
  it('is the one of RFC 8032, section 7.1, test 1', () => {
    const key = ed25519KeyOfSeed(Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'))
    expect(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex'))
      .toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    expect(sign(null, new Uint8Array(), key).toString('hex'))
      .toBe('e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b')
  })

  it('wants 32 bytes', () => {
    for (const length of [0, 31, 33, 64]) expect(() => ed25519KeyOfSeed(new Uint8Array(length))).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})
