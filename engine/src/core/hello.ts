import { createHash } from 'node:crypto'
import type { Logger } from '@evegram/platform'
import {
  decodeHello, encodeFailure, encodeFrame, encodeWelcome, equalBytes, EvegramError, FRAME_TYPE, helloBytes, hexOf, isEvegramError, LIMITS,
  type CloseReason, type ErrorCode, type Frame, type Hello, type Random, type Clock,
} from '@evegram/protocol'
import type { AccountDirectory, TokenHolder } from '../ports/account-directory.js'
import type { Presence, PresenceEntry } from '../ports/presence.js'
import type { EngineMetrics } from './metrics.js'
import type { ClockLease } from './clock-lease.js'
import type { Links } from './links.js'
import type { PositionClock } from './position-clock.js'
import { DeviceLimits, type DeviceRates } from './rate-limit.js'
import { SessionOwner, type Session } from './session.js'
import type { Sessions } from './sessions.js'
import type { Wakes } from './wakes.js'

/** Life of a presence entry that is not refreshed. */
export const PRESENCE_TTL_MS = 35_000
/** Steps of connection epochs in one millisecond of the position clock; the incarnation picks one, so that nodes do not meet. */
const EPOCHS_PER_MS = 1_024
/** Entries of presence that are ahead of this node's clock by no more than this are a matter of clocks: the later hello wins. */
const EPOCH_SKEW = LIMITS.maxSkewMs * 2 * EPOCHS_PER_MS

/** What is left of a nonce: one object for all sessions, which may be many. */
const SPENT = new Uint8Array(0)

/** Verifies an Ed25519 signature, strictly: canonical encodings only, small-order keys refused. */
export type Ed25519Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

/** What greeting needs. */
export interface HelloParts {
  readonly clock: Clock
  readonly random: Random
  readonly positions: PositionClock
  readonly clockLease: Pick<ClockLease, 'acquire'>
  readonly directory: AccountDirectory
  readonly presence: Presence
  readonly links: Links
  readonly sessions: Sessions
  readonly wakes?: Pick<Wakes, 'connected'> | undefined
  readonly ed25519Verify: Ed25519Verify
  /** The origin that clients were configured with; signed by every hello. */
  readonly origin: string
  readonly rates: DeviceRates
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/** Checks hellos: a valid token, an active device, and its signature over this connection's nonce; then registers presence. */
export class Greeter {
  readonly #parts: HelloParts
  #lastEpoch = 0

  constructor(parts: HelloParts) {
    this.#parts = parts
  }

  /** Handles the hello of a session; answers `welcome`, or a failure and a close. Never rejects. Throws `invalid.cbor`, `invalid.request` at once. */
  greet(session: Session, frame: Frame): Promise<void> {
    // The frame is only valid during this call, the check takes longer.
    const hello = decodeHello(frame.body.slice())
    session.greeting = { account: hello.account, device: hello.device }
    return this.#check(session, hello, frame.correlation).catch((failure: unknown) => { this.#refuse(session, frame.correlation, failure) })
  }

