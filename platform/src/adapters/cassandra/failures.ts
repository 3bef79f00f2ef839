import { EvegramError } from '@evegram/protocol'
import cassandra from 'cassandra-driver'

/** What is known about a write that was rejected: `refused` was certainly not applied; `unknown` may be, now or later. */
export type WriteOutcome = 'unknown' | 'refused'

const { responseErrorCodes } = cassandra.types
/** Answers that a coordinator gives before it sends a mutation anywhere, whatever was tried before on other coordinators. */
const REFUSALS: ReadonlySet<number> = new Set([
  responseErrorCodes.protocolError, responseErrorCodes.badCredentials, responseErrorCodes.syntaxError, responseErrorCodes.unauthorized,
  responseErrorCodes.invalid, responseErrorCodes.configError,
])

/**
 * What a failure of the driver says about a write. `unavailable` and `overloaded` count as unknown: an earlier try on another coordinator, or an
 * earlier phase of a conditional write, may have been applied.
 */
export function outcomeOf(failure: unknown): WriteOutcome {
  if (failure instanceof cassandra.errors.ResponseError) return REFUSALS.has(failure.code) ? 'refused' : 'unknown'
  if (failure instanceof cassandra.errors.NoHostAvailableError) {
    const inner: unknown = failure.innerErrors
    const failures: readonly unknown[] = typeof inner === 'object' && inner !== null ? Object.values(inner) : []
    return failures.every(neverSent) ? 'refused' : 'unknown'
  }
  // Values that do not fit their columns are found before anything is sent.
  return failure instanceof TypeError || failure instanceof cassandra.errors.ArgumentError ? 'refused' : 'unknown'
}

/** Whether the request surely never left for that host: no free connection, or the socket broke before it was written. */
function neverSent(failure: unknown): boolean {
  if (failure instanceof cassandra.errors.BusyConnectionError) return true
  if (failure instanceof cassandra.errors.DriverError || !(failure instanceof Error)) return false
  // Marks that the driver leaves on failures of sockets; without them there was no connection to send on.
  const marks = failure as Error & { readonly isSocketError?: boolean; readonly requestNotWritten?: boolean }
  return marks.isSocketError !== true || marks.requestNotWritten === true
}

/** A failed read. */
export function readFailure(operation: string, cause: unknown): EvegramError {
  return cause instanceof EvegramError ? cause : new EvegramError('unavailable.store', { operation, cause })
}

/** A failed write, with its {@link WriteOutcome} in the details. */
export function writeFailure(operation: string, cause: unknown): EvegramError {
  return cause instanceof EvegramError ? cause : new EvegramError('unavailable.store', { operation, cause, details: { outcome: outcomeOf(cause) } })
}

/** Whether a write that was rejected with `failure` may be applied, now or later. Anything that is not surely refused may. */
export function mayBeApplied(failure: unknown): boolean {
  return !(failure instanceof EvegramError) || failure.details?.['outcome'] !== 'refused'
}

/** The words of a failure for a log line that says why something waits. */
export function reasonOf(failure: unknown): string {
  if (failure instanceof cassandra.errors.NoHostAvailableError) {
    const inner: unknown = failure.innerErrors
    const first: unknown = typeof inner === 'object' && inner !== null ? Object.values(inner)[0] : undefined
    if (first instanceof Error) return first.message
  }
  return failure instanceof Error ? failure.message : String(failure)
}
