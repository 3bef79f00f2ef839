import { encodeEntry, headOf, type LogBodies, type LogDraft, type LogEntry, type LogKind, type LogProof } from './account-log-entry.js'
import type { AccountState } from './account-log-state.js'

/**
 * An entry of `kind` that follows `state`, still without proofs. Device keys sign its {@link entryHash}; wallets sign the proof text over
 * (`state.seq`, `state.head`), the state before it. `atMs` is the client's time in ms since 1970.
 */
export function draftEntry<Kind extends LogKind>(state: AccountState, kind: Kind, body: LogBodies[Kind], atMs: number): LogDraft {
  const draft = { v: 1 as const, account: state.account, seq: state.seq + 1, prev: state.head, atMs, kind, body }
  // The compiler does not see that `kind` and `body` of one type parameter are one member of the union.
  return draft as LogDraft
}

/** An entry ready to be sent: `bytes` for the server, `head` of the log once it is accepted. */
export interface SealedEntry {
  readonly entry: LogEntry
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly head: Uint8Array
}

/** Puts the proofs under a draft. Throws as `encodeEntry` for proofs that do not fit the format; whether they verify is `applyEntry`'s question. */
export function sealEntry(draft: LogDraft, proofs: readonly LogProof[]): SealedEntry {
  const entry: LogEntry = { ...draft, proofs }
  const bytes = encodeEntry(entry)
  return { entry, bytes, head: headOf(bytes) }
}
