import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { base64UrlOf } from '../base64url.js'
import { equalBytes, utf8 } from '../bytes.js'
import { isEvegramError } from '../errors.js'
import type { AccountId, DeviceId, WalletId } from '../ids.js'
import { LIMITS } from '../limits.js'
import type { Chain, Network } from './network.js'
import { refused, VALID, type ProofOutcome } from './outcome.js'
import type { ProofPrimitives } from './primitives.js'
import { verifyMemoTransaction, verifyOffchainMessage, verifySiws } from './solana.js'
import { verifyAdr036 } from './terra.js'
import { proofTextOf, type Purpose } from './text.js'
import { verifyTonConnect } from './ton.js'
import { readWalletId, solanaKeyOf, tonAddressOf, type ParsedAddress } from './wallet-id.js'
import type { ProofForm, WalletProof } from './wallet-proof.js'

/** What the verifier itself knows and wants the proof to say. None of it may come from the proof. */
export interface ProofExpectation {
  /** The verifier's configured domain and origin, never a Host header. */
  readonly domain: string
  readonly origin: string
  readonly network: Network
  /** The wallet that must have signed, where the verifier knows it. */
  readonly walletId?: WalletId | undefined
  readonly purpose: Purpose
  readonly account: AccountId
  readonly device: DeviceId
  /** State of the account log that the proof must act on: see `ProofFields`. `logHead` has 32 bytes. */
  readonly logSeq: number
  readonly logHead: Uint8Array
  /** Required for `link-wallet` and `unlink-wallet`. */
  readonly otherWallet?: WalletId | undefined
  /** Required for `policy` and `withdraw`, 32 bytes. */
  readonly bodyHash?: Uint8Array | undefined
  readonly nowMs: number
  /** A server accepts a proof within its life only; a peer that reads it from a log accepts it for 400 days. */
  readonly mode: 'server' | 'peer'
}

/** How far ahead of a server's clock a nonce may have been issued: nodes of one region agree better than this. */
const SERVER_AHEAD_MS_MAX = 60_000
/** How far ahead of a peer's clock a proof may have been issued. */
const PEER_AHEAD_MS_MAX = 600_000

const CHAIN_OF_FORM: Readonly<Record<ProofForm, Chain>> = {
  'siws': 'solana', 'solana-offchain': 'solana', 'solana-memo-tx': 'solana', 'ton-proof': 'ton', 'ton-sign-data': 'ton', 'adr036': 'terra',
}

function sameBytes(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  return left === undefined || right === undefined ? left === right : equalBytes(left, right)
}

/** The first claim that differs from what is expected. */
function checkClaims(proof: WalletProof, expected: ProofExpectation): ProofOutcome {
  if (proof.domain !== expected.domain) return refused('proof.domain', 'domain')
  if (proof.origin !== expected.origin) return refused('proof.domain', 'origin')
  if (expected.walletId !== undefined && proof.walletId !== expected.walletId) return refused('proof.address', 'wallet')
  if (proof.purpose !== expected.purpose) return refused('proof.purpose', 'purpose')
  if (proof.account !== expected.account) return refused('proof.account', 'account')
  if (proof.device !== expected.device) return refused('proof.device', 'device')
  const isSameLog = proof.logSeq === expected.logSeq && equalBytes(proof.logHead, expected.logHead)
  if (!isSameLog) return refused('proof.log', 'state of the account log')
  if (proof.otherWallet !== expected.otherWallet) return refused('proof.other_wallet', 'other wallet')
  return sameBytes(proof.bodyHash, expected.bodyHash) ? VALID : refused('proof.body', 'hash of what is allowed')
}

function checkTime(proof: WalletProof, expected: ProofExpectation): ProofOutcome {
  const isServer = expected.mode === 'server'
  const aheadMsMax = isServer ? SERVER_AHEAD_MS_MAX : PEER_AHEAD_MS_MAX
  if (proof.issuedAtMs > expected.nowMs + aheadMsMax) return refused('proof.not_yet_valid', 'issued in the future')
  const endMs = isServer ? proof.expirationTimeMs : proof.issuedAtMs + LIMITS.attestationMs
  return expected.nowMs > endMs ? refused('proof.expired', 'older than allowed') : VALID
}

