import type { JsonObject } from '../../json.js'

/** Codes of gRPC, as the REST gateway of a node writes them. */
export const GRPC_CODES = { unknown: 2, invalidArgument: 3, notFound: 5, unimplemented: 12, internal: 13 } as const

const HTTP_STATUS: Readonly<Record<number, number>> = { 2: 500, 3: 400, 5: 404, 12: 501, 13: 500 }

/** What the REST gateway answers when it does not do what it is asked. */
export class LcdError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }

  /** Of the HTTP answer. */
  get status(): number {
    return HTTP_STATUS[this.code] ?? 500
  }

  /** The body. */
  toJson(): JsonObject {
    return { code: this.code, message: this.message, details: [] }
  }
}

/** For a path that this chain does not have. */
export function notImplemented(): LcdError {
  return new LcdError(GRPC_CODES.unimplemented, 'Not Implemented')
}
