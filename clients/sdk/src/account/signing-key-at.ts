import { decodeEntry, equalBytes, headOf, type AccountId, type DeviceId, type EvegramError, type LogHead } from '@evegram/protocol'
import type { AuthApi } from '../api/auth-api.js'
import type { AccountVerifier, VerifiedAccount } from './account-verifier.js'

/** Answer of {@link signingKeyAt}. `unknown`: the device was not active there. `alarm`: the server does not show the log that was named. */
export type SigningKeyAt =
  | { readonly status: 'active'; readonly signingKey: Uint8Array; readonly verified: VerifiedAccount; readonly revokedSince: boolean }
  | { readonly status: 'unknown'; readonly verified: VerifiedAccount }
  | { readonly status: 'alarm'; readonly error: EvegramError }

/**
 * The signing key of a device that was active in the state (seq, head) of its account's log. A device that was revoked later was active
 * before: the entry that revoked it is looked up in the log, whose bytes are compared with the heads that were verified. Rejects as the API and
 * the verifier do.
 */
export async function signingKeyAt(
  parts: { readonly accounts: AccountVerifier; readonly api: Pick<AuthApi, 'logPage'> }, account: AccountId, device: DeviceId, log: LogHead,
): Promise<SigningKeyAt> {
  const check = await parts.accounts.expectHead(account, log.seq, log.head)
  if (check.status !== 'known') return { status: 'alarm', error: check.error }
  const { verified } = check
  const known = verified.state.devices.get(device)
  if (known === undefined || known.addedSeq > log.seq) return { status: 'unknown', verified }
  if (known.active && !verified.state.closed) return { status: 'active', signingKey: known.signingKey, verified, revokedSince: false }
  const endedSeq = await endOf(parts.api, account, device, known.addedSeq, verified)
  if (endedSeq === undefined || endedSeq <= log.seq) return { status: 'unknown', verified }
  return { status: 'active', signingKey: known.signingKey, verified, revokedSince: true }
}

/** Number of the entry that ended the device; undefined when the server does not show the verified log again. */
async function endOf(api: Pick<AuthApi, 'logPage'>, account: AccountId, device: DeviceId, addedSeq: number, verified: VerifiedAccount): Promise<number | undefined> {
  // The chain of heads is checked by hashes alone: what leads to the verified head is the verified log.
  let expected: Uint8Array | undefined
  let seq = addedSeq
  let ended: number | undefined
  while (seq < verified.seq) {
    const page = await api.logPage(account, seq)
    if (page.entries.length === 0) return undefined
    for (const bytes of page.entries) {
      const entry = decodeEntry(bytes)
      if (entry.seq !== seq + 1 || (expected !== undefined && !equalBytes(entry.prev, expected))) return undefined
      seq = entry.seq
      expected = headOf(bytes)
      if (seq <= verified.seq && (entry.kind === 'closed' || (entry.kind === 'device.revoke' && entry.body.device === device))) ended ??= seq
      if (seq === verified.seq) break
    }
  }
  return expected !== undefined && equalBytes(expected, verified.head) ? ended : undefined
}
