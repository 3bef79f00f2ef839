import type { AccountId, ConversationId } from '@evegram/protocol'
import type { Channel } from '../channel.js'
import type { ConversationFlags } from '../conversation-marks.js'
import type { Conversation } from '../conversation.js'
import type { ChannelPostShown } from '../core/channel-row.js'
import type { Message } from '../core/message.js'
import type { Group } from '../group.js'

/** A conversation as a list shows it. */
export interface ConversationSummary {
  readonly id: ConversationId
  readonly kind: 'direct' | 'group' | 'channel'
  /** Name of a group or channel, empty while it is not known; address of the other side otherwise. */
  readonly title: string
  /** The other side of a direct conversation. */
  readonly peer?: { readonly account: AccountId; readonly address: string }
  /** The name that the user gave to the other side. */
  readonly name?: string
  /** The newest message, or post. */
  readonly last?: Message
  readonly lastPost?: ChannelPostShown
  /** When something was said last, in ms since 1970; 0: never. */
  readonly atMs: number
  /** Incoming messages behind what was read on any own device, at most `UNREAD_MAX`; of a channel, posts since it was looked at last in this run. */
  readonly unread: number
  /** What was written here and not sent, on any own device. Channels have none. */
  readonly draft: string
  /** How the user keeps it. Channels have none. */
  readonly flags: ConversationFlags
}

/** What the user keeps about a conversation. */
export type SummaryMarks = Pick<ConversationSummary, 'unread' | 'draft' | 'flags'>

/** Marks of what has none. */
export const NO_MARKS: SummaryMarks = { unread: 0, draft: '', flags: { muted: false, pinned: false, archived: false } }

/** What the user keeps about a conversation, as it is now. */
export async function readMarks(conversation: Pick<Conversation, 'unread' | 'draft' | 'flags'>): Promise<SummaryMarks> {
  return { unread: await conversation.unread(), draft: await conversation.draft(), flags: await conversation.flags() }
}

/** A direct conversation. `name`: what the user calls the other side. */
export async function summaryOfDirect(conversation: Conversation, name: string | undefined): Promise<ConversationSummary> {
  const { id, peer } = conversation
  return { id, kind: 'direct', title: peer.address, peer, ...(name === undefined ? {} : { name }), ...(await readMarks(conversation)), ...(await lastMessage(conversation)) }
}

/** A group. */
export async function summaryOfGroup(group: Group): Promise<ConversationSummary> {
  return { id: group.id, kind: 'group', title: await group.name(), ...(await readMarks(group)), ...(await lastMessage(group)) }
}

/** A channel. */
export async function summaryOfChannel(channel: Channel): Promise<ConversationSummary> {
  const [lastPost] = await channel.posts({ limit: 1 })
  return { id: channel.id, kind: 'channel', title: await channel.name(), ...NO_MARKS, atMs: lastPost?.atMs ?? 0, ...(lastPost === undefined ? {} : { lastPost }) }
}

/** When a message was said, in ms since 1970: by the clock of who said it, and not after it came. A clock that is ahead, on purpose or not, keeps no conversation on top. */
export function saidAtMs({ sentAtMs, receivedAtMs }: Pick<Message, 'sentAtMs' | 'receivedAtMs'>): number {
  return Math.min(sentAtMs, receivedAtMs)
}

async function lastMessage(conversation: Pick<Conversation, 'history'>): Promise<Pick<ConversationSummary, 'last' | 'atMs'>> {
  const [last] = await conversation.history(1)
  return last === undefined ? { atMs: 0 } : { last, atMs: saidAtMs(last) }
}
