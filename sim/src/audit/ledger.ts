import {
  accountIdOf, ALL_DEVICES, BODY_TYPE, directConversationIdOf, ENVELOPE_KIND, hexOf,
  type AccountId, type AccountState, type BodySlice, type ConversationId, type DeviceId, type EnvelopeView, type MessageId, type MessageKey,
  type Position, type WalletId,
} from '@evegram/protocol'
import type { Message } from '@evegram/sdk'
import type { AccountRecord } from '@evegram/sdk/parts'
import type { SimProcess } from '../kernel/process.js'
import type { Run } from '../kernel/run.js'
import { GroupHistory } from './group-history.js'

/** A device that was active for this long before a message is known to its sender: the lease of rule 10, and what clocks differ by. */
const SETTLED_MS = 3_500

/** A copy of a message that is durable in the log. */
export interface StoredCopy {
  readonly position: Position
  /** True time at which its node asked for it, in ms since 1970. */
  readonly askedAtMs: number
  readonly envelope: EnvelopeView
  readonly bodies: ReadonlyMap<DeviceId, BodySlice>
}

/** What the sender's own disk says about a message: the truth about it. */
export interface OwnMessage {
  readonly name: string
  readonly text: string
  readonly from: string
  readonly order: bigint
  readonly state: Message['state']
  /** Its order key must be larger than this. */
  readonly above: bigint
}

/** Everything known about one message. */
export interface MessageRecord extends MessageKey {
  readonly id: MessageId
  readonly account: AccountId
  /** Numbered messages have a place in a chain; the others are control traffic. */
  readonly numbered: boolean
  readonly copies: StoredCopy[]
  /** Devices that a `send` frame had a readable body for. */
  readonly meantFor: Set<DeviceId>
  /** Devices that a node sent it to. */
  readonly deliveredTo: Set<DeviceId>
  /** Devices that have to show it, as of its acknowledgements. */
  readonly wantedBy: Set<DeviceId>
  acked: boolean
  own: OwnMessage | undefined
}

/** An envelope that waits on a device, and what it says. */
export interface WaitingEnvelope {
  readonly messageId: MessageId
  readonly conversation: ConversationId
  readonly kind: 'message' | 'void' | 'control'
  /** It waits for the next message. */
  readonly parked: boolean
}

/** Numbers of a chain that a device was told to be missing. */
export interface ToldGap {
  readonly conversation: ConversationId
  readonly device: DeviceId
  readonly epoch: number
  readonly from: number
  readonly to: number
}

/** A channel that a device follows, as its disk says. */
export interface FollowedChannel {
  /** Number of the newest post that it verified; undefined before the server showed the channel. */
  seq: number | undefined
  /** Hex of the head behind that post. */
  head: string | undefined
  /** Number of the newest verified post while where it is is only what the server says: with a lying one that is nobody's word. */
  verified: number | undefined
  /** Every gap that it named. */
  readonly gaps: { readonly from: number; readonly to: number }[]
  /** It told of a gap or raised an alarm since it is at that post. */
  isNamed: boolean
  /** Connection and times that it was shown nothing of what is behind that post, and has not asked again since. */
  owed: { readonly connection: number; readonly seq: number } | undefined
  silences: number
  readonly shown: Set<number>
  /** Posts that it told its program of. */
  readonly told: Set<number>
}

/** What is known of one device and its disk. */
export class DeviceRecord {
  readonly name: string
  readonly account: AccountId
  readonly device: DeviceId
  /** The disk is lost, or the name belongs to another device now: nothing is expected of it any more. */
  gone = false
  cursorMs = 0
  /** Rows of `handled`. */
  readonly handled = new Map<MessageId, Uint8Array>()
  /** Messages that ever waited to be read, and those that do now. */
  readonly everUnread = new Set<MessageId>()
  readonly unread = new Set<MessageId>()
  /** Keys of chains whose missing numbers have no name yet. */
  readonly openGaps = new Set<string>()
  readonly toldGaps: ToldGap[] = []
  readonly shown = new Set<MessageId>()
  /** Order keys of the messages in its rows. */
  readonly orders = new Map<MessageId, bigint>()
  /** Messages it told its program of. */
  readonly told = new Set<MessageId>()
  /** Rows of messages by key, and arrivals by key. */
  readonly rows = new Map<string, Message>()
  readonly arrivals = new Map<string, MessageId>()
  /** Order keys that own messages need not exceed: too far ahead of its time to raise the floor, or given up since. */
  readonly aheadOrders = new Set<bigint>()
  readonly chains = new Map<string, Uint8Array>()
  readonly waiting = new Map<string, WaitingEnvelope>()
  /** Every envelope that was ever durable here, by message. */
  readonly envelopes = new Map<MessageId, EnvelopeView[]>()
  readonly accounts = new Map<AccountId, AccountRecord>()
  /** Devices that its disk says to be revoked, and since when (true ms, number of the commit). */
  readonly revoked = new Map<DeviceId, { readonly atMs: number; readonly commit: number }>()
  /** Groups as its disk says: the newest version, and since when it is there. */
  readonly groups = new Map<ConversationId, { readonly version: number; readonly atMs: number; readonly commit: number }>()
  /** What it composed for all devices of groups, as hex. */
  readonly composed = new Set<string>()
  readonly channels = new Map<ConversationId, FollowedChannel>()
  /** Keys of posts that wait for the server. */
  readonly waitingPosts = new Set<string>()
  commits = 0
  /** Acknowledged messages that it has a body in and has not handled: lowest log time. */
  readonly owed = new Map<MessageId, number>()
  /** Messages that it refused as replayed before it was known whether it had handled them. */
  readonly replays = new Set<MessageId>()

