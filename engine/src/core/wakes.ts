import type { Logger } from '@evegram/platform'
import { EvegramError, type AccountId, type Clock, type DeviceId } from '@evegram/protocol'
import type { AccountDirectory, AccountNews } from '../ports/account-directory.js'
import type { Presence } from '../ports/presence.js'
import type { PushClaims } from '../ports/push-claims.js'
import type { PushSender } from '../ports/push-sender.js'
import type { PushSubscription, PushSubscriptions } from '../ports/push-subscriptions.js'
import { ClaimEnds } from './claim-ends.js'
import type { EngineMetrics } from './metrics.js'
import { PushQueue, type PushEnd } from './push-queue.js'

/** Time from a message to the look at who missed it: more that come meanwhile are one wake, and who comes back meanwhile needs none. */
export const WAKE_GATHER_MS = 1_000
/** Time for a device to come back whose connection ended before it acknowledged what it got. */
export const WAKE_LEFT_MS = 30_000
/** Least time between two wakes of one device, also when it connected in between. */
export const WAKE_INTERVAL_MS = 30_000
/** A wake that is not told to have been taken holds its device no longer than this: longer than a push lives in the queue. */
export const WAKE_LEASE_MS = 600_000
/** A device that was woken is not woken again for this long unless it connected: as long as its push service keeps the push. */
export const WAKE_TTL_MS = 24 * 3_600_000
/** Devices that missed something and have not been looked at. */
export const MISSED_MAX = 65_536
/** Devices of one look. */
const LOOK_MAX = 512
/** Devices that are known to have no subscription, and for how long: what another node is told meanwhile is not known here. */
const UNSUBSCRIBED_MAX = 65_536
const UNSUBSCRIBED_MS = 10_000
/** Time before a store that did not answer is asked again. */
const RETRY_MS = 5_000
/** Lines in the log about devices that were not woken for want of room. */
const SHED_LOG_MS = 60_000

/** Messages of several accounts: at least one is of somebody else than the account of the device. */
const SEVERAL = 'several'

/** A device that a message did not reach. */
interface Missed {
  sender: AccountId | typeof SEVERAL
  dueMonotonicMs: number
}

/** The parts of an engine that wake devices. */
export interface PushParts {
  readonly subscriptions: PushSubscriptions
  readonly claims: PushClaims
  readonly sender: PushSender
}

/** What waking needs. */
export interface WakesParts extends PushParts {
  readonly clock: Clock
  readonly presence: Presence
  readonly directory: Pick<AccountDirectory, 'summary'>
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/**
 * Wakes devices that have a subscription and no connection, once until they connected. Stands beside the way of a message, which only notes whom it did not reach:
 * nothing here is waited for by a send, and everything is bounded. What is lost with a node is made up by the next message.
 * Architecture invariant: a push follows from that something was stored for a device, never from what it is; and no device is woken that its account log revoked.
 */
export class Wakes {
  readonly #parts: WakesParts
  readonly #queue: PushQueue
  readonly #missed = new Map<DeviceId, Missed>()
  /** Until when (monotonic) a device is known to have no subscription. */
  readonly #unsubscribed = new Map<DeviceId, number>()
  readonly #claimEnds: ClaimEnds
  #timer: { cancel(): void } | undefined
  #plannedMs = Number.POSITIVE_INFINITY
  #looking = false
  #stopped = false
  #shedLoggedMs = Number.NEGATIVE_INFINITY

  constructor(parts: WakesParts) {
    this.#parts = parts
    this.#claimEnds = new ClaimEnds({ clock: parts.clock, claims: parts.claims, restMs: WAKE_INTERVAL_MS, onShed: () => { this.#shed() }, log: parts.log })
    this.#queue = new PushQueue({ clock: parts.clock, sender: parts.sender, ended: (push, end, reason) => { void this.#ended(push, end, reason) } })
  }

  /** Takes where a device is woken. Rejects `denied.push_service`, `unavailable.store`. */
  async subscribe(account: AccountId, device: DeviceId, endpoint: string): Promise<void> {
    const accepted = this.#parts.sender.accepts(endpoint)
    if (accepted === undefined) throw new EvegramError('denied.push_service', { operation: 'subscribe to pushes' })
    await this.#parts.subscriptions.put({ account, device, endpoint: accepted.endpoint, renewedAtMs: this.#parts.clock.now() })
    this.#unsubscribed.delete(device)
  }

