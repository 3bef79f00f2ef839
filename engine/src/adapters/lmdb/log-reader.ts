import { comparePositions, ENVELOPE_OFFSETS, type Position } from '@evegram/protocol'
import type { StoredEnvelope } from '../../ports/envelope-log.js'
import { BUNDLE_SPAN_MS, copiesInBundle, isBundleKey } from './bundle.js'
import type { BinaryDatabase } from './databases.js'
import { KEY_OFFSETS, keyBehind, logKeyAt, positionOfLogKey } from './keys.js'

const LOG = KEY_OFFSETS.log

/** Copies of a conversation behind `after`, at most `limit`, in position order. `id`: the 16 bytes of its id. Throws what LMDB throws. */
export function readCopies(log: BinaryDatabase, id: Uint8Array, after: Position, limit: number): readonly StoredEnvelope[] {
  const start = keyBehind(logKeyAt(id, after))
  const end = keyBehind(id)
  const copies: StoredEnvelope[] = []
  if (start === undefined || limit <= 0) return copies
  let last: Position = after
  let isInOrder = true
  const take = (copy: StoredEnvelope): void => {
    if (comparePositions(copy.position, last) < 0) isInOrder = false
    last = copy.position
    copies.push(copy)
  }
  for (const { key, value } of log.getRange({ start, ...(end === undefined ? {} : { end }) })) {
    const position = positionOfLogKey(key)
    // A bundle stands at its last copy: the first one may come before what was read already.
    if (copies.length >= limit && position.timeMs > last.timeMs + BUNDLE_SPAN_MS) break
    if (!isBundleKey(key)) take({ position, envelope: value })
    else for (const copy of copiesInBundle(value)) if (comparePositions(copy.position, after) > 0) take(copy)
  }
  if (!isInOrder) copies.sort((one, other) => comparePositions(one.position, other.position))
  return copies.length > limit ? copies.slice(0, limit) : copies
}

/** A copy in the log, with the places of its message: device (16 bytes), epoch (u32) and behind it number (u64). */
export interface LoggedCopy {
  readonly position: Position
  readonly source: Uint8Array
  readonly deviceAt: number
  readonly epochAt: number
  /** The encoded envelope, read when it is asked for; undefined when it is gone. */
  envelope(): Uint8Array | undefined
}

/** The last copies of a conversation, `limit` or some more, the newest entries of the log first. */
export function* lastCopies(log: BinaryDatabase, id: Uint8Array, limit: number): Generator<LoggedCopy> {
  const behind = keyBehind(id)
  let copies = 0
  // In a reverse range `start` is the upper bound and inclusive: no key of the log is as short as this one.
  for (const key of log.getKeys({ ...(behind === undefined ? {} : { start: behind }), end: id, reverse: true, limit })) {
    if (copies >= limit) return
    if (!isBundleKey(key)) {
      copies++
      yield { position: positionOfLogKey(key), source: key, deviceAt: LOG.device, epochAt: LOG.epoch, envelope: () => log.get(key) }
      continue
    }
    for (const { position, envelope } of copiesInBundle(log.get(key) ?? NOTHING)) {
      copies++
      yield { position, source: envelope, deviceAt: ENVELOPE_OFFSETS.device, epochAt: ENVELOPE_OFFSETS.epoch, envelope: () => envelope }
    }
  }
}

const NOTHING = new Uint8Array(0)