  constructor(name: string, account: AccountId, device: DeviceId) {
    this.name = name
    this.account = account
    this.device = device
  }

  /** Whether what a delivered copy asks for was done durably: it was handled, or noted as one to get again. */
  hasTaken(message: MessageId): boolean {
    return this.handled.has(message) || this.everUnread.has(message)
  }
}

/** When a device was active in its account log, in true ms. */
export interface Activity {
  readonly account: AccountId
  readonly sinceMs: number
  readonly untilMs: number | undefined
}

/** What the checks share. */
export interface AuditContext {
  readonly run: Run
  readonly ledger: Ledger
  /** The server lies: what only an honest one promises is not asked for. */
  readonly malicious: boolean
}

/** First 8 digits of an id, for a person. */
export function short(id: string): string {
  return id.slice(0, 8)
}

/** Whether a body can be read by its device. */
export function isReadable(body: BodySlice | undefined): boolean {
  return body !== undefined && body.type !== BODY_TYPE.skip
}

/** Persons, devices, account logs and messages of a run, as they truly are. */
export class Ledger {
  readonly messages = new Map<MessageId, MessageRecord>()
  readonly groups = new GroupHistory()
  /** Messages that somebody deleted for everybody, or that disappear: who asks for them again later gets nothing. */
  readonly takenBack = new Set<MessageId>()
  readonly #run: Run
  readonly #persons = new Map<AccountId, string>()
  readonly #members = new Map<ConversationId, readonly AccountId[]>()
  readonly #devices = new Map<DeviceId, DeviceRecord>()
  readonly #named = new Map<string, DeviceRecord>()
  readonly #activity = new Map<DeviceId, Activity>()
  readonly #states = new Map<AccountId, AccountState>()
  readonly #wallets = new Map<AccountId, Set<WalletId>>()
  readonly #heads = new Map<string, string>()
  /** True times at which entries of accounts were stored. */
  readonly #storedAt = new Map<string, number>()
  readonly #pauses = new Map<string, { readonly fromMs: number; readonly toMs: number }[]>()

  constructor(run: Run) {
    this.#run = run
  }

  /** Every device that was made, in order. */
  get devices(): Iterable<DeviceRecord> {
    return this.#devices.values()
  }

  addPerson(person: string, account: AccountId): void {
    this.#persons.set(account, person)
    for (const other of this.#persons.keys()) {
      this.#members.set(directConversationIdOf(account, other), other === account ? [account] : [other, account])
    }
  }

  addDevice(name: string, account: AccountId, device: DeviceId): void {
    const before = this.#named.get(name)
    if (before?.device === device) return
    if (before !== undefined) before.gone = true
    const made = new DeviceRecord(name, account, device)
    this.#named.set(name, made)
    this.#devices.set(device, made)
  }

  /** Whether an account belongs to somebody of the workload: the liar has one of its own. */
  isPerson(account: AccountId): boolean {
    return this.#persons.has(account)
  }

  /** Who is in a conversation at a version of its membership; undefined for one that no two persons of the run have, or that never had this version. */
  members(conversation: ConversationId, version: number): readonly AccountId[] | undefined {
    const group = this.groups.version(conversation, version)
    return group === undefined ? this.#members.get(conversation) : [...group.members.keys()]
  }

  /**
   * Whether a message is owed to a device of `account` still. In a group both it and the sender have to be members without a break since the
   * message was made: who goes is served nothing any more, and what those said who went is refused some time later.
   */
  isOwed({ conversation, account: sender, copies }: MessageRecord, account: AccountId): boolean {
    if (!this.groups.isGroup(conversation)) return true
    const version = copies.reduce((first, { envelope }) => Math.min(first, envelope.membershipVersion), Infinity)
    return [sender, account].every((member) => this.groups.isMemberSince(conversation, member, version))
  }

