import { parseMessageId, type MessageId } from '@evegram/protocol'
import type { Message, StoreChange } from '@evegram/sdk'
import {
  ACCOUNT_PREFIX, CURSOR_KEY, decodeAccountRow, decodeCursor, decodeGroup, decodeMessage, decodeOutbox, GAP_PREFIX, GROUP_PREFIX, MESSAGE_PREFIX,
  RECEIVED_CHAIN_PREFIX, UNREAD_PREFIX, type AccountRecord, type GroupRow, type OutboxRow,
} from '@evegram/sdk/parts'
import type { DeviceRecord } from './ledger.js'

/** Prefix of the index of messages by arrival. */
const ARRIVAL_PREFIX = 'a/'
/** Prefix of sender keys that other devices gave: conversation, device and name follow. */
const SENDER_KEY_PREFIX = 'signal/sender-key/'

/** What one commit of a device says, row by row. */
export interface DiskCommit {
  readonly messages: readonly { readonly key: string; readonly message: Message }[]
  readonly arrivals: readonly { readonly key: string; readonly rowKey: string }[]
  readonly taken: readonly MessageId[]
  readonly outbox: readonly OutboxRow[]
  readonly accounts: readonly AccountRecord[]
  readonly forgottenAccounts: readonly string[]
  readonly groups: readonly GroupRow[]
  /** Conversation, sender and name of sender keys of others that are here now. */
  readonly senderKeys: readonly string[]
  /** Keys of chains that moved. */
  readonly chains: ReadonlySet<string>
  readonly cursorMs: number | undefined
  /** Whether a session moved. */
  readonly session: boolean
}

const textOfKey = new TextDecoder()

/** Reads a commit and takes what needs no check into the record of the device. Throws an `EvegramError` for a row of another shape. */
export function readCommit(device: DeviceRecord, changes: readonly StoreChange[]): DiskCommit {
  const messages: { key: string; message: Message }[] = []
  const arrivals: { key: string; rowKey: string }[] = []
  const taken: MessageId[] = []
  const outbox: OutboxRow[] = []
  const accounts: AccountRecord[] = []
  const forgottenAccounts: string[] = []
  const groups: GroupRow[] = []
  const senderKeys: string[] = []
  const chains = new Set<string>()
  let cursorMs: number | undefined
  let session = false
  for (const { table, key, value } of changes) {
    switch (table) {
      case 'messages':
        if (key.startsWith(MESSAGE_PREFIX)) {
          if (value === undefined) device.rows.delete(key)
          else messages.push({ key, message: decodeMessage(value) })
        } else if (key.startsWith(ARRIVAL_PREFIX) && value !== undefined) arrivals.push({ key, rowKey: textOfKey.decode(value) })
        break
      case 'handled':
        if (value === undefined) break
        device.handled.set(parseMessageId(key), value)
        taken.push(parseMessageId(key))
        break
      case 'healing':
        takeHealing(device, key, value !== undefined, taken)
        break
      case 'chains':
        if (!key.startsWith(RECEIVED_CHAIN_PREFIX) || value === undefined) break
        device.chains.set(key, value)
        chains.add(key)
        break
      case 'outbox':
        if (value === undefined) device.waiting.delete(key)
        else {
          const row = decodeOutbox(value)
          device.waiting.set(key, { messageId: row.messageId, conversation: row.conversation, kind: row.kind, parked: row.parked })
          outbox.push(row)
        }
        break
      case 'meta':
        if (key === CURSOR_KEY && value !== undefined) cursorMs = decodeCursor(value)
        break
      case 'accounts':
        if (!key.startsWith(ACCOUNT_PREFIX)) break
        if (value === undefined) forgottenAccounts.push(key)
        else accounts.push(decodeAccountRow(value))
        break
      case 'sessions':
        if (value !== undefined) session = true
        if (value !== undefined && key.startsWith(SENDER_KEY_PREFIX)) senderKeys.push(key.slice(SENDER_KEY_PREFIX.length))
        break
      case 'conversations':
        if (value !== undefined && key.startsWith(GROUP_PREFIX)) groups.push(decodeGroup(value))
        break
      case 'prekeys':
      case 'channels':
      case 'payments':
      case 'files':
      case 'state':
      case 'history':
        break
      default:
        table satisfies never
    }
  }
  return { messages, arrivals, taken, outbox, accounts, forgottenAccounts, groups, senderKeys, chains, cursorMs, session }
}

function takeHealing(device: DeviceRecord, key: string, isPut: boolean, taken: MessageId[]): void {
  if (key.startsWith(GAP_PREFIX)) {
    const chain = key.slice(GAP_PREFIX.length)
    if (isPut) device.openGaps.add(chain)
    else device.openGaps.delete(chain)
  } else if (key.startsWith(UNREAD_PREFIX)) {
    const message = parseMessageId(key.slice(UNREAD_PREFIX.length))
    if (!isPut) device.unread.delete(message)
    else {
      device.unread.add(message)
      device.everUnread.add(message)
      taken.push(message)
    }
  }
}
