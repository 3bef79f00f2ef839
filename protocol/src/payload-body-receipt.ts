import { CborFields, type CborValue } from './cbor.js'
import { hexOf } from './bytes.js'
import { ID_BYTES, idBytes, parseDeviceId, type DeviceId } from './ids.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'

/** Chains that one receipt names at most. */
export const RECEIPT_CHAINS_MAX = 256
/** Ranges of missing numbers that one receipt names at most, over all its chains: what is beyond is not confirmed. */
export const RECEIPT_MISSING_MAX = 64

/** How far one chain was received or read: this number and all before it, except those that are named as missing. */
export interface ChainPlace {
  readonly device: DeviceId
  readonly epoch: number
  readonly number: number
}

/** Numbers of a chain that did not come, both ends included. */
export interface MissingNumbers {
  readonly device: DeviceId
  readonly epoch: number
  /** From 1. */
  readonly from: number
  readonly to: number
}

/** What the device of the sender received, or a person read. */
export interface ReceiptBody {
  readonly kind: 'received' | 'read'
  readonly upTo: readonly ChainPlace[]
  /** Absent where everything came. */
  readonly missing?: readonly MissingNumbers[]
}

/** Body of `receipt`. */
export const receiptBody: PayloadBodyCodec<ReceiptBody> = {
  fields: ({ kind, upTo, missing }) => ({
    kind, upTo: upTo.map(({ device, epoch, number }) => ({ device: idBytes(device), epoch, number })),
    ...(missing === undefined ? {} : { missing: missing.map(({ device, epoch, from, to }) => ({ device: idBytes(device), epoch, from, to })) }),
  }),
  read: (fields) => {
    const kind = fields.text('kind', 16)
    if (kind !== 'received' && kind !== 'read') return fields.fail('kind: received or read')
    const upTo = fields.list('upTo', RECEIPT_CHAINS_MAX).map(readPlace)
    if (!fields.has('missing')) return { kind, upTo }
    const missing = fields.list('missing', RECEIPT_MISSING_MAX).map(readMissing)
    return missing.length === 0 ? fields.fail('missing: some, or absent') : { kind, upTo, missing }
  },
}

function chainOf(fields: CborFields): Pick<ChainPlace, 'device' | 'epoch'> {
  return { device: parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))), epoch: fields.uint('epoch', 0xffffffff) }
}

function readPlace(value: CborValue): ChainPlace {
  const fields = new CborFields(value, 'invalid.payload')
  const place = { ...chainOf(fields), number: fields.uint('number') }
  fields.end()
  return place
}

function readMissing(value: CborValue): MissingNumbers {
  const fields = new CborFields(value, 'invalid.payload')
  const missing = { ...chainOf(fields), from: fields.uint('from'), to: fields.uint('to') }
  fields.end()
  if (missing.from === 0 || missing.to < missing.from) fields.fail('missing: from 1, in order')
  return missing
}
