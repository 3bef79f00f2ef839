import { EvegramError } from '@evegram/protocol'

/** Bytes that a request asks for. */
export interface WantedRange {
  readonly from: number
  /** The last byte, inclusive; undefined: to the end. */
  readonly to: number | undefined
}

/**
 * The one range of a `Range` header (RFC 9110 section 14.2): `bytes=0-99` or `bytes=100-`. Undefined without the header. Throws `invalid.request` for several
 * ranges, suffixes and other units: no client of ours asks for them.
 */
export function wantedRange(header: string | undefined): WantedRange | undefined {
  if (header === undefined) return undefined
  const [, first, last] = /^bytes=([0-9]{1,15})-([0-9]{0,15})$/.exec(header) ?? []
  if (first === undefined || last === undefined) throw badRange()
  const range = { from: Number(first), to: last === '' ? undefined : Number(last) }
  if (range.to !== undefined && range.to < range.from) throw badRange()
  return range
}

function badRange(): EvegramError {
  return new EvegramError('invalid.request', { operation: 'read Range', advice: 'Ask for one range of bytes: bytes=<first>-<last> or bytes=<first>-.' })
}
