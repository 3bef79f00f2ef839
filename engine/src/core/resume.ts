import { LIMITS, positionAtTime, type AccountId, type ConversationId, type Position } from '@evegram/protocol'
import type { EnvelopeLog } from '../ports/envelope-log.js'
import type { Marks } from '../ports/marks.js'
import { bodyFor, deliveryBytes, type BodyRange } from './delivery.js'

/** Conversations in one page of marks. */
const MARKS_PAGE = 256
/** Copies that one read of a log asks for. */
const READ_LIMIT = 128
/** Reads of logs for one page, so that a page costs a bounded time even when nothing in it is for the device. */
const READS_PER_PAGE_MAX = 64

/** One envelope for the device, as it lies in the log. */
export interface BacklogDelivery {
  readonly position: Position
  readonly envelope: Uint8Array
  readonly body: BodyRange
}

/** Room for one page. */
export interface PageRoom {
  readonly envelopes: number
  readonly bytes: number
}

/** The stores that a backlog reads. */
export interface BacklogStores {
  readonly log: EnvelopeLog
  readonly marks: Marks
}

/** Where a backlog begins. */
export interface BacklogFields {
  /** With undefined only dirty conversations are read. */
  readonly sinceMs: number | undefined
  readonly startedMs: number
  readonly guide: BacklogGuide
}

/** What a backlog needs of the session that it is for. */
export interface BacklogSession {
  /** The last cursor that was issued. */
  readonly cursorMs: number
  /** Conversations to read, each from the lowest position that was seen. */
  readonly dirty: Map<ConversationId, Position> | undefined
  /** Live packets may have been missed: everything since the cursor must be read. */
  mustRepair: boolean
}
/** What a backlog needs of the device that it is for. */
export interface BacklogOwner {
  readonly account: AccountId
  /** The 16 bytes of the device id. */
  readonly deviceBytes: Uint8Array
}

/** What a backlog does about wide conversations. */
export interface BacklogGuide {
  /** Resolved = what is sent to the account from now on comes here. Called each time before marks are read from the start; what it rejects, the page rejects. */
  prepare(): Promise<void>
  /** The log of a marked conversation is about to be read. */
  reading(conversation: ConversationId): void
}

interface Reading {
  readonly conversation: ConversationId
  after: Position
}

/**
 * What a device has to read: every marked conversation since its cursor, then the conversations that live packets marked dirty
 * meanwhile, until none is left (rules 5 and 11). Its cost is what was missed: one read of the marks, then of those logs alone.
 * A page that fails changes nothing and can be asked for again.
 */
export class Backlog {
  /** Node time at which this began, lowered to what this node had published then: what it proves once it is done. */
  readonly startedMs: number
  readonly #session: BacklogSession
  readonly #account: BacklogOwner['account']
  readonly #deviceBytes: Uint8Array
  readonly #stores: BacklogStores
  readonly #guide: BacklogGuide
  readonly #sinceMs: number
  #queue: ConversationId[] = []
  #lastMarked: ConversationId | undefined
  #marksRead: boolean
  #whole: boolean
  #reading: Reading | undefined

  /** With `sinceMs` undefined only dirty conversations are read, unless everything since the session's cursor must be after all. */
  constructor(session: BacklogSession, owner: BacklogOwner, stores: BacklogStores, fields: BacklogFields) {
    this.#session = session
    this.#account = owner.account
    this.#deviceBytes = owner.deviceBytes
    this.#stores = stores
    this.#guide = fields.guide
    this.startedMs = fields.startedMs
    this.#sinceMs = fields.sinceMs ?? session.cursorMs
    this.#whole = fields.sinceMs !== undefined
    this.#marksRead = fields.sinceMs === undefined
  }

  /** Whether everything since the cursor is read, so that the end of it gives a new cursor. */
  get whole(): boolean {
    return this.#whole
  }

  /** Whether nothing is left to read at this moment. */
  get done(): boolean {
    const { dirty, mustRepair } = this.#session
    return this.#reading === undefined && this.#queue.length === 0 && this.#marksRead && !mustRepair && (dirty === undefined || dirty.size === 0)
  }

  /** The next envelopes for the device, within `room` (one at least, if there is any within the work of a page). Rejects `unavailable.envelope_log`, `unavailable.store`. */
  async next(room: PageRoom): Promise<readonly BacklogDelivery[]> {
    const found: BacklogDelivery[] = []
    let bytes = 0
    for (let reads = 0; reads < READS_PER_PAGE_MAX; reads++) {
      this.#reading ??= await this.#nextReading()
      const reading = this.#reading
      if (reading === undefined) return found
      const copies = await this.#stores.log.read(reading.conversation, reading.after, READ_LIMIT)
      for (const { position, envelope } of copies) {
        const body = bodyFor(envelope, this.#deviceBytes)
        if (body !== undefined) {
          bytes += deliveryBytes(body)
          if (found.length > 0 && bytes > room.bytes) return found
          found.push({ position, envelope, body })
        }
        reading.after = position
        if (found.length >= room.envelopes) return found
      }
      if (copies.length < READ_LIMIT) this.#reading = undefined
    }
    return found
  }

  async #nextReading(): Promise<Reading | undefined> {
    for (;;) {
      const marked = this.#queue.shift()
      if (marked !== undefined) {
        // What was marked dirty until now was stored before, so the reading that begins now sees it.
        this.#session.dirty?.delete(marked)
        this.#guide.reading(marked)
        return { conversation: marked, after: behindTime(this.#sinceMs) }
      }
      if (!this.#marksRead) await this.#readMarks()
      else if (this.#session.mustRepair) this.#beginAgain()
      else return this.#nextDirty()
    }
  }

  async #readMarks(): Promise<void> {
    if (this.#lastMarked === undefined) await this.#guide.prepare()
    const page = await this.#stores.marks.since(this.#account, this.#sinceMs - LIMITS.overlapMs, MARKS_PAGE, this.#lastMarked)
    this.#queue.push(...page)
    this.#lastMarked = page.at(-1)
    this.#marksRead = page.length < MARKS_PAGE
  }

  /** Too many conversations got dirty, or a link was lost: everything since the cursor is read once more. */
  #beginAgain(): void {
    this.#session.mustRepair = false
    this.#whole = true
    this.#marksRead = false
    this.#lastMarked = undefined
  }

  #nextDirty(): Reading | undefined {
    const { dirty } = this.#session
    const [first] = dirty ?? []
    if (dirty === undefined || first === undefined) return undefined
    const [conversation, lowest] = first
    dirty.delete(conversation)
    return { conversation, after: justBefore(lowest) }
  }
}

/** The last position that a log can hold at `timeMs`: what lies behind it is later. */
function behindTime(timeMs: number): Position {
  return { ...positionAtTime(timeMs), incarnation: 0xffffffff, counter: 0xffffffff }
}

/** The greatest position below `position`. */
function justBefore(position: Position): Position {
  const { timeMs, incarnation, counter } = position
  if (counter > 0) return { timeMs, incarnation, counter: counter - 1 }
  return incarnation > 0 ? { timeMs, incarnation: incarnation - 1, counter: 0xffffffff } : behindTime(timeMs - 1)
}
