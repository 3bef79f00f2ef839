import { EvegramError, type AccountId, type Clock, type ConversationId, type DeviceId, type Random } from '@evegram/protocol'
import { AccountKeys } from './account-keys.js'
import { AccountResolver } from './account-resolver.js'
import type { DiscoveredServer } from './api/discovered-server.js'
import type { OperatorApi } from './api/operator-api.js'
import type { PushApi } from './api/http-push-api.js'
import type { WallyApi } from './api/wally-api.js'
import type { Backup } from './backup/backup.js'
import { Backups } from './backup/backups.js'
import type { Channel } from './channel.js'
import type { Client, InboxOptions, MessageRequest, NewChannel } from './client.js'
import { StoredContacts, type Contacts } from './contacts.js'
import type { Conversation } from './conversation.js'
import type { ClientCore } from './core/client-core.js'
import { cancellable, type InboxItem } from './core/feed.js'
import type { Message } from './core/message.js'
import { searchMessages, type SearchOptions, type SearchPage } from './core/search.js'
import type { ClientEvents, ClientState } from './events.js'
import { exportData } from './export/export-data.js'
import type { ExportOptions } from './export/export-options.js'
import type { BlobApi } from './files/blob-api.js'
import { downloadFile, type DownloadOptions } from './files/download.js'
import { FileUploads, type WaitingUpload } from './files/file-uploads.js'
import { DeviceHistory } from './history/device-history.js'
import type { Group } from './group.js'
import { ServerWallet, type AccountWallet } from './money/account-wallet.js'
import { AccountNotices, type Notices } from './notices.js'
import type { OwnDevice, OwnLogEntry, OwnWallet, Verification } from './own-account.js'
import { ResolvedPresence, type ContactPresence } from './presence.js'
import { ServerPush, type Push } from './push.js'
import { StoredSettings, type Settings } from './settings.js'
import type { LocalStore } from './store/local-store.js'
import { StrangerDecisions } from './stranger-decisions.js'
import { Talks } from './talks.js'
import { Verifications } from './verifications.js'
import type { Wallet } from './wallets/wallet.js'

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
  /** How the server wakes devices, where it does. */
  readonly push?: PushApi | undefined
}

/** A {@link Client} on a running core: each method is that of the part that does it. */
export class EvegramClient implements Client {
  readonly #parts: ClientParts
  readonly #talks: Talks
  readonly #strangers: StrangerDecisions
  readonly #keys: AccountKeys
  readonly #verifications: Verifications
  readonly #wallet: ServerWallet | undefined
  readonly #files: FileUploads | undefined
  readonly notices: Notices
  readonly backup: Backup
  readonly history: DeviceHistory
  readonly contacts: Contacts
  readonly settings: Settings
  readonly presence: ContactPresence
  readonly push: Push

