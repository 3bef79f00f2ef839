import type { DeviceId, PayloadBodies } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { isGroup, type ConversationRow } from '../core/conversation-row.js'
import { readGroup, spanAt, versionOfHash } from '../core/group-row.js'
import type { Transaction } from '../core/transaction.js'
import { HEALING_LIMITS } from './allowance.js'
import { readHeard } from './heard-record.js'
import type { PayloadTemplate } from './seal.js'

/** What is sent again to one device, which entered the chain at `start` (unknown: undefined). */
export interface Copy {
  readonly template: PayloadTemplate
  readonly start: number | undefined
}

/** What became of looking for a copy: `gone` is not kept, or not any more; `not_meant` was not for the device that asks. */
export type Kept = Copy & { readonly status: 'kept' } | { readonly status: 'gone' | 'not_meant' }

/** A message that another device of the own account said before it was revoked, as this device read it, for a device that it was meant for. */
export async function heardFor(
  core: Core, tx: Transaction, { device, epoch, number }: Pick<PayloadBodies['resend_request'], 'epoch' | 'number'> & { readonly device: DeviceId }, conversation: ConversationRow,
  to: AttestedDevice,
): Promise<Kept> {
  const heard = await readHeard(tx, conversation.conversation, device, number)
  if (heard?.template.epoch !== epoch || core.time.now() - heard.atMs > HEALING_LIMITS.keptMs) return { status: 'gone' }
  if (!(await wasMeantFor(tx, heard.template, conversation, to))) return { status: 'not_meant' }
  const before = await readHeard(tx, conversation.conversation, device, number - 1)
  // The one before was not for it: this is where it enters the chain.
  const isStart = before !== undefined && !(await wasMeantFor(tx, before.template, conversation, to))
  return { status: 'kept', template: heard.template, start: isStart ? number : undefined }
}

/** Whether the sender, as it knew the accounts of the conversation then, wrote it for the device: one that came later has no right to it. */
async function wasMeantFor(tx: Transaction, { accountHeads, membershipHash, sentAtMs }: PayloadTemplate, conversation: ConversationRow, to: AttestedDevice): Promise<boolean> {
  const known = accountHeads.find(({ account }) => account === to.account)
  if (known !== undefined) return to.addedSeq <= known.seq
  if (!isGroup(conversation)) return false
  const group = await readGroup(tx, conversation.conversation)
  const version = group === undefined ? undefined : versionOfHash(group, membershipHash)
  return group !== undefined && version !== undefined && spanAt(group, to.account, version) !== undefined && to.attestedAtMs <= sentAtMs
}
