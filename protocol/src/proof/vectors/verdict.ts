import type { ErrorCode } from '../../errors.js'

/** What a vector wants: acceptance, refusal, or (for rules on which verifiers may differ) either. */
export interface Expectation {
  readonly result: 'accept' | 'refuse' | 'either'
  /** The code with which it must be refused, where the vector says so. */
  readonly code?: string | undefined
  /** Codes with which our stricter rules may refuse what another project accepts; printed beside the expectation. */
  readonly stricter?: readonly ErrorCode[] | undefined
}

/** What the verifier did. */
export type VectorAnswer =
  | { readonly result: 'accept' }
  | { readonly result: 'refuse'; readonly code: ErrorCode; readonly reason: string }

/** One vector with its outcome. */
export interface VectorVerdict {
  readonly name: string
  readonly expected: Expectation
  readonly actual: VectorAnswer
  readonly ok: boolean
}

/** The outcome of one file: its vectors in their order, or why it holds none. */
export type FileVerdict =
  | { readonly kind: 'vectors'; readonly format: string; readonly verdicts: readonly VectorVerdict[] }
  | { readonly kind: 'not_vectors'; readonly note: string }
  /** It is damaged: it holds vectors that nobody can judge, or nobody can say what it is. */
  | { readonly kind: 'broken'; readonly note: string }

/** Compares. */
export function verdictOf(name: string, expected: Expectation, actual: VectorAnswer): VectorVerdict {
  return { name, expected, actual, ok: isAsExpected(expected, actual) }
}

function isAsExpected(expected: Expectation, actual: VectorAnswer): boolean {
  if (expected.result === 'either') return true
  if (actual.result === 'accept') return expected.result === 'accept'
  if (expected.result === 'accept') return expected.stricter?.includes(actual.code) ?? false
  return expected.code === undefined || expected.code === actual.code
}

/** A refusal. */
export function refusal(code: ErrorCode, reason: string): VectorAnswer {
  return { result: 'refuse', code, reason }
}
