import type { ProofPrimitives } from '../primitives.js'
import { foreignKindOf, judgeForeign, STRICTER } from './foreign.js'
import { answered, expectationOf, isObject, nameOf, type JsonObject } from './json.js'
import { judgeOwn, OWN_FORMAT } from './own.js'
import { refusal, verdictOf, type FileVerdict } from './verdict.js'
import { judgeWycheproof } from './wycheproof.js'

/** Lists of cases that other projects' files may hold. */
const SECTIONS = ['cases', 'plain', 'vectors', 'tests'] as const

/** The cases under one name, in a list or by their own names. */
function casesOf(value: unknown): readonly (readonly [string, JsonObject])[] {
  const entries = Array.isArray(value) || isObject(value) ? Object.entries(value) : []
  return entries.flatMap(([name, item]) => (isObject(item) ? [[name, item] as const] : []))
}

function judgeOwnFile(file: JsonObject, primitives: ProofPrimitives): FileVerdict {
  const cases = casesOf(file['cases'])
  const named: unknown = file['cases']
  const count = Array.isArray(named) || isObject(named) ? Object.keys(named).length : 0
  if (cases.length === 0 || cases.length < count) return { kind: 'broken', note: `broken: ${String(count - cases.length)} of ${String(count)} cases are none` }
  const verdicts = cases.map(([place, vector]) => {
    return verdictOf(nameOf(vector, place), expectationOf(vector), answered(() => judgeOwn(vector, primitives)))
  })
  return { kind: 'vectors', format: OWN_FORMAT, verdicts }
}

function judgeForeignFile(file: JsonObject, primitives: ProofPrimitives): FileVerdict {
  const cases = SECTIONS.flatMap((section) => casesOf(file[section]).map(([place, vector]) => {
    return { name: nameOf(vector, `${section}/${place}`), kind: foreignKindOf(vector, section), vector }
  }))
  const formats = new Set(cases.flatMap(({ kind }) => kind ?? []))
  if (formats.size === 0) return { kind: 'not_vectors', note: 'not a proof vector file: no case of a known shape' }
  // A case of no known shape among known ones lost a field: it is refused, not passed over.
  const verdicts = cases.map(({ name, kind, vector }) => verdictOf(name, expectationOf(vector, STRICTER), answered(() => {
    return kind === undefined ? refusal('proof.malformed', 'no known shape') : judgeForeign(kind, vector, primitives)
  })))
  return { kind: 'vectors', format: [...formats].join(', '), verdicts }
}

/**
 * Judges one vector file: our own format, and the formats of other projects that docs/protocol.md names (ADR-036, ton_proof, SIWS texts,
 * Wycheproof). What is not a vector file is said so and never skipped in silence; a file that is damaged fails. Never throws for any text.
 */
export function judgeVectorFile(text: string, primitives: ProofPrimitives): FileVerdict {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // The note says what the parser found; its message would quote the file.
    return { kind: 'broken', note: 'broken: not JSON' }
  }
  const file = Array.isArray(json) ? { cases: json as unknown } : json
  if (!isObject(file)) return { kind: 'not_vectors', note: 'not a proof vector file: no object' }
  if (file['format'] === OWN_FORMAT) return judgeOwnFile(file, primitives)
  if (!Array.isArray(file['testGroups'])) return judgeForeignFile(file, primitives)
  const verdicts = judgeWycheproof(file, primitives)
  if (verdicts !== undefined) return { kind: 'vectors', format: 'wycheproof', verdicts }
  return { kind: 'not_vectors', note: 'not a proof vector file: Wycheproof tests of an algorithm that proofs do not use' }
}
