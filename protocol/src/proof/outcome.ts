import type { ErrorCode } from '../errors.js'

/** Codes with which a proof is refused. */
export type ProofCode = Extract<ErrorCode, `proof.${string}`>

/** The answer to a proof: valid, or refused with the code of the first check that failed and a reason for a log. */
export type ProofOutcome =
  | { readonly status: 'valid' }
  | { readonly status: 'refused'; readonly code: ProofCode; readonly reason: string }

/** The one valid outcome. */
export const VALID: ProofOutcome = { status: 'valid' }

/** A refusal; `reason` holds no user data. */
export function refused(code: ProofCode, reason: string): ProofOutcome {
  return { status: 'refused', code, reason }
}

/** The outcome of a strict signature check. */
export function outcomeOf(status: 'valid' | ProofCode): ProofOutcome {
  return status === 'valid' ? VALID : refused(status, 'the signature or its key')
}
