import type { ConversationId, Position } from '@evegram/protocol'
import type { AppendRequest, AppendResult, BatchedAppend, BatchedResult, EnvelopeLog, StoredEnvelope } from '../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../ports/marks.js'
import { appendEach } from './append-each.js'
import { RememberedWrites } from './remembered-writes.js'

/** Marks that a node remembers by default; a forgotten one is written again. */
export const REMEMBERED_MARKS_MAX = 100_000

/** Rows of envelopes in a store that has no transaction over rows and marks. */
export interface EnvelopeRows {
  /**
   * Writes one row, with message and position in its key, so that rows never overwrite each other. Resolved = durable and seen by every read that
   * begins later. A rejection (`unavailable.envelope_log`) has an unknown outcome: the row may be there, now or later.
   */
  append(request: AppendRequest): Promise<void>
  /** As {@link EnvelopeLog.read}. */
  read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]>
  /** As {@link EnvelopeLog.trim}; marks of the same age may go with the rows. */
  trim(beforeMs: number): Promise<number>
}

/** Marks in a store that has no transaction over rows and marks. */
export interface MarkRows {
  /**
   * Writes the mark of one inbox, an account or a wide conversation; `hour` in hours since 1970. Resolved = durable and seen by every read that begins later. Writing twice changes
   * nothing. Rejects `unavailable.envelope_log` with an unknown outcome.
   */
  mark(inbox: string, conversation: ConversationId, hour: number): Promise<void>
}

/** What a {@link MarkingLog} is made of. */
export interface MarkingLogParts {
  readonly rows: EnvelopeRows
  readonly marks: MarkRows
  /** Default {@link REMEMBERED_MARKS_MAX}. */
  readonly rememberedMax?: number
}

/**
 * An {@link EnvelopeLog} over a store that writes rows and marks apart. Never answers `exists`: without an atomically visible commit nobody can
 * promise that a copy is visible to every reader.
 * Architecture invariant: an append resolves only when its row and the marks of all its inboxes are durable. What this node marked in an hour is
 * remembered, so that most appends write their row alone; a mark is remembered only once it is durable.
 */
export class MarkingLog implements EnvelopeLog {
  readonly #rows: EnvelopeRows
  readonly #marks: MarkRows
  readonly #marked: RememberedWrites

  constructor(parts: MarkingLogParts) {
    this.#rows = parts.rows
    this.#marks = parts.marks
    this.#marked = new RememberedWrites(parts.rememberedMax ?? REMEMBERED_MARKS_MAX)
  }

  async append(request: AppendRequest, inboxes: readonly string[]): Promise<AppendResult> {
    const { conversation, position } = request
    const hour = Math.floor(position.timeMs / MARK_HOUR_MS)
    // Row and marks at the same time: which of them is durable first does not matter, as nobody hears of the message before both are.
    const writes = [this.#rows.append(request)]
    for (const inbox of inboxes) {
      const marking = this.#marked.once(`${hour}/${inbox}/${conversation}`, () => this.#marks.mark(inbox, conversation, hour))
      if (marking !== undefined) writes.push(marking)
    }
    await Promise.all(writes)
    return { status: 'stored', position }
  }

  appendAll(appends: readonly BatchedAppend[], ended: (index: number, result: BatchedResult) => void): void {
    appendEach((request, inboxes) => this.append(request, inboxes), appends, ended)
  }

  read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]> {
    return this.#rows.read(conversation, after, limit)
  }

  trim(beforeMs: number): Promise<number> {
    return this.#rows.trim(beforeMs)
  }
}
