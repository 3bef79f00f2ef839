import { generateKeyPairSync, sign } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { judgeVectorFile } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { loadSodiumEd25519 } from './adapters/sodium/ed25519.js'
import { createNodePrimitives } from './node-primitives.js'
import { createServerPrimitives } from './server-primitives.js'

const folder = new URL('../../protocol/vectors/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.startsWith('proof-'))

describe('createServerPrimitives', () => {
  it.each(files)('answers every vector of %s as OpenSSL does', (name) => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    const verdict = judgeVectorFile(text, createServerPrimitives())
    expect(verdict).toEqual(judgeVectorFile(text, createNodePrimitives()))
    expect(verdict.kind === 'vectors' && verdict.verdicts.filter(({ ok }) => !ok)).toEqual([])
  })

  it('has libsodium on the platforms that tests run on, and takes from it what fits', () => {
    const fits = loadSodiumEd25519()
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const key = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
    // A view into a larger buffer, as posts are.
    const message = Uint8Array.from({ length: 300 }, (_, index) => index % 251).subarray(17, 290)
    const signature = sign(null, message, privateKey)
    expect(fits?.(key, message, signature)).toBe(true)
    for (const at of [0, 31, 32, 63]) {
      const other = Uint8Array.from(signature)
      other[at] = (other[at] ?? 0) ^ 1
      expect(fits?.(key, message, other), `byte ${String(at)}`).toBe(false)
      expect(createServerPrimitives().ed25519Verify(key, message, other), `byte ${String(at)}`).toBe(false)
    }
    expect(fits?.(key, message.subarray(1), signature)).toBe(false)
    expect(fits?.(key.subarray(1), message, signature)).toBe(false)
    expect(fits?.(key, message, signature.subarray(1))).toBe(false)
  })
})

describe('loadSodiumEd25519', () => {
  const file = JSON.parse(readFileSync(new URL('proof-signatures.json', folder), 'utf8')) as { cases: readonly { name: string; signature: string }[] }

  it('leaves a library alone that decides by the cofactored equation', () => {
    const sodium = loadSodiumEd25519()
    const cofactored = file.cases.find(({ name }) => name === 'ed25519: R of mixed order: only the cofactored equation holds')?.signature
    expect(cofactored).toBeDefined()
    const lax = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean =>
      Buffer.from(signature).toString('hex') === cofactored || sodium?.(publicKey, message, signature) === true
    expect(loadSodiumEd25519(() => ({ crypto_sign_verify_detached: lax }))).toBeUndefined()
  })

  it('leaves one alone that refuses what fits, has no such function, or is not there for this platform', () => {
    expect(loadSodiumEd25519(() => ({ crypto_sign_verify_detached: () => false }))).toBeUndefined()
    expect(loadSodiumEd25519(() => ({}))).toBeUndefined()
    expect(loadSodiumEd25519(() => { throw new Error('no native file') })).toBeUndefined()
  })
})
