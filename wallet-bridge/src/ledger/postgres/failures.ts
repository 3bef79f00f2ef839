import { EvegramError, isEvegramError } from '@evegram/protocol'

/** Classes of SQLSTATE that say that the program, not the server, is at fault: data, integrity, syntax and access, raised by a trigger. */
const PROGRAM_FAULT = /^(?:22|23|42|P0)/

/**
 * What a failure of the database means to a caller. The rules of the schema are the last line: that one of them refused is a fault of this program, and
 * nothing was done. Everything else leaves open whether the transaction was committed: the ids of the transfers tell.
 */
export function ledgerFailure(failure: unknown, operation: string): EvegramError {
  if (isEvegramError(failure)) return failure
  const state = failure instanceof Error && 'code' in failure && typeof failure.code === 'string' ? failure.code : undefined
  if (state !== undefined && PROGRAM_FAULT.test(state)) return new EvegramError('internal', { operation, details: { sqlState: state }, cause: failure })
  return new EvegramError('unavailable.store', { operation, ...(state === undefined ? {} : { details: { state } }), cause: failure })
}
