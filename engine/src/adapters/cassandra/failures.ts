import { EvegramError, isEvegramError } from '@evegram/protocol'

/** The failure of a log as its port promises it, with what is known of a write's outcome. */
export function envelopeLogFailure(operation: string, cause: unknown): EvegramError {
  const outcome = isEvegramError(cause) ? cause.details?.['outcome'] : undefined
  return new EvegramError('unavailable.envelope_log', { operation, cause, ...(outcome === undefined ? {} : { details: { outcome } }) })
}
