import { CborFields, decodeCbor, encodeCbor } from './cbor.js'
import { utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import { pad, unpad } from './padding.js'

/**
 * What a post says once it is decrypted. Every post carries the name that the channel has for its author: what came before is gone after the retention.
 * `authors`: the author changed who may post, and says so in a post, so that whoever was removed cannot post any more.
 */
export type ChannelBody =
  | { readonly kind: 'text'; readonly name: string; readonly text: string }
  | { readonly kind: 'authors'; readonly name: string }
  /** A kind of a newer client. */
  | { readonly kind: 'unknown'; readonly name: string }

const INVALID = 'invalid.channel_post' as const

/** Padded bytes of a body, ready to be encrypted. Throws `too_large.channel_post` for a text and `invalid.argument` for a name beyond its limit. */
export function encodeChannelBody(body: Exclude<ChannelBody, { readonly kind: 'unknown' }>): Uint8Array<ArrayBuffer> {
  if (utf8(body.name).length > LIMITS.groupNameBytesMax) throw new EvegramError('invalid.argument', { operation: 'encode post', details: { field: 'name' } })
  if (body.kind === 'text' && utf8(body.text).length > LIMITS.textBytesMax) throw new EvegramError('too_large.channel_post', { operation: 'encode post' })
  return pad(encodeCbor({ v: 1, ...body }))
}

/**
 * Reads a decrypted body; fields that this version does not know are passed over. Throws `invalid.payload` (padding), `invalid.cbor`,
 * `invalid.channel_post`, the last also for what {@link encodeChannelBody} would refuse as too long.
 */
export function decodeChannelBody(padded: Uint8Array): ChannelBody {
  const fields = new CborFields(decodeCbor(unpad(padded), LIMITS.channelPostBytesMax), INVALID)
  // CborFields counts UTF-16 units, of which a text has no more than UTF-8 bytes.
  const text = (name: string, bytesMax: number): string => {
    const value = fields.text(name, bytesMax)
    return utf8(value).length > bytesMax ? fields.fail(`${name}: length`) : value
  }
  if (fields.uint('v') !== 1) return { kind: 'unknown', name: '' }
  const name = text('name', LIMITS.groupNameBytesMax)
  const kind = fields.text('kind', 32)
  if (kind === 'text') return { kind, name, text: text('text', LIMITS.textBytesMax) }
  return kind === 'authors' ? { kind, name } : { kind: 'unknown', name }
}
