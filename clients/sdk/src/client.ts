import type { AccountId, ConversationId, DeviceId } from '@evegram/protocol'
import type { OperatorApi } from './api/operator-api.js'
import type { Backup } from './backup/backup.js'
import type { Channel } from './channel.js'
import type { Contacts } from './contacts.js'
import type { Conversation } from './conversation.js'
import type { InboxItem } from './core/feed.js'
import type { Message } from './core/message.js'
import type { SearchOptions, SearchPage } from './core/search.js'
import type { ClientEvents, ClientState } from './events.js'
import type { ExportOptions } from './export/export-options.js'
import type { DownloadOptions } from './files/download.js'
import type { WaitingUpload } from './files/file-uploads.js'
import type { Group } from './group.js'
import type { History } from './history/history.js'
import type { AccountWallet } from './money/account-wallet.js'
import type { Notices } from './notices.js'
import type { OwnDevice, OwnLogEntry, OwnWallet, Verification } from './own-account.js'
import type { ContactPresence } from './presence.js'
import type { Push } from './push.js'
import type { Settings } from './settings.js'
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
  /** Messages beyond `REQUEST_MESSAGES_MAX`, which were not kept, and a first one that could not be read: its sender is asked for it once the request is accepted. */
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
  /** Removes a request with its messages, on all own devices. Who goes on writing makes a new one; a group is not shown again. Rejects as `accept` does. */
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
  /** Who of the contacts is there, where both sides tell it. */
  readonly presence: ContactPresence
  /** How this device is woken while nothing of it runs. */
  readonly push: Push
  /**
   * The content of a file of a message (the first is 0), decrypted and verified piece by piece: the stream ends only when all of it was there and is what was sent. Goes on where it
   * was after a broken connection. Rejects while it is read: `not_found.blob`, `e2ee.file_damaged`, `files.cancelled`, `unavailable.*`. Throws `files.none`, `invalid.argument`.
   */
  download(message: Message, index: number, options?: DownloadOptions): ReadableStream<Uint8Array>
  /** Messages with files that wait for the server to have them, in the order in which they go: of this run and of earlier ones. `upload` events tell the rest. */
  uploads(): Promise<readonly WaitingUpload[]>
  /** Ends an upload with `files.cancelled`; one that is over is no error. */
  cancelUpload(upload: string): Promise<void>
  /** What the server tells the own account. */
  readonly notices: Notices
  /** Encrypted backups of this profile. */
  readonly backup: Backup
  /** What was said before this device came, from another own device; and the same for others. */
  readonly history: History
  /** The own account at the wallet bridge of the server. Throws `wallet.none` where the server has none. */
  readonly wallet: AccountWallet
  /** The wallet bridge as an operator sees it, where the server knows this account as one. Throws `wallet.none` where the server has none. */
  readonly operator: OperatorApi
  /**
   * Everything that this profile has and the server keeps of the account, without keys, as lines of JSON: docs/export.md. What the server does not answer is named in it. Rejects while
   * it is read as the store does.
   */
  exportData(options?: ExportOptions): ReadableStream<Uint8Array>
  /** The log that the own account is: every entry, as the server shows it and this device verified it. Rejects `account.log_*`, `unavailable.server`. */
  accountLog(): Promise<readonly OwnLogEntry[]>
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
