import { accountIdOf, draftEntry, emptyAccountState, entryHash, sealEntry, type AccountId, type AccountState, type DeviceId } from '@evegram/protocol'
import type { Chain, WalletProof } from '@evegram/protocol/proof'
import { generateDevice, signWithIdentity, signWithSigning, type AuthApi, type DeviceKeys, type Wallet } from '@evegram/sdk/parts'
import { randomBytes } from 'node:crypto'
import { answerOf } from '../raw/raw-http.js'
import type { HostileContext } from './case.js'

/** What a wallet is asked to sign. */
export type ProofRequest = Parameters<Wallet['signProof']>[0]

/** How an entry that adds a device departs from an honest one. */
export interface Forgery {
  /** Default: a fresh wallet of `chain`. */
  readonly wallet?: Wallet
  readonly chain?: Chain
  readonly keys?: DeviceKeys
  /** State of the log it follows; default: a new account of the wallet. */
  readonly state?: AccountState
  /** What the nonce is asked for. */
  readonly nonce?: { readonly purpose?: Parameters<AuthApi['challenge']>[0]; readonly device?: DeviceId }
  /** What the wallet is made to sign. */
  readonly request?: (honest: ProofRequest) => ProofRequest
  /** What becomes of the signed proof. */
  readonly proof?: (signed: WalletProof) => WalletProof
  /** What becomes of the signatures of the device's keys (identity, signing). */
  readonly keySignatures?: (identity: Uint8Array, signing: Uint8Array) => readonly [Uint8Array, Uint8Array]
}

/** An entry, ready to be posted. */
export interface ForgedEntry {
  readonly account: AccountId
  readonly device: DeviceId
  readonly keys: DeviceKeys
  readonly bytes: Uint8Array
}

/** An entry that adds a device, honest but for what `forgery` names. */
export async function forgeEntry(context: HostileContext, forgery: Forgery = {}): Promise<ForgedEntry> {
  const { enrolment, domain, origin } = context
  const wallet = forgery.wallet ?? enrolment.newWallet(forgery.chain ?? 'solana')
  const keys = forgery.keys ?? await freshKeys(context)
  const state = forgery.state ?? emptyAccountState(accountIdOf(wallet.walletId))
  const challenge = await enrolment.api.challenge(forgery.nonce?.purpose ?? 'add-device', forgery.nonce?.device ?? keys.device)
  const draft = draftEntry(state, 'device.add', {
    identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey, registrationId: keys.registrationId,
  }, challenge.issuedAtMs)
  const honest: ProofRequest = {
    domain, origin, purpose: 'add-device', account: state.account, logSeq: state.seq, logHead: state.head, device: keys.device, ...challenge,
  }
  const signed = await wallet.signProof(forgery.request?.(honest) ?? honest)
  const hash = entryHash(draft)
  const signatures = [await signWithIdentity(enrolment.signal, keys, hash), signWithSigning(keys, hash)] as const
  const [identity, signing] = forgery.keySignatures?.(...signatures) ?? signatures
  const { bytes } = sealEntry(draft, [
    { type: 'wallet', proof: forgery.proof?.(signed) ?? signed },
    { type: 'identity-key', device: keys.device, signature: identity },
    { type: 'signing-key', device: keys.device, signature: signing },
  ])
  return { account: state.account, device: keys.device, keys, bytes }
}

/** Keys of a device that nobody has seen. */
export function freshKeys({ enrolment }: HostileContext): Promise<DeviceKeys> {
  return generateDevice(enrolment.signal, { bytes: (length) => new Uint8Array(randomBytes(length)) })
}

/** The answer to an entry. */
export async function post({ http }: HostileContext, account: AccountId, entry: Uint8Array): Promise<string> {
  return answerOf(await http.ask(`/v1/accounts/${account}/log`, { method: 'POST', json: { entry: Buffer.from(entry).toString('base64url') } }))
}

/** The answer to a forged entry. */
export async function postForged(context: HostileContext, forgery: Forgery): Promise<string> {
  const { account, bytes } = await forgeEntry(context, forgery)
  return post(context, account, bytes)
}
