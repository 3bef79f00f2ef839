import {
  activeWallets, EvegramError, isEvegramError, parseAccountId, parseConversationId, type AccountId, type Clock, type ConversationId, type DeviceId,
  type Random,
} from '@evegram/protocol'
import { addressOf, chainOf, parseAddress } from '@evegram/protocol/proof'
import { linkWallet, revokeDevice, unlinkWallet, type AccountChangePorts } from './core/account-changes.js'
import type { ClientCore } from './core/client-core.js'
import { isGroup, newConversation, readConversation, writeConversation, type ConversationRow } from './core/conversation-row.js'
import { allConversations } from './core/devices.js'
import { cancellable, type InboxItem } from './core/feed.js'
import { hasMessages } from './core/message.js'
import { searchMessages, type SearchOptions, type SearchPage } from './core/search.js'
import { KeyedTurns } from './core/turns.js'
import { readVerified, verifiedChange, verifiedSetOf } from './core/verified.js'
import { namesUnder } from './core/once.js'
import { StoredContacts, type Contacts } from './contacts.js'
import { DirectConversation, type Conversation, type SentMessage } from './conversation.js'
import { StoredSettings, type Settings } from './settings.js'
import { FollowedChannel, type Channel } from './channel.js'
import { listChannels, readChannel, type ChannelRow } from './core/channel-row.js'
import { GroupConversation, type Group } from './group.js'
import { FOLLOWER_LIMITS } from './sync/channel-follower.js'
import type { Backup } from './backup/backup.js'
import { Backups } from './backup/backups.js'
import type { BlobApi } from './files/blob-api.js'
import { downloadFile, type DownloadOptions } from './files/download.js'
import { FileUploads } from './files/file-uploads.js'
import type { Message, MessageContent } from './core/message.js'
import type { Transaction } from './core/transaction.js'
import type { VerifiedAccount } from './account/account-verifier.js'
import type { DiscoveredServer } from './api/discovered-server.js'
import type { OperatorApi } from './api/operator-api.js'
import type { WallyApi } from './api/wally-api.js'
import { safetyNumber } from './crypto/safety-number.js'
import type { ClientEvents, ClientState } from './events.js'
import { AccountNotices, type Notices } from './notices.js'
import type { OwnDevice, OwnWallet, Verification } from './own-account.js'
import { ServerWallet, type AccountWallet } from './money/account-wallet.js'
import { STATE_FAMILIES } from './state/register-keys.js'
import type { LocalStore } from './store/local-store.js'
import type { Wallet } from './wallets/wallet.js'

/** Choices of {@link Client.inbox}. */
export interface InboxOptions {
  /** From the first message of the profile, whatever was done before. */
  readonly fromStart: boolean
  /** Ends the iteration. */
  readonly signal?: AbortSignal
}

/** A conversation that a stranger began: the user decides what becomes of it. */
export interface MessageRequest {
  readonly conversation: ConversationId
  /** Who wrote first, or added this account to a group. */
  readonly account: AccountId
  readonly address: string
  readonly group: boolean
  /** Ms since 1970. */
  readonly firstAtMs: number
  /** Messages that wait; of a direct conversation `Conversation.history` has them. */
  readonly messages: number
  /** Messages beyond `REQUEST_MESSAGES_MAX`, which were not kept. */
  readonly dropped: number
}

/** What a new channel is. */
export interface NewChannel {
  /** At most `LIMITS.groupNameBytesMax` UTF-8 bytes. */
  readonly name: string
  /** Addresses or ids of accounts that may post beside its founder. */
  readonly authors?: readonly string[]
}

