import { FRAME_TYPE, isEvegramError, type AccountId, type AccountState, type ConversationId, type DeviceId, type MessageId, type Position } from '@evegram/protocol'
import type { GroupMembership, PresenceEntry } from '@evegram/engine'
import type { ClientEvents, Message, StoreChange } from '@evegram/sdk'
import type { SimProcess } from '../kernel/process.js'
import type { Run } from '../kernel/run.js'
import { Accounts } from './accounts.js'
import { Accusations } from './accusations.js'
import { Acks } from './acks.js'
import { ChannelChains } from './channel-chains.js'
import { ChannelFollowers } from './channel-followers.js'
import { Channels } from './channels.js'
import { readChannelCommit } from './channel-commit.js'
import { Changes } from './changes.js'
import { Cursors } from './cursors.js'
import { readCommit } from './disk-commit.js'
import { Flushes } from './flushes.js'
import { Groups } from './groups.js'
import { Ledger, short, type AuditContext, type DeviceRecord, type StoredCopy } from './ledger.js'
import { Liveness, type Quiet } from './liveness.js'
import { Messages } from './messages.js'
import type { IntendedChange } from './message-truth.js'
import type { Observer } from './observer.js'
import { Order } from './order.js'
import { Plaintext } from './plaintext.js'
import { Receipts, type ReceiptHabits } from './receipts.js'
import { deviceOfSlice, eachFrame, eachPageDelivery, envelopeIn, MessageIds } from './wire.js'

/** What every said text holds, and nothing else. */
export const TEXT_MARKER = '§evg-'
/** Offset of the envelope in the body of a `deliver` frame. */
const POSITION_BYTES = 16

/** Start of the subjects on which nodes publish posts. */
const CHANNEL_SUBJECTS = 'evegram.channel.'
/** Frames that are looked at for channels. */
const CHANNEL_FRAMES: ReadonlySet<number> = new Set([
  FRAME_TYPE.post, FRAME_TYPE.follow, FRAME_TYPE.unfollow, FRAME_TYPE.readChannel, FRAME_TYPE.channelPage, FRAME_TYPE.channelHead, FRAME_TYPE.posted,
  FRAME_TYPE.failure,
])

/** Options of {@link Auditor}. */
export interface AuditorOptions {
  /**
   * The server lies between the nodes and the devices: what devices see of it proves nothing, so that cursors, accusations and liveness are not
   * looked at. What nodes, stores and auth do is seen behind the lies and is looked at all the same.
   */
  readonly malicious?: boolean
  /** People edit, react, delete and let messages disappear: whole disks are followed. */
  readonly changes?: boolean
}

/** Checks the promises while a run goes on: each breach is told to the run at the event in which it happens. */
export class Auditor implements Observer {
  readonly #run: Run
  readonly #ledger: Ledger
  readonly #malicious: boolean
  readonly #ids = new MessageIds()
  readonly #plaintext: Plaintext
  readonly #flushes: Flushes
  readonly #cursors: Cursors
  readonly #acks: Acks
  readonly #messages: Messages
  readonly #order: Order
  readonly #accounts: Accounts
  readonly #groups: Groups
  readonly #receipts: Receipts
  readonly #changes: Changes
  readonly #hasChanges: boolean
  readonly #accusations: Accusations
  readonly #liveness: Liveness
  readonly #channels: Channels
  readonly #followers: ChannelFollowers
  readonly #nonces = new Set<string>()
  /** Sockets whose hello was accepted: what comes over others is nobody's word. */
  readonly #welcomed = new Set<string>()
  /** Nodes by the incarnation that they sign their packets with. */
  readonly #incarnations = new Map<number, string>()

