import { decodeDelivery, encodeDelivery, encodePage, decodePage, ENVELOPE_KIND, ENVELOPE_OFFSETS, FRAME_TYPE, viewEnvelope, type Delivery, type Frame } from '@evegram/protocol'
import { copyOf, type Lie } from './proxy.js'
import { isFor, type Person } from './world.js'

/** Whether a delivery is a numbered message by the device of `from`. */
export function isMessageOf(from: Person, { envelope }: Delivery): boolean {
  const view = viewEnvelope(envelope)
  return view.kind === ENVELOPE_KIND.message && view.device === from.client.device
}

/** A `deliver` frame of changed bytes. */
export function deliverFrame(delivery: Delivery): Frame {
  return { type: FRAME_TYPE.deliver, flags: 0, correlation: 0, body: encodeDelivery(delivery) }
}

/** Hands what `to` gets live from `from` to `change`, whose frames take its place. */
export function onDeliveries(from: Person, to: Person, change: (delivery: Delivery, frame: Frame) => readonly Frame[]): Lie {
  return {
    toClient(frame, link) {
      if (frame.type !== FRAME_TYPE.deliver || !isFor(to, link)) return [frame]
      const kept = copyOf(frame)
      const delivery = decodeDelivery(kept.body)
      return isMessageOf(from, delivery) ? change(delivery, kept) : [frame]
    },
  }
}

/** Hides messages from `to` wherever they would come from: live, history and catch-up. */
export function hiding(to: Person, isHidden: (delivery: Delivery) => boolean): NonNullable<Lie['toClient']> {
  return (frame, link) => {
    if (!isFor(to, link)) return [frame]
    if (frame.type === FRAME_TYPE.deliver) return isHidden(decodeDelivery(frame.body)) ? [] : [frame]
    if (frame.type !== FRAME_TYPE.page) return [frame]
    const page = decodePage(frame.body)
    return [{ ...frame, body: encodePage({ ...page, deliveries: page.deliveries.filter((delivery) => !isHidden(delivery)) }) }]
  }
}

/** An envelope with bytes written at the offset of a header field. */
export function withField(envelope: Uint8Array, field: keyof typeof ENVELOPE_OFFSETS, bytes: Uint8Array): Uint8Array {
  const changed = envelope.slice()
  changed.set(bytes, ENVELOPE_OFFSETS[field])
  return changed
}

/** Big-endian bytes of a number. */
export function bigEndian(value: bigint, length: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes.slice(8 - length)
}
