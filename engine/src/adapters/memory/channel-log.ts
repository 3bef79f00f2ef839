import { channelStateAfter, decodeChannelPost, emptyChannelState, equalBytes, LIMITS, type ChannelState, type ConversationId } from '@evegram/protocol'
import type { ChannelAppendResult, ChannelLog } from '../../ports/channel-log.js'

/** Posts that one `trim` removes. */
const TRIM_STEP = 1_000

interface Stored {
  readonly state: ChannelState
  /** The posts that are kept, in order; the last is number `state.seq`. */
  readonly posts: readonly Uint8Array[]
}

/** Channels in memory, shared by every node of a test cluster. Its promise of durability holds as long as the process. */
export class MemoryChannelLog implements ChannelLog {
  readonly #channels = new Map<ConversationId, Stored>()

  async head(channel: ConversationId): Promise<ChannelState> {
    return this.#stored(channel).state
  }

  async append(after: ChannelState, given: readonly Uint8Array[]): Promise<ChannelAppendResult> {
    const { state, posts } = this.#stored(after.channel)
    const standing = standingOf(posts, after.seq - (state.seq - posts.length), given)
    if (standing === given.length) return { status: 'appended' }
    const follows = standing > 0 ? state.seq === after.seq + standing : state.seq === after.seq && equalBytes(state.head, after.head)
    if (!follows) return { status: 'conflict', appended: standing }
    const added = given.slice(standing).map((post) => post.slice())
    const behind = added.reduce((before, bytes) => channelStateAfter(before, decodeChannelPost(bytes), bytes), state)
    this.#channels.set(after.channel, { state: behind, posts: [...posts, ...added] })
    return { status: 'appended' }
  }

  async read(channel: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    const { state, posts } = this.#stored(channel)
    const from = Math.max(0, after - (state.seq - posts.length))
    const page: Uint8Array[] = []
    let bytes = 0
    for (const post of posts.slice(from, from + limit)) {
      bytes += post.length
      if (page.length > 0 && bytes > LIMITS.pageBytesMax) break
      page.push(post)
    }
    return page
  }

  async trim(beforeMs: number): Promise<number> {
    let trimmed = 0
    for (const [channel, { state, posts }] of this.#channels) {
      const firstKept = posts.findIndex((post) => decodeChannelPost(post).atMs >= beforeMs)
      const old = Math.min(firstKept < 0 ? posts.length : firstKept, TRIM_STEP - trimmed)
      if (old > 0) this.#channels.set(channel, { state, posts: posts.slice(old) })
      trimmed += old
      if (trimmed >= TRIM_STEP) break
    }
    return trimmed
  }

  #stored(channel: ConversationId): Stored {
    return this.#channels.get(channel) ?? { state: emptyChannelState(channel), posts: [] }
  }
}

/** How many of `given`, from the first on, stand in `posts` from index `from` on. */
function standingOf(posts: readonly Uint8Array[], from: number, given: readonly Uint8Array[]): number {
  const other = given.findIndex((post, index) => {
    const standing = posts[from + index]
    return standing === undefined || !equalBytes(standing, post)
  })
  return other < 0 ? given.length : other
}
