import { decodeEntry, headOf } from './account-log-entry.js'
import { equalBytes } from './bytes.js'
import { isEvegramError, type ErrorCode } from './errors.js'

/** A place in an account log: what a peer keeps for ever, and what payloads and servers name. */
export interface LogHead {
  /** Number of the last entry, 0 without entries. */
  readonly seq: number
  /** Head behind it, 32 bytes; zeros without entries. */
  readonly head: Uint8Array
}

/** Answer of {@link extendsLog}. */
export type ExtendsResult =
  | ({ readonly status: 'extends' } & LogHead)
  | { readonly status: 'refused'; readonly code: ErrorCode; readonly reason: string }

const rolledBack = (reason: string): ExtendsResult => ({ status: 'refused', code: 'account.log_rolled_back', reason })

/**
 * Whether what a server shows of a log goes on from what was seen before. `known` is the place that this peer keeps; `claimed` the place
 * that the server names; `entries` the encoded entries that it gave, in order, from any entry up to `known.seq + 1` on. They may end
 * before `claimed` (a page). Checks hashes and numbers alone: signatures are `verifyLog`'s. A history that is older, shorter or
 * different gives `account.log_rolled_back`; entries that do not parse or do not chain give `account.log_invalid`. Never throws.
 */
export function extendsLog(known: LogHead, claimed: LogHead, entries: readonly Uint8Array[]): ExtendsResult {
  if (claimed.seq < known.seq) return rolledBack('the server names an older state')
  if (claimed.seq === known.seq && !equalBytes(claimed.head, known.head)) return rolledBack('the server names another state of the same age')
  let last: LogHead | undefined
  for (const bytes of entries) {
    const entry = placeOf(bytes)
    if (entry === undefined || entry.seq === 0) return { status: 'refused', code: 'account.log_invalid', reason: 'an entry does not parse' }
    if (last === undefined && entry.seq > known.seq + 1) return { status: 'refused', code: 'account.log_invalid', reason: 'entries are left out' }
    if (last !== undefined && (entry.seq !== last.seq + 1 || !equalBytes(entry.prev, last.head))) {
      return { status: 'refused', code: 'account.log_invalid', reason: 'the entries do not follow each other' }
    }
    if (entry.seq === known.seq + 1 && !equalBytes(entry.prev, known.head)) return rolledBack('the next entry follows another state')
    last = { seq: entry.seq, head: headOf(bytes) }
    if (last.seq === known.seq && !equalBytes(last.head, known.head)) return rolledBack('the known entry was replaced')
    if (last.seq === claimed.seq && !equalBytes(last.head, claimed.head)) {
      return { status: 'refused', code: 'account.log_invalid', reason: 'the entries do not lead to the state that the server names' }
    }
    if (last.seq > claimed.seq) return { status: 'refused', code: 'account.log_invalid', reason: 'there are more entries than the server names' }
  }
  if (last !== undefined && last.seq > known.seq) return { status: 'extends', ...last }
  if (claimed.seq > known.seq) return { status: 'refused', code: 'account.log_withheld', reason: 'the server names a newer state and does not show it' }
  return { status: 'extends', seq: known.seq, head: known.head }
}

function placeOf(bytes: Uint8Array): { readonly seq: number; readonly prev: Uint8Array } | undefined {
  try {
    return decodeEntry(bytes)
  } catch (cause) {
    if (isEvegramError(cause)) return undefined
    throw cause
  }
}
