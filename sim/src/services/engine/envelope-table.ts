import { ENVELOPE_OFFSETS, equalBytes, hexOf, type ConversationId, type Position } from '@evegram/protocol'
import { indexAfter, insertByPosition, MARK_HOUR_MS, type AppendRequest, type StoredEnvelope } from '@evegram/engine'

/** Copies that one {@link EnvelopeTable.trim} removes. */
const TRIM_STEP = 1_000

/** One copy in the table. */
export interface StoredCopy extends StoredEnvelope {
  readonly conversation: ConversationId
  /** No read sees it before this moment of virtual time, in ms. */
  hiddenUntilMs: number
}

/** What an envelope log keeps on its disks: every copy, by conversation in position order. Each call is one atomic change or read. */
export class EnvelopeTable {
  readonly #logs = new Map<ConversationId, StoredCopy[]>()
  /** Copies by the key of their message. */
  readonly #copies = new Map<string, StoredCopy[]>()
  #floorMs = 0
  #trimmedBeforeMs = 0

  /** The largest position time of any copy that was ever put; 0 before. */
  get floorMs(): number {
    return this.#floorMs
  }

  /** Copies older than this, in ms since 1970, may have been deleted by retention. */
  get trimmedBeforeMs(): number {
    return this.#trimmedBeforeMs
  }

  /** Every copy of a message, in the order in which they were stored. `key`: see {@link messageKeyOf}. */
  copies(key: string): readonly StoredCopy[] {
    return this.#copies.get(key) ?? []
  }

  /** The copy with exactly these bytes that was stored last. */
  find(envelope: Uint8Array): StoredCopy | undefined {
    return this.copies(messageKeyOf(envelope)).findLast((copy) => equalBytes(copy.envelope, envelope))
  }

  /** Adds a copy at the position that is asked; whatever else lies there stays. */
  put({ conversation, envelope, position }: AppendRequest, hiddenUntilMs: number): StoredCopy {
    const copy: StoredCopy = { conversation, position, envelope: envelope.slice(), hiddenUntilMs }
    const key = messageKeyOf(envelope)
    const copies = this.#copies.get(key)
    if (copies === undefined) this.#copies.set(key, [copy])
    else copies.push(copy)
    let log = this.#logs.get(conversation)
    if (log === undefined) this.#logs.set(conversation, log = [])
    insertByPosition(log, copy)
    this.#floorMs = Math.max(this.#floorMs, position.timeMs)
    return copy
  }

  /** At most `limit` copies behind `after` that are seen at `nowMs`; `unseen` is how many were passed over. */
  read(conversation: ConversationId, after: Position, limit: number, nowMs: number): { readonly copies: readonly StoredCopy[]; readonly unseen: number } {
    const log = this.#logs.get(conversation) ?? []
    const copies: StoredCopy[] = []
    let unseen = 0
    for (let index = indexAfter(log, after); index < log.length && copies.length < limit; index++) {
      const copy = log[index]
      if (copy === undefined) break
      if (copy.hiddenUntilMs > nowMs) unseen++
      else copies.push(copy)
    }
    return { copies, unseen }
  }

  /** Deletes copies of the hours before that of `beforeMs`, some at a time; returns how many went. */
  trim(beforeMs: number): number {
    const endMs = Math.floor(beforeMs / MARK_HOUR_MS) * MARK_HOUR_MS
    this.#trimmedBeforeMs = Math.max(this.#trimmedBeforeMs, endMs)
    let trimmed = 0
    for (const [conversation, log] of this.#logs) {
      let old = 0
      for (let copy = log[old]; copy !== undefined && copy.position.timeMs < endMs && trimmed < TRIM_STEP; copy = log[old]) {
        this.#forget(copy)
        old++
        trimmed++
      }
      if (old === log.length) this.#logs.delete(conversation)
      else log.splice(0, old)
    }
    return trimmed
  }

  #forget(copy: StoredCopy): void {
    const key = messageKeyOf(copy.envelope)
    const left = this.copies(key).filter((other) => other !== copy)
    if (left.length === 0) this.#copies.delete(key)
    else this.#copies.set(key, left)
  }
}

/** The identity of the message in an encoded envelope (conversation, device, epoch, number) in hex. */
export function messageKeyOf(envelope: Uint8Array): string {
  const { conversation, device, account, epoch, order } = ENVELOPE_OFFSETS
  return hexOf(envelope, conversation, device) + hexOf(envelope, device, account) + hexOf(envelope, epoch, order)
}
