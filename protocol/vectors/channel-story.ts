import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { LogHead } from '../src/account-log-extends.js'
import { concatBytes, equalBytes, utf8 } from '../src/bytes.js'
import { channelSaltOf } from '../src/channel-link.js'
import {
  applyChannelPost, draftChannelPost, emptyChannelState, sealChannelPost, type ApplyChannelPostResult, type ChannelContext, type ChannelState,
} from '../src/channel-log.js'
import { channelPostHash, type ChannelPostDraft } from '../src/channel-post.js'
import { idBytes, type AccountId, type ConversationId, type DeviceId } from '../src/ids.js'
import { seed } from './actors.js'
import { actorOf, GroupStory, type GroupActor } from './group-story.js'

/** The key of every channel of these stories. */
export const CHANNEL_KEY = seed('channel key')

/** Body of a post as clients make it: nonce, then XChaCha20-Poly1305 under HKDF-SHA256 of the key, bound to channel and device. */
export function encryptBody(key: Uint8Array, channel: ConversationId, device: DeviceId, nonce: Uint8Array, padded: Uint8Array): Uint8Array {
  const cipherKey = hkdf(sha256, key, undefined, utf8('evegram/channel-post/v1'), 32)
  return concatBytes(nonce, xchacha20poly1305(cipherKey, nonce, concatBytes(idBytes(channel), idBytes(device))).encrypt(padded))
}

/** A channel being written: the log of its authors, and their posts, a minute apart. */
export class ChannelStory {
  readonly authors: GroupStory
  state: ChannelState
  readonly posts: Uint8Array[] = []
  /** Every state of the authors' log so far. */
  readonly memberships: { readonly at: LogHead; readonly accounts: ReadonlySet<AccountId> }[] = []

  /** Founded by the first actor, with the next `authors` of them beside it. */
  constructor(actors: readonly GroupActor[], authors: readonly GroupActor[]) {
    this.authors = new GroupStory(actors, 'channel', channelSaltOf(CHANNEL_KEY))
    const [founder] = actors
    if (founder === undefined) throw new Error('a channel has a founder')
    this.authors.must(this.authors.found(founder, authors.map(({ account }) => account)), founder)
    this.state = emptyChannelState(this.authors.state.conversation)
    this.keep()
  }

  /** Remembers the membership as it is now. */
  keep(): void {
    const { seq, head, members } = this.authors.state
    this.memberships.push({ at: { seq, head }, accounts: new Set(members.keys()) })
  }

  get context(): ChannelContext {
    return {
      ...this.authors.context,
      isAuthor: (account, { seq, head }) => this.memberships.some(({ at, accounts }) => at.seq === seq && equalBytes(at.head, head) && accounts.has(account)),
    }
  }

  draft(by: GroupActor, change: Partial<ChannelPostDraft> = {}): ChannelPostDraft {
    const { seq, head } = this.authors.state
    const body = seed(`body ${String(this.state.seq + 1)}`)
    return { ...draftChannelPost(this.state, { author: actorOf(by), members: { seq, head }, atMs: this.authors.nowMs, body }), ...change }
  }

  seal(draft: ChannelPostDraft, by: GroupActor): Uint8Array<ArrayBuffer> {
    return sealChannelPost(draft, by.actor.sign(channelPostHash(draft)))
  }

  /** Signs and applies; keeps the post when it was applied. */
  offer(draft: ChannelPostDraft, by: GroupActor, context: Partial<ChannelContext> = {}): ApplyChannelPostResult {
    const bytes = this.seal(draft, by)
    const result = applyChannelPost(this.state, bytes, { ...this.context, ...context })
    if (result.status === 'applied') {
      this.state = result.state
      this.posts.push(bytes)
      this.authors.nowMs += 60_000
    }
    return result
  }

  /** As {@link offer}, for posts that must be applied. */
  post(by: GroupActor, change: Partial<ChannelPostDraft> = {}): void {
    const result = this.offer(this.draft(by, change), by)
    if (result.status === 'refused') throw new Error(`${result.code}: ${result.reason}`)
  }
}
