import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createNodePrimitives } from '@evegram/platform'
import { utf8 } from '@evegram/protocol'
import { verifyEd25519, verifySecp256k1 } from '@evegram/protocol/proof'
import { afterAll, describe, expect, it } from 'vitest'
import { createKeyFile, openKeyFile } from './key-file.js'

const folder = mkdtempSync(join(tmpdir(), 'keys-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })
const passphrase = 'correct horse battery'
const primitives = createNodePrimitives()

describe.each(['ed25519', 'secp256k1'] as const)('a key file of %s', (algorithm) => {
  const path = join(folder, `${algorithm}.json`)
  const made = createKeyFile(path, algorithm, passphrase)

  it('opens with its passphrase, and signs by the same key', async () => {
    const signer = openKeyFile(path, passphrase)
    expect([signer.algorithm, signer.publicKey]).toEqual([algorithm, made.publicKey])
    const [message, verify] = [utf8('pay'), algorithm === 'ed25519' ? verifyEd25519 : verifySecp256k1]
    expect(verify(primitives, signer.publicKey, message, await signer.sign(message))).toBe('valid')
  })

  it('is its owner\'s alone, and holds no key that can be read', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(Object.keys(JSON.parse(readFileSync(path, 'utf8')) as object)).toEqual(['format', 'algorithm', 'publicKey', 'salt', 'nonce', 'box'])
    expect(inspect(made, { depth: 9, showHidden: true })).not.toMatch(/seed|private/i)
  })

  it('is refused with another passphrase, when anything in it was changed, and when others may read it', () => {
    const refused = (of: string, words = passphrase) => () => openKeyFile(of, words)
    expect(refused(path, 'another passphrase')).toThrowError(expect.objectContaining({ code: 'invalid.config' }))
    const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>
    const changed = join(folder, `${algorithm}-changed.json`)
    const flipped = (text: string): string => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`
    const others = algorithm === 'ed25519' ? 'secp256k1' : 'ed25519'
    for (const change of [{ algorithm: others }, { publicKey: flipped(file['publicKey']!) }, { box: flipped(file['box']!) }, { nonce: flipped(file['nonce']!) }, { salt: 'AA' }, { format: 'evegram-key/2' }, { more: 1 }]) {
      writeFileSync(changed, JSON.stringify({ ...file, ...change }), { mode: 0o600 })
      expect(refused(changed), JSON.stringify(Object.keys(change))).toThrowError(expect.objectContaining({ code: 'invalid.config' }))
    }
    writeFileSync(changed, readFileSync(path))
    chmodSync(changed, 0o640)
    expect(refused(changed)).toThrowError(expect.objectContaining({ advice: expect.stringContaining('chmod') as string }))
    expect(refused(join(folder, 'none.json'))).toThrowError(expect.objectContaining({ code: 'invalid.config' }))
  })

  it('is never overwritten, and never made with a short passphrase', () => {
    expect(() => createKeyFile(path, algorithm, passphrase)).toThrowError(expect.objectContaining({ code: 'invalid.argument' }))
    expect(() => createKeyFile(join(folder, 'short.json'), algorithm, 'short')).toThrowError(expect.objectContaining({ code: 'invalid.argument' }))
  })
})
