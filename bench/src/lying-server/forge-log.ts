import {
  draftEntry, emptyAccountState, entryHash, sealEntry, verifyLog, type AccountId, type AccountState, type DeviceId, type LogBodies, type LogDraft, type LogProof,
} from '@evegram/protocol'
import { noblePrimitives, signWithIdentity, signWithSigning, type DeviceKeys, type Wallet } from '@evegram/sdk/parts'
import type { Answered, Lie } from './proxy.js'
import type { World } from './world.js'

/** A log as a liar shows it: the entries, and the state that it claims for them. */
export interface ShownLog {
  readonly account: AccountId
  readonly entries: readonly Uint8Array[]
  readonly seq: number
  readonly head: Uint8Array
}

/** The true log of an account, fetched past every lie but the present one. */
export async function trueLog(world: World, account: AccountId): Promise<ShownLog> {
  const page = await world.enrolment.api.logPage(account, 0)
  return { account, entries: page.entries, seq: page.seq, head: page.head }
}

/** The first `count` entries of a log. */
export function truncated(world: World, log: ShownLog, count: number): ShownLog {
  const { seq, head } = stateOf(world, log.entries.slice(0, count), log.account)
  return { account: log.account, entries: log.entries.slice(0, count), seq, head }
}

/** A log with one more entry, whatever it is worth. */
export function extended(log: ShownLog, entry: { readonly bytes: Uint8Array; readonly head: Uint8Array }): ShownLog {
  return { ...log, entries: [...log.entries, entry.bytes], seq: log.seq + 1, head: entry.head }
}

/** The state behind honest entries. */
export function stateOf(world: World, entries: readonly Uint8Array[], account: AccountId): AccountState {
  const { domain, origin, network } = world.enrolment.server
  const verified = verifyLog(entries, { primitives: noblePrimitives, domain, origin, network, nowMs: Date.now(), mode: 'peer' }, emptyAccountState(account))
  if (verified.status === 'refused') throw new Error(`the true log is refused: ${verified.reason}`)
  return verified.state
}

/** Shows `log` for its account, and `account` for the wallets in `wallets` (CAIP-10); to `name` alone, if one is given. */
export function showing(log: ShownLog, wallets: readonly string[] = [], name?: string): Lie {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  const head = { account: log.account, seq: log.seq, head: base64(log.head) }
  return {
    http(asked, forward): Promise<Answered> {
      if (name !== undefined && asked.by !== name) return forward()
      const url = new URL(asked.path, 'http://localhost')
      if (asked.method === 'GET' && url.pathname === `/v1/accounts/${log.account}/log`) {
        const after = Number(url.searchParams.get('after') ?? 0)
        return Promise.resolve({ status: 200, json: { ...head, entries: log.entries.slice(after).map(base64), more: false } })
      }
      if (wallets.some((wallet) => url.pathname === `/v1/accounts/by-wallet/${encodeURIComponent(wallet)}`)) return Promise.resolve({ status: 200, json: head })
      return forward()
    },
  }
}

/** Both signatures of a new device over an entry. */
export async function deviceProofs(world: World, keys: DeviceKeys, draft: LogDraft): Promise<LogProof[]> {
  const hash = entryHash(draft)
  return [
    { type: 'identity-key', device: keys.device, signature: await signWithIdentity(world.enrolment.signal, keys, hash) },
    { type: 'signing-key', device: keys.device, signature: signWithSigning(keys, hash) },
  ]
}

/** The body of an entry that adds a device. */
export function additionOf(keys: DeviceKeys): LogBodies['device.add'] {
  return { identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey, registrationId: keys.registrationId }
}

/** What a wallet signs over `state` when it is asked by a liar: nonce and times are the liar's own. */
export async function proofBy(
  world: World, wallet: Wallet, state: AccountState, purpose: 'add-device' | 'link-wallet', device: DeviceId, otherWallet?: Wallet['walletId'],
): Promise<Extract<LogProof, { readonly type: 'wallet' }>> {
  const nowMs = Date.now()
  const proof = await wallet.signProof({
    domain: world.enrolment.server.domain, origin: world.enrolment.server.origin, purpose, account: state.account, logSeq: state.seq, logHead: state.head,
    device, nonce: 'L1e0000000000000000000000', issuedAtMs: nowMs, expirationTimeMs: nowMs + 600_000, ...(otherWallet === undefined ? {} : { otherWallet }),
  })
  return { type: 'wallet', proof }
}

/** An entry that adds `keys` behind `state`, with a wallet proof of the liar's choice. */
export async function addition(
  world: World, state: AccountState, keys: DeviceKeys, proof: LogProof,
): Promise<{ readonly bytes: Uint8Array; readonly head: Uint8Array }> {
  const draft = draftEntry(state, 'device.add', additionOf(keys), Date.now())
  return sealEntry(draft, [proof, ...await deviceProofs(world, keys, draft)])
}
