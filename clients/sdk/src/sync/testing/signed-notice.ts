import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { accountNoticeHash, encodeAccountNotice, encodeEnvelope, noticeEnvelope, utf8, type AccountId, type AccountNoticeDraft } from '@evegram/protocol'

const secretOf = (name: string): Uint8Array => sha256(utf8(`notice key ${name}`))
/** The notice key that clients of tests know. */
export const NOTICE_KEY: Uint8Array = ed25519.getPublicKey(secretOf('server'))

/** The envelope of a deposit that the server tells of, unless `more` says otherwise, signed with {@link NOTICE_KEY} or with the key called `by`. */
export function signedNotice(account: AccountId, number: number, more: Partial<AccountNoticeDraft> = {}, by = 'server'): Uint8Array {
  const draft: AccountNoticeDraft = {
    v: 1, account, source: '5e'.repeat(16), number, atMs: 1_790_000_000_000 + number, kind: 'deposit_credited', asset: 'simulated/play', amount: '500',
    transfer: `d:simulated:tx${String(number)}:0`, transaction: `tx${String(number)}`, ...more,
  }
  return encodeEnvelope(noticeEnvelope(encodeAccountNotice({ ...draft, signature: ed25519.sign(accountNoticeHash(draft), secretOf(by)) })))
}
