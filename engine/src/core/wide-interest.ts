import { withDeadline, type Logger } from '@evegram/platform'
import { EvegramError, LIMITS, type Clock, type ConversationId } from '@evegram/protocol'
import type { Interest, InterestEntry } from '../ports/interest.js'
import type { Marks } from '../ports/marks.js'
import type { Conversations } from './conversations.js'
import { PRESENCE_TTL_MS } from './hello.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'
import { PRESENCE_REFRESH_MS } from './presence-keeper.js'
import type { BacklogGuide } from './resume.js'
import { PRESENCE_TIMEOUT_MS, type Router } from './route.js'
import type { Session, SessionOwner } from './session.js'

/** Entries in one refresh. */
const REFRESH_BATCH = 1_000
/** An account may still get what is positioned this long after it was found to be out: what was on its way under a lease, and what clocks differ by. */
export const LEFT_MARGIN_MS = LIMITS.overlapMs

/** What keeping interest needs. */
export interface WideInterestParts {
  readonly clock: Clock
  readonly positions: PositionClock
  readonly interest: Interest
  readonly marks: Marks
  readonly conversations: Pick<Conversations, 'lease'>
  readonly router: Pick<Router, 'presenceAnswered'>
  /** Everything since the cursor of the session must be read again. */
  readonly demand: (session: Session) => void
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/** A wide conversation with live members here. */
interface Watched {
  readonly conversation: ConversationId
  readonly followers: Set<Session>
  /** `new` until it stood once; `lost` since it was found absent: what was sent meanwhile did not come here. */
  state: 'new' | 'found' | 'lost'
  registration: number
  registering: Promise<void> | undefined
  askedMonotonicMs: number
  /** The last answer that found it: position time from before it was asked for. */
  foundMs: number
}

/**
 * The interest of this node in wide conversations: a node with live members of one says so before they catch up, and takes one packet for all of them
 * (rules 7 and 9).
 * Architecture invariant: no cursor of a live session passes the last time at which the interest in each of its wide conversations was found; what got
 * lost is registered again, and then its sessions catch up.
 */
export class WideInterest {
  readonly #parts: WideInterestParts
  /** Bounded by the wide conversations of the accounts that are connected here. */
  readonly #watched = new Map<ConversationId, Watched>()
  readonly #bySession = new Map<Session, Set<Watched>>()
  #registrations = 0

  constructor(parts: WideInterestParts) {
    this.#parts = parts
  }

