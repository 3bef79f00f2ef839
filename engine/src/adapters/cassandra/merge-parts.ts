import { comparePositions, type Position } from '@evegram/protocol'
import type { StoredEnvelope } from '../../ports/envelope-log.js'

/** Rows of a part that are read at first; what a part gives is read on in steps that double. */
const FIRST_ROWS_MIN = 8

/** A part of a log, in position order. */
export interface LogPart {
  /** No row in it is older, in ms. */
  readonly fromMs: number
  /** At most `limit` rows behind a position, or from the first one on; fewer only when there are no more. */
  read(behind: Position | undefined, limit: number): Promise<readonly StoredEnvelope[]>
}

/** How far one part was read. */
class Cursor {
  readonly #part: LogPart
  #rows: readonly StoredEnvelope[] = []
  #next = 0
  #asked = 0
  #behind: Position | undefined
  #ended = false

  constructor(part: LogPart) {
    this.#part = part
  }

  get head(): StoredEnvelope | undefined {
    return this.#rows[this.#next]
  }

  get isEmpty(): boolean {
    return this.#ended && this.head === undefined
  }

  advance(): void {
    this.#next++
  }

  /** Reads on when everything read so far is gone: `share` rows at first, twice as many as the last time afterwards, never more than `most`. */
  async fill(share: number, most: number): Promise<void> {
    if (this.head !== undefined || this.#ended) return
    this.#asked = Math.min(most, this.#asked === 0 ? Math.max(FIRST_ROWS_MIN, share) : this.#asked * 2)
    this.#rows = await this.#part.read(this.#behind, this.#asked)
    this.#next = 0
    this.#behind = this.#rows.at(-1)?.position ?? this.#behind
    this.#ended = this.#rows.length < this.#asked
  }
}

/**
 * The first `limit` rows of all parts together, in position order. A part is opened when the rows before it are through: what is cut by time costs what
 * is read of it. Of parts that hold the same time each is asked for its share, so that few rows are read in vain.
 */
export async function mergeParts(parts: readonly LogPart[], limit: number): Promise<StoredEnvelope[]> {
  const waiting = [...parts].sort((left, right) => left.fromMs - right.fromMs)
  const merged: StoredEnvelope[] = []
  let open: Cursor[] = []
  while (merged.length < limit) {
    const wanted = limit - merged.length
    await Promise.all(open.map((cursor) => cursor.fill(Math.ceil(wanted / open.length), wanted)))
    open = open.filter((cursor) => !cursor.isEmpty)
    const first = firstOf(open)
    const untilMs = first?.head?.position.timeMs ?? waiting[0]?.fromMs
    if (untilMs === undefined) break
    // A part whose time has come may hold what lies before the first row.
    const due = waiting.findIndex(({ fromMs }) => fromMs > untilMs)
    const opened = waiting.splice(0, due < 0 ? waiting.length : due)
    if (opened.length > 0) open.push(...opened.map((part) => new Cursor(part)))
    else take(first, merged)
  }
  return merged
}

function take(cursor: Cursor | undefined, into: StoredEnvelope[]): void {
  if (cursor?.head === undefined) return
  into.push(cursor.head)
  cursor.advance()
}

/** The cursor with the oldest row. */
function firstOf(cursors: readonly Cursor[]): Cursor | undefined {
  let first: Cursor | undefined
  for (const cursor of cursors) {
    if (cursor.head !== undefined && (first?.head === undefined || comparePositions(cursor.head.position, first.head.position) < 0)) first = cursor
  }
  return first
}
