import {
  CLOSE_CODES, decodeDeviceAck, decodeFrames, decodeListen, encodeChallenge, encodeFrame, EvegramError, FRAME_TYPE, isEvegramError, LIMITS, PROTOCOL_VERSION,
  type Clock, type CloseReason, type Frame, type Random,
} from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { Socket, SocketHandlers } from '../ports/socket-server.js'
import type { Admission } from './admission.js'
import type { CatchUps } from './catch-up.js'
import type { ChannelRequests } from './channel-requests.js'
import type { Channels } from './channels.js'
import type { GroupRequests } from './group-requests.js'
import type { Greeter } from './hello.js'
import type { EngineMetrics } from './metrics.js'
import type { OutboundFlush } from './outbound-queue.js'
import type { PositionClock } from './position-clock.js'
import type { PresenceKeeper } from './presence-keeper.js'
import type { Repairs } from './repairs.js'
import type { Requests } from './requests.js'
import type { SendPath } from './send.js'
import { Session, type SessionOwner } from './session.js'
import { ACCEPTED_FRAMES } from './session-states.js'
import type { Sessions } from './sessions.js'
import type { Signals } from './signals.js'
import type { Wakes } from './wakes.js'
import type { WideInterest } from './wide-interest.js'

/** What dispatching needs. */
export interface DispatchParts {
  readonly clock: Clock
  readonly random: Random
  readonly positions: PositionClock
  readonly sessions: Sessions
  readonly flush: OutboundFlush
  readonly admission: Admission
  readonly greeter: Greeter
  readonly sendPath: SendPath
  readonly requests: Requests
  readonly groupRequests: GroupRequests
  readonly channelRequests: ChannelRequests
  readonly channels: Pick<Channels, 'forget'>
  readonly signals: Pick<Signals, 'accept'>
  readonly catchUps: CatchUps
  readonly repairs: Repairs
  readonly presence: PresenceKeeper
  readonly wide: Pick<WideInterest, 'forget'>
  readonly wakes?: Pick<Wakes, 'left'> | undefined
  readonly metrics: EngineMetrics
  readonly log: Logger
  /** Whether new connections are taken. */
  readonly accepting: () => boolean
}

/** Turns what sockets say into calls of the core. Bytes that are not the protocol are answered with a failure and a close. */
export class Dispatch implements SocketHandlers {
  readonly #parts: DispatchParts

  constructor(parts: DispatchParts) {
    this.#parts = parts
  }

  opened(socket: Socket): void {
    const { clock, random, positions, sessions, flush, metrics, accepting } = this.#parts
    if (!accepting()) return socket.close('draining')
    const challenge = random.bytes(32)
    const session = new Session({ socket, flush, challenge, nowMs: clock.monotonicMs(), metrics })
    sessions.open(session)
    session.out.frame(encodeFrame(FRAME_TYPE.challenge, 0, encodeChallenge({
      nonce: challenge, serverTimeMs: Math.floor(positions.nowMs()), protocolMin: PROTOCOL_VERSION, protocolMax: PROTOCOL_VERSION,
    })))
  }

  message(socket: Socket, bytes: Uint8Array): void {
    const session = this.#parts.sessions.ofSocket(socket.id)
    if (session === undefined || session.state === 'closed') return
    let correlation = 0
    try {
      const frames = decodeFrames(bytes, session.owner === undefined ? LIMITS.helloFrameBytesMax : LIMITS.frameBytesMax)
      session.heardMonotonicMs = this.#parts.clock.monotonicMs()
      for (const frame of frames) {
        correlation = frame.correlation
        if (!ACCEPTED_FRAMES[session.state].has(frame.type) || session.greeting !== undefined) {
          throw new EvegramError('invalid.frame_type', { operation: `frame ${frame.type} while ${session.greeting === undefined ? session.state : 'hello is checked'}` })
        }
        if (!this.#handle(session, frame)) return
      }
    } catch (failure) {
      this.#reject(session, failure, correlation)
    }
  }

  text(socket: Socket): void {
    const session = this.#parts.sessions.ofSocket(socket.id)
    if (session !== undefined) this.#reject(session, new EvegramError('invalid.text_frame', { operation: 'read message' }), 0)
  }

  drained(socket: Socket): void {
    const session = this.#parts.sessions.ofSocket(socket.id)
    if (session !== undefined && !session.clean) this.#parts.repairs.consider(session)
  }

  closed(socket: Socket, code: number): void {
    const { sessions, presence, wide, wakes, channels, metrics } = this.#parts
    const session = sessions.ofSocket(socket.id)
    if (session === undefined) return
    if (code === SLOW_CONSUMER) metrics.slowConsumers.add()
    session.out.end()
    session.move('socket_closed')
    session.backlog = undefined
    session.dirty = undefined
    session.greeting = undefined
    sessions.remove(session)
    wide.forget(session)
    channels.forget(session)
    const { owner } = session
    if (owner === undefined) return
    void presence.remove(owner.presence)
    // What it was sent and did not acknowledge may not have been shown, as on a phone that fell asleep.
    if (session.unacked > 0 && sessions.ofDevice(owner.device) === undefined) wakes?.left(owner.device)
  }

  /** Handles one frame; false when the rest of the message is not wanted any more. */
  #handle(session: Session, frame: Frame): boolean {
    const { admission, sendPath } = this.#parts
    const { owner } = session
    if (owner === undefined) {
      const waitMs = admission.take(session.heardMonotonicMs)
      if (waitMs > 0) this.#putOff(session, frame.correlation, waitMs)
      else this.#greet(session, frame)
      return waitMs === 0
    }
    if (frame.type === FRAME_TYPE.send) {
      if (frame.correlation === 0) throw new EvegramError('invalid.frame', { operation: 'read send', advice: 'A send needs a correlation.' })
      sendPath.accept(session, owner, frame)
    } else if (frame.type === FRAME_TYPE.deviceAck) this.#acknowledge(session, frame)
    else if (frame.type === FRAME_TYPE.signal) this.#parts.signals.accept(owner, frame, session.heardMonotonicMs)
    else if (frame.type === FRAME_TYPE.listen) session.listens = decodeListen(frame.body)
    else if (this.#allows(session, owner, frame)) this.#request(session, owner, frame)
    // A flood ends in a close: what follows in the same message is not read.
    return !session.out.ended
  }

  #greet(session: Session, frame: Frame): void {
    const { admission, greeter, clock } = this.#parts
    const beganMs = clock.monotonicMs()
    const checking = greeter.greet(session, frame)
    admission.began()
    void checking.then(() => { admission.checked(beganMs, clock.monotonicMs()) })
  }