/** A TON wallet puts its own time into the signature: it lies within the life of the nonce, seconds counted whole. */
function checkTonTime(proof: WalletProof, timestamp: number): ProofOutcome {
  if (timestamp < Math.floor(proof.issuedAtMs / 1_000)) return refused('proof.expired', 'signed before the nonce was issued')
  return timestamp * 1_000 > proof.expirationTimeMs ? refused('proof.not_yet_valid', 'signed after the end of the nonce') : VALID
}

function rebuiltText(proof: WalletProof, network: Network, wallet: ParsedAddress): string | undefined {
  try {
    const isPlaceholder = proof.form === 'ton-proof'
    return proofTextOf(proof, isPlaceholder ? undefined : wallet, network)
  } catch (cause) {
    if (isEvegramError(cause)) return undefined
    throw cause
  }
}

function verifyForm(proof: WalletProof, text: string, wallet: ParsedAddress, primitives: ProofPrimitives): ProofOutcome {
  switch (proof.form) {
    case 'siws':
      return verifySiws(solanaKeyOf(wallet), text, proof.signature, primitives)
    case 'solana-offchain':
      return verifyOffchainMessage(solanaKeyOf(wallet), text, proof.signedMessage, proof.signature, primitives)
    case 'solana-memo-tx':
      return verifyMemoTransaction(solanaKeyOf(wallet), text, proof.signedMessage, proof.signature, primitives)
    case 'ton-proof':
    case 'ton-sign-data': {
      const time = checkTonTime(proof, proof.tonTimestamp)
      if (time.status === 'refused') return time
      return verifyTonConnect({
        kind: proof.form,
        address: tonAddressOf(wallet),
        domain: proof.domain,
        domainBytes: proof.tonDomainBytes,
        timestamp: proof.tonTimestamp,
        payload: proof.form === 'ton-proof' ? tonProofPayload(text, primitives.sha256) : text,
        stateInit: proof.stateInit,
        signature: proof.signature,
      }, primitives)
    }
    case 'adr036': {
      const { publicKey, signature } = proof
      return verifyAdr036({ signer: wallet.address, prefix: 'terra', publicKey, data: utf8(text), signature }, primitives)
    }
  }
}

/** The payload that a wallet is given for `ton_proof`: base64url of SHA-256 of the text, 43 characters. */
export function tonProofPayload(text: string, sha256: ProofPrimitives['sha256'] = (input) => nobleSha256(typeof input === 'string' ? utf8(input) : input)): string {
  return base64UrlOf(sha256(text))
}

function walletOf(proof: WalletProof): ParsedAddress | undefined {
  try {
    return readWalletId(proof.walletId)
  } catch (cause) {
    if (isEvegramError(cause)) return undefined
    throw cause
  }
}

/**
 * Verifies a wallet proof. The checks run in this order and the first that fails gives the code:
 * 1. the wallet id is canonical (`proof.malformed`), on the expected network (`proof.network`), and the form belongs to its chain
 *    (`proof.form`);
 * 2. the claims are the expected ones: `proof.domain` (domain, origin), `proof.address` (wallet), `proof.purpose`, `proof.account`,
 *    `proof.device`, `proof.log`, `proof.other_wallet`, `proof.body`;
 * 3. nonce and times are of the documented form, the life is at most 10 minutes (`proof.malformed`);
 * 4. `proof.not_yet_valid`, then `proof.expired`;
 * 5. the checks of the form over the text rebuilt from the fields: see `solana.ts`, `ton.ts`, `terra.ts`; the signature comes last.
 * Whether the nonce was issued by this server, and only used once, is the server's to check. Never throws for any proof.
 */
export function verifyProof(proof: WalletProof, expected: ProofExpectation, primitives: ProofPrimitives): ProofOutcome {
  const wallet = walletOf(proof)
  if (wallet === undefined) return refused('proof.malformed', 'wallet id')
  if (wallet.network !== expected.network) return refused('proof.network', 'network of the wallet')
  if (CHAIN_OF_FORM[proof.form] !== wallet.chain) return refused('proof.form', 'form of another chain')
  const claims = checkClaims(proof, expected)
  if (claims.status === 'refused') return claims
  const text = rebuiltText(proof, expected.network, wallet)
  if (text === undefined) return refused('proof.malformed', 'nonce or times')
  const time = checkTime(proof, expected)
  return time.status === 'refused' ? time : verifyForm(proof, text, wallet, primitives)
}
