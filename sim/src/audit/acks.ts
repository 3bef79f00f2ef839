import {
  ALL_DEVICES, comparePositions, ENVELOPE_OFFSETS, equalBytes, FRAME_TYPE, LIMITS, POSITION_BYTES, readPosition,
  type AccountId, type AccountVersion, type ConversationId, type DeviceId, type EnvelopeView, type Position,
} from '@evegram/protocol'
import type { GroupMembership } from '@evegram/engine'
import type { SimProcess } from '../kernel/process.js'
import type { Cursors } from './cursors.js'
import type { Flushes } from './flushes.js'
import { isReadable, short, type AuditContext, type MessageRecord, type StoredCopy } from './ledger.js'
import { eachFrame } from './wire.js'

/** How long a device may be active in its log before every ack has to cover it: the lease of rule 10, and time for the steps around it. */
export const VERSION_LEASE_MS = 1_000 + 1_200
/** How far a node's clock may be from true time: what the lease allows, a sleep that is too short to be noticed, and what the store's own clocks differ by. */
const CLOCK_ERROR_MS = LIMITS.maxSkewMs + 500 + 200
/** A message that was refused so often is taken without the devices that its sender knows of and cannot encrypt for. */
const REFUSALS_MAX = 2
const MARK_HOUR_MS = 3_600_000
const ACK_ENTRY_BYTES = 4 + POSITION_BYTES

/** A `send` frame that a node was handed. */
export interface SendSeen {
  readonly message: MessageRecord
  readonly envelope: EnvelopeView
  readonly flags: number
  /** Event in which it came. */
  readonly event: number
}

/** What an ack promises: a durable copy (P1), durable marks (P5), a flushed broker (P10), every active device covered (P7). */
export class Acks {
  readonly #context: AuditContext
  readonly #flushes: Flushes
  readonly #cursors: Cursors
  /** Sends without an answer, by socket and correlation. */
  readonly #sends = new Map<string, Map<number, SendSeen>>()
  /** Last marked hour by inbox (an account, or the conversation itself) and conversation. */
  readonly #marks = new Map<string, number>()
  /** Whether an account looks at the mark of a conversation itself, and the version of the membership for which that was written. */
  readonly #joined = new Map<string, { readonly version: number; readonly looks: boolean }>()
  /** Groups that are wide. */
  readonly #wide = new Set<ConversationId>()

  constructor(context: AuditContext, flushes: Flushes, cursors: Cursors) {
    this.#context = context
    this.#flushes = flushes
    this.#cursors = cursors
  }

  /** A node was handed a `send` frame. */
  sendSeen(node: SimProcess, socket: number, correlation: number, send: SendSeen): void {
    const key = `${node.name}/${socket}`
    const sends = this.#sends.get(key) ?? new Map<number, SendSeen>()
    this.#sends.set(key, sends.set(correlation, send))
  }

  marked(inbox: string, conversation: ConversationId, hour: number): void {
    const key = `${inbox}/${conversation}`
    this.#marks.set(key, Math.max(this.#marks.get(key) ?? 0, hour))
  }

  /** The newest version stands; of one version, that the account is not in it. */
  looks(conversation: ConversationId, accounts: readonly AccountId[], version: number, looks: boolean): void {
    for (const account of accounts) {
      const key = `${account}/${conversation}`
      const standing = this.#joined.get(key)
      if (standing === undefined || standing.version < version || (standing.version === version && !looks)) this.#joined.set(key, { version, looks })
    }
  }

