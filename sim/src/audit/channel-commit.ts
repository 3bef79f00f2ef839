import { parseConversationId, type ConversationId } from '@evegram/protocol'
import type { ChannelPostShown, StoreChange } from '@evegram/sdk'
import {
  CHANNEL_GAP_PREFIX, CHANNEL_LOG_PREFIX, CHANNEL_PREFIX, decodeChannel, decodeChannelGap, decodeChannelLog, decodeChannelPostRow, decodeWaitingPost,
  WAITING_POST_PREFIX, type ChannelGap, type ChannelRow, type GroupRow, type WaitingPost,
} from '@evegram/sdk/parts'

/** Prefix of shown posts: channel and number follow. */
const POST_PREFIX = 'p/'

/** What one commit of a device says about channels. */
export interface ChannelCommit {
  readonly rows: readonly ChannelRow[]
  readonly left: readonly ConversationId[]
  readonly logs: readonly GroupRow[]
  readonly shown: readonly ChannelPostShown[]
  /** Gaps that are named from now on. */
  readonly gaps: readonly ChannelGap[]
  readonly waiting: readonly { readonly key: string; readonly post: WaitingPost | undefined }[]
}

/** Reads the rows of table `channels` in a commit. Throws an `EvegramError` for a row of another shape. */
export function readChannelCommit(changes: readonly StoreChange[]): ChannelCommit {
  const rows: ChannelRow[] = []
  const left: ConversationId[] = []
  const logs: GroupRow[] = []
  const shown: ChannelPostShown[] = []
  const gaps: ChannelGap[] = []
  const waiting: { key: string; post: WaitingPost | undefined }[] = []
  for (const { table, key, value } of changes) {
    if (table !== 'channels') continue
    if (key.startsWith(CHANNEL_PREFIX)) {
      const channel = parseConversationId(key.slice(CHANNEL_PREFIX.length))
      if (value === undefined) left.push(channel)
      else rows.push(decodeChannel(channel, value))
    } else if (key.startsWith(WAITING_POST_PREFIX)) waiting.push({ key, post: value === undefined ? undefined : decodeWaitingPost(value) })
    else if (value === undefined) continue
    else if (key.startsWith(CHANNEL_LOG_PREFIX)) logs.push(decodeChannelLog(value).group)
    else if (key.startsWith(POST_PREFIX)) shown.push(decodeChannelPostRow(channelIn(key), value))
    else if (key.startsWith(CHANNEL_GAP_PREFIX)) gaps.push(decodeChannelGap(channelIn(key), value))
  }
  return { rows, left, logs, shown, gaps, waiting }
}

/** The channel in a key that names it second. */
function channelIn(key: string): ConversationId {
  return parseConversationId(key.split('/')[1] ?? '')
}
