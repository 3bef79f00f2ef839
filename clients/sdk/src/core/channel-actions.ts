import {
  CHANNEL_KEY_BYTES, channelSaltOf, draftChannel, encodeChannelBody, EvegramError, equalBytes, isEvegramError, listedMembers, parseChannelLink,
  type AccountId, type ConversationId, type GroupRole, type MembershipChange,
} from '@evegram/protocol'
import { FOLLOWER_LIMITS, type ChannelFollower } from '../sync/channel-follower.js'
import { checkPostText, type ChannelOutbox, type Posted } from '../sync/channel-outbox.js'
import type { ChannelLogs } from './channel-logs.js'
import {
  listChannelContent, readChannel, readChannelLog, removeChannel, writeChannel, writeChannelLog, type ChannelLogRow, type ChannelRow,
} from './channel-row.js'
import type { Core } from './context.js'
import { MembershipOffers } from './membership-offers.js'

/** Rows that one step of forgetting a channel removes. */
const FORGET_ROWS = 1_000

/** What a person does with channels: found, follow, post, choose authors, leave. */
export class ChannelActions {
  readonly #core: Core
  readonly #logs: ChannelLogs
  readonly #follower: ChannelFollower
  readonly #outbox: ChannelOutbox
  readonly #offers: MembershipOffers

  constructor(core: Core, logs: ChannelLogs, follower: ChannelFollower, outbox: ChannelOutbox) {
    this.#core = core
    this.#logs = logs
    this.#follower = follower
    this.#outbox = outbox
    this.#offers = new MembershipOffers(core, async (channel) => (await logs.refresh(channel)).group)
  }

  /** Founds a channel of the own account and `authors`, and posts its name. See `Client.createChannel`. */
  async create(domain: string, name: string, authors: readonly AccountId[]): Promise<ChannelRow> {
    if (name === '') throw new EvegramError('invalid.argument', { operation: 'name channel', advice: 'A channel has a name.' })
    encodeChannelBody({ kind: 'authors', name })
    this.#checkRoom()
    this.#offers.connection()
    const key = this.#core.random.bytes(CHANNEL_KEY_BYTES)
    const { conversation } = await this.#offers.offer(async () =>
      draftChannel(channelSaltOf(key), authors, await this.#offers.actor(), this.#core.time.now()))
    const log = await this.#logs.enter(conversation, key)
    const row = await this.#begin({ channel: conversation, domain, key, name, state: undefined, confirmedAtMs: 0 }, log, true)
    await this.#follower.settled(row.channel)
    return row
  }

  /** Follows the channel of a link; once more is once. See `Client.followChannel`. */
  async follow(ownDomain: string, link: string): Promise<ChannelRow> {
    const { domain, channel, key } = parseChannelLink(link)
    if (domain !== ownDomain) {
      const advice = `The link leads to ${domain}, this profile belongs to ${ownDomain}: follow it with a profile of that server.`
      throw new EvegramError('client.domain_mismatch', { operation: 'follow channel', advice })
    }
    const known = await readChannel(this.#core.store, channel)
    if (known !== undefined) {
      if (!equalBytes(known.key, key)) throw new EvegramError('channel.key', { operation: 'follow channel' })
      await this.#follower.settled(channel)
      return await readChannel(this.#core.store, channel) ?? known
    }
    this.#checkRoom()
    const log = await this.#logs.enter(channel, key)
    await this.#begin({ channel, domain, key, name: '', state: undefined, confirmedAtMs: 0 }, log, false)
    await this.#follower.settled(channel)
    return await readChannel(this.#core.store, channel) ?? { channel, domain, key, name: '', state: undefined, confirmedAtMs: 0 }
  }

  /** Posts a text. See `Channel.post`. */
  async post(channel: ConversationId, text: string): Promise<Posted> {
    checkPostText(text)
    await this.#checkAuthor(channel)
    const { posted } = await this.#outbox.add(channel, { kind: 'text', text })
    this.#follower.wake(channel)
    return posted
  }

  async addAuthors(channel: ConversationId, authors: readonly AccountId[]): Promise<void> {
    await this.#change(channel, { kind: 'add', body: { members: listedMembers(authors) } })
  }

  async removeAuthors(channel: ConversationId, authors: readonly AccountId[]): Promise<void> {
    await this.#change(channel, { kind: 'remove', body: { members: listedMembers(authors) } })
  }

  async setRole(channel: ConversationId, author: AccountId, role: GroupRole): Promise<void> {
    await this.#change(channel, { kind: 'role', body: { member: author, role } })
  }

  /** Leaves the authors, where this account is one, stops following and forgets everything of the channel. See `Channel.leave`. */
  async leave(channel: ConversationId): Promise<void> {
    const log = await readChannelLog(this.#core.store, channel)
    if (log?.group.state.members.has(this.#core.account) === true) await this.#leaveAuthors(channel)
    await this.#follower.drop(channel, () => this.#forget(channel))
    try {
      await this.#core.connection()?.unfollow(channel)
    } catch (error) {
      // The connection ends some time, and with it what it follows.
      if (!isEvegramError(error)) throw error
    }
  }

  /** Told by the log as it is now: this account may have been removed meanwhile. */
  async #leaveAuthors(channel: ConversationId): Promise<void> {
    const { group } = await this.#logs.refresh(channel)
    if (!group.state.members.has(this.#core.account)) return
    await this.#offers.offer(() => this.#offers.draft(channel, { kind: 'leave', body: {} }))
  }

  async #change(channel: ConversationId, change: MembershipChange): Promise<void> {
    await this.#offers.change(channel, change)
    // Its first word is to name the new membership.
    this.#follower.wake(channel)
  }

  async #checkAuthor(channel: ConversationId): Promise<void> {
    const log = await readChannelLog(this.#core.store, channel)
    if (log?.group.state.members.has(this.#core.account) === true) return
    // Who was made an author a moment ago does not know it yet; without a connection it has to wait.
    const { group } = await this.#logs.refresh(channel)
    if (!group.state.members.has(this.#core.account)) throw new EvegramError('denied.not_author', { operation: 'post' })
  }

  #checkRoom(): void {
    if (this.#follower.size >= FOLLOWER_LIMITS.channelsMax) throw new EvegramError('limited.channels', { operation: 'follow channel', details: { channelsMax: FOLLOWER_LIMITS.channelsMax } })
  }

  async #begin(row: ChannelRow, log: ChannelLogRow, isFounded: boolean): Promise<ChannelRow> {
    const begun = await this.#core.local.write(async (tx) => {
      // Somebody may have followed the same link at the same time.
      const known = await readChannel(tx, row.channel)
      if (known !== undefined) return known
      writeChannel(tx, row)
      writeChannelLog(tx, log)
      if (isFounded) await this.#outbox.stage(tx, row.channel, { kind: 'authors' })
      return row
    })
    this.#follower.wake(row.channel)
    return begun
  }

  /** The channel itself goes last: what is interrupted is done again. */
  async #forget(channel: ConversationId): Promise<void> {
    const { local, store } = this.#core
    for (let more = true; more;) {
      more = await local.write(async (tx) => {
        const keys = await listChannelContent(store, channel, FORGET_ROWS)
        for (const key of keys) tx.remove('channels', key)
        if (keys.length === FORGET_ROWS) return true
        this.#outbox.abandon(tx, channel)
        removeChannel(tx, channel)
        return false
      })
    }
  }
}