  /** A membership is stored that is wide: nodes that act on it mark the conversation alone, so that every member has to know by now that it looks there. */
  wide({ conversation, version, members }: Pick<GroupMembership, 'conversation' | 'version' | 'members'>): void {
    const { run } = this.#context
    if (!this.#wide.has(conversation)) run.coverage.count(version === 1 ? 'audit/group founded wide' : 'audit/group became wide')
    this.#wide.add(conversation)
    for (const account of members) {
      if (this.#joined.get(`${account}/${conversation}`)?.looks === true) continue
      run.broken('P5', `version ${String(version)} of the wide group ${short(conversation)} is stored, and no entry leads account ${short(account)} to its marks`)
    }
  }

  socketClosed(node: SimProcess, socket: number): void {
    this.#sends.delete(`${node.name}/${socket}`)
  }

  /** A node wrote to a socket: looks for acks and refusals. */
  sent(node: SimProcess, socket: number, bytes: Uint8Array): void {
    eachFrame(bytes, (type, _flags, correlation, start, end) => {
      if (type === FRAME_TYPE.failure) this.#sends.get(`${node.name}/${socket}`)?.delete(correlation)
      else if (type === FRAME_TYPE.ack) this.#ackFrame(node, socket, bytes.subarray(start, end))
    })
  }

  #ackFrame(node: SimProcess, socket: number, body: Uint8Array): void {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
    const sends = this.#sends.get(`${node.name}/${socket}`)
    for (let offset = 0; offset + ACK_ENTRY_BYTES <= body.length; offset += ACK_ENTRY_BYTES) {
      const correlation = view.getUint32(offset)
      const send = sends?.get(correlation)
      if (send === undefined) {
        this.#context.run.broken('P1', `${node.name} acknowledged correlation ${correlation} on socket ${socket}, which is not waiting`)
        continue
      }
      sends?.delete(correlation)
      this.#acked(node, send, readPosition(view, offset + 4), body.subarray(offset + 4, offset + ACK_ENTRY_BYTES))
    }
  }

  #acked(node: SimProcess, send: SendSeen, position: Position, positionBytes: Uint8Array): void {
    const { run, ledger } = this.#context
    const { message } = send
    const what = `${node.name} acknowledged message ${short(message.id)} of ${ledger.nameOf(message.device)}`
    run.coverage.count('audit/ack')
    const copy = message.copies.find((stored) => comparePositions(stored.position, position) === 0)
    if (copy === undefined) {
      run.broken('P1', `${what} at log time ${position.timeMs}, where no copy is durable (${message.copies.length} elsewhere)`)
      return
    }
    if (!isCopyOf(copy, send.envelope)) {
      run.broken('P1', `${what} at log time ${position.timeMs}, where other bytes are stored`)
      return
    }
    this.#checkClock(what, copy)
    this.#flushes.acked(node, message.id, positionBytes, send.event)
    const members = ledger.members(message.conversation, copy.envelope.membershipVersion)
    if (members === undefined) {
      run.broken('P7', `${what} in conversation ${short(message.conversation)}, which no two persons have`)
      return
    }
    this.#checkMarks(what, message, members, position)
    this.#checkVersions(node, what, send, copy, members)
    this.#cursors.acked(message, copy)
    message.acked = true
    if (message.numbered) this.#expect(node, message, copy, members)
  }

