import { entryHash, type LogBodies, type LogEntry, type LogProof } from './account-log-entry.js'
import { activeDevice, activeWallets, type AccountState } from './account-log-state.js'
import type { ErrorCode } from './errors.js'
import { accountIdOf, deviceIdOf, type DeviceId, type WalletId } from './ids.js'
import { LIMITS } from './limits.js'
import { verifyEd25519 } from './proof/ed25519.js'
import type { Network } from './proof/network.js'
import type { ProofPrimitives, SignatureStatus } from './proof/primitives.js'
import { proofBodyHash, type Purpose } from './proof/text.js'
import type { WalletProof } from './proof/wallet-proof.js'
import { verifyProof } from './proof/verify-proof.js'
import { verifyXeddsa } from './proof/xeddsa.js'

/** What the rules of an account log need to know beside the log. */
export interface LogContext {
  readonly primitives: ProofPrimitives
  /** The configured domain, as `domainOf` writes it. */
  readonly domain: string
  /** The configured origin, as `originOf` writes it. */
  readonly origin: string
  readonly network: Network
  /** Ms since 1970. */
  readonly nowMs: number
  /** `server`: the entry is new, so its proofs must be within their life. `peer`: it was accepted some time ago. */
  readonly mode: 'server' | 'peer'
}

/** Why an entry was refused: the code is API, the reason a short English phrase for logs and tests. */
export interface LogRefusal {
  readonly code: ErrorCode
  readonly reason: string
}

type WalletEntryProof = Extract<LogProof, { readonly type: 'wallet' }>
type Keyed<Kind extends keyof LogBodies> = LogEntry & { readonly kind: Kind; readonly body: LogBodies[Kind] }

/** What a proof of this entry must name beside the state of the log. */
interface WalletExpectation {
  readonly wallet: WalletId
  readonly purpose: Purpose
  readonly device: DeviceId
  readonly otherWallet?: WalletId
  readonly bodyHash?: Uint8Array
}

const MISSING: LogRefusal = { code: 'proof.missing', reason: 'the entry does not carry exactly the proofs of its kind' }
const UNKNOWN_WALLET: LogRefusal = { code: 'account.wallet_unknown', reason: 'the proof is not by an active wallet of the account' }

/**
 * Checks that an entry carries exactly the proofs that its kind needs and that every one verifies: the fourth floor of the rules, after
 * bytes, place in the log and meaning. Returns the first refusal, or undefined.
 */
export function checkEntryProofs(state: AccountState, entry: LogEntry, context: LogContext): LogRefusal | undefined {
  switch (entry.kind) {
    case 'device.add':
      return checkDeviceAdd(state, entry, context)
    case 'device.revoke':
      return checkDeviceRevoke(state, entry, context)
    case 'wallet.link':
      return checkWalletLink(state, entry, context)
    case 'wallet.unlink': {
      const signers = [entry.body.wallet, state.foundingWallet]
      return checkActing(state, entry, context, 'unlink-wallet', signers, { otherWallet: entry.body.wallet })
    }
    case 'policy':
      return checkActing(state, entry, context, 'policy', activeWallets(state), { bodyHash: policyBodyHash(entry.body) })
    case 'closed':
      return checkActing(state, entry, context, 'erase', [state.foundingWallet], {})
    default:
      return entry satisfies never
  }
}

/** The `bodyHash` that a wallet proof of purpose `policy` names. */
export function policyBodyHash(policy: LogBodies['policy']): Uint8Array {
  return proofBodyHash({ approveDevices: policy.approveDevices })
}


function walletProofs(entry: LogEntry): WalletProof[] {
  return entry.proofs.filter((proof): proof is WalletEntryProof => proof.type === 'wallet').map(({ proof }) => proof)
}

function checkDeviceAdd(state: AccountState, entry: Keyed<'device.add'>, context: LogContext): LogRefusal | undefined {
  const { identityKey, signingKey, approvedBy } = entry.body
  const device = deviceIdOf(identityKey, signingKey)
  const [proof, ...others] = walletProofs(entry)
  if (proof === undefined || others.length > 0 || entry.proofs.length !== (approvedBy === undefined ? 3 : 4)) return MISSING
  if (state.seq === 0) {
    if (accountIdOf(proof.walletId) !== state.account) return { code: 'account.mismatch', reason: 'the account is not the one of its founding wallet' }
  } else if (state.wallets.get(proof.walletId)?.active !== true) return UNKNOWN_WALLET
  const approver = approvedBy === undefined ? undefined : state.devices.get(approvedBy)?.signingKey
  return checkSignature(entry, 'identity-key', device, (hash, signature) => verifyXeddsa(identityKey, hash, signature, context.primitives))
    ?? checkSigningKey(entry, device, signingKey, context)
    ?? (approvedBy === undefined ? undefined : checkSigningKey(entry, approvedBy, approver, context))
    ?? checkWallet(state, proof, { wallet: proof.walletId, purpose: 'add-device', device }, context)
}

