import { CborFields, type CborValue } from '../cbor.js'
import { EvegramError } from '../errors.js'
import { parseAccountId, parseDeviceId, type AccountId, type DeviceId, type WalletId } from '../ids.js'
import { LIMITS } from '../limits.js'
import { isPurpose, type Purpose } from './text.js'
import { parseWalletId } from './wallet-id.js'

/** How a wallet signed. */
export type ProofForm = 'siws' | 'solana-offchain' | 'solana-memo-tx' | 'ton-proof' | 'ton-sign-data' | 'adr036'

/**
 * What every stored proof says. The claims repeat the fields of the signed text so that a refusal can name what differs; they
 * prove nothing by themselves: the verifier compares each with what it expects and rebuilds the text from them.
 */
export interface ProofClaims {
  readonly walletId: WalletId
  readonly domain: string
  readonly origin: string
  readonly purpose: Purpose
  readonly account: AccountId
  readonly device: DeviceId
  readonly logSeq: number
  /** 32 bytes. */
  readonly logHead: Uint8Array
  readonly otherWallet?: WalletId | undefined
  /** 32 bytes. */
  readonly bodyHash?: Uint8Array | undefined
  readonly nonce: string
  readonly issuedAtMs: number
  readonly expirationTimeMs: number
  /** 64 bytes: R || S of Ed25519, or r || s of secp256k1. */
  readonly signature: Uint8Array
}

/** What TON Connect adds. */
interface TonExtra {
  /** The BoC that the wallet gave when it connected. */
  readonly stateInit: Uint8Array
  /** The wallet's own time of signing, seconds since 1970. */
  readonly tonTimestamp: number
  /** Length of the domain in bytes, as the wallet stated and signed it. */
  readonly tonDomainBytes: number
}

/** A wallet proof: claims, signature, and what the form needs beside them to rebuild the signed bytes. */
export type WalletProof = ProofClaims & (
  | { readonly form: 'siws' }
  /** `signedMessage` is the whole envelope (off-chain message) or the whole legacy message (memo transaction). */
  | { readonly form: 'solana-offchain' | 'solana-memo-tx'; readonly signedMessage: Uint8Array }
  | ({ readonly form: 'ton-proof' | 'ton-sign-data' } & TonExtra)
  /** `publicKey` is the compressed key, 33 bytes. */
  | { readonly form: 'adr036'; readonly publicKey: Uint8Array }
)

/** Bounds of what is read; the verifier then wants exact lengths and names the fault. */
const BOUNDS = { textMax: 512, signatureMax: 128, signedMessageMax: 1_232, stateInitMax: 8_192, publicKeyMax: 1_024 } as const

const FORMS: ReadonlySet<string> = new Set<ProofForm>(['siws', 'solana-offchain', 'solana-memo-tx', 'ton-proof', 'ton-sign-data', 'adr036'])

function isForm(text: string): text is ProofForm {
  return FORMS.has(text)
}

/** The proof as a map for CBOR: times in milliseconds, ids as text, bytes as bytes, absent fields left out. */
export function encodeWalletProof(proof: WalletProof): { readonly [key: string]: CborValue } {
  const map: Record<string, CborValue> = {
    form: proof.form, wallet: proof.walletId, domain: proof.domain, origin: proof.origin, purpose: proof.purpose,
    account: proof.account, device: proof.device, logSeq: proof.logSeq, logHead: proof.logHead, nonce: proof.nonce,
    issuedAtMs: proof.issuedAtMs, expirationTimeMs: proof.expirationTimeMs, signature: proof.signature,
  }
  if (proof.otherWallet !== undefined) map['otherWallet'] = proof.otherWallet
  if (proof.bodyHash !== undefined) map['bodyHash'] = proof.bodyHash
  switch (proof.form) {
    case 'siws': return map
    case 'solana-offchain':
    case 'solana-memo-tx': return { ...map, signedMessage: proof.signedMessage }
    case 'ton-proof':
    case 'ton-sign-data': {
      const { stateInit, tonTimestamp, tonDomainBytes } = proof
      return { ...map, stateInit, tonTimestamp, tonDomainBytes }
    }
    case 'adr036': return { ...map, publicKey: proof.publicKey }
  }
}

function readClaims(fields: CborFields): ProofClaims {
  const purpose = fields.text('purpose', BOUNDS.textMax)
  if (!isPurpose(purpose)) fields.fail('purpose')
  return {
    walletId: parseWalletId(fields.text('wallet', BOUNDS.textMax)),
    domain: fields.text('domain', BOUNDS.textMax),
    origin: fields.text('origin', BOUNDS.textMax),
    purpose,
    account: parseAccountId(fields.text('account', BOUNDS.textMax)),
    device: parseDeviceId(fields.text('device', BOUNDS.textMax)),
    logSeq: fields.uint('logSeq', LIMITS.logEntriesMax),
    logHead: fields.bytes('logHead', 32),
    ...(fields.has('otherWallet') ? { otherWallet: parseWalletId(fields.text('otherWallet', BOUNDS.textMax)) } : {}),
    ...(fields.has('bodyHash') ? { bodyHash: fields.bytes('bodyHash', 32) } : {}),
    nonce: fields.text('nonce', BOUNDS.textMax),
    issuedAtMs: fields.uint('issuedAtMs'),
    expirationTimeMs: fields.uint('expirationTimeMs'),
    signature: fields.bytes('signature', { lengthMax: BOUNDS.signatureMax }),
  }
}

function readProof(value: CborValue): WalletProof {
  const fields = new CborFields(value, 'proof.malformed')
  const form = fields.text('form', BOUNDS.textMax)
  if (!isForm(form)) throw new EvegramError('proof.form', { operation: 'read proof' })
  const claims = readClaims(fields)
  switch (form) {
    case 'siws': return finish(fields, { ...claims, form })
    case 'solana-offchain':
    case 'solana-memo-tx':
      return finish(fields, { ...claims, form, signedMessage: fields.bytes('signedMessage', { lengthMax: BOUNDS.signedMessageMax }) })
    case 'ton-proof':
    case 'ton-sign-data':
      return finish(fields, {
        ...claims, form,
        stateInit: fields.bytes('stateInit', { lengthMax: BOUNDS.stateInitMax }),
        tonTimestamp: fields.uint('tonTimestamp'),
        tonDomainBytes: fields.uint('tonDomainBytes', 2 ** 32 - 1),
      })
    case 'adr036': return finish(fields, { ...claims, form, publicKey: fields.bytes('publicKey', { lengthMax: BOUNDS.publicKeyMax }) })
  }
}

function finish(fields: CborFields, proof: WalletProof): WalletProof {
  fields.end()
  return proof
}

/**
 * Reads a proof from decoded CBOR, every field bounded and no field left over. Throws `proof.form` for a form of another version
 * and `proof.malformed` for everything else that does not fit.
 */
export function decodeWalletProof(value: CborValue): WalletProof {
  try {
    return readProof(value)
  } catch (cause) {
    if (cause instanceof EvegramError && cause.code.startsWith('proof.')) throw cause
    throw new EvegramError('proof.malformed', { operation: 'read proof', cause })
  }
}