  constructor(parts: ClientParts) {
    this.#parts = parts
    const { core: client, wally, server, blobs } = parts
    const { core } = client
    const resolver = new AccountResolver(client, server)
    const talks = new Talks({ client, resolver, domain: server.domain, files: () => this.#files })
    this.#talks = talks
    this.#strangers = new StrangerDecisions(client, resolver)
    this.#keys = new AccountKeys(client, server)
    this.#verifications = new Verifications(core, resolver)
    this.contacts = new StoredContacts({ core, resolve: async (addressOrAccount) => (await resolver.resolve(addressOrAccount)).verified.account })
    this.settings = new StoredSettings(core)
    this.presence = new ResolvedPresence(client.presence, resolver)
    this.notices = new AccountNotices(core)
    this.push = new ServerPush({ key: server.pushKey, api: parts.push })
    this.backup = new Backups(core, client.archives, blobs)
    this.history = new DeviceHistory({ core, outbox: client.outbox, transmission: client.transmission, archives: client.archives, mail: client.historyMail, api: blobs })
    const files = blobs === undefined ? undefined : new FileUploads({ core, api: blobs, say: (conversation, content, also) => talks.say(conversation, content, also) })
    this.#files = files
    if (files !== undefined) core.background.run('load uploads', () => files.load())
    this.#wallet = wally === undefined ? undefined : new ServerWallet({ core, api: wally, server, say: (conversation, content, also) => talks.say(conversation, content, also) })
  }

  get account(): AccountId {
    return this.core.core.account
  }

  get device(): DeviceId {
    return this.core.core.device
  }

  get address(): string {
    return this.core.core.address
  }

  get domain(): string {
    return this.#parts.server.domain
  }

  get state(): ClientState {
    return this.core.state
  }

  get pending(): number {
    return this.core.outbox.size + this.core.channelOutbox.size + (this.#wallet?.waiting ?? 0) + (this.#files?.size ?? 0) + this.history.size
  }

  get wallet(): AccountWallet {
    if (this.#wallet === undefined) throw new EvegramError('wallet.none', { operation: 'open wallet' })
    return this.#wallet
  }

  get operator(): OperatorApi {
    if (this.#parts.operator === undefined) throw new EvegramError('wallet.none', { operation: 'act as operator' })
    return this.#parts.operator
  }

  /** The running heart of this client, for parts of the SDK that serve it to others. */
  get core(): ClientCore {
    return this.#parts.core
  }

  on<Name extends keyof ClientEvents>(event: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.core.core.events.on(event, listener)
  }

  conversation(addressOrAccount: string): Promise<Conversation> {
    return this.#talks.conversation(addressOrAccount)
  }

  conversations(): Promise<readonly Conversation[]> {
    return this.#talks.conversations()
  }

  createGroup(name: string, members: readonly string[]): Promise<Group> {
    return this.#talks.createGroup(name, members)
  }

  groups(): Promise<readonly Group[]> {
    return this.#talks.groups()
  }

  group(conversation: string): Promise<Group> {
    return this.#talks.group(conversation)
  }

  createChannel(options: NewChannel): Promise<Channel> {
    return this.#talks.createChannel(options)
  }

  followChannel(link: string): Promise<Channel> {
    return this.#talks.followChannel(link)
  }

  channel(id: string): Promise<Channel | undefined> {
    return this.#talks.channel(id)
  }

  channels(): Promise<readonly Channel[]> {
    return this.#talks.channels()
  }

  /** As {@link Talks.talkOnce}. */
  talkOnce(id: ConversationId, name: string): Promise<Conversation | Group> {
    return this.#talks.talkOnce(id, name)
  }

  requests(): Promise<readonly MessageRequest[]> {
    return this.#strangers.requests()
  }

  accept(conversation: string): Promise<void> {
    return this.#strangers.accept(conversation)
  }

  decline(conversation: string): Promise<void> {
    return this.#strangers.decline(conversation)
  }

  block(addressOrAccount: string): Promise<void> {
    return this.#strangers.block(addressOrAccount)
  }

  unblock(addressOrAccount: string): Promise<void> {
    return this.#strangers.unblock(addressOrAccount)
  }

  blocked(limit?: number): Promise<readonly AccountId[]> {
    return this.#strangers.blocked(limit)
  }

  exportData(options?: ExportOptions): ReadableStream<Uint8Array> {
    return exportData(this, this.core.core.time.now(), options)
  }

  accountLog(): Promise<readonly OwnLogEntry[]> {
    return this.#keys.accountLog()
  }

  devices(): Promise<readonly OwnDevice[]> {
    return this.#keys.devices()
  }

  revokeDevice(device: string, wallet?: Wallet): Promise<void> {
    return this.#keys.revokeDevice(device, wallet)
  }

  wallets(): Promise<readonly OwnWallet[]> {
    return this.#keys.wallets()
  }

  linkWallet(foundingWallet: Wallet, newWallet: Wallet): Promise<void> {
    return this.#keys.linkWallet(foundingWallet, newWallet)
  }

  unlinkWallet(address: string, wallet: Wallet): Promise<void> {
    return this.#keys.unlinkWallet(address, wallet)
  }

  verify(addressOrAccount: string): Promise<Verification> {
    return this.#verifications.verify(addressOrAccount)
  }

  markVerified(addressOrAccount: string): Promise<void> {
    return this.#verifications.markVerified(addressOrAccount)
  }

  inbox(options: InboxOptions): AsyncIterable<InboxItem> {
    return cancellable((signal) => this.core.feed.inbox(options.fromStart, signal), options.signal)
  }

  search(text: string, options?: SearchOptions): Promise<SearchPage> {
    return searchMessages(this.core.core.store, text, options)
  }

  download(message: Message, index: number, options?: DownloadOptions): ReadableStream<Uint8Array> {
    const { blobs, clock, random } = this.#parts
    const file = message.files?.[index]
    if (blobs === undefined) throw new EvegramError('files.none', { operation: 'download file' })
    if (file === undefined) throw new EvegramError('invalid.argument', { operation: 'download file', advice: 'The message has no such file.' })
    return downloadFile({ api: blobs, clock, random }, file, options)
  }

  uploads(): Promise<readonly WaitingUpload[]> {
    return Promise.resolve(this.#files?.list() ?? [])
  }

  cancelUpload(upload: string): Promise<void> {
    this.#files?.cancel(upload)
    return Promise.resolve()
  }

  whenSynced(): Promise<void> {
    return this.core.whenSynced()
  }

  async close(): Promise<void> {
    this.#wallet?.close()
    this.#files?.close()
    this.history.close()
    await this.core.close()
    await this.#parts.store.close()
  }
}
