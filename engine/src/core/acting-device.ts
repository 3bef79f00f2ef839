import type { LogActor } from '@evegram/protocol'
import type { AccountSummary } from '../ports/account-directory.js'

/** The key of the acting device, if the account has it now and is at least as far as the actor says. The head is for peers to check. */
export function signingKeyOf(summary: AccountSummary | undefined, actor: LogActor): Uint8Array | undefined {
  if (summary === undefined || summary.closed || actor.log.seq > summary.seq) return undefined
  return summary.devices.find(({ device }) => device === actor.device)?.signingKey
}
