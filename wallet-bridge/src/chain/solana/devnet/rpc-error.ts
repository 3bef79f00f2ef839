import type { Json } from '../../json.js'

/** Codes of JSON-RPC and of a Solana node (rpc-client-api custom_error.rs). */
export const RPC_CODES = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  preflightFailed: -32002,
  signatureFailed: -32003,
  blockNotAvailable: -32004,
  slotSkipped: -32007,
  unsupportedVersion: -32015,
} as const

/** An answer that a node gives instead of a result. */
export class RpcError extends Error {
  readonly code: number
  readonly data: Json | undefined

  constructor(code: number, message: string, data?: Json) {
    super(message)
    this.name = 'RpcError'
    this.code = code
    this.data = data
  }
}

/** The answer to parameters that the method does not take. */
export function invalidParams(problem: string): RpcError {
  return new RpcError(RPC_CODES.invalidParams, `Invalid params: ${problem}`)
}
