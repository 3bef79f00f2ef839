import type { ProofPrimitives } from '../primitives.js'
import { judgeVectorFile } from './judge-vectors.js'
import type { Expectation, VectorAnswer } from './verdict.js'

/** One line of the report that `npm run verify` compares between the primitives: a vector, or a file that holds none. */
export type ReportLine = VectorLine | { readonly file: string; readonly note: string; readonly broken?: true }

/** A vector as one side answered it. */
interface VectorLine {
  readonly file: string
  readonly format: string
  readonly case: string
  readonly expected: string
  readonly actual: string
  readonly ok: boolean
}

/** `accept`, `refuse`, `refuse proof.signature`, `accept or proof.high_s`, `either`. */
function expectedText({ result, code, stricter }: Expectation): string {
  if (result === 'accept' && stricter !== undefined) return ['accept', ...stricter].join(' or ')
  return code === undefined ? result : `${result} ${code}`
}

/** `accept`, or `refuse`, the code, and the reason in brackets. */
function actualText(answer: VectorAnswer): string {
  return answer.result === 'accept' ? answer.result : `refuse ${answer.code} (${answer.reason})`
}

/** Lines for the text of one file. */
export function reportVectorFile(file: string, text: string, primitives: ProofPrimitives): readonly ReportLine[] {
  const verdict = judgeVectorFile(text, primitives)
  if (verdict.kind === 'not_vectors') return [{ file, note: verdict.note }]
  if (verdict.kind === 'broken') return [{ file, note: verdict.note, broken: true }]
  return verdict.verdicts.map(({ name, expected, actual, ok }) => {
    return { file, format: verdict.format, case: name, expected: expectedText(expected), actual: actualText(actual), ok }
  })
}
