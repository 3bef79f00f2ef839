import { EvegramError, isErrorCode, type ErrorCode } from '@evegram/protocol'

/** Longest wait that a server may ask for; beyond it the client decides itself. */
const RETRY_AFTER_MS_MAX = 3_600_000
const DETAILS_MAX = 16
const DETAIL_CHARACTERS_MAX = 128
const PLAIN = /^[\x20-\x7e]*$/

/** Code of an answer that names none of ours: a proxy, another server, a newer version. */
function codeOfStatus(status: number): ErrorCode {
  if (status === 400) return 'invalid.request'
  if (status === 401) return 'auth.token_invalid'
  if (status === 403) return 'denied.host'
  if (status === 404) return 'not_found.resource'
  if (status === 409) return 'conflict.in_flight'
  if (status === 413) return 'too_large.request'
  if (status === 421) return 'denied.host'
  if (status === 429) return 'limited.rate'
  if (status === 502 || status === 503 || status === 504) return 'unavailable.server'
  return status >= 500 ? 'internal' : 'invalid.response'
}

/**
 * The error of an answer that failed: the server's code where it is one of ours, else one by status. The server's prose is dropped
 * (it would reach terminals and pages unchecked); of its details only numbers, booleans and short plain texts stay.
 */
export function errorOfResponse(status: number, value: unknown, retryAfterSeconds: string | null, operation: string): EvegramError {
  const error = recordOf(recordOf(value)['error'])
  const named = error['code']
  const code = typeof named === 'string' && isErrorCode(named) ? named : codeOfStatus(status)
  const retryAfterMs = waitOf(error['retryAfterMs']) ?? waitOf(retryAfterSeconds === null ? undefined : Number(retryAfterSeconds) * 1_000)
  const details = { ...plainDetails(recordOf(error['details'])), status }
  return new EvegramError(code, { operation, details, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  // Any object can be read by name; what it holds stays unknown.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

function waitOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= RETRY_AFTER_MS_MAX ? value : undefined
}

function plainDetails(details: Readonly<Record<string, unknown>>): Record<string, string | number | boolean> {
  const plain: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(details).slice(0, DETAILS_MAX)) {
    if (name.length > DETAIL_CHARACTERS_MAX || !PLAIN.test(name) || name === '__proto__') continue
    if (typeof value === 'number' || typeof value === 'boolean') plain[name] = value
    else if (typeof value === 'string' && value.length <= DETAIL_CHARACTERS_MAX && PLAIN.test(value)) plain[name] = value
  }
  return plain
}