  async #check(session: Session, hello: Hello, correlation: number): Promise<void> {
    const { clock, directory, sessions, rates, positions } = this.#parts
    const holder = await directory.verifyToken(hello.token)
    // Who hung up meanwhile, as clients do that wait too long, costs nothing more.
    if (!isAwaited(session)) return
    if (holder.account !== hello.account || holder.device !== hello.device) throw new EvegramError('auth.hello', { operation: 'compare token' })
    await this.#provePossession(session, hello)
    if (!isAwaited(session)) return
    // Epochs, cursors and the time that a client learns here come from this clock: one that nobody agrees with must not make any.
    if (!await this.#parts.clockLease.acquire()) throw new EvegramError('unavailable.clock', { operation: 'check hello' })
    // Presence first, catch-up later (rule 7): from here on every send finds this connection.
    const foundMs = positions.nowMs()
    const presence = await this.#register(holder)
    if (!isAwaited(session)) {
      await this.#parts.presence.remove(presence)
      return
    }
    sessions.own(session, new SessionOwner({ presence, token: hello.token, tokenExpiresAtMs: holder.expiresAtMs, limits: new DeviceLimits(rates) }))
    // Behind the registration: see Wakes.
    this.#parts.wakes?.connected(hello.device)
    session.greeting = undefined
    session.challenge = SPENT
    session.presenceFoundMs = foundMs
    session.presenceAskedMonotonicMs = clock.monotonicMs()
    session.move('hello_accepted')
    session.out.frame(encodeFrame(FRAME_TYPE.welcome, correlation, encodeWelcome({
      serverTimeMs: Math.floor(positions.nowMs()), connection: hexOf(this.#parts.random.bytes(8)),
      heartbeatMs: LIMITS.heartbeatMs, retentionMs: LIMITS.retentionMs, signals: true,
    })))
  }

  async #provePossession(session: Session, hello: Hello): Promise<void> {
    const { directory, ed25519Verify, origin } = this.#parts
    const summary = await directory.summary(hello.account)
    if (summary?.closed === true) throw new EvegramError('account.closed', { operation: 'check hello' })
    const device = summary?.devices.find((candidate) => candidate.device === hello.device)
    if (device === undefined) throw new EvegramError('account.device_unknown', { operation: 'check hello' })
    const message = helloBytes({
      origin, serverNonce: session.challenge, clientNonce: hello.clientNonce, account: hello.account, device: hello.device,
      tokenHash: createHash('sha256').update(hello.token).digest(),
    })
    // A client that returns the server's own nonce as its own has not understood the protocol, or is a mirror.
    const proved = !equalBytes(hello.clientNonce, session.challenge) && ed25519Verify(device.signingKey, message, hello.signature)
    if (!proved) throw new EvegramError('auth.hello', { operation: 'check signature' })
  }

  /** The newest socket of a device wins: its epoch is above every older one. Throws `unavailable.presence`. */
  async #register({ account, device }: TokenHolder): Promise<PresenceEntry> {
    const { positions, presence, links } = this.#parts
    const { incarnation } = positions
    const earliest = Math.floor(positions.nowMs()) * EPOCHS_PER_MS + incarnation % EPOCHS_PER_MS
    this.#lastEpoch = Math.max(this.#lastEpoch + EPOCHS_PER_MS, earliest)
    let entry: PresenceEntry = { account, device, incarnation, connectionEpoch: this.#lastEpoch }
    let answer = await presence.register(entry, PRESENCE_TTL_MS)
    if (answer.status === 'refused' && answer.newer.connectionEpoch - entry.connectionEpoch <= EPOCH_SKEW) {
      entry = { ...entry, connectionEpoch: entry.connectionEpoch + 2 * EPOCH_SKEW }
      answer = await presence.register(entry, PRESENCE_TTL_MS)
    }
    if (answer.status === 'refused') throw new EvegramError('conflict.in_flight', { operation: 'register presence', advice: 'A newer connection of the device took over.' })
    const { replaced } = answer
    if (replaced !== undefined && replaced.incarnation !== positions.incarnation) {
      links.announceReplaced(replaced.incarnation, device, entry.connectionEpoch)
    }
    return entry
  }

  #refuse(session: Session, correlation: number, failure: unknown): void {
    session.greeting = undefined
    if (session.state !== 'connected') return
    const code: ErrorCode = isEvegramError(failure) ? failure.code : 'internal'
    if (code === 'internal') this.#parts.log.error({ err: failure }, 'a hello could not be checked')
    this.#parts.metrics.helloRefusals.add()
    session.out.frame(encodeFrame(FRAME_TYPE.failure, correlation, encodeFailure({ code, message: new EvegramError(code).advice })))
    session.close(closeReasonOf(code))
  }
}

/** Whether the client still waits for the answer to its hello, and may have one. */
function isAwaited(session: Session): boolean {
  return session.state === 'connected' && session.greeting !== undefined
}

function closeReasonOf(code: ErrorCode): CloseReason {
  if (code === 'account.closed') return 'accountClosed'
  if (code === 'account.device_unknown') return 'revoked'
  if (code === 'auth.token_expired') return 'tokenExpired'
  if (code === 'conflict.in_flight') return 'replaced'
  return code.startsWith('auth.') ? 'helloRefused' : 'internal'
}
