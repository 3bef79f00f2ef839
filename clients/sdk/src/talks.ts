import { EvegramError, parseConversationId, type ConversationId } from '@evegram/protocol'
import type { AccountResolver } from './account-resolver.js'
import { FollowedChannel, type Channel } from './channel.js'
import type { Client, NewChannel } from './client.js'
import { DirectConversation, type Conversation } from './conversation.js'
import type { SentMessage } from './core/sent-message.js'
import { listChannels, readChannel, type ChannelRow } from './core/channel-row.js'
import type { ClientCore } from './core/client-core.js'
import { isGroup, newConversation, readConversation, writeConversation, type ConversationRow } from './core/conversation-row.js'
import { allConversations } from './core/devices.js'
import type { MessageContent } from './core/message.js'
import { hasMessages } from './core/message-row.js'
import { namesUnder } from './core/once.js'
import type { Transaction } from './core/transaction.js'
import { KeyedTurns } from './core/turns.js'
import type { FileUploads } from './files/file-uploads.js'
import { GroupConversation, type Group } from './group.js'
import { FOLLOWER_LIMITS } from './sync/channel-follower.js'

/** What {@link Talks} work with. */
export interface TalkPorts {
  readonly client: ClientCore
  readonly resolver: AccountResolver
  readonly domain: string
  /** Where the server stores files. */
  files(): FileUploads | undefined
}

/** The part of a {@link Client} that opens and lists conversations, groups and channels. */
export class Talks implements Pick<Client, 'conversation' | 'conversations' | 'createGroup' | 'groups' | 'group' | 'createChannel' | 'followChannel' | 'channel' | 'channels'> {
  readonly #ports: TalkPorts
  readonly #sending = new KeyedTurns()

  constructor(ports: TalkPorts) {
    this.#ports = ports
  }

  async conversation(addressOrAccount: string): Promise<Conversation> {
    this.#ports.client.check()
    const { verified, address } = await this.#ports.resolver.resolve(addressOrAccount)
    if (verified.state.closed) throw new EvegramError('account.closed', { operation: 'open conversation' })
    const fresh = newConversation(this.#core.account, verified.account, this.#core.time.now())
    const row = await this.#core.local.write(async (tx) => {
      const known = await readConversation(tx, fresh.conversation)
      if (known === undefined) writeConversation(tx, fresh)
      return known ?? fresh
    })
    return this.#open(row, address)
  }

  async conversations(): Promise<readonly Conversation[]> {
    const opened: Conversation[] = []
    for (const row of await allConversations(this.#core)) {
      if (isGroup(row) || this.#core.requests.isWaiting(row.conversation)) continue
      // Own devices talk there about the state of the account, which is nothing to show.
      if (row.peer === this.#core.account && !(await hasMessages(this.#core.store, row.conversation))) continue
      await this.#core.roster.loadAccount(row.peer)
      opened.push(this.#open(row, this.#core.roster.addressOf(row.peer)))
    }
    return opened
  }

  async createGroup(name: string, members: readonly string[]): Promise<Group> {
    this.#ports.client.check()
    const { state } = await this.#ports.client.groupActions.create(name, await this.#ports.resolver.accounts(members))
    return this.group(state.conversation)
  }

  async groups(): Promise<readonly Group[]> {
    return (await allConversations(this.#core)).filter(isGroup).map((row) => this.#openGroup(row))
  }

  async group(conversation: string): Promise<Group> {
    const row = (await allConversations(this.#core)).filter(isGroup).find((known) => known.conversation === conversation)
    if (row === undefined) throw new EvegramError('not_found.conversation', { operation: 'open group', advice: 'This profile knows no such group.' })
    return this.#openGroup(row)
  }

  async createChannel({ name, authors = [] }: NewChannel): Promise<Channel> {
    this.#ports.client.check()
    const accounts = await this.#ports.resolver.accounts(authors)
    return this.#openChannel(await this.#ports.client.channelActions.create(this.#ports.domain, name, accounts))
  }

  async followChannel(link: string): Promise<Channel> {
    this.#ports.client.check()
    return this.#openChannel(await this.#ports.client.channelActions.follow(this.#ports.domain, link))
  }

  async channel(id: string): Promise<Channel | undefined> {
    const row = await readChannel(this.#core.store, parseConversationId(id))
    return row === undefined ? undefined : this.#openChannel(row)
  }

  async channels(): Promise<readonly Channel[]> {
    return (await listChannels(this.#core.store, FOLLOWER_LIMITS.channelsMax)).map((row) => this.#openChannel(row))
  }

  /**
   * A conversation or group of this profile as `conversation` and `group` give it, where what one call says is said once however often the call is made under
   * `name` (see `newOnceName`). Rejects `not_found.conversation`.
   */
  async talkOnce(id: ConversationId, name: string): Promise<Conversation | Group> {
    const row = await readConversation(this.#core.store, id)
    if (row === undefined) throw new EvegramError('not_found.conversation', { operation: 'open conversation' })
    if (isGroup(row)) return this.#openGroup(row, name)
    await this.#core.roster.loadAccount(row.peer)
    return this.#open(row, this.#core.roster.addressOf(row.peer), name)
  }

  /** Says any message in a conversation or group of this profile; what `also` stages becomes durable together with it, or not at all. */
  async say(conversation: ConversationId, content: MessageContent, also: (tx: Transaction) => void): Promise<SentMessage> {
    const row = await readConversation(this.#core.store, conversation)
    if (row === undefined) throw new EvegramError('client.store', { operation: 'read conversation' })
    if (isGroup(row)) return this.#open(row, '').say(content, also)
    await this.#core.roster.loadAccount(row.peer)
    return this.#open(row, this.#core.roster.addressOf(row.peer)).say(content, also)
  }

  get #core(): ClientCore['core'] {
    return this.#ports.client.core
  }

  #open(row: ConversationRow, address: string, name?: string): DirectConversation {
    const { client } = this.#ports
    return new DirectConversation({
      core: client.core, outbox: client.outbox, transmission: client.transmission, feed: client.feed, typing: client.typing, files: this.#ports.files(), turns: this.#sending,
      check: () => { client.check() }, once: name === undefined ? undefined : namesUnder(name),
    }, row, address)
  }

  #openGroup(row: ConversationRow, name?: string): Group {
    const { client, resolver } = this.#ports
    return new GroupConversation({
      core: client.core, actions: client.groupActions, logs: client.groupLogs, conversation: this.#open(row, '', name), resolve: (addressOrAccount) => resolver.account(addressOrAccount),
    })
  }

  #openChannel(row: ChannelRow): Channel {
    const { client, resolver } = this.#ports
    return new FollowedChannel({
      core: client.core, actions: client.channelActions, logs: client.channelLogs, check: () => { client.check() }, resolve: (addressOrAccount) => resolver.account(addressOrAccount),
    }, row)
  }
}
