import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, messageIdOf, parseAccountId, parseConversationId, parseDeviceId,
  type AccountId, type CborValue, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import { readHandled } from '../core/handled.js'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'
import { type GapReason } from '../sync/chain-state.js'
import { archiveFault } from './archive-frame.js'

/** Messages that the device which wrote an archive had not got, and why. */
export interface ArchivedGap {
  readonly conversation: ConversationId
  readonly account: AccountId
  readonly device: DeviceId
  readonly epoch: number
  /** First and last missing number. */
  readonly from: number
  readonly to: number
  readonly reason: GapReason
}

/** Start of the keys of archived gaps in table `history`. */
export const ARCHIVED_GAP_PREFIX = 'gap/'
/** Archived gaps of one conversation that are listed. */
const GAPS_LISTED_MAX = 1_024
/** Numbers of one gap that are looked up one by one; a longer gap is told as it was written. */
const NUMBERS_LOOKED_AT_MAX = 256

const REASONS: readonly GapReason[] = ['expired', 'before_you_joined', 'erased', 'withheld', 'sender_revoked', 'unreadable']

const prefixOf = (conversation: ConversationId): string => `${ARCHIVED_GAP_PREFIX}${conversation}/`

/** A gap of the fields of its record or row. Throws `invalid.archive`. */
export function readArchivedGap(value: CborValue): ArchivedGap {
  const fields = new CborFields(value, 'invalid.archive')
  const from = fields.uint('from')
  const to = fields.uint('to')
  const reason = fields.text('reason', 32)
  if (from < 1 || to < from) throw archiveFault('a gap from 1 upwards')
  return {
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))), account: parseAccountId(hexOf(fields.bytes('account', 16))),
    device: parseDeviceId(hexOf(fields.bytes('device', 16))), epoch: fields.uint('epoch', 0xffffffff), from, to,
    reason: REASONS.find((known) => known === reason) ?? fields.fail('reason'),
  }
}

/** Keeps a gap; the same one again is the same row. */
export function writeArchivedGap(tx: Transaction, { conversation, account, device, epoch, from, to, reason }: ArchivedGap): void {
  tx.put('history', `${prefixOf(conversation)}${device}/${sortable(epoch, 8)}/${sortable(from)}`, encodeCbor({
    conversation: idBytes(conversation), account: idBytes(account), device: idBytes(device), epoch, from, to, reason,
  }))
}

/** What is still missing of the gaps that archives named in `conversation`: what this profile got since is left out. */
export async function listArchivedGaps(store: Pick<LocalStore, 'get' | 'list'>, conversation: ConversationId): Promise<readonly ArchivedGap[]> {
  const rows = await store.list('history', { from: prefixOf(conversation), to: `${prefixOf(conversation)}~`, limit: GAPS_LISTED_MAX })
  const gaps: ArchivedGap[] = []
  for (const { value } of rows) gaps.push(...await stillMissing(store, readArchivedGap(decodeCbor(value, 4_096))))
  return gaps
}

/** The pieces of a gap of which nothing is here, from wherever it came. One of very many numbers is told whole. */
export async function stillMissing(store: Pick<LocalStore, 'get'>, gap: ArchivedGap): Promise<ArchivedGap[]> {
  if (gap.to - gap.from >= NUMBERS_LOOKED_AT_MAX) return [gap]
  const left: ArchivedGap[] = []
  for (let number = gap.from; number <= gap.to; number++) {
    const handled = await readHandled(store, messageIdOf({ conversation: gap.conversation, device: gap.device, epoch: gap.epoch, number }))
    if (handled !== undefined && handled.status !== 'refused') continue
    const last = left.at(-1)
    if (last?.to === number - 1) left[left.length - 1] = { ...last, to: number }
    else left.push({ ...gap, from: number, to: number })
  }
  return left
}