/** A signed-in device of an account. Made by `createClient`; usable until `close`. */
export interface Client {
  readonly account: AccountId
  readonly device: DeviceId
  /** Address of the founding wallet of the account. */
  readonly address: string
  readonly domain: string
  readonly state: ClientState
  /** Envelopes, posts, files and payments that this device has committed and the server has not stored or made yet. */
  readonly pending: number
  /** Calls `listener` at each `event` until the returned function is called. Throws `limited.queue` past 1,000 listeners. */
  on<Name extends keyof ClientEvents>(event: Name, listener: (event: ClientEvents[Name]) => void): () => void
  /**
   * The conversation with the owner of an address (as its chain writes it) or with an account id. Rejects with `invalid.address`,
   * `account.not_found` when nobody signed in with it, `account.closed`, or the reason why the server's answer is not believed.
   */
  conversation(addressOrAccount: string): Promise<Conversation>
  /** All direct conversations of this profile, except those that wait as requests; the one with oneself once something was said there. */
  conversations(): Promise<readonly Conversation[]>
  /**
   * What strangers began, the newest first: until the user decides, they are told neither that something was received or read nor that somebody types.
   * At most `REQUESTS_MAX`. Writing back accepts.
   */
  requests(): Promise<readonly MessageRequest[]>
  /** Takes a request: its messages are those of everybody. Rejects `not_found.conversation` where none waits. */
  accept(conversation: ConversationId | string): Promise<void>
  /** Removes a request with its messages. Who goes on writing makes a new one; a group is not shown again. Rejects as `accept` does. */
  decline(conversation: ConversationId | string): Promise<void>
  /**
   * Nothing of this account is shown from now on, in groups neither, on any own device; a request of theirs goes with its messages. They are not told. By address
   * or account id; rejects as `conversation` does.
   */
  block(addressOrAccount: string): Promise<void>
  /** Takes that back. What came meanwhile stays unseen. */
  unblock(addressOrAccount: string): Promise<void>
  /** Accounts that are blocked, at most `limit` (default 1,000). */
  blocked(limit?: number): Promise<readonly AccountId[]>
  /** Founds a group of this account, as its owner, and of the accounts behind `members`. Rejects as changes of a {@link Group} do. */
  createGroup(name: string, members: readonly string[]): Promise<Group>
  /** All groups of this profile, those that were left included. */
  groups(): Promise<readonly Group[]>
  /** A group of this profile. Rejects `not_found.conversation`. */
  group(conversation: ConversationId | string): Promise<Group>
  /**
   * Founds a channel of this account, as its owner, and of the accounts behind `authors`, who may post too. Its first post says its name and nothing
   * else. Needs a connection. Rejects as changes of a {@link Channel} do, `invalid.argument` for the name, `limited.channels`.
   */
  createChannel(options: NewChannel): Promise<Channel>
  /**
   * Follows the channel of a link, now and in later runs of this profile; once more is once. Verifies the log of its authors and that the key belongs
   * to it; resolves when the posts that there are were read, as far as the server shows them. Rejects `invalid.channel_link`, `channel.key`,
   * `not_found.conversation`, `client.domain_mismatch` for a channel of another server, `limited.channels`, `unavailable.server`.
   */
  followChannel(link: string): Promise<Channel>
  /** A channel that this profile follows, or undefined. */
  channel(id: ConversationId | string): Promise<Channel | undefined>
  /** All channels that this profile follows, own ones included. */
  channels(): Promise<readonly Channel[]>
  /**
   * All messages of all conversations, own ones included, in the order in which this profile committed them, behind a durable place
   * that `done` advances: what was not `done` comes again after a restart. Ends when `signal` aborts or the client closes.
   */
  inbox(options: InboxOptions): AsyncIterable<InboxItem>
  /** Looks for a text in stored messages, whatever its case and accents: 5,000 messages a call, `next` says where another goes on. Rejects `invalid.argument`. */
  search(text: string, options?: SearchOptions): Promise<SearchPage>
  /** Whom the user named, accepted or blocked: the same on all own devices. */
  readonly contacts: Contacts
  /** The same on all own devices. */
  readonly settings: Settings
  /**
   * The content of a file of a message (the first is 0), decrypted and verified piece by piece: the stream ends only when all of it was there and is what was sent. Goes on where it
   * was after a broken connection. Rejects while it is read: `not_found.blob`, `e2ee.file_damaged`, `files.cancelled`, `unavailable.*`. Throws `files.none`, `invalid.argument`.
   */
  download(message: Message, index: number, options?: DownloadOptions): ReadableStream<Uint8Array>
  /** Ends an upload with `files.cancelled`; one that is over is no error. */
  cancelUpload(upload: string): Promise<void>
  /** What the server tells the own account. */
  readonly notices: Notices
  /** Encrypted backups of this profile. */
  readonly backup: Backup
  /** The own account at the wallet bridge of the server. Throws `wallet.none` where the server has none. */
  readonly wallet: AccountWallet
  /** The wallet bridge as an operator sees it, where the server knows this account as one. Throws `wallet.none` where the server has none. */
  readonly operator: OperatorApi
  /** Devices of the own account, as the server shows them now. */
  devices(): Promise<readonly OwnDevice[]>
  /** Revokes a device for ever: the own one by its own key, any by an active wallet. All conversations of the last 30 days are told. */
  revokeDevice(device: DeviceId | string, wallet?: Wallet): Promise<void>
  wallets(): Promise<readonly OwnWallet[]>
  /** Links a wallet to the account: the founding wallet and the new one both sign. */
  linkWallet(foundingWallet: Wallet, newWallet: Wallet): Promise<void>
  /** Unlinks the wallet of `address`: it signs itself, or the founding wallet does. */
  unlinkWallet(address: string, wallet: Wallet): Promise<void>
  /** Safety number and devices of a peer, by its newest log. */
  verify(addressOrAccount: string): Promise<Verification>
  /** The user compared the safety number: holds until a device or wallet joins that no verified device approved. */
  markVerified(addressOrAccount: string): Promise<void>
  /** Resolves when everything that the server has for this device is committed; rejects when the client is closed or stopped. */
  whenSynced(): Promise<void>
  /** Ends the connection, finishes what is being written and releases the store. Messages that wait are sent by the next run. */
  close(): Promise<void>
}

