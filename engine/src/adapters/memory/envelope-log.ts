import { equalBytes, hexOf, ENVELOPE_OFFSETS, type ConversationId, type Position } from '@evegram/protocol'
import { EXISTS_WITHIN_MS, type AppendRequest, type AppendResult, type BatchedAppend, type BatchedResult, type EnvelopeLog, type StoredEnvelope } from '../../ports/envelope-log.js'
import { appendEach } from '../append-each.js'
import { MemoryMarks } from './marks.js'
import { indexAfter, insertByPosition } from './position-order.js'

/** Copies that one `trim` removes. */
const TRIM_STEP = 1_000

/** Options of {@link MemoryEnvelopeLog}. */
export interface MemoryEnvelopeLogOptions {
  readonly marks?: MemoryMarks
  /** Whether a byte-identical retry is answered `exists`, as by a store with atomically visible commits. Default true. */
  readonly answersExists?: boolean
}

/** A log in memory, shared by every node of a test cluster. Its promise of durability holds as long as the process. */
export class MemoryEnvelopeLog implements EnvelopeLog {
  readonly marks: MemoryMarks
  readonly #answersExists: boolean
  /** Per conversation, in position order. */
  readonly #logs = new Map<ConversationId, StoredEnvelope[]>()
  /** Message (conversation, device, epoch, number) -> its copies. */
  readonly #copies = new Map<string, StoredEnvelope[]>()

  constructor(options: MemoryEnvelopeLogOptions = {}) {
    this.marks = options.marks ?? new MemoryMarks()
    this.#answersExists = options.answersExists ?? true
  }

  async append(request: AppendRequest, inboxes: readonly string[]): Promise<AppendResult> {
    const message = hexOf(request.envelope, ENVELOPE_OFFSETS.conversation, ENVELOPE_OFFSETS.order)
    const copies = this.#copies.get(message) ?? []
    const same = this.#answersExists ? copies.findLast((copy) => equalBytes(copy.envelope, request.envelope)) : undefined
    if (same !== undefined && request.position.timeMs - same.position.timeMs <= EXISTS_WITHIN_MS) {
      this.marks.mark(inboxes, request.conversation, same.position.timeMs)
      return { status: 'exists', position: same.position }
    }
    const stored: StoredEnvelope = { position: request.position, envelope: request.envelope.slice() }
    this.#copies.set(message, [...copies, stored])
    this.#insert(request.conversation, stored)
    this.marks.mark(inboxes, request.conversation, request.position.timeMs)
    return { status: 'stored', position: request.position }
  }

  appendAll(appends: readonly BatchedAppend[], ended: (index: number, result: BatchedResult) => void): void {
    appendEach((request, inboxes) => this.append(request, inboxes), appends, ended)
  }

  #insert(conversation: ConversationId, stored: StoredEnvelope): void {
    let log = this.#logs.get(conversation)
    if (log === undefined) this.#logs.set(conversation, log = [])
    insertByPosition(log, stored)
  }

  async read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]> {
    const log = this.#logs.get(conversation) ?? []
    const from = indexAfter(log, after)
    return log.slice(from, from + limit)
  }

  async trim(beforeMs: number): Promise<number> {
    let trimmed = 0
    for (const [conversation, log] of this.#logs) {
      const old = log.filter((copy) => copy.position.timeMs < beforeMs).slice(0, TRIM_STEP - trimmed)
      for (const copy of old) this.#forget(copy)
      trimmed += old.length
      if (old.length === log.length) this.#logs.delete(conversation)
      else log.splice(0, old.length)
      if (trimmed >= TRIM_STEP) break
    }
    return trimmed
  }

  #forget(copy: StoredEnvelope): void {
    const message = hexOf(copy.envelope, ENVELOPE_OFFSETS.conversation, ENVELOPE_OFFSETS.order)
    const left = (this.#copies.get(message) ?? []).filter((other) => other !== copy)
    if (left.length === 0) this.#copies.delete(message)
    else this.#copies.set(message, left)
  }
}
