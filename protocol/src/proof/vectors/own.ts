import { bytesOfHex } from '../../bytes.js'
import type { CborValue } from '../../cbor.js'
import { parseAccountId, parseDeviceId } from '../../ids.js'
import { domainOf, originOf } from '../domain.js'
import { verifyEd25519 } from '../ed25519.js'
import type { Network } from '../network.js'
import type { ProofPrimitives, SignatureStatus } from '../primitives.js'
import { verifySecp256k1 } from '../secp256k1.js'
import { isPurpose, proofText, TON_PROOF_PLACEHOLDER, type ProofFields, type Purpose } from '../text.js'
import { verifyProof, type ProofExpectation } from '../verify-proof.js'
import { parseAddress, parseWalletId } from '../wallet-id.js'
import { decodeWalletProof, type WalletProof } from '../wallet-proof.js'
import { verifyXeddsa } from '../xeddsa.js'
import { MalformedVector, needInteger, needText, objectField, textField, type JsonObject } from './json.js'
import { refusal, type VectorAnswer } from './verdict.js'

/** Value of `format` in this project's own vector files. */
export const OWN_FORMAT = 'evegram-proof-vectors/1'

/** Fields of a proof that hold bytes, hexadecimal in JSON. */
const BYTE_FIELDS: ReadonlySet<string> = new Set(['logHead', 'bodyHash', 'signature', 'signedMessage', 'stateInit', 'publicKey'])

function networkField(object: JsonObject): Network {
  const network = textField(object, 'network') ?? 'mainnet'
  if (network !== 'mainnet' && network !== 'testnet') throw new MalformedVector('network')
  return network
}

function purposeField(object: JsonObject): Purpose {
  const purpose = needText(object, 'purpose')
  if (!isPurpose(purpose)) throw new MalformedVector('purpose')
  return purpose
}

function optionalBytes(object: JsonObject, name: string): Uint8Array | undefined {
  const hex = textField(object, name)
  return hex === undefined ? undefined : bytesOfHex(hex)
}

function optionalWallet(object: JsonObject, name: string): ReturnType<typeof parseWalletId> | undefined {
  const text = textField(object, name)
  return text === undefined ? undefined : parseWalletId(text)
}

/** The map that `encodeWalletProof` gives, from its JSON form. */
function proofMap(json: JsonObject): CborValue {
  const map: Record<string, CborValue> = {}
  for (const [name, value] of Object.entries(json)) {
    if (typeof value === 'string') map[name] = BYTE_FIELDS.has(name) ? bytesOfHex(value) : value
    else if (typeof value === 'number' || typeof value === 'boolean' || value === null) map[name] = value
    else throw new MalformedVector(`field ${name}`)
  }
  return map
}

function expectedOf(json: JsonObject): ProofExpectation {
  return {
    domain: needText(json, 'domain'),
    origin: needText(json, 'origin'),
    network: networkField(json),
    walletId: optionalWallet(json, 'wallet'),
    purpose: purposeField(json),
    account: parseAccountId(needText(json, 'account')),
    device: parseDeviceId(needText(json, 'device')),
    logSeq: needInteger(json, 'logSeq'),
    logHead: bytesOfHex(needText(json, 'logHead')),
    otherWallet: optionalWallet(json, 'otherWallet'),
    bodyHash: optionalBytes(json, 'bodyHash'),
    nowMs: needInteger(json, 'nowMs'),
    mode: textField(json, 'mode') === 'peer' ? 'peer' : 'server',
  }
}

/** A case of kind `proof`: the proof and what is expected of it. Throws what our own parsers throw. */
export function readOwnProof(vector: JsonObject): { readonly proof: WalletProof; readonly expected: ProofExpectation } {
  const proof = decodeWalletProof(proofMap(objectField(vector, 'proof') ?? {}))
  return { proof, expected: expectedOf(objectField(vector, 'expected') ?? {}) }
}

function fieldsOf(json: JsonObject): ProofFields {
  const wallet = needText(json, 'wallet')
  return {
    ...expectedOf({ ...json, wallet: undefined, nowMs: 0 }),
    walletId: wallet === TON_PROOF_PLACEHOLDER ? wallet : parseWalletId(wallet),
    nonce: needText(json, 'nonce'),
    issuedAtMs: needInteger(json, 'issuedAtMs'),
    expirationTimeMs: needInteger(json, 'expirationTimeMs'),
  }
}

function judgeSignature(vector: JsonObject, primitives: ProofPrimitives): SignatureStatus {
  const [key, signature] = [bytesOfHex(needText(vector, 'publicKey')), bytesOfHex(needText(vector, 'signature'))]
  const message = bytesOfHex(needText(vector, 'message'))
  switch (needText(vector, 'algorithm')) {
    case 'ed25519': return verifyEd25519(primitives, key, message, signature)
    case 'secp256k1': return verifySecp256k1(primitives, key, message, signature)
    case 'xeddsa': return verifyXeddsa(key, message, signature, primitives)
    default: throw new MalformedVector('algorithm')
  }
}

function same(isSame: boolean, what: string): VectorAnswer {
  return isSame ? { result: 'accept' } : refusal('proof.text', `another ${what}`)
}

/** Runs one case of our own format. Throws what our own parsers throw: `answered` makes a refusal of it. */
export function judgeOwn(vector: JsonObject, primitives: ProofPrimitives): VectorAnswer {
  const kind = needText(vector, 'kind')
  switch (kind) {
    case 'proof': {
      const { proof, expected } = readOwnProof(vector)
      const outcome = verifyProof(proof, expected, primitives)
      return outcome.status === 'valid' ? { result: 'accept' } : refusal(outcome.code, outcome.reason)
    }
    case 'signature': {
      const status = judgeSignature(vector, primitives)
      return status === 'valid' ? { result: 'accept' } : refusal(status, 'signature')
    }
    case 'text':
      return same(proofText(fieldsOf(objectField(vector, 'fields') ?? {})) === needText(vector, 'text'), 'text')
    case 'url': {
      const url = needText(vector, 'url')
      return same(domainOf(url) === needText(vector, 'domain') && originOf(url) === needText(vector, 'origin'), 'domain')
    }
    case 'address': {
      const parsed = parseAddress(needText(vector, 'text'), { network: networkField(vector) })
      return same(parsed.walletId === needText(vector, 'wallet') && parsed.address === needText(vector, 'address'), 'wallet')
    }
    default:
      throw new MalformedVector(`kind ${kind}`)
  }
}
