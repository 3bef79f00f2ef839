import type { AccountId, AccountState, ConversationId, DeviceId, MessageId, Position } from '@evegram/protocol'
import type { GroupMembership, PresenceEntry } from '@evegram/engine'
import type { ClientEvents, Message, StoreChange } from '@evegram/sdk'
import type { SimProcess } from '../kernel/process.js'
import type { IntendedChange } from './message-truth.js'
import type { ReceiptHabits } from './receipts.js'

/**
 * What the parts of a simulated world tell the auditor, each at the moment in which it becomes true. Nothing here comes from the code that is
 * tested: it is seen on the wire, in the stores and on the disks, or it is what the workload itself did.
 */
export interface Observer {
  // What the workload did.
  /** A person exists; the account id follows from the founding wallet. */
  personMade(person: string, account: AccountId): void
  /** What a person lets be told of receipts, before any of their devices is opened. */
  habits(account: AccountId, habits: ReceiptHabits): void
  /** A person is about to mark a conversation as read up to an order key. */
  reading(account: AccountId, conversation: ConversationId, order: bigint): void
  /** A device is about to be asked to say something about a message; `token` names it until it is durable. */
  changing(token: number, change: IntendedChange): void
  /** It is durable on that device, as this message. What never comes here may have been said all the same. */
  changed(token: number, message: MessageId): void
  /** The workload is about to make a device for the account. Devices that were never announced here are ghosts. */
  deviceMade(name: string, account: AccountId, device: DeviceId): void
  /**
   * The workload calls `send` on a client. `above`: the largest order key among the messages of the conversation that this device has shown, 0n
   * for none.
   */
  saying(name: string, conversation: ConversationId, text: string, above: bigint): void
  /** `send` resolved: the message is durable on the device of the sender. */
  said(name: string, message: Message): void
  /** The workload founded a channel; its key is in the link alone. */
  channelFounded(key: Uint8Array): void
  /** `Channel.post` resolved on a device: the text is post `seq` of the channel. */
  posted(name: string, channel: ConversationId, text: string, seq: number): void
  /** The device was asked to revoke `device`, and the answer was success. */
  revoked(account: AccountId, device: DeviceId): void
  /** The disk of a device is gone, with everything on it. */
  diskLost(name: string): void

  // What a malicious server did.
  /** A device is shown a post that its author signed and that is in no store. */
  forked(name: string, post: Uint8Array): void
  /** A lied-to device is shown that the channel goes on behind what it has, and nothing of it. */
  withheld(name: string, channel: ConversationId, seq: number, connection: number): void
  /** A lied-to device asks about a channel, or posts there: it is done with what it was shown before on that connection. */
  asked(name: string, channel: ConversationId, connection: number): void

  // What auth did.
  /** An account log moved on in the store: from this moment every linearizable read sees it. */
  entryStored(state: AccountState): void
  /** An operation that used up a nonce answered success. `key`: hex of the nonce's key. */
  nonceAccepted(key: string, operation: string): void

  // What is on the wire between a node and one socket.
  socketOpened(node: SimProcess, socket: number): void
  /** The node is handed these bytes. */
  received(node: SimProcess, socket: number, bytes: Uint8Array): void
  /** The node's socket took these bytes. */
  sent(node: SimProcess, socket: number, bytes: Uint8Array): void
  socketClosed(node: SimProcess, socket: number, code: number): void

  // What the stores and the broker did.
  /** A copy is durable in the envelope log. `askedAtMs`: true time at which the node asked for it, in ms since 1970. */
  copyStored(conversation: ConversationId, envelope: Uint8Array, position: Position, askedAtMs: number): void
  /** A change of a group is in the store: from this moment every linearizable read sees it. `entry`: its bytes. */
  groupStored(next: GroupMembership, entry: Uint8Array): void
  /** A post of a channel is in the store: from this moment every read sees it. The same post may be told twice. */
  postStored(post: Uint8Array): void
  /** A mark is durable. `inbox`: an account, or the conversation itself. */
  marked(inbox: string, conversation: ConversationId, hour: number): void
  /** It is durable that these accounts have to look at the mark of the conversation itself, from `version` of its membership on. */
  joined(conversation: ConversationId, accounts: readonly AccountId[], version: number): void
  /** It is durable that these accounts are not in `version` of the membership of a wide conversation. */
  left(conversation: ConversationId, accounts: readonly AccountId[], version: number): void
  /** A node handed a packet to its bus. `id` rises with every packet of the run. */
  published(node: SimProcess, subject: string, bytes: Uint8Array, id: number): void
  /** The broker begins or ends to give the node what is published under a subject. */
  listens(node: SimProcess, subject: string, isOn: boolean): void
  /** The broker has every packet of the node up to this id. */
  flushed(node: SimProcess, id: number): void

  // What devices did.
  /** These changes are durable on the disk of the device, all of them at this moment. */
  committed(name: string, changes: readonly StoreChange[]): void
  /** A client told its program something. */
  told<Name extends keyof ClientEvents>(name: string, event: Name, value: ClientEvents[Name]): void

  // What the world did to processes, and what else a curious operator sees.
  /** The process (a node or a client) stands still for `ms` from now on. What it decided before may leave it afterwards. */
  suspended(process: SimProcess, ms: number): void
  /** Nothing fails any more from now on. */
  faultsEnded(): void
  /** An instance of auth is handed these bytes. */
  seenByAuth(bytes: Uint8Array): void
  /** A node took `entry` out of presence: what stood there for its account before, and what is left. */
  unregistered(entry: PresenceEntry, before: readonly PresenceEntry[], left: readonly PresenceEntry[]): void
}
