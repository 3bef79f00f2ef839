import { POSITION_BYTES, readPosition, writePosition, type Position } from '@evegram/protocol'

/**
 * Keys of the embedded store, all big-endian so that byte order is the order of reading.
 *
 * | database | key | value |
 * |---|---|---|
 * | log | conversation (16), position (16), device (16), epoch (u32), number (u64) | the encoded envelope |
 * | log | the same of the last copy of a bundle, count (u32) | that many copies of some ms, see bundle.ts |
 * | marks | inbox (16), hour (u32), conversation (16) | empty; the inbox is an account, or the conversation itself when it is wide |
 * | wide | account (16), conversation (16) | version of the membership (u32), hour in which the account left (u32), the largest while it is in |
 * | hours | hour (u32), conversation (16), inbox (16) or zeros | empty: which marks and which part of the log go when the hour is trimmed |
 * | membership | conversation (16) | CBOR |
 * | groupEntries | conversation (16), number (u32) | an entry of the group's membership log |
 * | channels | channel (16) | the state behind the newest post, CBOR |
 * | posts | channel (16), number (u64) | time of the post in ms (u64), the encoded post |
 * | postHours | hour of a post (u32), channel (16) | empty: which channels to look at when the hour is trimmed |
 * | pushSubscriptions | device (16) | account, endpoint, time of the last renewal, CBOR |
 * | meta | name | see schema.ts, node-registry.ts |
 */
export const KEY_OFFSETS = {
  log: { conversation: 0, position: 16, device: 32, epoch: 48, number: 52, end: 60, count: 60, bundleEnd: 64 },
  marks: { account: 0, hour: 16, conversation: 20, end: 36 },
  hours: { hour: 0, conversation: 4, account: 20, end: 36 },
  wide: { account: 0, conversation: 16, end: 32 },
  postHours: { hour: 0, channel: 4, end: 20 },
} as const

/** Writes an id of 32 hex digits as 16 bytes at `offset`. */
export function writeId(target: Uint8Array, offset: number, id: string): void {
  for (let index = 0; index < 16; index++) {
    target[offset + index] = (nibble(id.charCodeAt(index * 2)) << 4) | nibble(id.charCodeAt(index * 2 + 1))
  }
}

function nibble(code: number): number {
  // '0'..'9' are 48..57, 'a'..'f' are 97..102; ids were checked to hold nothing else.
  return code < 58 ? code - 48 : code - 87
}

/** The 16 bytes of an id of 32 hex digits. */
export function idBytesOf(id: string): Uint8Array {
  const bytes = new Uint8Array(16)
  writeId(bytes, 0, id)
  return bytes
}

/** Key of an entry of a membership log. */
export function groupEntryKey(conversation: string, seq: number): Uint8Array {
  const key = new Uint8Array(20)
  writeId(key, 0, conversation)
  new DataView(key.buffer).setUint32(16, seq)
  return key
}

/** Key of a post of a channel; a number beyond every post is one behind them all. */
export function channelPostKey(channel: string, seq: number): Uint8Array {
  const key = new Uint8Array(24)
  writeId(key, 0, channel)
  new DataView(key.buffer).setBigUint64(16, BigInt(seq))
  return key
}

/** Key of the hour in which a channel has a post; without a channel the smallest key of that hour. */
export function channelHourKey(hour: number, channel?: Uint8Array): Uint8Array {
  const { channel: at, end } = KEY_OFFSETS.postHours
  const key = new Uint8Array(channel === undefined ? at : end)
  new DataView(key.buffer).setUint32(0, hour)
  if (channel !== undefined) key.set(channel, at)
  return key
}

/** The smallest key of a conversation's log at or after a position. */
export function logKeyAt(conversation: Uint8Array, position: Position): Uint8Array {
  const key = new Uint8Array(KEY_OFFSETS.log.device)
  key.set(conversation)
  writePosition(new DataView(key.buffer), KEY_OFFSETS.log.position, position)
  return key
}

/** The smallest key behind every key of a conversation's log that begins as `key` does; undefined when there is none. */
export function keyBehind(key: Uint8Array): Uint8Array | undefined {
  const behind = key.slice()
  for (let index = behind.length - 1; index >= 0; index--) {
    const byte = behind[index] ?? 0
    behind[index] = byte + 1
    if (byte < 255) return behind
  }
  return undefined
}

/** The position in a key of the log. */
export function positionOfLogKey(key: Uint8Array): Position {
  return readPosition(new DataView(key.buffer, key.byteOffset, KEY_OFFSETS.log.position + POSITION_BYTES), KEY_OFFSETS.log.position)
}

/** Unsigned 32-bit big-endian integer at `offset`. */
export function uint32At(bytes: Uint8Array, offset: number): number {
  return (((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)) >>> 0
}

/** Unsigned 53-bit integer in the 8 big-endian bytes at `offset`. */
export function uint53At(bytes: Uint8Array, offset: number): number {
  return uint32At(bytes, offset) * 2 ** 32 + uint32At(bytes, offset + 4)
}

/** Whether `length` bytes of both arrays are the same. */
export function sameBytes(one: Uint8Array, oneOffset: number, other: Uint8Array, otherOffset: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (one[oneOffset + index] !== other[otherOffset + index]) return false
  return true
}