  /** Ends the subscription of a device. Rejects `unavailable.store`. */
  async unsubscribe(device: DeviceId): Promise<void> {
    await this.#parts.subscriptions.remove(device)
    this.#queue.cancel(device)
  }

  /** Notes that a message of `sender` was stored for a device without a connection here. On the path of every message: no promise, no copy. */
  missed(device: DeviceId, sender: AccountId): void {
    const missed = this.#missed.get(device)
    if (missed === undefined) this.#note(device, sender, WAKE_GATHER_MS)
    else if (missed.sender !== sender) missed.sender = SEVERAL
  }

  /** Notes that a connection ended and its device has not acknowledged everything it was sent. */
  left(device: DeviceId): void {
    if (!this.#missed.has(device)) this.#note(device, SEVERAL, WAKE_LEFT_MS)
  }

  /** Notes that a device connected: it reads for itself what it missed, and may be woken again. */
  connected(device: DeviceId): void {
    this.#missed.delete(device)
    this.#queue.cancel(device)
    this.#claimEnds.add(device)
  }

  /** Ends the subscriptions of devices that were revoked or signed out. What fails is tidying up: who was revoked is not woken in any case. */
  accountChanged(change: AccountNews): void {
    const devices = change.kind === 'log' ? change.revokedDevices : change.kind === 'session_revoked' ? [change.device] : []
    for (const device of devices) {
      this.unsubscribe(device).catch((failure: unknown) => { this.#parts.log.warn({ err: failure }, 'the push subscription of a device could not be ended') })
    }
  }

  /** Forgets what waits: the next message wakes. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#missed.clear()
    this.#claimEnds.stop()
    this.#queue.stop()
  }

  #note(device: DeviceId, sender: Missed['sender'], waitMs: number): void {
    if (this.#stopped) return
    const nowMs = this.#parts.clock.monotonicMs()
    const unsubscribedUntilMs = this.#unsubscribed.get(device)
    if (unsubscribedUntilMs !== undefined) {
      if (unsubscribedUntilMs > nowMs) return
      this.#unsubscribed.delete(device)
    }
    if (this.#missed.size >= MISSED_MAX) return this.#shed()
    this.#missed.set(device, { sender, dueMonotonicMs: nowMs + waitMs })
    this.#plan(nowMs + waitMs)
  }

  #shed(): void {
    const { clock, metrics, log } = this.#parts
    metrics.wakesShed.add()
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#shedLoggedMs < SHED_LOG_MS) return
    this.#shedLoggedMs = nowMs
    log.warn({ waiting: this.#missed.size, queued: this.#queue.size }, 'devices are not woken: too many wait for it')
  }

  /** One timer, at the earliest time that something is due. */
  #plan(atMs: number): void {
    if (this.#stopped || this.#looking || atMs >= this.#plannedMs) return
    this.#timer?.cancel()
    this.#plannedMs = atMs
    this.#timer = this.#parts.clock.after(Math.max(0, atMs - this.#parts.clock.monotonicMs()), () => {
      this.#plannedMs = Number.POSITIVE_INFINITY
      void this.#look()
    })
  }

  /** Looks at what is due, then plans the next look. Never rejects. */
  async #look(): Promise<void> {
    this.#looking = true
    const due = this.#takeDue()
    try {
      await this.#wakeThose(due)
    } catch (failure) {
      this.#lookAgain(failure, due, [...due.keys()])
    } finally {
      this.#looking = false
      this.#planNext()
    }
  }

  #lookAgain(failure: unknown, due: ReadonlyMap<DeviceId, Missed>, devices: readonly DeviceId[]): void {
    this.#parts.metrics.wakeFailures.add()
    this.#parts.log.warn({ err: failure, devices: devices.length }, 'who must be woken is not known: looked at again')
    for (const device of devices) if (!this.#missed.has(device)) this.#note(device, due.get(device)?.sender ?? SEVERAL, RETRY_MS)
  }

  #planNext(): void {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { dueMonotonicMs } of this.#missed.values()) nextMs = Math.min(nextMs, dueMonotonicMs)
    if (nextMs !== Number.POSITIVE_INFINITY) this.#plan(nextMs)
  }

