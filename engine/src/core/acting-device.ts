import { equalBytes, EvegramError, type LogActor } from '@evegram/protocol'
import type { AccountSummary } from '../ports/account-directory.js'

/** Throws `conflict.log_head` when the account log of the actor went on since the state that it names: an honest client reads it and signs again. */
export function checkNewestLog(summary: AccountSummary | undefined, { log }: LogActor): void {
  if (summary !== undefined && log.seq < summary.seq) throw new EvegramError('conflict.log_head', { operation: 'find acting device' })
}

/**
 * The key of the acting device, if its account has it now and the actor names the account log as it is. Peers cannot verify an entry that names another
 * head, and everything behind it with it: one such entry would stop a log for good, so none is taken.
 */
export function signingKeyOf(summary: AccountSummary | undefined, { device, log }: LogActor): Uint8Array | undefined {
  if (summary === undefined || summary.closed || log.seq !== summary.seq || !equalBytes(log.head, summary.head)) return undefined
  return summary.devices.find((active) => active.device === device)?.signingKey
}
