import { EvegramError, type ConversationId, type Position } from '@evegram/protocol'

/** Milliseconds of one bucket of a conversation. */
export const BUCKET_MS = 3_600_000
/** Parts of a bucket of a wide conversation, of which the hash of a message chooses one: many nodes write to it at once. */
export const WIDE_PARTS = 4
/** How finely a bucket can be cut: at level n into 4^n slices of time, at the last one of 0.88 s. */
export const LEVEL_MAX = 6
/**
 * Bytes of rows that one process writes to one partition; what comes behind them goes to the slice one level finer. Twenty processes stay
 * below 100 MB.
 */
export const PARTITION_BYTES_MAX = 4_194_304
/** What a row takes beside its envelope: position, message, time and life. */
export const ROW_BYTES = 80
/** Partitions whose bytes a process remembers. A forgotten one is counted anew: by then so many others were written to as no node can in an hour. */
const COUNTED_PARTITIONS_MAX = 100_000

/** One partition of a conversation: `hour` since 1970, `part` of it. */
export interface Partition {
  readonly hour: number
  readonly part: number
}

/** A partition that was chosen for a row, with a name that no other partition has. */
export interface ChosenPartition extends Partition {
  readonly key: string
}

/** The bucket of a time, in hours since 1970. */
export function hourOf(timeMs: number): number {
  return Math.max(0, Math.floor(timeMs / BUCKET_MS))
}

/**
 * The part of its hour in which a message at a position stands: a pure function of both and of the level. Parts of a level follow those of the one
 * before: 0 to 3 hold the whole hour, 4 to 19 a quarter each, and so on; which of the four the hash of the message says for a wide conversation, and
 * it is the first for others.
 * All parts of all levels fit the `smallint` of the table.
 */
export function partOf(timeMs: number, message: Uint8Array, isWide: boolean, level: number): number {
  const slices = slicesOf(level)
  const slice = Math.floor(((timeMs - hourOf(timeMs) * BUCKET_MS) * slices) / BUCKET_MS)
  return (firstSliceOf(level) + slice) * WIDE_PARTS + (isWide ? hashOf(message) % WIDE_PARTS : 0)
}

/** The times of positions that a part can hold: from `fromMs` on and before `toMs`. */
export function spanOf({ hour, part }: Partition): { readonly fromMs: number; readonly toMs: number } {
  const number = Math.floor(part / WIDE_PARTS)
  let level = 0
  while (number >= firstSliceOf(level + 1)) level++
  const [slice, slices] = [number - firstSliceOf(level), slicesOf(level)]
  const startMs = hour * BUCKET_MS
  return { fromMs: startMs + Math.ceil((slice * BUCKET_MS) / slices), toMs: startMs + Math.ceil(((slice + 1) * BUCKET_MS) / slices) }
}

/**
 * Chooses the partition of each row that this process writes: the coarsest that it has not filled yet. Which level that is nobody has to know: the list
 * of partitions names every one that holds something, and readers merge those that are listed.
 */
export class PartitionChoice {
  readonly #bytesMax: number
  /** Bytes of rows that were sent to each partition, the oldest partition first. */
  readonly #bytes = new Map<string, number>()

  /** `bytesMax`: bytes of one partition by this process. */
  constructor(bytesMax = PARTITION_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /**
   * The partition for a row with an envelope of `bytes`, which counts for it from now on. Throws `limited.queue` when the finest one is full as well:
   * this process writes more than {@link PARTITION_BYTES_MAX} in 0.88 s to one conversation.
   */
  choose(conversation: ConversationId, { timeMs }: Position, message: Uint8Array, isWide: boolean, bytes: number): ChosenPartition {
    const hour = hourOf(timeMs)
    for (let level = 0; level <= LEVEL_MAX; level++) {
      const part = partOf(timeMs, message, isWide, level)
      const key = `${hour}/${part}/${conversation}`
      const written = this.#bytes.get(key) ?? 0
      if (written >= this.#bytesMax) continue
      this.#count(key, written + bytes + ROW_BYTES)
      return { hour, part, key }
    }
    throw new EvegramError('limited.queue', { operation: 'append envelope', details: { partitionBytesMax: this.#bytesMax } })
  }

  #count(key: string, bytes: number): void {
    this.#bytes.set(key, bytes)
    if (this.#bytes.size <= COUNTED_PARTITIONS_MAX) return
    const [oldest] = this.#bytes.keys()
    if (oldest !== undefined) this.#bytes.delete(oldest)
  }
}

function slicesOf(level: number): number {
  return 1 << (2 * level)
}

/** Slices of all levels before: 0, 1, 5, 21, ... */
function firstSliceOf(level: number): number {
  return (slicesOf(level) - 1) / 3
}

/** FNV-1a of the key of a message, mixed by the end of MurmurHash3: alone it leaves neighbouring numbers in one part. */
function hashOf(message: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of message) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
