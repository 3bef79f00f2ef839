import { utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'

/** What somebody writes. */
export interface TextBody {
  /** At most `LIMITS.textBytesMax` bytes of UTF-8. */
  readonly text: string
}

/** Body of `text`. Throws `too_large.payload` for a text over the limit. */
export const textBody: PayloadBodyCodec<TextBody> = {
  fields: ({ text }) => ({ text }),
  read: (fields) => {
    const text = fields.text('text', LIMITS.payloadBytesMax)
    if (utf8(text).length > LIMITS.textBytesMax) throw new EvegramError('too_large.payload', { operation: 'read text' })
    return { text }
  },
}
