/** Bytes that a client of a relay puts before a payload: what to do (u8), to whom (u32, big-endian). */
export const RELAY_HEADER_BYTES = 5
/** What a relay is asked for. It hands the payload on without these bytes, and answers nothing. */
export const RELAY_OPERATION = { toClient: 1, toTopic: 2, subscribe: 3 } as const
/** The only messages of a relay that are no payload: one byte, shorter than any. */
export const RELAY_WELCOME = 1
/** See {@link RELAY_WELCOME}. */
export const RELAY_SUBSCRIBED = 2
/** Bytes that may wait in one socket of a relay before it is closed. */
export const RELAY_BACKPRESSURE_BYTES = 16_777_216
/** Largest message to a relay. */
export const RELAY_MESSAGE_BYTES_MAX = 131_072

/** A message to a relay; the payload is copied. */
export function relayMessage(operation: number, target: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const message = new Uint8Array(RELAY_HEADER_BYTES + payload.length)
  message[0] = operation
  new DataView(message.buffer).setUint32(1, target)
  message.set(payload, RELAY_HEADER_BYTES)
  return message
}
