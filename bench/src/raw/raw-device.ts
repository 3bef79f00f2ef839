import { randomBytes } from 'node:crypto'
import {
  accountIdOf, draftEntry, emptyAccountState, entryHash, sealEntry, verifyLog,
  type AccountId, type AccountState, type DeviceId, type LogHead, type Random,
} from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'
import {
  createAuthApi, createLocalWallet, discoverServer, generateDevice, loadSignal, signWithIdentity, signWithSigning,
  type AuthApi, type DeviceKeys, type DeviceSigner, type DiscoveredServer, type SessionTokens, type Signal, type Wallet,
} from '@evegram/sdk/parts'
import { nodePrimitives, nodeSigner, nodeSystem } from '@evegram/sdk/node'

const random: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) }

/** A device without the SDK's store, sync or encryption around it: what load and abuse are made with. */
export interface RawDevice {
  readonly account: AccountId
  readonly device: DeviceId
  readonly keys: DeviceKeys
  readonly signer: DeviceSigner
  readonly wallet: Wallet
  /** Its account log once the device was in it; it goes on when the account gets another device. */
  readonly log: LogHead
  tokens: SessionTokens
}

/** The run made the entry itself: the server is the one who checks it, and a check of its own would cost the generator more than everything else. */
const TRUSTING = { ed25519Verify: () => true, secp256k1Verify: () => true }

/** Makes accounts and devices on one server through its public API. */
export class RawEnrolment {
  readonly server: DiscoveredServer
  readonly api: AuthApi
  readonly signal: Signal

  private constructor(server: DiscoveredServer, api: AuthApi, signal: Signal) {
    this.server = server
    this.api = api
    this.signal = signal
  }

  /** Finds the server at `url` and loads the encryption library. */
  static async open(url: string): Promise<RawEnrolment> {
    const system = nodeSystem()
    const server = await discoverServer({ url, ...system })
    return new RawEnrolment(server, createAuthApi({ server, ...system }), await loadSignal({ random, primitives: nodePrimitives }))
  }

  /** A fresh wallet of `chain` that nobody has seen. */
  newWallet(chain: Chain): Wallet {
    return createLocalWallet(chain, random.bytes(32))
  }

  /** Keys of a fresh device that nobody has seen. */
  newKeys(): Promise<DeviceKeys> {
    return generateDevice(this.signal, random, nodeSigner)
  }

  /** Adds a fresh device to the account of `wallet` (made if need be) and opens its session. `made` are keys that were made before, where making them is not to be measured. */
  async enrol(wallet: Wallet, state: AccountState = emptyAccountState(accountIdOf(wallet.walletId)), made?: DeviceKeys): Promise<{ readonly device: RawDevice; readonly state: AccountState }> {
    const keys = made ?? await this.newKeys()
    const { entry, after } = await this.deviceEntry(wallet, keys, state)
    await this.api.appendEntry(state.account, entry)
    const signer: DeviceSigner = {
      account: state.account,
      device: keys.device,
      publicKey: keys.signing.publicKey,
      sign: (message) => signWithSigning(keys, message),
    }
    const tokens = await this.api.openSession(signer)
    return { device: { account: state.account, device: keys.device, keys, signer, wallet, log: { seq: after.seq, head: after.head }, tokens }, state: after }
  }

  /** The encoded `device.add` entry behind `state`, and the state after it. */
  async deviceEntry(wallet: Wallet, keys: DeviceKeys, state: AccountState): Promise<{ readonly entry: Uint8Array; readonly after: AccountState }> {
    const challenge = await this.api.challenge('add-device', keys.device)
    const draft = draftEntry(
      state, 'device.add',
      { identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey, registrationId: keys.registrationId },
      challenge.issuedAtMs,
    )
    const hash = entryHash(draft)
    const proof = await wallet.signProof({
      domain: this.server.domain, origin: this.server.origin, purpose: 'add-device', account: state.account,
      logSeq: state.seq, logHead: state.head, device: keys.device, ...challenge,
    })
    const { bytes } = sealEntry(draft, [
      { type: 'wallet', proof },
      { type: 'identity-key', device: keys.device, signature: await signWithIdentity(this.signal, keys, hash) },
      { type: 'signing-key', device: keys.device, signature: signWithSigning(keys, hash) },
    ])
    const verified = verifyLog([bytes], this.#context(challenge.issuedAtMs), state)
    if (verified.status === 'refused') throw new Error(`the run made an entry that its own rules refuse: ${verified.reason}`)
    return { entry: bytes, after: verified.state }
  }

  #context(nowMs: number): Parameters<typeof verifyLog>[1] {
    return {
      primitives: TRUSTING, domain: this.server.domain, origin: this.server.origin, network: this.server.network, nowMs, mode: 'peer',
    }
  }
}
