import { createPublicKey, verify } from 'node:crypto'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { base58 } from '@scure/base'
import { concatBytes, utf8 } from '../src/bytes.js'
import { applyEntry, type ApplyResult } from '../src/account-log.js'
import { draftEntry, sealEntry, type SealedEntry } from '../src/account-log-draft.js'
import { entryHash, type LogBodies, type LogDraft, type LogKind, type LogProof } from '../src/account-log-entry.js'
import type { LogContext } from '../src/account-log-proofs.js'
import { emptyAccountState, type AccountState } from '../src/account-log-state.js'
import { accountIdOf, deviceIdOf, type DeviceId, type WalletId } from '../src/ids.js'
import type { ProofPrimitives } from '../src/proof/primitives.js'
import { adr036SignBytes, cosmosAddressOf } from '../src/proof/terra.js'
import { proofText, type ProofFields, type Purpose } from '../src/proof/text.js'
import { addressOf, parseWalletId } from '../src/proof/wallet-id.js'
import type { WalletProof } from '../src/proof/wallet-proof.js'

/** Wallets, devices and logs that are the same in every run: for vectors and tests, never for real keys. */

export const SITE = { domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet' } as const
/** Moment of the first entry of every story. */
export const START_MS = 1_760_000_000_000

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

export const primitives: ProofPrimitives = {
  ed25519Verify: (publicKey, message, signature) => {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
    return verify(null, message, key, signature)
  },
  secp256k1Verify: (publicKey, message, signature) => secp256k1.verify(signature, message, publicKey, { prehash: true, lowS: true }),
}

/** 32 bytes that depend on the name alone. */
export function seed(name: string): Uint8Array {
  return sha256(utf8(`evegram/vectors/v1 ${name}`))
}

export interface WalletActor {
  readonly walletId: WalletId
  prove(fields: Omit<ProofFields, 'walletId'>): WalletProof
}

export function solanaWallet(name: string): WalletActor {
  const secret = seed(`solana ${name}`)
  const walletId = parseWalletId(`solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:${base58.encode(ed25519.getPublicKey(secret))}`)
  return {
    walletId,
    prove: (fields) => ({ form: 'siws', ...fields, walletId, signature: ed25519.sign(utf8(proofText({ ...fields, walletId })), secret) }),
  }
}

export function terraWallet(name: string): WalletActor {
  const secret = seed(`terra ${name}`)
  const publicKey = secp256k1.getPublicKey(secret, true)
  const walletId = parseWalletId(`cosmos:columbus-5:${cosmosAddressOf('terra', publicKey)}`)
  return {
    walletId,
    prove: (fields) => {
      const signed = adr036SignBytes(addressOf(walletId), utf8(proofText({ ...fields, walletId })))
      return { form: 'adr036', ...fields, walletId, publicKey, signature: secp256k1.sign(signed, secret, { prehash: true, lowS: true }) }
    },
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

/** XEdDSA as libsignal makes it: the sign of the Edwards key goes into the top bit of the signature. Deterministic, for vectors. */
function signXeddsa(secret: Uint8Array, message: Uint8Array): Uint8Array {
  const order = ed25519.Point.Fn.ORDER
  const clamped = secret.slice()
  clamped[0] = (clamped[0] ?? 0) & 248
  clamped[31] = ((clamped[31] ?? 0) & 127) | 64
  const scalar = littleEndian(clamped) % order
  const key = ed25519.Point.BASE.multiply(scalar).toBytes()
  const nonce = littleEndian(sha512(concatBytes(new Uint8Array(32).fill(0xff), clamped, message))) % order
  const commitment = ed25519.Point.BASE.multiply(nonce).toBytes()
  const challenge = littleEndian(sha512(concatBytes(commitment, key, message))) % order
  const response = (nonce + challenge * scalar) % order
  const signature = concatBytes(commitment, Buffer.from(response.toString(16).padStart(64, '0'), 'hex').reverse())
  signature[63] = (signature[63] ?? 0) | ((key[31] ?? 0) & 0x80)
  return signature
}

export interface DeviceActor {
  readonly device: DeviceId
  readonly addition: { readonly identityKey: Uint8Array; readonly signingKey: Uint8Array; readonly registrationId: number }
  identityProof(draft: LogDraft): LogProof
  signingProof(draft: LogDraft): LogProof
  sign(message: Uint8Array): Uint8Array
}

export function deviceActor(name: string): DeviceActor {
  const identitySecret = seed(`identity ${name}`)
  const signingSecret = seed(`signing ${name}`)
  const identityKey = concatBytes(Uint8Array.of(5), x25519.getPublicKey(identitySecret))
  const signingKey = ed25519.getPublicKey(signingSecret)
  const device = deviceIdOf(identityKey, signingKey)
  return {
    device,
    addition: { identityKey, signingKey, registrationId: ((seed(`registration ${name}`)[0] ?? 0) << 4) + 1 },
    identityProof: (draft) => ({ type: 'identity-key', device, signature: signXeddsa(identitySecret, entryHash(draft)) }),
    signingProof: (draft) => ({ type: 'signing-key', device, signature: ed25519.sign(entryHash(draft), signingSecret) }),
    sign: (message) => ed25519.sign(message, signingSecret),
  }
}

/** An account log being written, entry by entry, a minute apart. */
export class LogStory {
  state: AccountState
  readonly entries: Uint8Array[] = []
  nowMs = START_MS

  constructor(readonly founder: WalletActor) {
    this.state = emptyAccountState(accountIdOf(founder.walletId))
  }

  get context(): LogContext {
    return { ...SITE, primitives, nowMs: this.nowMs, mode: 'server' }
  }

  /** Proof of a wallet over the state as it is now. */
  prove(wallet: WalletActor, purpose: Purpose, device: DeviceId, extra: Partial<ProofFields> = {}): LogProof {
    const nonce = Buffer.from(seed(`nonce ${String(this.state.seq)} ${purpose}`)).toString('hex').slice(0, 32)
    const proof = wallet.prove({
      domain: SITE.domain, origin: SITE.origin, purpose, account: this.state.account, logSeq: this.state.seq, logHead: this.state.head, device,
      nonce, issuedAtMs: this.nowMs, expirationTimeMs: this.nowMs + 600_000, ...extra,
    })
    return { type: 'wallet', proof }
  }

  draft<Kind extends LogKind>(kind: Kind, body: LogBodies[Kind]): LogDraft {
    return draftEntry(this.state, kind, body, this.nowMs)
  }

  /** Seals and applies; keeps the entry when it was applied. */
  offer(draft: LogDraft, proofs: readonly LogProof[], context: Partial<LogContext> = {}): ApplyResult & { readonly sealed: SealedEntry } {
    const sealed = sealEntry(draft, proofs)
    const result = applyEntry(this.state, sealed.bytes, { ...this.context, ...context })
    if (result.status === 'applied') {
      this.state = result.state
      this.entries.push(sealed.bytes)
      this.nowMs += 60_000
    }
    return { ...result, sealed }
  }

  /** As {@link offer}, for entries that must be applied. */
  append(draft: LogDraft, proofs: readonly LogProof[]): void {
    const result = this.offer(draft, proofs)
    if (result.status === 'refused') throw new Error(`${draft.kind}: ${result.code}: ${result.reason}`)
  }

  addDevice(actor: DeviceActor, wallet: WalletActor = this.founder, approver?: DeviceActor): ReturnType<LogStory['offer']> {
    const draft = this.draft('device.add', { ...actor.addition, ...(approver === undefined ? {} : { approvedBy: approver.device }) })
    const proofs = [this.prove(wallet, 'add-device', actor.device), actor.identityProof(draft), actor.signingProof(draft)]
    return this.offer(draft, approver === undefined ? proofs : [...proofs, approver.signingProof(draft)])
  }

  linkWallet(wallet: WalletActor, acting: DeviceActor): ReturnType<LogStory['offer']> {
    return this.offer(this.draft('wallet.link', { wallet: wallet.walletId }), [
      this.prove(this.founder, 'link-wallet', acting.device, { otherWallet: wallet.walletId }),
      this.prove(wallet, 'link-wallet', acting.device, { otherWallet: this.founder.walletId }),
    ])
  }
}
