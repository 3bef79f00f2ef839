import { asEvegramError, errorBody, statusOf } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'

const DETAIL_CHARACTERS_MAX = 128

/** A failure of the core as a client knows it that got it over HTTP: code, wait and plain details, nothing of its cause. */
export function errorOnTheWire(failure: unknown, operation: string): EvegramError {
  const { code, retryAfterMs, details } = errorBody(asEvegramError(failure)).error
  const plain = Object.entries(details ?? {}).filter(([, value]) => (
    typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= DETAIL_CHARACTERS_MAX)
  ))
  return new EvegramError(code, {
    operation, details: { ...Object.fromEntries(plain), status: statusOf(code) }, ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
