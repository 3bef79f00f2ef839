import type { CborFields } from './cbor.js'
import { utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'
import { readSaidWith, saidWithFields, type SaidWith } from './payload-body-target.js'

/** What somebody writes. */
export interface TextBody extends SaidWith {
  /** At most `LIMITS.textBytesMax` bytes of UTF-8. */
  readonly text: string
}

/** Body of `text`. Throws `too_large.payload` for a text over the limit. */
export const textBody: PayloadBodyCodec<TextBody> = {
  fields: (body) => ({ text: body.text, ...saidWithFields(body) }),
  read: (fields) => ({ text: readText(fields), ...readSaidWith(fields) }),
}

/** Reads the field `text`. Throws `invalid.payload`, and `too_large.payload` over `LIMITS.textBytesMax`. */
export function readText(fields: CborFields): string {
  const text = fields.text('text', LIMITS.payloadBytesMax)
  if (utf8(text).length > LIMITS.textBytesMax) throw new EvegramError('too_large.payload', { operation: 'read text' })
  return text
}
