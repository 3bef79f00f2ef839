import {
  accountIdOf, applyEntry, draftEntry, emptyAccountState, entryHash, sealEntry, type AccountId, type AccountState, type DeviceId,
  type LogDraft, type LogProof,
} from '@evegram/protocol'
import type { Chain, Purpose } from '@evegram/protocol/proof'
import { generateDevice, signWithIdentity, signWithSigning, type DeviceKeys } from '../../crypto/device-keys.js'
import { noblePrimitives } from '../../crypto/noble-primitives.js'
import { SeededRandom } from '../../crypto/seeded-random.js'
import type { Signal } from '../../crypto/signal.js'
import { loadSignal } from '../../crypto/load-signal.js'
import { createLocalWallet, type Wallet } from '../../wallets/index.js'

/** The site that test logs are made for. */
export const TEST_SITE = { domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet' } as const
export const TEST_NOW_MS = 1_790_000_000_000

let signal: Promise<Signal> | undefined

/** Deterministic device keys. */
export async function testDeviceKeys(name: string): Promise<DeviceKeys> {
  signal ??= loadSignal({ random: new SeededRandom('signal') })
  return generateDevice(await signal, new SeededRandom(name))
}

/** A deterministic wallet. */
export function testWallet(chain: Chain, name: string): Wallet {
  return createLocalWallet(chain, new SeededRandom(name).bytes(32))
}

/** Writes the log of one account, as its owner would. */
export class LogAuthor {
  readonly wallet: Wallet
  readonly account: AccountId
  readonly entries: Uint8Array[] = []
  state: AccountState
  nowMs: number
  #nonces = 0

  constructor(wallet: Wallet, nowMs = TEST_NOW_MS) {
    this.wallet = wallet
    this.account = accountIdOf(wallet.walletId)
    this.state = emptyAccountState(this.account)
    this.nowMs = nowMs
  }

  /** A copy that goes its own way from here: what a server that shows two histories would need. */
  fork(): LogAuthor {
    const copy = new LogAuthor(this.wallet, this.nowMs)
    copy.entries.push(...this.entries)
    copy.state = this.state
    copy.#nonces = this.#nonces + 1_000
    return copy
  }

  async addDevice(keys: DeviceKeys, wallet: Wallet = this.wallet): Promise<void> {
    const draft = draftEntry(this.state, 'device.add', {
      identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey, registrationId: keys.registrationId,
    }, this.nowMs)
    const hash = entryHash(draft)
    if (signal === undefined) throw new Error('make device keys first')
    this.append(draft, [
      await this.prove('add-device', keys.device, wallet),
      { type: 'identity-key', device: keys.device, signature: await signWithIdentity(await signal, keys, hash) },
      { type: 'signing-key', device: keys.device, signature: signWithSigning(keys, hash) },
    ])
  }

  async revokeDevice(keys: DeviceKeys): Promise<void> {
    const draft = draftEntry(this.state, 'device.revoke', { device: keys.device }, this.nowMs)
    this.append(draft, [{ type: 'signing-key', device: keys.device, signature: signWithSigning(keys, entryHash(draft)) }])
  }

  async linkWallet(wallet: Wallet, device: DeviceId): Promise<void> {
    const draft = draftEntry(this.state, 'wallet.link', { wallet: wallet.walletId }, this.nowMs)
    this.append(draft, [
      await this.prove('link-wallet', device, this.wallet, { otherWallet: wallet.walletId }),
      await this.prove('link-wallet', device, wallet, { otherWallet: this.wallet.walletId }),
    ])
  }

  async close(device: DeviceId): Promise<void> {
    this.append(draftEntry(this.state, 'closed', {}, this.nowMs), [await this.prove('erase', device)])
  }

  async prove(
    purpose: Purpose, device: DeviceId, wallet: Wallet = this.wallet, extra: { readonly otherWallet?: Wallet['walletId'] } = {},
  ): Promise<LogProof> {
    const nonce = `nonce${String(++this.#nonces).padStart(22, '0')}`
    const proof = await wallet.signProof({
      domain: TEST_SITE.domain, origin: TEST_SITE.origin, purpose, account: this.account, logSeq: this.state.seq, logHead: this.state.head,
      device, nonce, issuedAtMs: this.nowMs, expirationTimeMs: this.nowMs + 300_000, ...extra,
    })
    return { type: 'wallet', proof }
  }

  /** Seals and appends, valid or not: `state` follows only when the rules allow it. */
  append(draft: LogDraft, proofs: readonly LogProof[]): void {
    const { bytes } = sealEntry(draft, proofs)
    const context = { ...TEST_SITE, primitives: noblePrimitives, nowMs: this.nowMs, mode: 'peer' } as const
    const result = applyEntry(this.state, bytes, context)
    if (result.status === 'applied') this.state = result.state
    this.entries.push(bytes)
    this.nowMs += 1_000
  }
}
