import { accountNoticeHash, equalBytes, openNotice, type ErrorCode } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { readHandled, writeHandled } from '../core/handled.js'
import { addNotice } from '../core/notice-row.js'
import type { Transaction } from '../core/transaction.js'
import type { Incoming } from './incoming.js'

/**
 * Stages what an envelope of kind `notice` means: a notice of the own account that a notice key of the server signed is shown once; anything else is
 * refused and told. A notice changes nothing but the list of notices: no message, no conversation, and no money is made of it.
 */
export async function takeNotice(core: Core, tx: Transaction, { header, body, messageId }: Incoming): Promise<void> {
  if (body === undefined) return
  const before = await readHandled(tx, messageId)
  if (before !== undefined && equalBytes(before.ciphertextHash, body.hash)) return
  const refuse = (code: ErrorCode, detail: string): void => {
    core.events.refuse({ code, conversation: header.conversation, account: header.account, device: header.device, messageId, detail })
  }
  const result = openNotice(header, body.bytes, { account: core.account, keys: core.noticeKeys, primitives: core.primitives })
  // Not kept as handled: the true notice of this id may still come.
  if (result.status === 'refused') return refuse('notice.forged', result.check)
  const { notice } = result
  const hash = accountNoticeHash(notice)
  if (before !== undefined) {
    // The same words under a newer key are the same notice.
    if (!equalBytes(before.chainHash, hash)) refuse('notice.forged', 'another notice has this number')
    return
  }
  const { shown, key } = await addNotice(tx, notice, body.bytes, core.time.now())
  writeHandled(tx, messageId, { status: 'shown', ciphertextHash: body.hash, chainHash: hash, rowKey: key })
  tx.afterCommit(() => { core.events.emit('server-notice', shown) })
}