function checkDeviceRevoke(state: AccountState, entry: Keyed<'device.revoke'>, context: LogContext): LogRefusal | undefined {
  const { device } = entry.body
  if (entry.proofs.length !== 1) return MISSING
  const [proof] = walletProofs(entry)
  if (proof === undefined) return checkSigningKey(entry, device, state.devices.get(device)?.signingKey, context)
  if (state.wallets.get(proof.walletId)?.active !== true) return UNKNOWN_WALLET
  return checkWallet(state, proof, { wallet: proof.walletId, purpose: 'revoke-device', device }, context)
}

function checkWalletLink(state: AccountState, entry: Keyed<'wallet.link'>, context: LogContext): LogRefusal | undefined {
  const { wallet } = entry.body
  const founding = walletProofs(entry).find(({ walletId }) => walletId === state.foundingWallet)
  const linked = walletProofs(entry).find(({ walletId }) => walletId === wallet)
  if (founding === undefined || linked === undefined || entry.proofs.length !== 2) return MISSING
  if (activeDevice(state, founding.device) === undefined) return { code: 'account.device_unknown', reason: 'the proof names no active device' }
  const claim = { purpose: 'link-wallet', device: founding.device } as const
  return checkWallet(state, founding, { ...claim, wallet: founding.walletId, otherWallet: wallet }, context)
    ?? checkWallet(state, linked, { ...claim, wallet, otherWallet: founding.walletId }, context)
}

/** Entries with one wallet proof that names the device it was made on. */
function checkActing(
  state: AccountState, entry: LogEntry, context: LogContext, purpose: Purpose, signers: readonly (WalletId | undefined)[],
  claim: { readonly otherWallet?: WalletId; readonly bodyHash?: Uint8Array },
): LogRefusal | undefined {
  const [proof] = walletProofs(entry)
  if (proof === undefined || entry.proofs.length !== 1) return MISSING
  if (!signers.includes(proof.walletId)) return { code: 'account.wallet_unknown', reason: 'the proof is by a wallet that may not do this' }
  if (activeDevice(state, proof.device) === undefined) return { code: 'account.device_unknown', reason: 'the proof names no active device' }
  return checkWallet(state, proof, { wallet: proof.walletId, purpose, device: proof.device, ...claim }, context)
}

function checkSigningKey(entry: LogEntry, device: DeviceId, key: Uint8Array | undefined, context: LogContext): LogRefusal | undefined {
  if (key === undefined) return { code: 'account.device_unknown', reason: 'the signature is by a device that the log does not know' }
  return checkSignature(entry, 'signing-key', device, (hash, signature) => verifyEd25519(context.primitives, key, hash, signature))
}

function checkSignature(
  entry: LogEntry, type: 'identity-key' | 'signing-key', device: DeviceId, verify: (hash: Uint8Array, signature: Uint8Array) => SignatureStatus,
): LogRefusal | undefined {
  const proof = entry.proofs.find((candidate) => candidate.type === type && candidate.device === device)
  if (proof === undefined || proof.type === 'wallet') return MISSING
  const status = verify(entryHash(entry), proof.signature)
  return status === 'valid' ? undefined : { code: status, reason: `the ${type} signature does not verify` }
}

function checkWallet(state: AccountState, proof: WalletProof, expected: WalletExpectation, context: LogContext): LogRefusal | undefined {
  const { wallet, ...claim } = expected
  // An entry is judged by the age that it had: a log stays readable after 400 days. Whether an attestation is still good is asked of
  // the device (isAttestationFresh), whose newest proof counts.
  const nowMs = context.mode === 'server' ? context.nowMs : Math.min(context.nowMs, proof.issuedAtMs + LIMITS.attestationMs)
  const result = verifyProof(proof, {
    ...claim, walletId: wallet, account: state.account, logSeq: state.seq, logHead: state.head,
    domain: context.domain, origin: context.origin, network: context.network, nowMs, mode: context.mode,
  }, context.primitives)
  return result.status === 'valid' ? undefined : { code: result.code, reason: `wallet proof: ${result.reason}` }
}
