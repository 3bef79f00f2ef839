import {
  decodeChannelPage, decodeMembershipEntry, decodeReadChannel, encodeFailure, FRAME_TYPE,
  type ConversationId, type ErrorCode, type Frame, type GroupPage,
} from '@evegram/protocol'
import { postIn } from './channel-view.js'
import { belowShown, showingLogs, withoutRemoval } from './group-lies.js'
import { frameOf, type ActiveLie, type LieTools } from './lie.js'

/** Refusals of a post, for now and for good. */
const REFUSALS: readonly ErrorCode[] = [
  'conflict.channel_head', 'stale.membership', 'unavailable.store', 'limited.rate', 'internal', 'conflict.log_head', 'denied.not_author', 'denied.sender',
  'too_large.channel_post', 'not_found.conversation',
]

/** Which membership logs are those of channels. */
export interface KnownChannels {
  /** Looks at a frame of the victim for channels that it asks about. */
  look(frame: Frame): void
  has(page: GroupPage): boolean
}

/** Learns of channels by what clients ask, and by logs that begin as theirs do. */
export function channelsOnly(): KnownChannels {
  const known = new Set<ConversationId>()
  return {
    look(frame) {
      if (frame.type === FRAME_TYPE.follow || frame.type === FRAME_TYPE.readChannel) known.add(decodeReadChannel(frame.body).channel)
    },
    has({ conversation, entries: [first] }) {
      if (first !== undefined && decodeMembershipEntry(first).kind === 'create_channel') known.add(conversation)
      return known.has(conversation)
    },
  }
}

/** The post that a frame offers, as one thing whoever signs it again. */
export function askedByPosts(frame: Frame): string | undefined {
  const post = frame.type === FRAME_TYPE.post ? postIn(frame.body) : undefined
  return post === undefined ? undefined : `${post.channel}/${post.seq}`
}

/** Changes the pages of the logs of channels alone; posts are refused a few times, so that there are pages. */
function showingAuthors(tools: LieTools, what: string, change: (page: GroupPage) => GroupPage | undefined): ActiveLie {
  const channels = channelsOnly()
  const lie = showingLogs(tools, what, askedByPosts, (page) => (channels.has(page) ? change(page) : undefined))
  return {
    ...lie,
    fromClient(frame, victim) {
      channels.look(frame)
      return lie.fromClient(frame, victim)
    },
  }
}

/** The log of the authors is shorter than what was shown of it, ends before a removal, or has no new entries. */
export function hiddenAuthors(tools: LieTools): ActiveLie {
  const variant = tools.random.pick(['rolled back', 'hidden removal', 'no news'] as const)
  return showingAuthors(tools, `authors ${variant}`, (page) => {
    switch (variant) {
      case 'rolled back': return belowShown(page)
      case 'hidden removal': return withoutRemoval(page)
      case 'no news': {
        const before = page.version - page.entries.length
        return page.entries.length === 0 || before === 0 ? undefined : { ...page, version: before, entries: [] }
      }
      default: return variant satisfies never
    }
  })
}

/** Says of posts that were stored that they were refused. */
export function postRefusedForStored(tools: LieTools): ActiveLie {
  const chosen = new Map<number, ErrorCode>()
  let connection = 0
  return {
    fromClient(frame, victim) {
      if (victim.connection !== connection) chosen.clear()
      connection = victim.connection
      if (frame.type === FRAME_TYPE.post && tools.random.chance(0.5)) chosen.set(frame.correlation, tools.random.pick(REFUSALS))
      return [frame]
    },
    fromServer(frame, victim) {
      const code = frame.type === FRAME_TYPE.channelHead && victim.connection === connection ? chosen.get(frame.correlation) : undefined
      if (code === undefined) return [frame]
      chosen.delete(frame.correlation)
      tools.changed(`${code} for a post that was stored`)
      return [frameOf(FRAME_TYPE.failure, encodeFailure({ code, message: 'a lie' }), frame.correlation)]
    },
  }
}

/** Says of a channel that there is no such, when it is asked for. */
export function channelDenied(tools: LieTools): ActiveLie {
  return {
    fromServer(frame) {
      if (frame.type !== FRAME_TYPE.channelPage || !tools.random.chance(0.6)) return [frame]
      tools.changed(`no such channel (${decodeChannelPage(frame.body).channel.slice(0, 8)})`)
      return [frameOf(FRAME_TYPE.failure, encodeFailure({ code: 'not_found.conversation', message: 'a lie' }), frame.correlation)]
    },
  }
}
