import { formatChannelLink, type AccountId, type ConversationId, type GroupRole } from '@evegram/protocol'
import type { ChannelActions } from './core/channel-actions.js'
import type { ChannelLogs } from './core/channel-logs.js'
import {
  channelPostKeyOf, channelPostPrefix, decodeChannelPostRow, listChannelGaps, readChannel, readChannelLog, type ChannelGap, type ChannelPostShown, type ChannelRow,
} from './core/channel-row.js'
import type { Core } from './core/context.js'
import type { Member } from './group.js'
import type { Posted } from './sync/channel-outbox.js'

/** Choices of {@link Channel.posts}. */
export interface PostsOptions {
  /** Only posts behind this number, the oldest first. Absent: the newest. */
  readonly after?: number
  /** How many at most. Default 100. */
  readonly limit?: number
}

/**
 * A channel that this profile follows: its authors post, whoever has its link reads. What it shows was verified here: every post is signed by a
 * device of an author, and all of them are one chain in which nothing can be left out or changed unseen.
 */
export interface Channel {
  readonly id: ConversationId
  /** Whoever has it reads the channel, for ever: give it to readers alone. It holds the key that the server never sees. */
  readonly link: string
  /** As an owner or admin named it; empty before a post was read. */
  name(): Promise<string>
  /** What this account may do beside reading, as far as this device knows; undefined for a follower. */
  role(): Promise<GroupRole | undefined>
  /**
   * Posts a text of at most `LIMITS.textBytesMax` UTF-8 bytes. Durable on this device at once; resolves when the server stored it, which may take as long
   * as there is no connection, and goes on in the next run. It is posted once, whatever was lost on the way. Rejects `denied.not_author`,
   * `invalid.argument` (empty), `too_large.channel_post`, `limited.queue`, `unavailable.server` when only the server knows whether this account is an author,
   * `client.closed` (the next run posts it), `timeout` when nobody can tell any more whether it was stored, or as the server refuses it.
   */
  post(text: string): Promise<Posted>
  /** Posts of the local store, by number. Some numbers are missing: posts that say nothing to readers, and {@link gaps}. */
  posts(options?: PostsOptions): Promise<readonly ChannelPostShown[]>
  /** What is known to be missing, by number. */
  gaps(): Promise<readonly ChannelGap[]>
  /** Number of the newest post that was verified here, 0 before one was. */
  seq(): Promise<number>
  /** The authors, as this device knows them. */
  authors(): Promise<readonly Member[]>
  /** Asks the server for the newest log of the authors and verifies it. Rejects as changes do. */
  refresh(): Promise<void>
  /** Adds an author, by address or id. Changes need a connection, and reject with the rule that refuses them (`group.*`), `account.not_found`, `unavailable.server`. */
  addAuthor(addressOrAccount: string): Promise<void>
  /** Removes an author: it posts nothing any more behind the next post, which this device makes at once. It goes on reading: it has the link. */
  removeAuthor(addressOrAccount: string): Promise<void>
  setRole(addressOrAccount: string, role: GroupRole): Promise<void>
  /**
   * Stops following, and forgets what is stored of the channel. An author leaves the authors first, which needs a connection; the last owner of other
   * authors makes one of them an owner before (`group.last_owner`). Posts that wait are given up.
   */
  leave(): Promise<void>
}

/** What a {@link FollowedChannel} works with. */
export interface ChannelPorts {
  readonly core: Core
  readonly actions: ChannelActions
  readonly logs: ChannelLogs
  /** The verified account behind an address or id. */
  resolve(addressOrAccount: string): Promise<AccountId>
  /** Throws when this device may not send any more. */
  check(): void
}

const POSTS_DEFAULT = 100

/** A {@link Channel} on the core of a client. */
export class FollowedChannel implements Channel {
  readonly id: ConversationId
  readonly link: string
  readonly #ports: ChannelPorts

  constructor(ports: ChannelPorts, { channel, domain, key }: Pick<ChannelRow, 'channel' | 'domain' | 'key'>) {
    this.#ports = ports
    this.id = channel
    this.link = formatChannelLink({ domain, channel, key })
  }

  async name(): Promise<string> {
    return (await readChannel(this.#store, this.id))?.name ?? ''
  }

  async role(): Promise<GroupRole | undefined> {
    return (await readChannelLog(this.#store, this.id))?.group.state.members.get(this.#ports.core.account)?.role
  }

  async post(text: string): Promise<Posted> {
    this.#ports.check()
    return this.#ports.actions.post(this.id, text)
  }

  async posts({ after, limit = POSTS_DEFAULT }: PostsOptions = {}): Promise<readonly ChannelPostShown[]> {
    const to = `${channelPostPrefix(this.id)}~`
    const range = after === undefined ? { from: channelPostPrefix(this.id), to, reverse: true } : { from: channelPostKeyOf(this.id, after + 1), to }
    const posts = (await this.#store.list('channels', { ...range, limit })).map(({ value }) => decodeChannelPostRow(this.id, value))
    return after === undefined ? posts.reverse() : posts
  }

  gaps(): Promise<readonly ChannelGap[]> {
    return listChannelGaps(this.#store, this.id)
  }

  async seq(): Promise<number> {
    return (await readChannel(this.#store, this.id))?.state?.seq ?? 0
  }

  async authors(): Promise<readonly Member[]> {
    const { roster } = this.#ports.core
    const authors: Member[] = []
    for (const [account, { role }] of (await readChannelLog(this.#store, this.id))?.group.state.members ?? []) {
      await roster.loadAccount(account)
      authors.push({ account, address: roster.addressOf(account), role })
    }
    return authors
  }

  async refresh(): Promise<void> {
    await this.#ports.logs.refresh(this.id)
  }

  async addAuthor(addressOrAccount: string): Promise<void> {
    await this.#ports.actions.addAuthors(this.id, [await this.#ports.resolve(addressOrAccount)])
  }

  async removeAuthor(addressOrAccount: string): Promise<void> {
    await this.#ports.actions.removeAuthors(this.id, [await this.#ports.resolve(addressOrAccount)])
  }

  async setRole(addressOrAccount: string, role: GroupRole): Promise<void> {
    await this.#ports.actions.setRole(this.id, await this.#ports.resolve(addressOrAccount), role)
  }

  leave(): Promise<void> {
    return this.#ports.actions.leave(this.id)
  }

  get #store(): Core['store'] {
    return this.#ports.core.store
  }
}