  /** Rules 1 and 2: what is acknowledged got its log time from a clock that others agreed with. */
  #checkClock(what: string, { position, askedAtMs }: StoredCopy): void {
    const { run } = this.#context
    run.coverage.count('audit/clock of an ack')
    const behindMs = askedAtMs - position.timeMs
    if (Math.abs(behindMs) > CLOCK_ERROR_MS) run.broken('P5', `${what}, whose log time is ${Math.floor(Math.abs(behindMs))} ms ${behindMs > 0 ? 'behind' : 'ahead'}`)
  }

  #checkMarks(what: string, message: MessageRecord, members: readonly AccountId[], position: Position): void {
    const { run } = this.#context
    const hour = Math.floor(position.timeMs / MARK_HOUR_MS)
    const own = this.#marks.get(`${message.conversation}/${message.conversation}`)
    for (const account of members) {
      run.coverage.count('audit/mark before ack')
      const marked = this.#marks.get(`${account}/${message.conversation}`)
      if (marked !== undefined && marked >= hour) continue
      // In a wide conversation it is marked itself, and its members have to know that they look there.
      const isJoined = this.#joined.get(`${account}/${message.conversation}`)?.looks === true
      if (own !== undefined && own >= hour && isJoined) run.coverage.count('audit/wide mark before ack')
      else {
        run.broken('P5', `${what} in hour ${hour}, and account ${short(account)} is marked up to hour ${String(marked ?? 'none')}, `
          + `the conversation itself up to ${String(own ?? 'none')}, where the account ${isJoined ? 'looks' : 'does not look'}`)
      }
    }
  }

  /** Rule 10. */
  #checkVersions(node: SimProcess, what: string, { message, envelope, flags }: SendSeen, copy: StoredCopy, members: readonly AccountId[]): void {
    const { run, ledger } = this.#context
    const sender = ledger.activity(message.device)
    if (sender === undefined) run.broken('P7', `${what}, a device that was never in an account log`)
    else if (sender.untilMs !== undefined && ledger.awakeSinceMs(node.name, sender.untilMs) > VERSION_LEASE_MS) {
      run.broken('P7', `${what}, which was revoked ${Math.floor(run.trueTimeMs - sender.untilMs)} ms before`)
    }
    if (ledger.groups.isGroup(message.conversation)) return this.#checkGroup(node, what, copy)
    if (!message.numbered || copy.bodies.has(ALL_DEVICES)) return
    run.coverage.count('audit/devices covered')
    for (const account of members) {
      const named = envelope.accounts.find((version) => version.account === account)?.seq ?? 0
      for (const [device, { active, addedSeq }] of ledger.state(account)?.devices ?? []) {
        if (!active || device === message.device || copy.bodies.has(device) || !this.#isSettled(node, device)) continue
        // Its sender knew of it, and was refused often enough.
        if (flags >= REFUSALS_MAX && named >= addedSeq) continue
        run.broken('P7', `${what} without ${ledger.nameOf(device)}, which is active for longer than a lease`)
      }
    }
  }

  /** Rule 10 in groups: the membership is the newest, and a body for all was made for the newest logs of its members. */
  #checkGroup(node: SimProcess, what: string, { envelope, bodies }: StoredCopy): void {
    const { run, ledger } = this.#context
    const { conversation, membershipVersion: version } = envelope
    run.coverage.count('audit/membership of an ack')
    const next = ledger.groups.version(conversation, version + 1)
    if (next !== undefined && ledger.awakeSinceMs(node.name, next.atMs) > VERSION_LEASE_MS) {
      run.broken('P7', `${what} for version ${version} of a group, which had another one for longer than a lease`)
    }
    if (!bodies.has(ALL_DEVICES)) return
    for (const { account, seq } of envelope.accounts) {
      const newerMs = ledger.storedAt(account, seq + 1)
      if (newerMs === undefined || ledger.awakeSinceMs(node.name, newerMs) <= VERSION_LEASE_MS) continue
      run.broken('P7', `${what} for all devices of entry ${seq} of account ${short(account)}, which had another one for longer than a lease`)
    }
  }

  /** Whoever has a body, and whoever was active for longer than a lease and was not left out on purpose, has to show it in the end. */
  #expect(node: SimProcess, message: MessageRecord, copy: StoredCopy, members: readonly AccountId[]): void {
    const { ledger } = this.#context
    for (const account of members) {
      for (const [device, { active }] of ledger.state(account)?.devices ?? []) {
        const body = copy.bodies.get(device)
        const isWanted = body === undefined ? this.#isSettled(node, device) : isReadable(body)
        if (active && device !== message.device && isWanted) message.wantedBy.add(device)
      }
    }
  }

  #isSettled(node: SimProcess, device: DeviceId): boolean {
    const { ledger } = this.#context
    const activity = ledger.activity(device)
    return activity !== undefined && ledger.awakeSinceMs(node.name, activity.sinceMs) > VERSION_LEASE_MS
  }
}

/** Whether a stored copy is what was sent: the same bytes, or the same without bodies that were too many. */
function isCopyOf({ envelope, bodies }: StoredCopy, sent: EnvelopeView): boolean {
  if (equalBytes(envelope.bytes, sent.bytes)) return true
  const { conversation, end } = ENVELOPE_OFFSETS
  const isSameHeader = envelope.kind === sent.kind && equalBytes(envelope.bytes.subarray(conversation, end), sent.bytes.subarray(conversation, end))
  const isSameVersion = ({ account, seq }: AccountVersion, index: number): boolean => {
    const other = sent.accounts[index]
    return other?.account === account && other.seq === seq
  }
  if (!isSameHeader || !envelope.accounts.every(isSameVersion)) return false
  const offered = new Map(sent.bodies.map((body) => [body.device, body]))
  return [...bodies.values()].every(({ device, start, end: until }) => {
    const body = offered.get(device)
    return body !== undefined && equalBytes(envelope.bytes.subarray(start, until), sent.bytes.subarray(body.start, body.end))
  })
}