  constructor(run: Run, { malicious = false, changes = false }: AuditorOptions = {}) {
    this.#run = run
    this.#malicious = malicious
    this.#ledger = new Ledger(run)
    const context: AuditContext = { run, ledger: this.#ledger, malicious }
    this.#plaintext = new Plaintext(context, TEXT_MARKER)
    this.#flushes = new Flushes(context, this.#ids)
    this.#cursors = new Cursors(context)
    this.#acks = new Acks(context, this.#flushes, this.#cursors)
    this.#liveness = new Liveness(context)
    this.#changes = new Changes(context, this.#liveness)
    this.#hasChanges = changes
    this.#messages = new Messages(context, this.#changes)
    this.#order = new Order(context)
    this.#accounts = new Accounts(context)
    this.#groups = new Groups(context)
    this.#receipts = new Receipts(context)
    this.#accusations = new Accusations(context)
    const chains = new ChannelChains(run)
    this.#channels = new Channels(context, chains)
    this.#followers = new ChannelFollowers(context, chains)
  }

  /**
   * Whether everything that was said has come where it must; to be asked again and again once faults ended. Behind a lying server only channels are
   * looked at: what it said of them is nothing that lasts. `excused`: devices of which nothing can be expected any more.
   */
  quiet(excused: (name: string) => boolean = () => false): Quiet {
    const quiet: Quiet = this.#malicious ? { ok: true } : this.#liveness.quiet()
    const missing = quiet.ok ? this.#followers.missing(excused) : undefined
    return missing === undefined ? quiet : { ok: false, missing }
  }

  /** What is not as all that was said about messages makes it, or still somewhere though it is gone; undefined when nothing is. */
  changesMissing(): string | undefined {
    return this.#changes.missing()
  }

  /** The run is over: what can only be told now. */
  finish(): void {
    this.#accusations.finish()
    this.#channels.finish()
  }

  personMade(person: string, account: AccountId): void {
    this.#ledger.addPerson(person, account)
  }

  habits(account: AccountId, habits: ReceiptHabits): void {
    this.#receipts.setHabits(account, habits)
  }

  reading(account: AccountId, conversation: ConversationId, order: bigint): void {
    this.#receipts.reading(account, conversation, order)
  }

  changing(token: number, change: IntendedChange): void {
    this.#changes.changing(token, change)
  }

  changed(token: number, message: MessageId): void {
    this.#changes.changed(token, message)
  }

  deviceMade(name: string, account: AccountId, device: DeviceId): void {
    this.#ledger.addDevice(name, account, device)
  }

  saying(name: string, conversation: ConversationId, text: string, above: bigint): void {
    this.#messages.saying(name, conversation, text, above)
  }

  said(name: string, message: Message): void {
    this.#messages.said(name, message)
  }

  channelFounded(key: Uint8Array): void {
    this.#plaintext.hide(key)
  }

  posted(name: string, channel: ConversationId, text: string, seq: number): void {
    this.#followers.posted(name, channel, text, seq)
  }

  faultsEnded(): void {
    this.#channels.faultsEnded()
  }

  revoked(account: AccountId, device: DeviceId): void {
    this.#run.coverage.count('audit/revoked')
    if (this.#ledger.state(account)?.devices.get(device)?.active === true) {
      this.#run.broken('P7', `the revocation of ${this.#ledger.nameOf(device)} was answered with success, and its log has it active`)
    }
  }

  diskLost(name: string): void {
    const device = this.#ledger.named(name)
    if (device !== undefined) device.gone = true
  }

  entryStored(state: AccountState): void {
    this.#accounts.stored(state)
  }

  nonceAccepted(key: string, operation: string): void {
    this.#run.coverage.count('audit/nonce')
    if (this.#nonces.has(key)) this.#run.broken('P8', `nonce ${short(key)} was accepted a second time, by ${operation}`)
    this.#nonces.add(key)
  }

  socketOpened(): void {
    // Sends are kept by socket from the first one on.
  }

  received(node: SimProcess, socket: number, bytes: Uint8Array): void {
    this.#plaintext.look(bytes, node.name)
    if (!this.#welcomed.has(`${node.name}/${socket}`)) return
    eachFrame(bytes, (type, flags, correlation, start, end) => {
      if (CHANNEL_FRAMES.has(type)) this.#channels.received(node, socket, type, correlation, bytes.subarray(start, end))
      if (type !== FRAME_TYPE.send) return
      // A copy: the bytes belong to the socket, which uses them again.
      const envelope = envelopeIn(bytes.slice(start, end))
      if (envelope === undefined) return
      const message = this.#ledger.messageOf(this.#ids.of(envelope.bytes), envelope)
      this.#acks.sendSeen(node, socket, correlation, { message, envelope, flags, event: this.#run.scheduler.events })
      this.#accounts.sent(node, message, envelope)
    })
  }

  sent(node: SimProcess, socket: number, bytes: Uint8Array): void {
    this.#plaintext.look(bytes, node.name)
    this.#acks.sent(node, socket, bytes)
    eachFrame(bytes, (type, _flags, correlation, start, end) => {
      if (CHANNEL_FRAMES.has(type)) this.#channels.sent(node, socket, type, correlation, bytes.subarray(start, end))
      if (type === FRAME_TYPE.deliver) this.#delivered(bytes, start + POSITION_BYTES)
      else if (type === FRAME_TYPE.welcome) this.#welcomed.add(`${node.name}/${socket}`)
      else if (type === FRAME_TYPE.page) eachPageDelivery(bytes, start, end, (envelopeAt) => { this.#delivered(bytes, envelopeAt) })
    })
  }

  socketClosed(node: SimProcess, socket: number): void {
    this.#welcomed.delete(`${node.name}/${socket}`)
    this.#acks.socketClosed(node, socket)
    this.#channels.socketClosed(node, socket)
  }

  copyStored(_conversation: ConversationId, envelope: Uint8Array, position: Position, askedAtMs: number): void {
    this.#plaintext.look(envelope, 'the log')
    const view = envelopeIn(envelope)
    if (view === undefined) return
    const message = this.#ledger.messageOf(this.#ids.of(envelope), view)
    const copy: StoredCopy = { position, askedAtMs, envelope: view, bodies: new Map(view.bodies.map((body) => [body.device, body])) }
    this.#order.stored(message, copy)
    message.copies.push(copy)
  }

  groupStored(next: GroupMembership, entry: Uint8Array): void {
    this.#groups.stored(next, entry)
    if (next.wide) this.#acks.wide(next)
  }

  postStored(post: Uint8Array): void {
    this.#plaintext.look(post, 'the store of posts')
    this.#channels.stored(post)
  }

  marked(inbox: string, conversation: ConversationId, hour: number): void {
    this.#acks.marked(inbox, conversation, hour)
  }

  joined(conversation: ConversationId, accounts: readonly AccountId[], version: number): void {
    this.#acks.looks(conversation, accounts, version, true)
  }

  left(conversation: ConversationId, accounts: readonly AccountId[], version: number): void {
    this.#acks.looks(conversation, accounts, version, false)
  }

  published(node: SimProcess, subject: string, bytes: Uint8Array, id: number): void {
    this.#plaintext.look(bytes, 'the broker')
    if (subject.startsWith(CHANNEL_SUBJECTS)) return this.#channels.published(node, bytes, id)
    this.#flushes.published(node, bytes, id)
    this.#checkIncarnation(node, bytes)
  }

  forked(name: string, post: Uint8Array): void {
    this.#followers.forked(name, post)
  }

  withheld(name: string, channel: ConversationId, seq: number, connection: number): void {
    const device = this.#ledger.named(name)
    if (device !== undefined && !device.gone) this.#followers.withheld(device, channel, seq, connection)
  }

  asked(name: string, channel: ConversationId, connection: number): void {
    const device = this.#ledger.named(name)
    if (device !== undefined && !device.gone) this.#followers.asked(device, channel, connection)
  }

  listens(node: SimProcess, subject: string, isOn: boolean): void {
    if (subject.startsWith(CHANNEL_SUBJECTS)) this.#channels.listens(node, subject.slice(CHANNEL_SUBJECTS.length), isOn)
  }

  flushed(node: SimProcess, id: number): void {
    this.#flushes.flushed(node, id)
    this.#channels.flushed(node, id)
  }

  committed(name: string, changes: readonly StoreChange[]): void {
    const device = this.#ledger.named(name)
    if (device === undefined || device.gone) return
    const commit = this.#read(device, () => readCommit(device, changes))
    if (commit === undefined) return
    for (const message of commit.taken) this.#cursors.taken(device, message)
    this.#messages.committed(device, commit)
    this.#order.committed(device, commit)
    this.#accounts.committed(device, commit)
    this.#groups.committed(device, commit)
    this.#read(device, () => { this.#receipts.committed(device, changes) })
    if (this.#hasChanges) this.#changes.committed(device, changes)
    if (changes.some(({ table }) => table === 'channels')) this.#channelsCommitted(device, changes)
    if (commit.cursorMs !== undefined) this.#cursors.moved(device, commit.cursorMs)
  }

  told<Name extends keyof ClientEvents>(name: string, event: Name, value: ClientEvents[Name]): void {
    const device = this.#ledger.named(name)
    if (device === undefined || device.gone) return
    // `event` names the type of `value`.
    if (event === 'message' || event === 'message-request') this.#messages.told(device, value as Message)
    else if (event.startsWith('channel-')) this.#followers.told(device, event, value)
    else this.#accusations.told(device, event, value)
  }

  suspended(process: SimProcess, ms: number): void {
    this.#ledger.addPause(process, ms)
  }

  unregistered(entry: PresenceEntry, before: readonly PresenceEntry[], left: readonly PresenceEntry[]): void {
    this.#run.coverage.count('audit/unregistered')
    for (const stood of before) {
      const isOther = stood.incarnation !== entry.incarnation || stood.connectionEpoch !== entry.connectionEpoch
      if (!isOther || left.some(({ device }) => device === stood.device)) continue
      this.#run.broken('P10', `the end of a connection of ${this.#ledger.nameOf(entry.device)} took the newer one out of presence`)
    }
  }

  seenByAuth(bytes: Uint8Array): void {
    this.#plaintext.look(bytes, 'auth')
  }

  #channelsCommitted(device: DeviceRecord, changes: readonly StoreChange[]): void {
    const commit = this.#read(device, () => readChannelCommit(changes))
    if (commit === undefined) return
    this.#followers.committed(device, commit)
    this.#groups.followed(device, commit.logs)
  }

  #read<Commit>(device: DeviceRecord, read: () => Commit): Commit | undefined {
    try {
      return read()
    } catch (error) {
      if (!isEvegramError(error)) throw error
      this.#run.broken('program', `${device.name} committed a row that its own decoder refuses: ${String(error)}`)
      return undefined
    }
  }

  #delivered(bytes: Uint8Array, envelopeAt: number): void {
    const device = deviceOfSlice(bytes, envelopeAt)
    // Hex of 16 bytes is a device id by definition.
    if (device !== undefined) this.#ledger.messages.get(this.#ids.of(bytes, envelopeAt))?.deliveredTo.add(device as DeviceId)
  }

  /** Rule 1: positions of two nodes with one incarnation could be the same. */
  #checkIncarnation(node: SimProcess, packet: Uint8Array): void {
    if (packet.length < 8) return
    const incarnation = new DataView(packet.buffer, packet.byteOffset, 8).getUint32(4)
    const owner = this.#incarnations.get(incarnation)
    if (owner === undefined) this.#incarnations.set(incarnation, node.name)
    else if (owner !== node.name) this.#run.broken('P5', `${node.name} uses incarnation ${incarnation}, which was that of ${owner}`)
  }
}
