import type { Bus, Logger } from '@evegram/platform'
import type { Clock, Random } from '@evegram/protocol'
import type { AccountDirectory } from '../ports/account-directory.js'
import type { ChannelLog } from '../ports/channel-log.js'
import type { EnvelopeLog } from '../ports/envelope-log.js'
import type { Interest } from '../ports/interest.js'
import type { Marks } from '../ports/marks.js'
import type { Membership } from '../ports/membership.js'
import type { NodeRegistry } from '../ports/node-registry.js'
import type { Presence } from '../ports/presence.js'
import type { SocketHandlers, SocketServer } from '../ports/socket-server.js'
import type { Turn } from '../ports/turn.js'
import { Admission, HELLOS_PER_SECOND_DEFAULT } from './admission.js'
import { CatchUps } from './catch-up.js'
import { ChannelRequests } from './channel-requests.js'
import { ChannelWriter } from './channel-writer.js'
import { Channels } from './channels.js'
import { ClockLease } from './clock-lease.js'
import { Conversations } from './conversations.js'
import { Dispatch } from './dispatch.js'
import { Drain } from './drain.js'
import { Gate } from './gate.js'
import { GroupRequests } from './group-requests.js'
import { Greeter, type Ed25519Verify } from './hello.js'
import { Housekeeping } from './housekeeping.js'
import { InFlight } from './in-flight.js'
import { Inbox } from './inbox.js'
import { Links } from './links.js'
import type { EngineMetrics } from './metrics.js'
import { NoticeBoard } from './notice-board.js'
import { OutboundFlush } from './outbound-queue.js'
import { PositionClock } from './position-clock.js'
import { PresenceKeeper } from './presence-keeper.js'
import type { DeviceRates } from './rate-limit.js'
import { Rechecks } from './rechecks.js'
import { Repairs } from './repairs.js'
import { Requests } from './requests.js'
import { Retention } from './retention.js'
import { Router } from './route.js'
import { SendPath } from './send.js'
import type { Session } from './session.js'
import { Sessions } from './sessions.js'
import { Signals } from './signals.js'
import { Wakes, type PushParts } from './wakes.js'
import { WideInterest } from './wide-interest.js'
import { WideMembers, WIDE_OVER } from './wide-members.js'

/** Reads of the log that clients cause at once; the others wait. */
const READS_AT_ONCE = 256
/** Reads that may wait. */
const READS_WAITING_MAX = 32_768
/** Time without an answer of presence after which the node is not ready. */
const PRESENCE_LOST_MS = 2_500
/** Time that a drain waits for sends on their way. */
const SETTLE_MS = 3_000

/** What a node is made of. */
export interface EngineNodeParts {
  readonly clock: Clock
  readonly random: Random
  readonly turn: Turn
  readonly log: EnvelopeLog
  readonly marks: Marks
  readonly membership: Membership
  readonly channelLog: ChannelLog
  readonly presence: Presence
  readonly interest: Interest
  readonly registry: NodeRegistry
  readonly directory: AccountDirectory
  readonly bus: Bus
  /** The topics of the sockets that {@link EngineNode.handlers} hears of. */
  readonly topics: Pick<SocketServer, 'publish'>
  readonly ed25519Verify: Ed25519Verify
  /** Public keys (Ed25519, 32 bytes) of those who write notices; none when nothing is said. */
  readonly noticeKeys?: readonly Uint8Array[]
  readonly metrics: EngineMetrics
  readonly logger: Logger
  readonly origin: string
  readonly rates: DeviceRates
  /** Hellos that are taken per second; {@link HELLOS_PER_SECOND_DEFAULT} when nothing is said. */
  readonly hellosPerSecond?: number
  /** Groups of more members than this are wide; {@link WIDE_OVER} when nothing is said. */
  readonly wideOver?: number
  /** How devices without a connection are woken; nobody is when nothing is said. */
  readonly push?: PushParts
}

