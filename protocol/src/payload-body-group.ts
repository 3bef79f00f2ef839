import { CborFields } from './cbor.js'
import { utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'

/** A sender key, as libsignal's SenderKeyDistributionMessage. */
export interface SenderKeyGift {
  readonly distribution: Uint8Array
  /** Where a device that has nothing of the sender's chain enters it: the next number, and the hash before it (32 bytes). */
  readonly start: { readonly number: number; readonly prev: Uint8Array }
}

/** What a group is called. */
export interface GroupNameBody {
  /** At most `LIMITS.groupNameBytesMax` bytes of UTF-8. */
  readonly name: string
}

/** Longest distribution: its fields have fixed lengths. */
const DISTRIBUTION_BYTES_MAX = 256

/** Body of `sender_key`. */
export const senderKeyBody: PayloadBodyCodec<SenderKeyGift> = {
  fields: ({ distribution, start }) => ({ distribution, start: { number: start.number, prev: start.prev } }),
  read: (fields) => {
    const start = new CborFields(fields.value('start'), 'invalid.payload')
    const body = {
      distribution: fields.bytes('distribution', { lengthMax: DISTRIBUTION_BYTES_MAX }),
      start: { number: start.uint('number'), prev: start.bytes('prev', 32) },
    }
    start.end()
    if (body.start.number === 0) fields.fail('start: from 1')
    return body
  },
}

/** Body of `group_name`. Throws `too_large.payload` for a name over the limit. */
export const groupNameBody: PayloadBodyCodec<GroupNameBody> = {
  fields: ({ name }) => ({ name }),
  read: (fields) => {
    const name = fields.text('name', LIMITS.groupNameBytesMax)
    if (utf8(name).length > LIMITS.groupNameBytesMax) throw new EvegramError('too_large.payload', { operation: 'read group name' })
    return { name }
  },
}
