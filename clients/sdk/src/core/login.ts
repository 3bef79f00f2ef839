import {
  accountIdOf, activeDevice, draftEntry, emptyAccountState, entryHash, EvegramError, isEvegramError, LIMITS, sealEntry,
  type AccountId, type AccountState, type LogDraft, type LogProof, type Random,
} from '@evegram/protocol'
import type { AccountVerifier } from '../account/account-verifier.js'
import type { AuthApi } from '../api/auth-api.js'
import type { DeviceSigner } from '../api/device-signer.js'
import type { DiscoveredServer } from '../api/discovered-server.js'
import type { ServerClock } from '../api/server-clock.js'
import { deviceChanges, generateDevice, loadDevice, signWithIdentity, signWithSigning, type DeviceKeys, type LoadSigner } from '../crypto/device-keys.js'
import type { Signal } from '../crypto/signal.js'
import type { LocalStore } from '../store/local-store.js'
import type { Wallet } from '../wallets/wallet.js'
import { cursorChange, profileChange, readProfile, type Profile } from './profile.js'
import { signalStateOf, storeChangesOf } from './transaction.js'

/** Attempts to append an entry to a log that moves on meanwhile. */
export const APPEND_ATTEMPTS_MAX = 3

/** Refusals of an entry that say that the log went on without it, or with it: the network may repeat a request and answer for the copy. */
export function mayHaveMoved(error: unknown): boolean {
  return isEvegramError(error) && (error.code === 'conflict.log_head' || error.code === 'proof.log' || error.code === 'proof.replayed')
}

/** What signing in works on. */
export interface LoginPorts {
  readonly store: LocalStore
  readonly signal: Signal
  readonly random: Random
  readonly server: DiscoveredServer
  readonly serverClock: ServerClock
  readonly auth: AuthApi
  readonly accounts: AccountVerifier
  /** Prepares the signing key of the device: the portable one when absent. */
  readonly loadSigner?: LoadSigner | undefined
}

/** A profile with its keys. */
export interface SignedIn {
  readonly profile: Profile
  readonly keys: DeviceKeys
  /** The device was added to the account by this call. */
  readonly isNew: boolean
}

/** Proves the device to the server. */
export function signerOf(account: AccountId, keys: DeviceKeys): DeviceSigner {
  return { account, device: keys.device, publicKey: keys.signing.publicKey, sign: (message) => signWithSigning(keys, message) }
}

/**
 * The device of this profile: the one that is there, or a new one, added to the account of `wallet`. A crash at any point is
 * repaired by the next call. Rejects with `client.not_signed_in` when there is no device and no wallet, `account.policy` when the
 * account asks for the approval of an old device, `account.wallet_unknown` when the profile belongs to another account, `account.device_limit`, `account.closed`, the reasons of a refused proof, or as
 * the API and the store do.
 */
export async function signIn(ports: LoginPorts, wallet: Wallet | undefined): Promise<SignedIn> {
  const { store, server } = ports
  const profile = await readProfile(store)
  const keys = await loadDevice(signalStateOf(store), ports.loadSigner)
  if (profile !== undefined && keys !== undefined) {
    if (wallet !== undefined) await useWallet(ports, profile, keys, wallet)
    return { profile, keys, isNew: false }
  }
  if (wallet === undefined) throw new EvegramError('client.not_signed_in', { operation: 'sign in' })
  const fresh = keys ?? await newDevice(ports)
  const added = await addDevice(ports, wallet, fresh)
  const signedIn: Profile = { account: added.account, domain: server.domain, serverId: server.serverId }
  // Nothing can have been sent to the device before its proof was asked for. That time comes from the clock of auth, which may be ahead of the
  // nodes' by as much as peers tolerate in a proof: a cursor that is too young would hide messages for good, one that is too old costs one read.
  await store.commit([cursorChange(Math.max(0, added.sinceMs - LIMITS.challengeMs - LIMITS.overlapMs)), profileChange(signedIn)])
  return { profile: signedIn, keys: fresh, isNew: true }
}

/** A profile belongs to one account. A wallet of it renews an attestation that is half as old as peers accept. */
async function useWallet(ports: LoginPorts, profile: Profile, keys: DeviceKeys, wallet: Wallet): Promise<void> {
  const known = await ports.accounts.known(profile.account)
  if (known === undefined) return
  if (known.state.wallets.get(wallet.walletId)?.active !== true) {
    throw new EvegramError('account.wallet_unknown', {
      operation: 'sign in', advice: 'This profile belongs to another account: use another profile for this wallet.',
    })
  }
  const attested = activeDevice(known.state, keys.device)
  if (attested !== undefined && ports.serverClock.now() - attested.attestedAtMs > LIMITS.attestationMs / 2) await addDevice(ports, wallet, keys, true)
}

/** Keys are durable before anybody else knows of them. */
async function newDevice(ports: LoginPorts): Promise<DeviceKeys> {
  const keys = await generateDevice(ports.signal, ports.random, ports.loadSigner)
  await ports.store.commit(storeChangesOf(deviceChanges(keys)))
  return keys
}

async function addDevice(ports: LoginPorts, wallet: Wallet, keys: DeviceKeys, renew = false): Promise<{ readonly account: AccountId; readonly sinceMs: number }> {
  for (let attempt = 1; ; attempt++) {
    const state = await accountOf(ports, wallet)
    const there = activeDevice(state, keys.device)
    // An earlier attempt got through and its answer was lost.
    if (there !== undefined && !renew) return { account: state.account, sinceMs: there.attestedAtMs }
    if (state.closed) throw new EvegramError('account.closed', { operation: 'add device' })
    if (state.approveDevices && state.seq > 0 && !renew) throw new EvegramError('account.policy', { operation: 'add device' })
    const challenge = await ports.auth.challenge('add-device', keys.device)
    const body = { identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey, registrationId: keys.registrationId }
    const draft = draftEntry(state, 'device.add', body, ports.serverClock.now())
    const { nonce, issuedAtMs, expirationTimeMs } = challenge
    const proof = await wallet.signProof({
      domain: ports.server.domain, origin: ports.server.origin, purpose: 'add-device', account: state.account, logSeq: state.seq, logHead: state.head,
      device: keys.device, nonce, issuedAtMs, expirationTimeMs,
    })
    const sealed = sealEntry(draft, [{ type: 'wallet', proof }, ...(await deviceProofs(ports.signal, keys, draft))])
    try {
      await ports.auth.appendEntry(state.account, sealed.bytes)
    } catch (error) {
      if (!mayHaveMoved(error) || attempt >= APPEND_ATTEMPTS_MAX) throw error
      // Renewing once more does no harm; adding finds the device in the log if it was this entry that moved it.
      continue
    }
    await ports.accounts.refresh(state.account)
    return { account: state.account, sinceMs: issuedAtMs }
  }
}

/** The verified state of the account that `wallet` belongs to; the empty state of its own account when it belongs to none. */
async function accountOf(ports: LoginPorts, wallet: Wallet): Promise<AccountState> {
  try {
    const { verified } = await ports.accounts.resolveAddress(wallet.address)
    return verified.state
  } catch (error) {
    if (!isEvegramError(error, 'account.not_found')) throw error
    return emptyAccountState(accountIdOf(wallet.walletId))
  }
}

async function deviceProofs(signal: Signal, keys: DeviceKeys, draft: LogDraft): Promise<LogProof[]> {
  const hash = entryHash(draft)
  return [
    { type: 'identity-key', device: keys.device, signature: await signWithIdentity(signal, keys, hash) },
    { type: 'signing-key', device: keys.device, signature: signWithSigning(keys, hash) },
  ]
}
