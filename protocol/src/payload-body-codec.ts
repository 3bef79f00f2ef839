import type { CborFields, CborValue } from './cbor.js'

/** How the body of one payload kind is written and read. A kind has one of these in a file `payload-body-<kind>.ts`, and a line in payload-body.ts. */
export interface PayloadBodyCodec<Body> {
  /** CBOR fields of `body`, without checks: whoever encodes reads back what was written. */
  readonly fields: (body: Body) => Readonly<Record<string, CborValue>>
  /**
   * Reads the fields of a body that anybody may have written; whether fields are left over is checked by the caller. Throws
   * `invalid.payload`, and `too_large.payload` for a text over its limit.
   */
  readonly read: (fields: CborFields) => Body
}
