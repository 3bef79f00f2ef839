import { EvegramError, type ErrorCode } from '@evegram/protocol'

/** JSON body of every refusal and failure. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode
    readonly message: string
    readonly retryAfterMs?: number
    readonly details?: Readonly<Record<string, unknown>>
  }
}

/** Codes whose status differs from that of their family. */
const STATUS_OF_CODE: Partial<Record<ErrorCode, number>> = {
  'account.not_found': 404,
  'account.wallet_taken': 409,
  'account.device_limit': 409,
  'conflict.request_differs': 422,
  'denied.host': 421,
  'discontinuity': 410,
  'timeout': 504,
  'wallet.account_closed': 403,
  'wallet.asset_unknown': 404,
  'wallet.payout_refused': 403,
}

const STATUS_OF_FAMILY: Readonly<Record<string, number>> = {
  invalid: 400, order: 400, incompatible: 400, proof: 401, auth: 401, denied: 403, account: 403, not_found: 404,
  conflict: 409, stale: 409, too_large: 413, limited: 429, unavailable: 503, append: 503, wallet: 409,
}

/** HTTP status of an error code; families that no server sends are faults: 500. */
export function statusOf(code: ErrorCode): number {
  return STATUS_OF_CODE[code] ?? STATUS_OF_FAMILY[code.split('.')[0] ?? ''] ?? 500
}

/** The body that goes to the caller. A fault says nothing about its cause. */
export function errorBody(error: EvegramError): ErrorBody {
  const fault = statusOf(error.code) === 500
  return {
    error: {
      code: error.code,
      message: error.advice,
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      ...(error.details === undefined || fault ? {} : { details: error.details }),
    },
  }
}

const CODE_OF_FASTIFY: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large.request',
  FST_ERR_HANDLER_TIMEOUT: 'timeout',
  FST_ERR_NOT_FOUND: 'not_found.route',
}

/** Any thrown value as an EvegramError: ours as it is, those of Fastify by what they say about the request, all others `internal`. */
export function asEvegramError(failure: unknown): EvegramError {
  if (failure instanceof EvegramError) return failure
  const { code, statusCode } = fieldsOf(failure)
  const known = CODE_OF_FASTIFY[code]
  if (known !== undefined) return new EvegramError(known, { operation: 'handle request', cause: failure })
  // Unreadable JSON, wrong media types and the like: Fastify marks what is the caller's fault with a 4xx.
  if (statusCode >= 400 && statusCode < 500) return new EvegramError('invalid.request', { operation: 'read request', cause: failure })
  return new EvegramError('internal', { operation: 'handle request', cause: failure })
}

function fieldsOf(failure: unknown): { readonly code: string; readonly statusCode: number } {
  if (typeof failure !== 'object' || failure === null) return { code: '', statusCode: 0 }
  const code = 'code' in failure && typeof failure.code === 'string' ? failure.code : ''
  const statusCode = 'statusCode' in failure && typeof failure.statusCode === 'number' ? failure.statusCode : 0
  return { code, statusCode }
}