  /** What the backlog of a session does about wide conversations. */
  guideOf(session: Session, owner: SessionOwner): BacklogGuide {
    return {
      prepare: () => this.#follow(session, owner),
      reading: (conversation) => { this.#verify(session, owner, conversation) },
    }
  }

  /** The live sessions of this node whose accounts are in the wide conversation. */
  followersOf(conversation: ConversationId): Iterable<Session> {
    return this.#watched.get(conversation)?.followers ?? []
  }

  /** The time up to which nothing that was sent to the wide conversations of the session went past this node; infinite for one without any. */
  foundMs(session: Session): number {
    let foundMs = Infinity
    for (const watched of this.#bySession.get(session) ?? []) foundMs = Math.min(foundMs, watched.foundMs)
    return foundMs
  }

  /** Forgets a session that ended. What nobody follows any more runs out by itself. */
  forget(session: Session): void {
    for (const watched of this.#bySession.get(session) ?? []) this.#drop(watched, session)
  }

  /** Refreshes what is due, or all of it. Never rejects: without an answer cursors wait, and the next round asks again. */
  async refresh(all: boolean): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs()
    const due = [...this.#watched.values()].filter(({ registering, askedMonotonicMs }) =>
      registering === undefined && (all || nowMs - askedMonotonicMs >= PRESENCE_REFRESH_MS))
    for (let from = 0; from < due.length; from += REFRESH_BATCH) await this.#refreshBatch(due.slice(from, from + REFRESH_BATCH))
  }

  /** Interest first, reading later: from here on whatever is sent finds this node. Rejects `unavailable.envelope_log`, `unavailable.presence`. */
  async #follow(session: Session, owner: SessionOwner): Promise<void> {
    const wide = new Set(await this.#parts.marks.wideOf(owner.account))
    if (session.state === 'closed') return
    // One that was joined since is not among them: whoever joins has sessions read again afterwards, and then it is.
    for (const watched of this.#bySession.get(session) ?? []) if (!wide.has(watched.conversation)) this.#drop(watched, session)
    const followed = [...wide].map((conversation) => this.#add(conversation, session))
    await this.#register(followed.filter(({ state }) => state !== 'found'))
  }

  /**
   * Somebody may have been removed, or never added after all, without the end of it being written: then it is written now. What this session
   * reads was there while it was a member, or is nothing that it can decrypt.
   */
  #verify(session: Session, owner: SessionOwner, conversation: ConversationId): void {
    const watched = this.#watched.get(conversation)
    if (watched?.followers.has(session) !== true) return
    const { conversations, marks, positions, log } = this.#parts
    const verified = async (): Promise<void> => {
      const lease = await conversations.lease(conversation)
      if (lease === undefined || lease.members.includes(owner.account)) return
      await marks.leave(conversation, [owner.account], lease.membershipVersion, positions.nowMs() + LEFT_MARGIN_MS)
      await this.#follow(session, owner)
    }
    verified().catch((failure: unknown) => { log.warn({ err: failure }, 'a membership could not be looked at') })
  }

  #add(conversation: ConversationId, session: Session): Watched {
    let watched = this.#watched.get(conversation)
    if (watched === undefined) {
      watched = { conversation, followers: new Set(), state: 'new', registration: 0, registering: undefined, askedMonotonicMs: this.#parts.clock.monotonicMs(), foundMs: 0 }
      this.#watched.set(conversation, watched)
    }
    watched.followers.add(session)
    const ofSession = this.#bySession.get(session) ?? new Set()
    this.#bySession.set(session, ofSession.add(watched))
    return watched
  }

  #drop(watched: Watched, session: Session): void {
    watched.followers.delete(session)
    if (watched.followers.size === 0 && this.#watched.get(watched.conversation) === watched) this.#watched.delete(watched.conversation)
    const ofSession = this.#bySession.get(session)
    ofSession?.delete(watched)
    if (ofSession?.size === 0) this.#bySession.delete(session)
  }

  /** Resolves when all of them stand. Rejects `unavailable.presence`. */
  async #register(wanted: readonly Watched[]): Promise<void> {
    const fresh = wanted.filter(({ registering }) => registering === undefined)
    const waiting = wanted.flatMap(({ registering }) => registering ?? [])
    if (fresh.length > 0) {
      const registering = this.#registerNow(fresh)
      for (const watched of fresh) watched.registering = registering
      waiting.push(registering)
    }
    await Promise.all(waiting)
  }

  async #registerNow(fresh: readonly Watched[]): Promise<void> {
    const { clock, positions, interest } = this.#parts
    const askedMs = positions.nowMs()
    for (const watched of fresh) {
      // A new number each time: an older registration that takes effect late would hide that this one got lost.
      watched.registration = ++this.#registrations
      watched.askedMonotonicMs = clock.monotonicMs()
    }
    const entries = fresh.map((watched) => this.#entryOf(watched))
    try {
      await this.#answered('register interest', () => interest.register(entries, PRESENCE_TTL_MS))
    } finally {
      for (const watched of fresh) watched.registering = undefined
    }
    for (const watched of fresh) {
      const wasLost = watched.state === 'lost'
      watched.state = 'found'
      watched.foundMs = askedMs
      if (wasLost) for (const session of watched.followers) this.#parts.demand(session)
    }
  }

  async #refreshBatch(batch: readonly Watched[]): Promise<void> {
    const { clock, positions, interest } = this.#parts
    const askedMs = positions.nowMs()
    const held = batch.filter(({ state }) => state === 'found').map((watched) => ({ watched, entry: this.#entryOf(watched) }))
    const again = batch.filter(({ state }) => state !== 'found')
    for (const watched of batch) watched.askedMonotonicMs = clock.monotonicMs()
    try {
      const answers = held.length === 0 ? [] : await this.#answered('refresh interest', () => interest.refresh(held.map(({ entry }) => entry), PRESENCE_TTL_MS))
      held.forEach(({ watched, entry }, index) => {
        // Registered anew meanwhile: this answer is about another entry.
        if (watched.registration !== entry.registration) return
        if (answers[index] === 'found') watched.foundMs = askedMs
        else {
          watched.state = 'lost'
          again.push(watched)
        }
      })
      await this.#register(again.filter(({ followers }) => followers.size > 0))
    } catch {
      // Counted and logged where it was asked: the next round asks again.
    }
  }

  #entryOf({ conversation, registration }: Watched): InterestEntry {
    return { conversation, registration, incarnation: this.#parts.positions.incarnation }
  }

  async #answered<Answer>(operation: string, ask: () => Promise<Answer>): Promise<Answer> {
    const { clock, metrics, log, router } = this.#parts
    try {
      const answer = await withDeadline(clock, PRESENCE_TIMEOUT_MS, operation, ask)
      router.presenceAnswered()
      return answer
    } catch (cause) {
      metrics.presenceFailures.add()
      log.warn({ err: cause, operation }, 'presence does not answer')
      throw new EvegramError('unavailable.presence', { operation, cause })
    }
  }
}
