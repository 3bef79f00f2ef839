import { sha256 } from '@noble/hashes/sha2.js'
import {
  ALL_DEVICES, BODY_HEADER_BYTES, messageIdOf, viewEnvelope, type BodyType, type Delivery, type EnvelopeHeader, type MessageId,
} from '@evegram/protocol'

/** A delivered envelope, parsed: routing fields and the one body for this device. */
export interface Incoming {
  readonly header: EnvelopeHeader
  readonly messageId: MessageId
  /** Log time of this copy, ms since 1970. */
  readonly positionMs: number
  /** The envelope as delivered. */
  readonly envelope: Uint8Array
  /** Its own or the one for all; undefined when the envelope holds nothing for this device. */
  readonly body: { readonly type: BodyType; readonly bytes: Uint8Array; readonly hash: Uint8Array } | undefined
}

/** Parses a delivery. Throws `invalid.envelope`, `too_large.envelope`. */
export function parseDelivery(delivery: Delivery, device: string): Incoming {
  const view = viewEnvelope(delivery.envelope)
  const slice = view.bodies.find((body) => body.device === device) ?? view.bodies.find((body) => body.device === ALL_DEVICES)
  const bytes = slice === undefined ? undefined : view.bytes.slice(slice.start + BODY_HEADER_BYTES, slice.end)
  return {
    header: view,
    messageId: messageIdOf(view),
    positionMs: delivery.position.timeMs,
    envelope: delivery.envelope,
    body: slice === undefined || bytes === undefined ? undefined : { type: slice.type, bytes, hash: sha256(bytes) },
  }
}
