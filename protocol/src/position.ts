import { EvegramError } from './errors.js'

/**
 * A place in the log of a conversation, made by the node that appended: the time of its position clock, its incarnation
 * and a counter. It serves catch-up alone and never decides what order people see.
 */
export interface Position {
  /** Milliseconds since 1970 on the node's position clock, an integer below 2^48. */
  readonly timeMs: number
  /** Incarnation of the node, unsigned 32 bits, never used by two process starts. */
  readonly incarnation: number
  /** Distinguishes positions of one millisecond, unsigned 32 bits. */
  readonly counter: number
}

/** Bytes of a position: time (u64), incarnation (u32), counter (u32), big-endian, so that byte order is log order. */
export const POSITION_BYTES = 16

/** Writes `position` at `offset` of `target`. */
export function writePosition(target: DataView, offset: number, position: Position): void {
  target.setUint32(offset, Math.floor(position.timeMs / 2 ** 32))
  target.setUint32(offset + 4, position.timeMs >>> 0)
  target.setUint32(offset + 8, position.incarnation)
  target.setUint32(offset + 12, position.counter)
}

/** Reads the position at `offset`. Throws `invalid.position` when too few bytes are left or the time is 2^48 or more. */
export function readPosition(source: DataView, offset: number): Position {
  if (offset + POSITION_BYTES > source.byteLength) throw new EvegramError('invalid.position', { operation: 'read position' })
  const high = source.getUint32(offset)
  if (high >= 2 ** 16) throw new EvegramError('invalid.position', { operation: 'read position' })
  return {
    timeMs: high * 2 ** 32 + source.getUint32(offset + 4),
    incarnation: source.getUint32(offset + 8),
    counter: source.getUint32(offset + 12),
  }
}

/** The 16 bytes of a position. */
export function encodePosition(position: Position): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(POSITION_BYTES)
  writePosition(new DataView(bytes.buffer), 0, position)
  return bytes
}

/** Reads exactly 16 bytes. Throws `invalid.position`. */
export function decodePosition(bytes: Uint8Array): Position {
  if (bytes.length !== POSITION_BYTES) throw new EvegramError('invalid.position', { operation: 'decode position' })
  return readPosition(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0)
}

/** Log order: negative when `left` comes first, zero when equal. */
export function comparePositions(left: Position, right: Position): number {
  return left.timeMs - right.timeMs || left.incarnation - right.incarnation || left.counter - right.counter
}

/** The first position that a log can hold at or after `timeMs`. */
export function positionAtTime(timeMs: number): Position {
  return { timeMs: Math.max(0, Math.floor(timeMs)), incarnation: 0, counter: 0 }
}
