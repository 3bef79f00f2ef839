import { CborFields, type CborValue } from './cbor.js'
import { hexOf } from './bytes.js'
import { ID_BYTES, idBytes, parseDeviceId, type DeviceId } from './ids.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'

/** Chains that one receipt names at most. */
export const RECEIPT_CHAINS_MAX = 256

/** How far one chain was received or read: this number and all before it. */
export interface ChainPlace {
  readonly device: DeviceId
  readonly epoch: number
  readonly number: number
}

/** What the device of the sender received, or a person read. */
export interface ReceiptBody {
  readonly kind: 'received' | 'read'
  readonly upTo: readonly ChainPlace[]
}

/** Body of `receipt`. */
export const receiptBody: PayloadBodyCodec<ReceiptBody> = {
  fields: ({ kind, upTo }) => ({ kind, upTo: upTo.map(({ device, epoch, number }) => ({ device: idBytes(device), epoch, number })) }),
  read: (fields) => {
    const kind = fields.text('kind', 16)
    if (kind !== 'received' && kind !== 'read') return fields.fail('kind: received or read')
    return { kind, upTo: fields.list('upTo', RECEIPT_CHAINS_MAX).map(readPlace) }
  },
}

function readPlace(value: CborValue): ChainPlace {
  const fields = new CborFields(value, 'invalid.payload')
  const place = {
    device: parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))), epoch: fields.uint('epoch', 0xffffffff), number: fields.uint('number'),
  }
  fields.end()
  return place
}
