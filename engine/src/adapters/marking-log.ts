import type { ConversationId, Position } from '@evegram/protocol'
import type { AppendRequest, AppendResult, EnvelopeLog, StoredEnvelope } from '../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../ports/marks.js'

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
   * Writes the mark of one account; `hour` in hours since 1970. Resolved = durable and seen by every read that begins later. Writing twice changes
   * nothing. Rejects `unavailable.envelope_log` with an unknown outcome.
   */
  mark(account: string, conversation: ConversationId, hour: number): Promise<void>
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
 * Architecture invariant: an append resolves only when its row and the marks of all its accounts are durable. What this node marked in an hour is
 * remembered, so that most appends write their row alone; a mark is remembered only once it is durable.
 */
export class MarkingLog implements EnvelopeLog {
  readonly #rows: EnvelopeRows
  readonly #marks: MarkRows
  readonly #rememberedMax: number
  /** Durable marks, the oldest first. */
  readonly #remembered = new Set<string>()
  /** Marks that are being written: appends that need the same one wait for it. */
  readonly #writing = new Map<string, Promise<void>>()

  constructor(parts: MarkingLogParts) {
    this.#rows = parts.rows
    this.#marks = parts.marks
    this.#rememberedMax = parts.rememberedMax ?? REMEMBERED_MARKS_MAX
  }

  async append(request: AppendRequest, accounts: readonly string[]): Promise<AppendResult> {
    const { conversation, position } = request
    const hour = Math.floor(position.timeMs / MARK_HOUR_MS)
    // Row and marks at the same time: which of them is durable first does not matter, as nobody hears of the message before both are.
    const writes = [this.#rows.append(request)]
    for (const account of accounts) {
      const key = `${hour}/${account}/${conversation}`
      if (!this.#remembered.has(key)) writes.push(this.#writing.get(key) ?? this.#write(key, account, conversation, hour))
    }
    await Promise.all(writes)
    return { status: 'stored', position }
  }

  read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]> {
    return this.#rows.read(conversation, after, limit)
  }

  trim(beforeMs: number): Promise<number> {
    return this.#rows.trim(beforeMs)
  }

  #write(key: string, account: string, conversation: ConversationId, hour: number): Promise<void> {
    const write = this.#mark(key, account, conversation, hour)
    this.#writing.set(key, write)
    const ended = (): void => { this.#writing.delete(key) }
    write.then(ended, ended)
    return write
  }

  async #mark(key: string, account: string, conversation: ConversationId, hour: number): Promise<void> {
    await this.#marks.mark(account, conversation, hour)
    this.#remember(key)
  }

  /** The oldest goes first: those of hours that are over are never asked for again. */
  #remember(key: string): void {
    this.#remembered.add(key)
    if (this.#remembered.size <= this.#rememberedMax) return
    const [oldest] = this.#remembered
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }
}
