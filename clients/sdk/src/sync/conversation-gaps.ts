import { CborFields, decodeCbor, messageIdOf, type AccountId, type ConversationId, type DeviceId, type MessageId } from '@evegram/protocol'
import { listArchivedGaps, stillMissing, type ArchivedGap } from '../archive/archived-gap.js'
import { readHandled } from '../core/handled.js'
import type { LocalStore } from '../store/local-store.js'
import { chainPrefix, decodeChain } from './chain-row.js'
import type { GapReason } from './chain-state.js'

/** What is missing in a conversation: messages of one device, by their numbers, or whatever was said between two moments (ms since 1970). */
export type ConversationGap =
  | {
    readonly kind: 'messages'
    readonly account: AccountId
    readonly device: DeviceId
    readonly epoch: number
    /** First and last missing number. */
    readonly from: number
    readonly to: number
    readonly reason: GapReason
    /** The message of the device that stands behind them, where one near to them is here. */
    readonly before?: MessageId
    /** Otherwise the one that stands before them. With neither, nothing near to them is here. */
    readonly behind?: MessageId
  }
  | { readonly kind: 'time'; readonly sinceMs: number; readonly untilMs: number; readonly reason: 'expired' }

/** Start of the keys in table `meta` of the times of which the server kept nothing for this device. */
export const DISCONTINUITY_PREFIX = 'discontinuity/'

/** Devices of a conversation whose chains are looked at. */
const CHAINS_MAX = 2_048
/** Times without messages that are told, the newest. */
const TIMES_MAX = 64
/** Numbers beside a gap at which a message that is here is looked for: others are reactions, edits and what went. */
const NEIGHBOURS_MAX = 16

type Source = Pick<LocalStore, 'get' | 'list'>

/** What is missing of a conversation and has a name: see `Conversation.gaps`. Costs what is missing, and a row for each device. */
export async function listConversationGaps(store: Source, conversation: ConversationId): Promise<readonly ConversationGap[]> {
  // What the device of an archive had not got either has its reason from there.
  const archived = await listArchivedGaps(store, conversation)
  const prefix = chainPrefix(conversation)
  const found: ArchivedGap[] = [...archived]
  for (const { value } of await store.list('chains', { from: prefix, to: `${prefix}~`, limit: CHAINS_MAX })) {
    const { account, device, epoch, gaps } = decodeChain(value)
    for (const { from, to, reason } of gaps) {
      const left = await stillMissing(store, { conversation, account, device, epoch, from, to, reason })
      found.push(...left.filter((gap) => !archived.some((other) => other.device === device && other.epoch === epoch && other.from <= gap.from && gap.to <= other.to)))
    }
  }
  const placed: ConversationGap[] = []
  for (const { account, device, epoch, from, to, reason } of found) placed.push({ kind: 'messages', account, device, epoch, from, to, reason, ...(await neighbourOf(store, { conversation, device, epoch, from, to })) })
  return [...placed, ...await listTimes(store)]
}

/** The message that is here and nearest to a gap in its chain: behind it if there is one, else before it. */
async function neighbourOf(store: Source, { conversation, device, epoch, from, to }: Pick<ArchivedGap, 'conversation' | 'device' | 'epoch' | 'from' | 'to'>): Promise<{ readonly before?: MessageId; readonly behind?: MessageId }> {
  for (let number = to + 1; number <= to + NEIGHBOURS_MAX; number++) {
    const before = messageIdOf({ conversation, device, epoch, number })
    if (await isHere(store, before)) return { before }
  }
  for (let number = from - 1; number >= Math.max(1, from - NEIGHBOURS_MAX); number--) {
    const behind = messageIdOf({ conversation, device, epoch, number })
    if (await isHere(store, behind)) return { behind }
  }
  return {}
}

async function isHere(store: Source, message: MessageId): Promise<boolean> {
  const rowKey = (await readHandled(store, message))?.rowKey
  return rowKey !== undefined && (await store.get('messages', rowKey)) !== undefined
}

async function listTimes(store: Source): Promise<readonly ConversationGap[]> {
  const rows = await store.list('meta', { from: DISCONTINUITY_PREFIX, to: `${DISCONTINUITY_PREFIX}~`, reverse: true, limit: TIMES_MAX })
  return rows.map(({ value }) => {
    const fields = new CborFields(decodeCbor(value, 256), 'client.store')
    return { kind: 'time', sinceMs: fields.uint('sinceMs'), untilMs: fields.uint('untilMs'), reason: 'expired' }
  })
}