/** Why a node is not ready, in words for an operator. */
export type NodeReadiness = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** The core of one engine node: everything but the sockets, which call its {@link SocketHandlers}. */
export class EngineNode {
  readonly incarnation: number
  readonly handlers: SocketHandlers
  /** Where services of this server write what they tell accounts. */
  readonly notices: NoticeBoard
  readonly #parts: EngineNodeParts
  readonly #clockLease: ClockLease
  readonly #links: Links
  readonly #sessions: Sessions
  readonly #router: Router
  readonly #housekeeping: Housekeeping
  readonly #retention: Retention
  readonly #conversations: Conversations
  readonly #inFlight: InFlight
  readonly #rechecks: Rechecks
  readonly #channels: Channels
  readonly #signals: Signals
  /** Where devices say how they are woken; undefined where nobody is. */
  readonly wakes: Wakes | undefined
  #accepting = false
  #unsubscribe: (() => void) | undefined

  /** Claims an incarnation and puts the node together. Rejects `unavailable.store`. */
  static async create(parts: EngineNodeParts): Promise<EngineNode> {
    const { incarnation, floorMs } = await parts.registry.claim()
    return new EngineNode(parts, new PositionClock(parts.clock, incarnation, floorMs))
  }

  private constructor(parts: EngineNodeParts, positions: PositionClock) {
    const { clock, random, turn, log, marks, membership, channelLog, presence, interest, registry, directory, bus, metrics, logger } = parts
    this.#parts = parts
    this.incarnation = positions.incarnation
    const inFlight = this.#inFlight = new InFlight()
    const sessions = this.#sessions = new Sessions(metrics)
    this.#rechecks = new Rechecks({ clock, directory, sessions, metrics, log: logger })
    const clockLease = this.#clockLease = new ClockLease({ clock, positions, registry, metrics })
    const guideOf: WideInterest['guideOf'] = (session, owner) => wide.guideOf(session, owner)
    const repairs = new Repairs({ clock, positions, clockLease, inFlight, stores: { log, marks }, guideOf, metrics, log: logger })
    const demand = (session: Session): void => { repairs.demand(session) }
    const followers: Pick<WideInterest, 'followersOf'> = { followersOf: (conversation) => wide.followersOf(conversation) }
    const links = this.#links = new Links({
      clock, bus, positions, registry, inFlight, metrics, log: logger, handlers: new Inbox(sessions, repairs, followers),
    })
    const wakes = this.wakes = parts.push === undefined ? undefined : new Wakes({ clock, presence, directory, metrics, log: logger, ...parts.push })
    const router = this.#router = new Router({ clock, presence, interest, links, sessions, incarnation: positions.incarnation, wakes, metrics, log: logger })
    const conversations = this.#conversations = new Conversations({ clock, membership, directory })
    const wide = new WideInterest({ clock, positions, interest, marks, conversations, router, demand, metrics, log: logger })
    const keeper = new PresenceKeeper({ clock, positions, presence, sessions, repairs, router, metrics, log: logger })
    const gate = new Gate({ atOnce: READS_AT_ONCE, waitingMax: READS_WAITING_MAX })
    const channels = this.#channels = new Channels({ clock, turn, random, bus, topics: parts.topics, channelLog, metrics, log: logger })
    const signals = this.#signals = new Signals({ clock, turn, bus, presence, conversations, sessions, incarnation: positions.incarnation, metrics, log: logger })
    const flush = new OutboundFlush(turn)
    const sendPath = new SendPath({ clock, turn, positions, clockLease, conversations, log, inFlight, router, flush, metrics, logger })
    this.notices = new NoticeBoard({ sendPath, keys: parts.noticeKeys ?? [], ed25519Verify: parts.ed25519Verify, accepting: () => this.#accepting })
    this.#retention = new Retention({ clock, positions, clockLease, logs: [log, channelLog], logger })
    this.#housekeeping = new Housekeeping({ clock, positions, clockLease, sessions, links, repairs, presence: keeper, wide, metrics, log: logger })
    this.handlers = new Dispatch({
      clock, random, positions, sessions, flush, repairs, presence: keeper, wide, wakes, metrics, log: logger,
      admission: new Admission(parts.hellosPerSecond ?? HELLOS_PER_SECOND_DEFAULT, clock.monotonicMs()),
      greeter: new Greeter({
        clock, random, positions, clockLease, directory, presence, links, sessions, wakes, metrics, log: logger,
        ed25519Verify: parts.ed25519Verify, origin: parts.origin, rates: parts.rates,
      }),
      sendPath,
      requests: new Requests({ directory, membership, conversations, log, gate, logger }),
      groupRequests: new GroupRequests({
        clock, positions, directory, membership, conversations, ed25519Verify: parts.ed25519Verify,
        wideMembers: new WideMembers({ marks, links, sessions, repairs, positions }), wideOver: parts.wideOver ?? WIDE_OVER, hasPeers: () => links.everyPeer().length > 0, logger,
      }),
      channelRequests: new ChannelRequests({
        conversations, channelLog, channels, gate, logger,
        writer: new ChannelWriter({ clock, turn, positions, directory, conversations, channelLog, channels, ed25519Verify: parts.ed25519Verify, metrics }),
      }),
      channels,
      signals,
      catchUps: new CatchUps({ clock, random, positions, clockLease, inFlight, stores: { log, marks }, wide, gate, metrics }),
      accepting: () => this.#accepting,
    })
  }

  /** Joins the cluster and takes connections. Rejects `unavailable.clock`, `unavailable.bus`, `unavailable.store`. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#parts.directory.onChange((change) => {
      if (change.kind === 'resync') return this.#rechecks.demand()
      if (change.kind === 'log') this.#conversations.changed(change.account)
      this.#sessions.accountChanged(change)
      this.wakes?.accountChanged(change)
    })
    // Before the links, whose start flushes the bus: nothing else waits for signals.
    this.#signals.start()
    // Links first: who hears that this node is up may send to it.
    await this.#links.start()
    this.#clockLease.start()
    // Failing here is no reason not to start: readiness says so, and sends are refused until the clocks agree.
    await this.#clockLease.acquire()
    this.#housekeeping.start()
    this.#retention.start()
    this.#channels.start()
    this.#accepting = true
  }

  /** The connections of this node: for tests and diagnosis. */
  sessions(): IterableIterator<Session> {
    return this.#sessions.all()
  }

  /** Whether new work should come here: clock, broker and presence are well and the node does not drain. */
  ready(): NodeReadiness {
    const notReady = (reason: string): NodeReadiness => ({ ok: false, reason })
    if (!this.#accepting) return notReady('the node does not take connections')
    if (!this.#clockLease.confirmed()) return notReady('the clock is not confirmed')
    if (!this.#links.brokerHeld()) return notReady('the broker does not answer')
    if (this.#parts.clock.monotonicMs() - this.#router.presenceAnsweredMonotonicMs > PRESENCE_LOST_MS) return notReady('presence does not answer')
    return { ok: true }
  }

  /** Takes no new connections, sends the clients elsewhere and finishes what is on its way. */
  async drain(spreadMs: number): Promise<void> {
    this.#accepting = false
    const { clock, random } = this.#parts
    const drain = new Drain({ clock, random, sessions: this.#sessions, sendsInFlight: () => this.#inFlight.size })
    await drain.run(spreadMs, SETTLE_MS)
  }

  /** Says goodbye to the peers and stops every timer. What is still connected is closed. */
  async stop(): Promise<void> {
    this.#accepting = false
    for (const session of [...this.#sessions.all()]) session.close('draining')
    this.#housekeeping.stop()
    this.#rechecks.stop()
    this.#retention.stop()
    this.#channels.stop()
    this.#signals.stop()
    this.wakes?.stop()
    this.#clockLease.stop()
    this.#unsubscribe?.()
    await this.#links.leave()
    await this.#parts.registry.leave(this.incarnation)
  }
}
