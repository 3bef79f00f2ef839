import { ed25519 } from '@noble/curves/ed25519.js'
import { accountNoticeHash, encodeAccountNotice, type AccountNoticeDraft } from '../src/account-notice.js'
import { parseAccountId } from '../src/ids.js'
import { seed, START_MS } from './actors.js'

/** A wallet bridge that signs notices, the same in every run: for vectors and tests. */

const SECRET = seed('notices')
/** Its public key, 32 bytes. */
export const NOTICE_KEY: Uint8Array = ed25519.getPublicKey(SECRET)

/** A notice without its signature: a deposit, unless `more` says otherwise. */
export function noticeDraft(more: Partial<AccountNoticeDraft> = {}): AccountNoticeDraft {
  return {
    v: 1, account: parseAccountId('a1'.repeat(16)), source: '5e'.repeat(16), number: 7, atMs: START_MS, kind: 'deposit_credited', asset: 'solana/sol', amount: '1500000000',
    transfer: 'd:solana:5wHu1qwD7q4mSfNJx9:0', transaction: '5wHu1qwD7q4mSfNJx9', ...more,
  }
}

/** The bytes of a notice, signed with {@link NOTICE_KEY}, or with the key called `by`. */
export function signedNotice(draft: AccountNoticeDraft, by = 'notices'): Uint8Array<ArrayBuffer> {
  return encodeAccountNotice({ ...draft, signature: ed25519.sign(accountNoticeHash(draft), seed(by)) })
}
