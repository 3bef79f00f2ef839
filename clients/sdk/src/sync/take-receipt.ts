import type { DeviceId, ErrorCode, ReceiptBody } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import type { ConversationRow } from '../core/conversation-row.js'
import { numberSet, sameNumbers, unite, type NumberSet } from '../core/number-set.js'
import { hasReceipts } from '../core/receipt-book.js'
import { readReceipt, RECEIPT_RANGES_MAX, writeReceipt } from '../core/receipt-row.js'
import type { Transaction } from '../core/transaction.js'
import { CHAIN_EPOCH, readOwnChain } from './chain-row.js'

/**
 * Takes what a device of another member received or its user read, in the transaction that marks the receipt as handled. The sender is attested and was a member:
 * whoever calls checked that. Nothing ever goes back. Who does not tell what they read is not told it either. A row is written only where something is news.
 */
export async function takeReceipt(
  core: Core, tx: Transaction, body: ReceiptBody, conversation: ConversationRow, from: AttestedDevice, refuse: (code: ErrorCode, detail: string) => void,
): Promise<void> {
  const { account, device: self, requests, privacy, accounts, events } = core
  if (from.account === account) {
    refuse('e2ee.envelope_mismatch', 'receipt')
    return
  }
  // The last other member may have gone, or the group grown, while it was on its way.
  if (!hasReceipts(conversation)) return
  if (requests.isWaiting(conversation.conversation) || await requests.isBlocked(from.account, tx)) return
  const isRead = body.kind === 'read' && await privacy.tells('receipts.read', tx)
  const own = (await accounts.known(account))?.state.devices ?? new Map<DeviceId, unknown>([[self, undefined]])
  let isNews = false
  for (const { device, epoch, number } of body.upTo) {
    // A receipt in a group names chains of others as well.
    if (!own.has(device) || epoch !== CHAIN_EPOCH) continue
    if (device === self && number > (await readOwnChain(tx, conversation.conversation)).number) {
      refuse('invalid.payload', 'receipt of a message that was not sent')
      continue
    }
    const said = numberSet(number, (body.missing ?? []).filter((range) => range.device === device && range.epoch === epoch))
    const before = await readReceipt(tx, { conversation: conversation.conversation, device, epoch }, from.account)
    // What was read was received too.
    const received = unite(before.received, said)
    const read = isRead ? unite(before.read, said) : before.read
    if (sameNumbers(received, before.received) && sameNumbers(read, before.read)) continue
    if (!fits(received) || !fits(read)) {
      refuse('limited.queue', 'holes in receipts')
      continue
    }
    writeReceipt(tx, { ...before, received, read })
    isNews = true
  }
  if (isNews) tx.afterCommit(() => { events.emit('receipts-changed', { conversation: conversation.conversation, account: from.account, kind: isRead ? 'read' : 'received' }) })
}

function fits({ missing }: NumberSet): boolean {
  return missing.length <= RECEIPT_RANGES_MAX
}