/** Accounts that a user accepted or blocked, as many as there can be registers of them. */
const LIST_RELATIONS_MAX = STATE_FAMILIES['contact.relation'].registersMax

/** What an {@link EvegramClient} works with. */
export interface ClientParts {
  readonly core: ClientCore
  readonly server: DiscoveredServer
  readonly store: LocalStore
  readonly clock: Clock
  readonly random: Random
  /** The wallet bridge of the server, where it has one. */
  readonly wally?: WallyApi | undefined
  readonly operator?: OperatorApi | undefined
  /** The store of encrypted files of the server, where it has one. */
  readonly blobs?: BlobApi | undefined
}

/** A {@link Client} on a running core. */
export class EvegramClient implements Client {
  readonly #parts: ClientParts
  readonly #sending = new KeyedTurns()
  readonly #wallet: ServerWallet | undefined
  readonly #files: FileUploads | undefined
  readonly notices: Notices
  readonly backup: Backup
  readonly contacts: Contacts
  readonly settings: Settings

  constructor(parts: ClientParts) {
    this.#parts = parts
    this.contacts = new StoredContacts({ core: this.#core, resolve: async (addressOrAccount) => (await this.#resolve(addressOrAccount)).verified.account })
    this.settings = new StoredSettings(this.#core)
    const { wally, server } = parts
    this.notices = new AccountNotices(this.#core)
    this.backup = new Backups(this.#core, parts.core.archives, parts.blobs)
    this.#files = parts.blobs === undefined ? undefined : new FileUploads({ core: this.#core, api: parts.blobs, say: (conversation, content, also) => this.#sayIn(conversation, content, also) })
    const files = this.#files
    if (files !== undefined) this.#core.background.run('load uploads', () => files.load())
    this.#wallet = wally === undefined ? undefined : new ServerWallet({
      core: this.#core, api: wally, server,
      say: (conversation, content, also) => this.#sayIn(conversation, content, also),
    })
  }

  download(message: Message, index: number, options?: DownloadOptions): ReadableStream<Uint8Array> {
    const { blobs, clock, random } = this.#parts
    const file = message.files?.[index]
    if (blobs === undefined) throw new EvegramError('files.none', { operation: 'download file' })
    if (file === undefined) throw new EvegramError('invalid.argument', { operation: 'download file', advice: 'The message has no such file.' })
    return downloadFile({ api: blobs, clock, random }, file, options)
  }

  cancelUpload(upload: string): Promise<void> {
    this.#files?.cancel(upload)
    return Promise.resolve()
  }

  async #sayIn(conversation: ConversationId, content: MessageContent, also: (tx: Transaction) => void): Promise<SentMessage> {
    const row = await readConversation(this.#core.store, conversation)
    if (row === undefined) throw new EvegramError('client.store', { operation: 'read conversation' })
    if (isGroup(row)) return this.#open(row, '').say(content, also)
    await this.#core.roster.loadAccount(row.peer)
    return this.#open(row, this.#core.roster.addressOf(row.peer)).say(content, also)
  }

  get wallet(): AccountWallet {
    if (this.#wallet === undefined) throw new EvegramError('wallet.none', { operation: 'open wallet' })
    return this.#wallet
  }

  get account(): AccountId {
    return this.#core.account
  }

  get device(): DeviceId {
    return this.#core.device
  }

  get address(): string {
    return this.#core.address
  }

  get domain(): string {
    return this.#parts.server.domain
  }

  get state(): ClientState {
    return this.#parts.core.state
  }

  get pending(): number {
    return this.#parts.core.outbox.size + this.#parts.core.channelOutbox.size + (this.#wallet?.waiting ?? 0) + (this.#files?.size ?? 0)
  }

  get #core(): ClientCore['core'] {
    return this.#parts.core.core
  }

  get operator(): OperatorApi {
    if (this.#parts.operator === undefined) throw new EvegramError('wallet.none', { operation: 'act as operator' })
    return this.#parts.operator
  }

  on<Name extends keyof ClientEvents>(event: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#core.events.on(event, listener)
  }

  async conversation(addressOrAccount: string): Promise<Conversation> {
    this.#parts.core.check()
    const { verified, address } = await this.#resolve(addressOrAccount)
    if (verified.state.closed) throw new EvegramError('account.closed', { operation: 'open conversation' })
    const fresh = newConversation(this.account, verified.account, this.#core.time.now())
    const row = await this.#core.local.write(async (tx) => {
      const known = await readConversation(tx, fresh.conversation)
      if (known === undefined) writeConversation(tx, fresh)
      return known ?? fresh
    })
    return this.#open(row, address)
  }

  async conversations(): Promise<readonly Conversation[]> {
    const rows = await allConversations(this.#core)
    const opened: Conversation[] = []
    for (const row of rows) {
      if (isGroup(row) || this.#core.requests.isWaiting(row.conversation)) continue
      // Own devices talk there about the state of the account, which is nothing to show.
      if (row.peer === this.account && !(await hasMessages(this.#core.store, row.conversation))) continue
      await this.#core.roster.loadAccount(row.peer)
      opened.push(this.#open(row, this.#core.roster.addressOf(row.peer)))
    }
    return opened
  }

  async requests(): Promise<readonly MessageRequest[]> {
    const { roster, requests } = this.#core
    const shown: MessageRequest[] = []
    for (const request of requests.list()) {
      await roster.loadAccount(request.account)
      shown.push({ ...request, address: roster.addressOf(request.account) })
    }
    return shown
  }

  accept(conversation: string): Promise<void> {
    return this.#parts.core.requestActions.end(parseConversationId(conversation), 'accepted')
  }

  decline(conversation: string): Promise<void> {
    return this.#parts.core.requestActions.end(parseConversationId(conversation), 'declined')
  }

  async block(addressOrAccount: string): Promise<void> {
    await this.#parts.core.requestActions.block((await this.#resolve(addressOrAccount)).verified.account)
  }

  async unblock(addressOrAccount: string): Promise<void> {
    await this.#parts.core.requestActions.unblock((await this.#resolve(addressOrAccount)).verified.account)
  }

  async blocked(limit = 1_000): Promise<readonly AccountId[]> {
    const relations = await this.#core.state.list('contact.relation', LIST_RELATIONS_MAX)
    return relations.filter(({ value }) => value === 'blocked').slice(0, limit).map(({ id }) => parseAccountId(id))
  }

  async createGroup(name: string, members: readonly string[]): Promise<Group> {
    this.#parts.core.check()
    const accounts: AccountId[] = []
    for (const member of members) accounts.push((await this.#resolve(member)).verified.account)
    const { state } = await this.#parts.core.groupActions.create(name, accounts)
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
    this.#parts.core.check()
    const accounts: AccountId[] = []
    for (const author of authors) accounts.push((await this.#resolve(author)).verified.account)
    return this.#openChannel(await this.#parts.core.channelActions.create(this.domain, name, accounts))
  }

  async followChannel(link: string): Promise<Channel> {
    this.#parts.core.check()
    return this.#openChannel(await this.#parts.core.channelActions.follow(this.domain, link))
  }

  async channel(id: string): Promise<Channel | undefined> {
    const row = await readChannel(this.#core.store, parseConversationId(id))
    return row === undefined ? undefined : this.#openChannel(row)
  }

  async channels(): Promise<readonly Channel[]> {
    return (await listChannels(this.#core.store, FOLLOWER_LIMITS.channelsMax)).map((row) => this.#openChannel(row))
  }

  /** The running heart of this client, for parts of the SDK that serve it to others. */
  get core(): ClientCore {
    return this.#parts.core
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

  inbox(options: InboxOptions): AsyncIterable<InboxItem> {
    return cancellable((signal) => this.#parts.core.feed.inbox(options.fromStart, signal), options.signal)
  }

  search(text: string, options?: SearchOptions): Promise<SearchPage> {
    return searchMessages(this.#core.store, text, options)
  }

  async devices(): Promise<readonly OwnDevice[]> {
    const { state } = await this.#core.roster.refresh(this.account)
    return [...state.devices].map(([device, { active, attestedAtMs }]) => ({ device, active, attestedAtMs }))
  }

  async revokeDevice(device: string, wallet?: Wallet): Promise<void> {
    const { state } = await this.#core.roster.refresh(this.account)
    const target = [...state.devices.keys()].find((known) => known === device)
    if (target === undefined) throw new EvegramError('account.device_unknown', { operation: 'revoke device' })
    const after = await revokeDevice(this.#changes(), target, wallet)
    await this.#core.roster.loadAccount(this.account)
    await this.#parts.core.revocations.announce(after, target)
  }

  async wallets(): Promise<readonly OwnWallet[]> {
    const { state } = await this.#core.roster.refresh(this.account)
    return [...state.wallets].map(([wallet, { active }]) => ({
      address: addressOf(wallet), chain: chainOf(wallet), founding: wallet === state.foundingWallet, active,
    }))
  }

  async linkWallet(foundingWallet: Wallet, newWallet: Wallet): Promise<void> {
    await linkWallet(this.#changes(), foundingWallet, newWallet)
    await this.#core.roster.loadAccount(this.account)
  }

  async unlinkWallet(address: string, wallet: Wallet): Promise<void> {
    const { walletId } = parseAddress(address, { network: this.#parts.server.network })
    await unlinkWallet(this.#changes(), walletId, wallet)
    await this.#core.roster.loadAccount(this.account)
  }

  async verify(addressOrAccount: string): Promise<Verification> {
    const { verified: peer } = await this.#resolve(addressOrAccount)
    const own = await this.#core.roster.refresh(this.account)
    const set = verifiedSetOf(peer.state)
    const marked = await readVerified(this.#core.store, peer.account)
    const isSame = marked !== undefined && sameMembers(marked.devices, set.devices) && sameMembers(marked.wallets, set.wallets)
    return { safetyNumber: safetyNumber(partyOf(own), partyOf(peer)), devices: set.devices, verified: isSame }
  }

  async markVerified(addressOrAccount: string): Promise<void> {
    const { verified } = await this.#resolve(addressOrAccount)
    await this.#core.local.store.commit([verifiedChange(verified.account, verifiedSetOf(verified.state))])
  }

  whenSynced(): Promise<void> {
    return this.#parts.core.whenSynced()
  }

  async close(): Promise<void> {
    this.#wallet?.close()
    this.#files?.close()
    await this.#parts.core.close()
    await this.#parts.store.close()
  }

  #open(row: ConversationRow, address: string, name?: string): DirectConversation {
    const { core } = this.#parts
    return new DirectConversation({
      core: core.core, outbox: core.outbox, transmission: core.transmission, feed: core.feed, typing: core.typing, files: this.#files, turns: this.#sending, check: () => { core.check() },
      once: name === undefined ? undefined : namesUnder(name),
    }, row, address)
  }

  #openGroup(row: ConversationRow, name?: string): Group {
    const { core } = this.#parts
    return new GroupConversation({
      core: core.core, actions: core.groupActions, logs: core.groupLogs, conversation: this.#open(row, '', name),
      resolve: async (addressOrAccount) => {
        core.check()
        return (await this.#resolve(addressOrAccount)).verified.account
      },
    })
  }

  #openChannel(row: ChannelRow): Channel {
    const { core } = this.#parts
    return new FollowedChannel({
      core: core.core, actions: core.channelActions, logs: core.channelLogs, check: () => { core.check() },
      resolve: async (addressOrAccount) => {
        core.check()
        return (await this.#resolve(addressOrAccount)).verified.account
      },
    }, row)
  }

  /** The verified account behind an address or id. Offline it is the one known from before, where the address names its founder. */
  async #resolve(addressOrAccount: string): Promise<{ readonly verified: VerifiedAccount; readonly address: string }> {
    const { roster, accounts, events } = this.#core
    if (/^[0-9a-f]{32}$/.test(addressOrAccount)) {
      const verified = await roster.loadAccount(parseAccountId(addressOrAccount))
      return { verified, address: roster.addressOf(verified.account) }
    }
    try {
      const resolved = await accounts.resolveAddress(addressOrAccount)
      if (resolved.changedFrom !== undefined) {
        events.emit('identity-changed', { account: resolved.verified.account, address: resolved.address, wasVerified: false })
      }
      return { verified: await roster.take(resolved.verified), address: resolved.address }
    } catch (error) {
      if (!isEvegramError(error, 'unavailable.server') && !isEvegramError(error, 'timeout')) throw error
      const offline = await this.#knownPeer(addressOrAccount)
      if (offline === undefined) throw error
      return offline
    }
  }

  /** A conversation partner that this profile verified before, by one of its active wallets. */
  async #knownPeer(address: string): Promise<{ readonly verified: VerifiedAccount; readonly address: string } | undefined> {
    const { walletId, address: printed } = parseAddress(address, { network: this.#parts.server.network })
    for (const row of await allConversations(this.#core)) {
      if (isGroup(row)) continue
      const { peer } = row
      const known = await this.#core.accounts.known(peer)
      if (known !== undefined && activeWallets(known.state).includes(walletId)) return { verified: await this.#core.roster.take(known), address: printed }
    }
    return undefined
  }

  #changes(): AccountChangePorts {
    this.#parts.core.check()
    const { auth, accounts, keys, account, time } = this.#core
    return { server: this.#parts.server, auth, accounts, keys, account, nowMs: () => time.now() }
  }
}

function partyOf({ account, state }: VerifiedAccount): Parameters<typeof safetyNumber>[0] {
  return { account, ...verifiedPartyOf(state) }
}

function verifiedPartyOf(state: VerifiedAccount['state']): { wallets: ReturnType<typeof activeWallets>; devices: readonly DeviceId[] } {
  return { wallets: activeWallets(state), devices: verifiedSetOf(state).devices }
}

function sameMembers(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((member) => right.includes(member))
}