  #takeDue(): Map<DeviceId, Missed> {
    const nowMs = this.#parts.clock.monotonicMs()
    const due = new Map<DeviceId, Missed>()
    for (const [device, missed] of this.#missed) {
      if (missed.dueMonotonicMs > nowMs) continue
      due.set(device, missed)
      this.#missed.delete(device)
      if (due.size >= LOOK_MAX) break
    }
    return due
  }

  async #wakeThose(due: ReadonlyMap<DeviceId, Missed>): Promise<void> {
    if (due.size === 0) return
    const { subscriptions, clock } = this.#parts
    const found = await subscriptions.read([...due.keys()])
    const subscribed = new Set(found.map(({ device }) => device))
    if (this.#unsubscribed.size > UNSUBSCRIBED_MAX) this.#unsubscribed.clear()
    const unsubscribedUntilMs = clock.monotonicMs() + UNSUBSCRIBED_MS
    for (const device of due.keys()) if (!subscribed.has(device)) this.#unsubscribed.set(device, unsubscribedUntilMs)
    // What an account writes to itself is no reason to wake it.
    const wanted = found.filter(({ account, device }) => due.get(device)?.sender !== account)
    if (wanted.length === 0) return
    const here = await this.#here(wanted)
    const claimed: PushSubscription[] = []
    await Promise.all(wanted.filter(({ device }) => !here.has(device)).map(async (one) => {
      try {
        if (await this.#claim(one)) claimed.push(one)
      } catch (failure) {
        // One whose account or claim is not told keeps nobody from being woken who was claimed beside it.
        this.#lookAgain(failure, due, [one.device])
      }
    }))
    await this.#wake(claimed)
  }

  /** Which of these devices have a connection. */
  async #here(subscriptions: readonly PushSubscription[]): Promise<ReadonlySet<DeviceId>> {
    if (subscriptions.length === 0) return new Set()
    return new Set((await this.#parts.presence.lookup([...new Set(subscriptions.map(({ account }) => account))])).map(({ device }) => device))
  }

  /** Whether this node is to wake the device. */
  async #claim({ account, device, endpoint }: PushSubscription): Promise<boolean> {
    const { claims, directory, sender, subscriptions } = this.#parts
    const summary = await directory.summary(account)
    // Revoked while nobody listened, or at a push service that the operator has taken from the list since.
    if (summary === undefined || summary.closed || !summary.devices.some((active) => active.device === device) || sender.accepts(endpoint) === undefined) {
      await subscriptions.remove(device, endpoint)
      return false
    }
    const claim = await claims.claim(device, WAKE_LEASE_MS)
    if (claim.status === 'resting') this.#note(device, SEVERAL, claim.forMs)
    return claim.status === 'claimed'
  }

  /**
   * Sends to devices that were claimed, but for those that are here now. Who connects registers presence, then ends the claim: whoever is not seen here ends it
   * later, and no device that is connected is held to be woken.
   */
  async #wake(claimed: readonly PushSubscription[]): Promise<void> {
    const { sender } = this.#parts
    const unclaim = (those: readonly PushSubscription[]): void => { for (const { device } of those) this.#claimEnds.add(device) }
    let here: ReadonlySet<DeviceId>
    try {
      here = await this.#here(claimed)
    } catch (failure) {
      unclaim(claimed)
      throw failure
    }
    const left: PushSubscription[] = []
    for (const subscription of claimed) {
      const accepted = sender.accepts(subscription.endpoint)
      if (here.has(subscription.device) || accepted === undefined) left.push(subscription)
      else if (this.#queue.add(subscription.device, accepted.endpoint, accepted.service) === 'full') {
        this.#shed()
        left.push(subscription)
      }
    }
    unclaim(left)
  }

  async #ended({ device, endpoint }: { readonly device: DeviceId; readonly endpoint: string }, end: PushEnd, reason?: string): Promise<void> {
    const { claims, subscriptions, metrics, log } = this.#parts
    try {
      if (end === 'accepted') {
        metrics.pushes.add()
        return await claims.woken(device, WAKE_TTL_MS)
      }
      if (end === 'gone') {
        metrics.pushesGone.add()
        await subscriptions.remove(device, endpoint)
      } else {
        metrics.pushesFailed.add()
        log.warn({ end, reason }, 'a device could not be woken')
      }
      await claims.rest(device, WAKE_INTERVAL_MS)
    } catch (failure) {
      // A claim that is not settled ends by itself, and a subscription that is gone is found gone again.
      metrics.wakeFailures.add()
      log.warn({ err: failure, end }, 'what became of a wake could not be noted')
    }
  }
}