  /** Too many say hello at once: the client is told when to come back. */
  #putOff(session: Session, correlation: number, retryAfterMs: number): void {
    this.#parts.metrics.hellosPutOff.add()
    const code = 'limited.connections'
    session.fail(correlation, { code, message: new EvegramError(code).advice, retryAfterMs })
    session.close('overloaded')
  }

  #request(session: Session, owner: SessionOwner, frame: Frame): void {
    const { requests, groupRequests, channelRequests, catchUps } = this.#parts
    switch (frame.type) {
      case FRAME_TYPE.ping: return session.out.frame(encodeFrame(FRAME_TYPE.pong, frame.correlation, EMPTY))
      case FRAME_TYPE.open:
        void requests.open(session, owner, frame)
        return
      case FRAME_TYPE.read:
        void requests.read(session, owner, frame)
        return
      case FRAME_TYPE.changeGroup:
        void groupRequests.change(session, owner, frame)
        return
      case FRAME_TYPE.readGroup:
        void groupRequests.read(session, owner, frame)
        return
      case FRAME_TYPE.post:
        void channelRequests.post(session, owner, frame)
        return
      case FRAME_TYPE.follow:
        void channelRequests.follow(session, frame)
        return
      case FRAME_TYPE.unfollow:
        void channelRequests.unfollow(session, frame)
        return
      case FRAME_TYPE.readChannel:
        void channelRequests.read(session, frame)
        return
      case FRAME_TYPE.catchUp:
        void catchUps.handle(session, owner, frame)
        return
      default: throw new EvegramError('invalid.frame_type', { operation: `frame ${frame.type}` })
    }
  }

  #allows(session: Session, owner: SessionOwner, frame: Frame): boolean {
    const { limits } = owner
    const nowMs = session.heardMonotonicMs
    if (frame.type === FRAME_TYPE.catchUp && this.#parts.catchUps.isNextPage(session, frame)) return true
    // A post is a message: it is stored, and goes to many.
    const waitMs = frame.type === FRAME_TYPE.post ? limits.takeMessage(frame.body.length, nowMs) : limits.takeRequest(nowMs)
    if (waitMs === 0) return true
    this.#parts.metrics.limited.add()
    if (limits.patience.affords(1, nowMs)) {
      limits.patience.take(1)
      const code = 'limited.rate'
      session.fail(frame.correlation, { code, message: new EvegramError(code).advice, retryAfterMs: waitMs })
    } else session.close('rateLimited')
    return false
  }

  #acknowledge(session: Session, frame: Frame): void {
    const { committed } = decodeDeviceAck(frame.body)
    const moved = (committed - session.committed) >>> 0
    if (moved > session.unacked) throw new EvegramError('invalid.request', { operation: 'count acknowledged deliveries' })
    if (moved === 0) return
    session.committed = committed
    session.stuckSinceMonotonicMs = undefined
    if (!session.clean) this.#parts.repairs.consider(session)
  }

  /** Answers the request that was malformed, then the connection, and closes it. */
  #reject(session: Session, failure: unknown, correlation: number): void {
    const { metrics, log } = this.#parts
    const code = isEvegramError(failure) ? failure.code : 'internal'
    if (code === 'internal') log.error({ err: failure }, 'a frame could not be handled')
    metrics.protocolErrors.add()
    for (const under of new Set([correlation, 0])) session.fail(under, { code, message: new EvegramError(code).advice })
    session.close(closeReasonOf(code))
  }
}

const EMPTY = new Uint8Array(0)
const SLOW_CONSUMER: number = CLOSE_CODES.slowConsumer.code

function closeReasonOf(code: string): CloseReason {
  if (code === 'too_large.frame' || code === 'too_large.envelope') return 'tooLarge'
  if (code === 'incompatible.protocol') return 'incompatible'
  return code === 'internal' ? 'internal' : 'protocolError'
}
