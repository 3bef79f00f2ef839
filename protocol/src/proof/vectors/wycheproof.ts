import { bytesOfHex, concatBytes } from '../../bytes.js'
import type { ErrorCode } from '../../errors.js'
import { verifyEd25519 } from '../ed25519.js'
import type { ProofPrimitives, SignatureStatus } from '../primitives.js'
import { verifySecp256k1 } from '../secp256k1.js'
import { answered, expectationOf, isObject, needText, objectField, textField, type JsonObject } from './json.js'
import { refusal, verdictOf, type VectorAnswer, type VectorVerdict } from './verdict.js'

/** Wycheproof's ECDSA sets accept high S, which we refuse (Cosmos SDK does too). */
const STRICTER: readonly ErrorCode[] = ['proof.high_s']

type Check = (primitives: ProofPrimitives, key: Uint8Array, message: Uint8Array, signature: Uint8Array) => SignatureStatus

/** A group of tests that one of our checks can run. */
interface Group {
  readonly check: Check
  readonly key: Uint8Array
  readonly signatureOf: (hex: string) => Uint8Array | undefined
}

/** x and the sign of y of an uncompressed point `04 x y`. */
function compressed(point: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of((point[64] ?? 0) % 2 === 0 ? 2 : 3), point.subarray(1, 33))
}

/** r || s of a DER signature in its one shortest form (X.690 section 8.3, 10.1): SEQUENCE of two positive INTEGERs of at most 32 bytes. */
function fixedOfDer(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) return undefined
  const numbers: Uint8Array[] = []
  let at = 2
  while (numbers.length < 2) {
    const length = der[at + 1] ?? 0
    const value = der.subarray(at + 2, at + 2 + length)
    const [first = 0, second = 0] = value
    if (der[at] !== 0x02 || length === 0 || value.length !== length || first >= 0x80) return undefined
    if (first === 0 && length > 1 && second < 0x80) return undefined
    const digits = first === 0 ? value.subarray(1) : value
    if (digits.length > 32) return undefined
    numbers.push(concatBytes(new Uint8Array(32 - digits.length), digits))
    at += 2 + length
  }
  return at === der.length ? concatBytes(...numbers) : undefined
}

function hexField(object: JsonObject, name: string, digits: number): string | undefined {
  const text = textField(object, name)
  return text?.length === digits && /^[0-9a-fA-F]*$/.test(text) ? text : undefined
}

function groupOf(file: JsonObject, group: JsonObject): Group | undefined {
  const key = objectField(group, 'publicKey', 'key')
  if (key === undefined) return undefined
  const schema = textField(file, 'schema') ?? ''
  if (/eddsa_verify/.test(schema) || textField(file, 'algorithm') === 'EDDSA') {
    const pk = hexField(key, 'pk', 64)
    return pk !== undefined ? { check: verifyEd25519, key: bytesOfHex(pk), signatureOf: bytesOfHex } : undefined
  }
  const point = hexField(key, 'uncompressed', 130)
  if (point === undefined || textField(key, 'curve') !== 'secp256k1' || textField(group, 'sha') !== 'SHA-256') return undefined
  if (!/ecdsa.*verify/.test(schema)) return undefined
  const signatureOf = schema.includes('p1363') ? bytesOfHex : (hex: string) => fixedOfDer(bytesOfHex(hex))
  return { check: verifySecp256k1, key: compressed(bytesOfHex(point)), signatureOf }
}

function answer(group: Group, test: JsonObject, primitives: ProofPrimitives): VectorAnswer {
  const signature = group.signatureOf(needText(test, 'sig'))
  if (signature === undefined) return refusal('proof.signature_encoding', 'DER')
  const status = group.check(primitives, group.key, bytesOfHex(needText(test, 'msg')), signature)
  return status === 'valid' ? { result: 'accept' } : refusal(status, 'signature')
}

/** Judges a file of Project Wycheproof: Ed25519, and ECDSA on secp256k1 with SHA-256 (r || s or DER). Undefined for other algorithms. */
export function judgeWycheproof(file: JsonObject, primitives: ProofPrimitives): readonly VectorVerdict[] | undefined {
  const groups = Array.isArray(file['testGroups']) ? file['testGroups'].filter(isObject) : []
  const verdicts: VectorVerdict[] = []
  for (const group of groups) {
    const known = groupOf(file, group)
    if (known === undefined) return undefined
    const tests = Array.isArray(group['tests']) ? group['tests'].filter(isObject) : []
    for (const test of tests) {
      const name = `${String(test['tcId'])} · ${textField(test, 'comment') ?? ''}`
      verdicts.push(verdictOf(name, expectationOf(test, STRICTER, true), answered(() => answer(known, test, primitives))))
    }
  }
  return verdicts.length === 0 ? undefined : verdicts
}
