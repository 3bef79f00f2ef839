import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { base64 } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hexOf, utf8 } from '../../bytes.js'
import type { ProofPrimitives } from '../primitives.js'
import { adr036SignBytes, cosmosAddressOf } from '../terra.js'
import { judgeVectorFile } from './judge-vectors.js'
import { reportVectorFile } from './report.js'
import type { VectorVerdict } from './verdict.js'

const primitives: ProofPrimitives = {
  ed25519Verify: (key, message, signature) => ed25519.verify(signature, message, key, { zip215: false }),
  secp256k1Verify: (key, message, signature) => secp256k1.verify(signature, message, key),
}

function judge(file: unknown): readonly VectorVerdict[] {
  const verdict = judgeVectorFile(JSON.stringify(file), primitives)
  return verdict.kind === 'vectors' ? verdict.verdicts : []
}
const answers = (file: unknown): readonly string[] => judge(file).map(({ actual, ok }) => `${ok ? 'ok' : 'wrong'} ${actual.result === 'accept' ? 'accept' : actual.code}`)

const secret = new Uint8Array(32).fill(7)
const message = utf8('a message')
const publicKey = secp256k1.getPublicKey(secret)
const high = (signature: Uint8Array): Uint8Array => {
  const { r, s } = secp256k1.Signature.fromBytes(signature)
  return new secp256k1.Signature(r, secp256k1.Point.Fn.ORDER - s).toBytes()
}

describe('Wycheproof files', () => {
  const key = ed25519.getPublicKey(secret)
  const good = hexOf(ed25519.sign(message, secret))
  const tests = [
    { tcId: 1, comment: '', msg: hexOf(message), sig: good, result: 'valid' },
    { tcId: 2, comment: 'short', msg: hexOf(message), sig: good.slice(2), result: 'invalid' },
    { tcId: 3, comment: 'empty', msg: '', sig: '', result: 'invalid' },
    { tcId: 4, comment: 'odd digits', msg: hexOf(message), sig: 'abc', result: 'invalid' },
    { tcId: 5, comment: 'says valid and is not', msg: '00', sig: good, result: 'valid' },
  ]
  const expected = ['ok accept', 'ok proof.signature_encoding', 'ok proof.signature_encoding', 'ok invalid.hex', 'wrong proof.signature']

  it('reads Ed25519 in both generations of the format', () => {
    const old = { algorithm: 'EDDSA', schema: 'eddsa_verify_schema.json', testGroups: [{ key: { curve: 'edwards25519', pk: hexOf(key) }, tests }] }
    const new1 = { algorithm: 'EDDSA', schema: 'eddsa_verify_schema_v1.json', testGroups: [{ publicKey: { pk: hexOf(key) }, tests }] }
    expect(answers(old)).toEqual(expected)
    expect(answers(new1)).toEqual(expected)
  })

  it('reads ECDSA on secp256k1 as r || s and as DER, and says that high S is refused by our rule', () => {
    const point = { curve: 'secp256k1', uncompressed: hexOf(secp256k1.getPublicKey(secret, false)) }
    const signature = secp256k1.sign(message, secret)
    const der = (bytes: Uint8Array): string => hexOf(secp256k1.Signature.fromBytes(bytes).toBytes('der'))
    const groups = (one: string, two: string, three: string): unknown => [{
      publicKey: point, sha: 'SHA-256', tests: [one, two, three].map((sig, tcId) => ({ tcId, msg: hexOf(message), sig, result: tcId === 2 ? 'invalid' : 'valid' })),
    }]
    const fixed = { schema: 'ecdsa_p1363_verify_schema_v1.json', testGroups: groups(hexOf(signature), hexOf(high(signature)), `${hexOf(signature)}00`) }
    expect(answers(fixed)).toEqual(['ok accept', 'ok proof.high_s', 'ok proof.signature_encoding'])
    const withDer = { schema: 'ecdsa_verify_schema_v1.json', testGroups: groups(der(signature), der(high(signature)), `${der(signature)}00`) }
    expect(answers(withDer)).toEqual(['ok accept', 'ok proof.high_s', 'ok proof.signature_encoding'])
  })

  it('names files of other algorithms instead of passing over them', () => {
    const other = { algorithm: 'XDH', schema: 'xdh_comp_schema.json', testGroups: [{ curve: 'curve25519', tests: [{ tcId: 1, result: 'valid' }] }] }
    expect(judgeVectorFile(JSON.stringify(other), primitives)).toMatchObject({ kind: 'not_vectors' })
    const p256 = { schema: 'ecdsa_p1363_verify_schema.json', testGroups: [{ sha: 'SHA-256', key: { curve: 'secp256r1', uncompressed: '04'.padEnd(130, '1') }, tests: [] }] }
    expect(judgeVectorFile(JSON.stringify(p256), primitives)).toMatchObject({ kind: 'not_vectors' })
  })
})