  /** The bodies of a copy by the devices that they are for: in a group one is for all that were active at its members for a while. */
  bodiesOf({ envelope, bodies, position }: StoredCopy): ReadonlyMap<DeviceId, BodySlice> {
    const forAll = bodies.get(ALL_DEVICES)
    if (forAll === undefined) return bodies
    const own = new Map(bodies)
    own.delete(ALL_DEVICES)
    for (const account of this.members(envelope.conversation, envelope.membershipVersion) ?? []) {
      for (const [device, { active }] of this.#states.get(account)?.devices ?? []) {
        const activity = this.#activity.get(device)
        if (active && activity !== undefined && activity.sinceMs + SETTLED_MS < position.timeMs) own.set(device, forAll)
      }
    }
    return own
  }

  /** True time at which auth stored an entry of an account. */
  storedAt(account: AccountId, seq: number): number | undefined {
    return this.#storedAt.get(`${account}/${seq}`)
  }

  named(name: string): DeviceRecord | undefined {
    return this.#named.get(name)
  }

  device(device: DeviceId): DeviceRecord | undefined {
    return this.#devices.get(device)
  }

  /** Name of a device for a person. */
  nameOf(device: DeviceId): string {
    return this.#devices.get(device)?.name ?? `device ${short(device)}`
  }

  /** Takes a state that auth stored. */
  addState(state: AccountState): void {
    const nowMs = this.#run.trueTimeMs
    this.#states.set(state.account, state)
    this.#heads.set(`${state.account}/${state.seq}`, hexOf(state.head))
    this.#storedAt.set(`${state.account}/${state.seq}`, nowMs)
    const wallets = this.#wallets.get(state.account) ?? new Set<WalletId>()
    this.#wallets.set(state.account, wallets)
    for (const wallet of state.wallets.keys()) wallets.add(wallet)
    for (const [device, { active }] of state.devices) {
      const known = this.#activity.get(device)
      if (known === undefined) this.#activity.set(device, { account: state.account, sinceMs: nowMs, untilMs: active ? undefined : nowMs })
      else if (!active && known.untilMs === undefined) this.#activity.set(device, { ...known, untilMs: nowMs })
    }
  }

  /** The newest stored state of an account. */
  state(account: AccountId): AccountState | undefined {
    return this.#states.get(account)
  }

  /** Hex of the head behind entry `seq` that auth stored, where it was seen. */
  headOf(account: AccountId, seq: number): string | undefined {
    return this.#heads.get(`${account}/${seq}`)
  }

  /** Whether the wallet founded the account or was linked in a stored entry. */
  isWalletOf(account: AccountId, wallet: WalletId): boolean {
    return this.#wallets.get(account)?.has(wallet) === true || accountIdOf(wallet) === account
  }

  activity(device: DeviceId): Activity | undefined {
    return this.#activity.get(device)
  }

  /** Whether the device stands in its account log and still has its disk: something may be expected of it. */
  isExpected(device: DeviceRecord): boolean {
    const activity = this.#activity.get(device.device)
    return !device.gone && activity !== undefined && activity.untilMs === undefined
  }

  addPause(process: SimProcess, ms: number): void {
    const pause = { fromMs: this.#run.trueTimeMs, toMs: this.#run.trueTimeMs + ms }
    for (const name of [process.name, process.machine]) {
      const pauses = this.#pauses.get(name) ?? []
      this.#pauses.set(name, pauses)
      pauses.push(pause)
    }
  }

  /** Time since `sinceMs` (true ms) in which the process or machine `name` was not suspended, in ms. */
  awakeSinceMs(name: string, sinceMs: number): number {
    const nowMs = this.#run.trueTimeMs
    let awakeMs = nowMs - sinceMs
    for (const { fromMs, toMs } of this.#pauses.get(name) ?? []) {
      awakeMs -= Math.max(0, Math.min(toMs, nowMs) - Math.max(fromMs, sinceMs))
    }
    return awakeMs
  }

  /** The record of the message that an envelope carries, made when it is new. */
  messageOf(id: MessageId, envelope: Pick<EnvelopeView, 'kind' | 'conversation' | 'device' | 'account' | 'epoch' | 'number'>): MessageRecord {
    const known = this.messages.get(id)
    if (known !== undefined) return known
    const { conversation, device, account, epoch, number } = envelope
    const made: MessageRecord = {
      id, conversation, device, account, epoch, number, numbered: envelope.kind === ENVELOPE_KIND.message, copies: [],
      meantFor: new Set(), deliveredTo: new Set(), wantedBy: new Set(), acked: false, own: undefined,
    }
    this.messages.set(id, made)
    return made
  }
}
