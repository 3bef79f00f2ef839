import {
  accountIdOf, draftEntry, emptyAccountState, entryHash, sealEntry, signedPrekeyBytes,
  type AccountState, type DeviceId, type LogDraft, type LogProof, type SealedEntry, type WalletId,
} from '@evegram/protocol'
import type { Purpose } from '@evegram/protocol/proof'
import {
  createLocalWallet, generateDevice, signWithIdentity, signWithSigning, type DeviceKeys, type Signal, type SignedPreKey, type Wallet,
} from '@evegram/sdk/parts'
import type { SimRandom } from '../kernel/random.js'
import type { ServerNames, ShownLog } from './shown-log.js'

/** A wallet proof in an entry. */
export type WalletEntryProof = Extract<LogProof, { readonly type: 'wallet' }>

/** Time that the proofs of the liar claim to be good for. */
const PROOF_MS = 600_000
/** Any 22 alphanumerics do: only a server can tell which nonces it issued, and this one lies. */
const NONCE = 'L1e0000000000000000000'

/** What {@link LiarKeys} are made with. */
export interface LiarKeysParts {
  readonly random: SimRandom
  readonly signal: () => Promise<Signal>
  readonly server: ServerNames
  /** Ms since 1970. */
  readonly nowMs: () => number
}

/** Everything that a liar can sign with: a wallet, two devices and an account of its own, and no key of anybody else. */
export class LiarKeys {
  readonly wallet: Wallet
  readonly #random: SimRandom
  readonly #signal: () => Promise<Signal>
  readonly #server: ServerNames
  readonly #nowMs: () => number
  #devices: Promise<readonly [DeviceKeys, DeviceKeys]> | undefined
  #account: Promise<ShownLog> | undefined

  constructor(parts: LiarKeysParts) {
    this.#random = parts.random
    this.#signal = parts.signal
    this.#server = parts.server
    this.#nowMs = parts.nowMs
    this.wallet = createLocalWallet('solana', parts.random.bytes(32), { network: parts.server.network })
  }

  /** The devices: the first one is in the liar's own log, the second in none. */
  devices(): Promise<readonly [DeviceKeys, DeviceKeys]> {
    this.#devices ??= (async () => {
      const signal = await this.#signal()
      return [await generateDevice(signal, this.#random), await generateDevice(signal, this.#random)] as const
    })()
    return this.#devices
  }

  /** The liar's own account, as true as any. */
  account(): Promise<ShownLog> {
    this.#account ??= (async () => {
      const [keys] = await this.devices()
      const state = emptyAccountState(accountIdOf(this.wallet.walletId))
      const entry = await this.addition(state, keys, await this.proof(state, 'add-device', keys.device))
      return { account: state.account, seq: 1, head: entry.head, entries: [entry.bytes] }
    })()
    return this.#account
  }

  /** A wallet proof over `state` by the liar's wallet. */
  async proof(state: AccountState, purpose: Purpose, device: DeviceId, otherWallet?: WalletId): Promise<WalletEntryProof> {
    const nowMs = this.#nowMs()
    const { domain, origin } = this.#server
    const proof = await this.wallet.signProof({
      domain, origin, purpose, account: state.account, logSeq: state.seq, logHead: state.head, device, nonce: NONCE, issuedAtMs: nowMs,
      expirationTimeMs: nowMs + PROOF_MS, ...(otherWallet === undefined ? {} : { otherWallet }),
    })
    return { type: 'wallet', proof }
  }

  /** An entry behind `state` that adds a device of the liar, with a wallet proof of its choice or none. */
  async addition(state: AccountState, keys: DeviceKeys, proof: LogProof | undefined): Promise<SealedEntry> {
    const body = { identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey, registrationId: keys.registrationId }
    const draft = draftEntry(state, 'device.add', body, this.#nowMs())
    return sealEntry(draft, [...(proof === undefined ? [] : [proof]), ...await this.#deviceProofs(keys, draft)])
  }

  /** A signed prekey under another device's name, whose private half and whose signatures are the liar's. */
  async signedPrekey(device: DeviceId, { id, createdAtMs }: Pick<SignedPreKey, 'id' | 'createdAtMs'>): Promise<SignedPreKey> {
    const [keys, { identity }] = await this.devices()
    const draft = { id, createdAtMs, publicKey: identity.publicKey }
    const signature = await signWithIdentity(await this.#signal(), keys, identity.publicKey)
    return { ...draft, signature, deviceSignature: signWithSigning(keys, signedPrekeyBytes({ device, ...draft })) }
  }

  async #deviceProofs(keys: DeviceKeys, draft: LogDraft): Promise<LogProof[]> {
    const hash = entryHash(draft)
    return [
      { type: 'identity-key', device: keys.device, signature: await signWithIdentity(await this.#signal(), keys, hash) },
      { type: 'signing-key', device: keys.device, signature: signWithSigning(keys, hash) },
    ]
  }
}
