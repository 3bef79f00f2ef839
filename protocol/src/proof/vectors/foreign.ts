import { base58 } from '@scure/base'
import { bytesOfHex, equalBytes, hexOf, utf8 } from '../../bytes.js'
import type { ErrorCode } from '../../errors.js'
import { verifyEd25519 } from '../ed25519.js'
import type { ProofOutcome } from '../outcome.js'
import type { ProofPrimitives } from '../primitives.js'
import { verifySecp256k1 } from '../secp256k1.js'
import { siwsText, type SignInText } from '../siws-text.js'
import { adr036SignBytes, cosmosAddressOf, verifyAdr036 } from '../terra.js'
import { readTonAddress } from '../ton-address.js'
import { readTonWallet, verifyTonConnect } from '../ton.js'
import { bytesOfText, isObject, MalformedVector, needInteger, needText, objectField, textField, type JsonObject } from './json.js'
import { refusal, type VectorAnswer } from './verdict.js'

/** Kinds of case of other projects' vectors, told by their fields. */
export type ForeignKind = 'adr036' | 'ton-proof' | 'siws-text' | 'ed25519-message' | 'secp256k1-message'

/** Codes with which we may refuse what the project that made the vectors accepts: only four wallet contracts, only low S. */
export const STRICTER: readonly ErrorCode[] = ['proof.wallet_unsupported', 'proof.high_s']

/** What kind of case the fields make, or undefined. `section` is the name of the list that holds it. */
export function foreignKindOf(vector: JsonObject, section: string): ForeignKind | undefined {
  const hasKey = textField(vector, 'pub_key', 'pubKey', 'publicKey', 'public_key') !== undefined || isObject(vector['pub_key'])
  const signature = textField(vector, 'signature')
  if (isObject(vector['proof']) && 'address' in vector) return 'ton-proof'
  if (isObject(vector['parsed']) && 'text' in vector) return 'siws-text'
  if (signature === undefined) return undefined
  if ('data' in vector && hasKey) return section === 'plain' ? 'secp256k1-message' : 'adr036'
  const hasMessage = textField(vector, 'signedMessage', 'message', 'text') !== undefined
  return hasMessage && (hasKey || 'address' in vector) ? 'ed25519-message' : undefined
}

function answerOf(outcome: ProofOutcome): VectorAnswer {
  return outcome.status === 'valid' ? { result: 'accept' } : refusal(outcome.code, outcome.reason)
}

/** A key as base64 or hex text, or inside an amino key `{type, value}`; `type` other than a plain secp256k1 key is refused. */
function cosmosKey(vector: JsonObject): { readonly key: Uint8Array; readonly type: string } {
  const amino = objectField(vector, 'pub_key', 'pubKey', 'publicKey')
  const text = amino === undefined ? needText(vector, 'pub_key', 'pubKey', 'publicKey', 'public_key') : needText(amino, 'value', 'key')
  return { key: bytesOfText(text, 66), type: textField(amino ?? vector, 'type', '@type') ?? 'secp256k1' }
}

const SECP256K1_TYPES: ReadonlySet<string> = new Set(['secp256k1', 'tendermint/PubKeySecp256k1', '/cosmos.crypto.secp256k1.PubKey'])

function judgeAdr036(vector: JsonObject, primitives: ProofPrimitives): VectorAnswer {
  const { key, type } = cosmosKey(vector)
  if (!SECP256K1_TYPES.has(type)) return refusal('proof.wallet_unsupported', 'type of the key')
  const stated = textField(vector, 'signer', 'address')
  const prefix = textField(vector, 'prefix') ?? stated?.split('1')[0] ?? 'terra'
  const data = utf8(needText(vector, 'data'))
  const signer = stated ?? cosmosAddressOf(prefix, key)
  const signature = bytesOfText(needText(vector, 'signature'), 120)
  const outcome = verifyAdr036({ signer, prefix, publicKey: key, data, signature }, primitives)
  const signBytes = textField(vector, 'sign_bytes', 'signBytes')
  if (outcome.status === 'valid' && signBytes !== undefined && !equalBytes(utf8(signBytes), adr036SignBytes(signer, data))) {
    return refusal('proof.text', 'sign document of the vector')
  }
  return answerOf(outcome)
}

function judgePlainSecp256k1(vector: JsonObject, primitives: ProofPrimitives): VectorAnswer {
  const { key, type } = cosmosKey(vector)
  if (!SECP256K1_TYPES.has(type)) return refusal('proof.wallet_unsupported', 'type of the key')
  const status = verifySecp256k1(primitives, key, utf8(needText(vector, 'data')), bytesOfText(needText(vector, 'signature'), 120))
  return status === 'valid' ? { result: 'accept' } : refusal(status, 'signature')
}

