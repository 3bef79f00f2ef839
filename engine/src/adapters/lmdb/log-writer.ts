import { ENVELOPE_OFFSETS, POSITION_BYTES } from '@evegram/protocol'
import { BUNDLE_BYTES_MAX, BUNDLED_HEADER_BYTES, bundledBytes, mayFollow } from './bundle.js'
import type { BinaryDatabase } from './databases.js'
import { GENERATION_BYTES, type Generation } from './journal/generation.js'
import { KEY_OFFSETS, writeId } from './keys.js'

const LOG = KEY_OFFSETS.log

/**
 * Puts the copies of a generation into the commit that is being made. What one conversation gets within some ms is one value, a bundle: a put costs the
 * same whatever is in it, in this process and on LMDB's thread, and a conversation in which much is said gets several copies with every batch.
 */
export class LogWriter {
  readonly #log: BinaryDatabase
  // Keys are copied by lmdb when they are put, so that one buffer serves all.
  readonly #bundleKey = Buffer.alloc(LOG.bundleEnd)
  readonly #key = this.#bundleKey.subarray(0, LOG.end)
  // Values are read by lmdb's thread until the commit ended. One generation is moved at a time, and its bundles are no longer than itself: one buffer serves all.
  #bundles: Buffer | undefined = undefined
  #usedBytes = 0

  constructor(log: BinaryDatabase) {
    this.#log = log
  }

  /** Puts all copies of `generation`, whose arena stays as it is until the commit ended, and nothing of another one in the same commit. Deterministic: a second time the same keys get the same values. */
  put(generation: Generation): void {
    this.#usedBytes = 0
    for (const [conversation, places] of generation.conversations()) {
      writeId(this.#bundleKey, LOG.conversation, conversation)
      for (let first = 0; first < places.length;) {
        const behind = behindBundle(generation, places, first)
        this.#putCopies(generation, places, first, behind)
        first = behind
      }
    }
  }

  /** Puts the copies from index `first` to before `behind` under the key of the last of them. */
  #putCopies({ arena, view }: Generation, places: readonly number[], first: number, behind: number): void {
    const last = places[behind - 1] ?? 0
    this.#writeKey(arena, last, behind - first)
    if (behind - first === 1) {
      void this.#log.put(this.#key, arena.subarray(last + BUNDLED_HEADER_BYTES, last + bundledBytes(view, last)))
      return
    }
    const bundles = this.#bundles ??= Buffer.allocUnsafeSlow(GENERATION_BYTES)
    const start = this.#usedBytes
    for (let index = first; index < behind; index++) {
      const at = places[index] ?? 0
      this.#usedBytes += arena.copy(bundles, this.#usedBytes, at, at + bundledBytes(view, at))
    }
    void this.#log.put(this.#bundleKey, bundles.subarray(start, this.#usedBytes))
  }

  /** Behind the conversation: position, and device, epoch and number of the envelope. */
  #writeKey(arena: Buffer, at: number, count: number): void {
    const key = this.#bundleKey
    const envelope = at + BUNDLED_HEADER_BYTES
    arena.copy(key, LOG.position, at, at + POSITION_BYTES)
    arena.copy(key, LOG.device, envelope + ENVELOPE_OFFSETS.device, envelope + ENVELOPE_OFFSETS.account)
    arena.copy(key, LOG.epoch, envelope + ENVELOPE_OFFSETS.epoch, envelope + ENVELOPE_OFFSETS.order)
    key.writeUInt32BE(count, LOG.count)
  }
}

/** The index of the first place that does not go into one bundle with that at index `from`. */
function behindBundle({ view }: Generation, places: readonly number[], from: number): number {
  const first = places[from] ?? 0
  let last = first
  let bytes = bundledBytes(view, last)
  let index = from + 1
  for (let next = places[index]; next !== undefined; next = places[index]) {
    bytes += bundledBytes(view, next)
    if (bytes > BUNDLE_BYTES_MAX || !mayFollow(view, { first, last }, next)) break
    last = next
    index++
  }
  return index
}
