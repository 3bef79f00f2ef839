import { subjectOf, withDeadline, type Bus, type Logger, type Subject } from '@evegram/platform'
import { decodeSignal, encodeFrame, encodeSignalled, FRAME_TYPE, type AccountId, type Clock, type Frame, type MemberSignal } from '@evegram/protocol'
import type { Presence, PresenceEntry } from '../ports/presence.js'
import type { Turn } from '../ports/turn.js'
import { leaseHolds, type ConversationLease, type Conversations } from './conversations.js'
import type { EngineMetrics } from './metrics.js'
import type { Session, SessionOwner } from './session.js'
import type { Sessions } from './sessions.js'
import { decodeSignalPacket, encodeSignalPacket } from './signal-packet.js'

/** Signals that wait to be passed on; what comes beyond is shed. */
export const SIGNALS_WAITING_MAX = 256
/** Accounts whose presence one round asks for: a fraction of what sends may ask, and one round runs at a time. */
export const SIGNAL_ACCOUNTS_MAX = 512
/** Time for memberships, and again for presence. A signal that takes longer is of no use. */
export const SIGNAL_LOOKUP_MS = 250
/** After a failure nothing is asked for this long: stores that are behind belong to messages. */
export const SIGNAL_PAUSE_MS = 1_000

/** What signals need. */
export interface SignalParts {
  readonly clock: Clock
  readonly turn: Turn
  readonly bus: Bus
  readonly presence: Pick<Presence, 'lookup'>
  readonly conversations: Pick<Conversations, 'lease'>
  readonly sessions: Pick<Sessions, 'ofAccount'>
  readonly incarnation: number
  readonly metrics: EngineMetrics
  readonly log: Logger
}

interface Waiting {
  readonly owner: SessionOwner
  readonly signal: MemberSignal
}

interface Allowed extends Waiting {
  readonly lease: ConversationLease
}

/**
 * Passes on what is of no use a moment later: that somebody types. Nothing of it is stored, numbered, answered or repeated.
 * Architecture invariants: a signal is dropped wherever it would have to wait: in a full queue, for a store or presence that is slow, at a crowded bus, at a
 * socket that is behind; nothing that a message does ever waits for one. It goes to members under a lease that holds, never to the sending account.
 */
export class Signals {
  readonly #parts: SignalParts
  /** By device and conversation: the newest says all. */
  readonly #waiting = new Map<string, Waiting>()
  #running = false
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  #unsubscribe: (() => void) | undefined

  constructor(parts: SignalParts) {
    this.#parts = parts
  }

  /** Hears what other nodes pass on, from the next flush of the bus on. Throws `unavailable.bus`. */
  start(): void {
    this.#unsubscribe = this.#parts.bus.subscribe(subjectOfSignals(this.#parts.incarnation), (packet) => { this.#receive(packet) })
  }

  /** Passes nothing on any more. */
  stop(): void {
    this.#unsubscribe?.()
    this.#waiting.clear()
  }