const TON_NETWORKS: ReadonlySet<unknown> = new Set(['-239', '-3', -239, -3, undefined])

function judgeTonProof(vector: JsonObject, primitives: ProofPrimitives): VectorAnswer {
  const proof = objectField(vector, 'proof') ?? {}
  const network = vector['network'] ?? vector['chain']
  if (!TON_NETWORKS.has(network)) return refusal('proof.network', 'network of the vector')
  const address = readTonAddress(needText(vector, 'address'), String(network) === '-3')
  if (typeof address === 'string') return refusal(address === 'test_only' ? 'proof.network' : 'invalid.address', `address: ${address}`)
  const stateText = textField(proof, 'state_init', 'stateInit') ?? needText(vector, 'state_init', 'stateInit', 'walletStateInit')
  const stateInit = bytesOfText(stateText, Number.POSITIVE_INFINITY)
  const domain = objectField(proof, 'domain')
  const outcome = verifyTonConnect({
    kind: textField(vector, 'kind', 'form') === 'ton-sign-data' ? 'ton-sign-data' : 'ton-proof',
    address,
    domain: domain === undefined ? needText(proof, 'domain') : needText(domain, 'value'),
    domainBytes: domain === undefined ? utf8(needText(proof, 'domain')).length : needInteger(domain, 'lengthBytes', 'length_bytes'),
    timestamp: needInteger(proof, 'timestamp'),
    payload: needText(proof, 'payload'),
    stateInit,
    signature: bytesOfText(needText(proof, 'signature'), 120),
  }, primitives)
  const key = textField(vector, 'public_key', 'publicKey')
  const state = readTonWallet(address, stateInit)
  if (outcome.status === 'valid' && key !== undefined && state.status === 'read' && hexOf(state.publicKey) !== key.toLowerCase()) {
    return refusal('proof.address', 'the stated key is not the one of the wallet')
  }
  return answerOf(outcome)
}

const TEXT_FIELDS = ['statement', 'uri', 'version', 'chainId', 'nonce', 'issuedAt', 'expirationTime', 'notBefore', 'requestId'] as const

function judgeSiwsText(vector: JsonObject): VectorAnswer {
  const parsed = objectField(vector, 'parsed') ?? {}
  const resources = parsed['resources']
  const optional = Object.fromEntries(TEXT_FIELDS.map((name) => [name, textField(parsed, name)]))
  const input: SignInText = {
    ...optional,
    domain: needText(parsed, 'domain'),
    address: needText(parsed, 'address'),
    ...(Array.isArray(resources) ? { resources: resources.map(String) } : {}),
  }
  return siwsText(input) === needText(vector, 'text') ? { result: 'accept' } : refusal('proof.text', 'the fields give another text')
}

/** A message given as text, or as bytes under a name or prefix that says so. */
function messageOf(vector: JsonObject): Uint8Array {
  const signed = textField(vector, 'signedMessage')
  if (signed !== undefined) return bytesOfText(signed, 2)
  const text = needText(vector, 'message', 'text')
  return /^0x(?:[0-9a-fA-F]{2})+$/.test(text) ? bytesOfHex(text.slice(2)) : utf8(text)
}

function solanaKey(vector: JsonObject): Uint8Array {
  const text = needText(vector, 'publicKey', 'public_key', 'address')
  if (/^[0-9a-fA-F]{64}$/.test(text)) return bytesOfHex(text)
  if (!/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text)) throw new MalformedVector('public key')
  return base58.decode(text)
}

function solanaSignature(text: string): Uint8Array {
  return /^[1-9A-HJ-NP-Za-km-z]{86,88}$/.test(text) ? base58.decode(text) : bytesOfText(text, 120)
}

function judgeEd25519Message(vector: JsonObject, primitives: ProofPrimitives): VectorAnswer {
  const status = verifyEd25519(primitives, solanaKey(vector), messageOf(vector), solanaSignature(needText(vector, 'signature')))
  return status === 'valid' ? { result: 'accept' } : refusal(status, 'signature')
}

/** Runs the checks that a case of another project can be given to: signature, key, address and wallet state; not our texts or times. */
export function judgeForeign(kind: ForeignKind, vector: JsonObject, primitives: ProofPrimitives): VectorAnswer {
  switch (kind) {
    case 'adr036': return judgeAdr036(vector, primitives)
    case 'ton-proof': return judgeTonProof(vector, primitives)
    case 'siws-text': return judgeSiwsText(vector)
    case 'ed25519-message': return judgeEd25519Message(vector, primitives)
    case 'secp256k1-message': return judgePlainSecp256k1(vector, primitives)
  }
}
