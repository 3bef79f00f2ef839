/** The version byte of Signal protocol 3. */
const VERSION = 0x33
/** Bytes of the MAC at the end of a message within a session. */
export const MAC_BYTES = 8

/** Fields of a message within a session (protobuf WhisperMessage). */
export interface SessionFrame {
  readonly ratchetKey: Uint8Array
  readonly counter: number
  readonly previousCounter: number
  readonly ciphertext: Uint8Array
}

/** Fields of a message that can open a session (protobuf PreKeyWhisperMessage). */
export interface PreKeyFrame {
  readonly registrationId: number
  readonly preKeyId: number
  readonly signedPreKeyId: number
  readonly baseKey: Uint8Array
  readonly identityKey: Uint8Array
  readonly message: Uint8Array
}

/** What the MAC of a message covers: version byte and protobuf, with 8 bytes of room behind for the MAC. */
export function encodeSessionFrame(frame: SessionFrame): Uint8Array<ArrayBuffer> {
  const head = [VERSION, ...bytesField(1, frame.ratchetKey), ...numberField(2, frame.counter), ...numberField(3, frame.previousCounter)]
  const tag = [4 << 3 | 2, ...varint(frame.ciphertext.length)]
  const bytes = new Uint8Array(head.length + tag.length + frame.ciphertext.length + MAC_BYTES)
  bytes.set(head)
  bytes.set(tag, head.length)
  bytes.set(frame.ciphertext, head.length + tag.length)
  return bytes
}

/** A whole message that can open a session; fields in the order in which libsignal writes them. */
export function encodePreKeyFrame(frame: PreKeyFrame): Uint8Array<ArrayBuffer> {
  const head = [
    VERSION, ...numberField(5, frame.registrationId), ...numberField(1, frame.preKeyId), ...numberField(6, frame.signedPreKeyId),
    ...bytesField(2, frame.baseKey), ...bytesField(3, frame.identityKey), 4 << 3 | 2, ...varint(frame.message.length),
  ]
  const bytes = new Uint8Array(head.length + frame.message.length)
  bytes.set(head)
  bytes.set(frame.message, head.length)
  return bytes
}

/** Zeros are written too: libsignal does. */
function numberField(field: number, value: number): readonly number[] {
  return [field << 3, ...varint(value)]
}

function bytesField(field: number, value: Uint8Array): readonly number[] {
  return [field << 3 | 2, ...varint(value.length), ...value]
}

/** A protobuf uint32: a counter of -1, of a chain that was never used, becomes the highest number, as in libsignal. */
function varint(value: number): readonly number[] {
  const bytes: number[] = []
  let rest = value >>> 0
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return bytes
}