  /** Takes the signal of a device; what becomes of it nobody is told. Throws `invalid.frame` for bytes that are none. */
  accept(owner: SessionOwner, frame: Frame, nowMs: number): void {
    const { metrics, turn } = this.#parts
    const signal = decodeSignal(frame.body)
    metrics.signals.add()
    if (!owner.limits.takeSignal(nowMs)) return metrics.signalsLimited.add()
    if (signal === undefined) return metrics.signalsRefused.add()
    const key = `${owner.device}/${signal.conversation}`
    const isFull = this.#waiting.size >= SIGNALS_WAITING_MAX && !this.#waiting.has(key)
    if (isFull || nowMs < this.#pausedUntilMs) return metrics.signalsShed.add()
    this.#waiting.set(key, { owner, signal })
    if (this.#running) return
    this.#running = true
    turn.defer(() => { void this.#run() })
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.size > 0) await this.#round()
    } catch (cause) {
      const { clock, metrics, log } = this.#parts
      this.#pausedUntilMs = clock.monotonicMs() + SIGNAL_PAUSE_MS
      metrics.signalsShed.add(this.#waiting.size)
      this.#waiting.clear()
      log.debug({ err: cause }, 'signals are dropped for a moment')
    } finally {
      this.#running = false
    }
  }

  /** One look at memberships and one at presence for what waits now. Rejects as they do; what was taken is lost then, and counted. */
  async #round(): Promise<void> {
    const { clock, conversations, presence, metrics } = this.#parts
    const taken = [...this.#waiting.values()]
    this.#waiting.clear()
    let left = taken.length
    try {
      const leases = await withDeadline(clock, SIGNAL_LOOKUP_MS, 'look up memberships', () => Promise.all(taken.map(({ signal }) => conversations.lease(signal.conversation))))
      const batches = batchesOf(taken.flatMap((waiting, index) => {
        const lease = leases[index]
        if (lease !== undefined && mayPass(waiting, lease)) return [{ ...waiting, lease }]
        metrics.signalsRefused.add()
        left--
        return []
      }))
      for (const { allowed, accounts } of batches) {
        const entries = accounts.length === 0 ? [] : await withDeadline(clock, SIGNAL_LOOKUP_MS, 'look up presence', () => presence.lookup(accounts))
        for (const one of allowed) this.#pass(one, entries)
        left -= allowed.length
      }
    } catch (cause) {
      metrics.signalsShed.add(left)
      throw cause
    }
  }

  #pass({ owner, signal, lease }: Allowed, entries: readonly PresenceEntry[]): void {
    const { clock, bus, incarnation, metrics } = this.#parts
    // Whoever was removed meanwhile gets nothing, and tells nobody anything.
    if (!leaseHolds(lease, clock.monotonicMs())) return metrics.signalsShed.add()
    const signalled = encodeSignalled({ ...signal, account: owner.account, device: owner.device })
    const others = lease.members.filter((member) => member !== owner.account)
    this.#deliver(signalled, others)
    const isOther = new Set<AccountId>(others)
    const nodes = new Map<number, Set<AccountId>>()
    for (const entry of entries) {
      if (entry.incarnation === incarnation || !isOther.has(entry.account)) continue
      const accounts = nodes.get(entry.incarnation)
      if (accounts === undefined) nodes.set(entry.incarnation, new Set([entry.account]))
      else accounts.add(entry.account)
    }
    for (const [node, accounts] of nodes) {
      if (bus.offer(subjectOfSignals(node), encodeSignalPacket({ signalled, accounts: [...accounts] })) === 'shed') metrics.signalsShed.add()
    }
  }

  #receive(packet: Uint8Array): void {
    try {
      const { signalled, accounts } = decodeSignalPacket(packet)
      this.#deliver(signalled, accounts)
    } catch {
      // Of a faulty or newer node: counted. Nobody misses it.
      this.#parts.metrics.packetsMalformed.add()
    }
  }

  #deliver(signalled: Uint8Array, accounts: readonly AccountId[]): void {
    const { sessions, metrics } = this.#parts
    let frame: Uint8Array | undefined
    for (const account of accounts) {
      for (const session of sessions.ofAccount(account)) {
        frame ??= encodeFrame(FRAME_TYPE.signalled, 0, signalled)
        count(session.signal(frame), metrics)
      }
    }
  }
}

/** Members of direct conversations and of groups that are not wide: there a signal costs what a small message does, and is of use to people. */
function mayPass({ owner }: Waiting, lease: ConversationLease): boolean {
  return lease.kind !== 'channel' && !lease.wide && lease.members.includes(owner.account)
}

/** Signals that may share one question for presence. */
function batchesOf(allowed: readonly Allowed[]): readonly { readonly allowed: readonly Allowed[]; readonly accounts: readonly AccountId[] }[] {
  const batches: { allowed: Allowed[]; accounts: Set<AccountId> }[] = []
  for (const one of allowed) {
    const others = one.lease.members.filter((member) => member !== one.owner.account)
    let batch = batches.at(-1)
    if (batch === undefined || batch.accounts.size + others.length > SIGNAL_ACCOUNTS_MAX) batches.push(batch = { allowed: [], accounts: new Set() })
    batch.allowed.push(one)
    for (const other of others) batch.accounts.add(other)
  }
  return batches.map((batch) => ({ allowed: batch.allowed, accounts: [...batch.accounts] }))
}

function count(became: ReturnType<Session['signal']>, metrics: EngineMetrics): void {
  if (became === 'queued') metrics.signalsDelivered.add()
  else if (became === 'shed') metrics.signalsShed.add()
}

/** Where a node hears signals: apart from its packets, which are numbered. */
function subjectOfSignals(incarnation: number): Subject {
  return subjectOf('evegram', 'engine', 'signals', String(incarnation))
}