describe('ADR-036 files', () => {
  const data = 'Sign in'
  const signer = cosmosAddressOf('terra', publicKey)
  const signature = secp256k1.sign(adr036SignBytes(signer, utf8(data)), secret)
  const good = { prefix: 'terra', type: 'secp256k1', pub_key: base64.encode(publicKey), data, signature: base64.encode(signature), signer }
  const refusedAs = (change: object, expectation: object = { valid: false }): string => answers({ cases: [{ ...good, ...change, ...expectation }] })[0] ?? 'no answer'

  it('takes the expectation from `valid`, from `checked`, from a code, or accepts', () => {
    expect(refusedAs({}, { valid: true })).toBe('ok accept')
    expect(refusedAs({}, {})).toBe('ok accept')
    expect(refusedAs({}, { valid: false, why: 'a lie' })).toBe('wrong accept')
    expect(refusedAs({}, { checked: { signature_verifies: true } })).toBe('ok accept')
    expect(refusedAs({ data: 'x' }, { checked: { signature_verifies: false } })).toBe('ok proof.signature')
    expect(refusedAs({ data: 'x' }, { code: 'proof.signature' })).toBe('ok proof.signature')
    expect(refusedAs({ data: 'x' }, { valid: false, code: 'proof.high_s' })).toBe('wrong proof.signature')
    expect(refusedAs({ data: 'x' }, { valid: true })).toBe('wrong proof.signature')
  })

  it('refuses every mutation with its reason', () => {
    expect(refusedAs({ prefix: 'osmo' })).toBe('ok proof.address')
    expect(refusedAs({ prefix: 'osmo', signer: cosmosAddressOf('osmo', publicKey) })).toBe('ok proof.signature')
    expect(refusedAs({ signature: base64.encode(high(signature)) })).toBe('ok proof.high_s')
    expect(refusedAs({ signature: good.signature.slice(4) })).toBe('ok proof.signature_encoding')
    expect(refusedAs({ signature: 'not base64 !' })).toBe('ok proof.malformed')
    expect(refusedAs({ signature: undefined })).toBe('no answer')
    expect(refusedAs({ pub_key: base64.encode(secp256k1.getPublicKey(secret, false)) })).toBe('ok proof.signature_encoding')
    expect(refusedAs({ type: 'ethsecp256k1' })).toBe('ok proof.wallet_unsupported')
    expect(refusedAs({ type: 'tendermint/PubKeyMultisigThreshold' })).toBe('ok proof.wallet_unsupported')
    expect(refusedAs({ sign_bytes: '{}' })).toBe('ok proof.text')
    expect(refusedAs({ signer: signer.toUpperCase() })).toBe('ok proof.address')
  })

  it('refuses, and does not skip, a case that lost a field among others', () => {
    const { signature: _lost, ...rest } = good
    expect(answers({ cases: [{ ...good }, { ...rest, valid: false }] })).toEqual(['ok accept', 'ok proof.malformed'])
  })

  it('judges plain signatures under `plain`', () => {
    const plain = { ...good, signature: base64.encode(secp256k1.sign(utf8(data), secret)) }
    expect(answers({ cases: [good], plain: [plain, { ...plain, data: 'x', valid: false }] })).toEqual(['ok accept', 'ok accept', 'ok proof.signature'])
  })
})

describe('judgeVectorFile', () => {
  it('never throws for any JSON, and says when it is no vector file', () => {
    fc.assert(fc.property(fc.json(), (text) => {
      judgeVectorFile(text, primitives)
    }), { numRuns: 500 })
    expect(judgeVectorFile('{', primitives)).toEqual({ kind: 'broken', note: 'broken: not JSON' })
    for (const cases of [undefined, [], [1], [{}, 'x']]) expect(judgeVectorFile(JSON.stringify({ format: 'evegram-proof-vectors/1', cases }), primitives)).toMatchObject({ kind: 'broken' })
    expect(reportVectorFile('x.json', '{', primitives)).toEqual([{ file: 'x.json', note: 'broken: not JSON', broken: true }])
    expect(reportVectorFile('x.json', '{}', primitives)).toEqual([{ file: 'x.json', note: 'not a proof vector file: no case of a known shape' }])
  })

  it('never throws when any value of a vector is replaced by another', () => {
    const folder = new URL('../../../vectors/', import.meta.url)
    const files = readdirSync(folder).filter((name) => name.startsWith('proof-')).map((name) => readFileSync(new URL(name, folder), 'utf8'))
    const cases = files.flatMap((text) => (JSON.parse(text) as { cases: object[] }).cases)
    const value = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom('', '00', 'zz', 'f'.repeat(200), -1, 2 ** 53, null))
    fc.assert(fc.property(fc.constantFrom(...cases), fc.nat(), value, (entry, at, replacement) => {
      let place = 0
      const keys = JSON.stringify(entry).split(':').length
      const mutated = JSON.stringify(entry, (key, old: unknown) => (key !== '' && place++ === at % keys ? replacement : old))
      judgeVectorFile(`{"format":"evegram-proof-vectors/1","cases":[${mutated}]}`, primitives)
    }), { numRuns: 1_000 })
  })

  // Other projects' vectors, kept outside the repository: EVEGRAM_PUBLIC_VECTORS names their folder.
  const outside = process.env['EVEGRAM_PUBLIC_VECTORS']
  it.skipIf(outside === undefined || !existsSync(outside))('answers the vectors of other projects as they say', () => {
    const names = readdirSync(outside ?? '').filter((name) => name.endsWith('.json'))
    const verdicts = names.map((name) => judgeVectorFile(readFileSync(`${outside ?? ''}/${name}`, 'utf8'), primitives))
    const judged = verdicts.flatMap((verdict) => (verdict.kind === 'vectors' ? verdict.verdicts : []))
    expect(judged.length).toBeGreaterThan(0)
    expect(judged.filter(({ ok }) => !ok)).toEqual([])
  })
})
