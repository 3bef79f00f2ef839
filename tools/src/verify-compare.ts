import type { ProofSpeed, ReportLine } from '@evegram/protocol/proof'

/** One vector as both sides answered it. */
interface ComparedVector {
  readonly file: string
  readonly case: string
  readonly expected: string
  /** Answer with the server's primitives (node:crypto). */
  readonly server: string
  /** Answer with the SDK's primitives (@noble/curves). */
  readonly sdk: string
  readonly agree: boolean
  /** Both answers are the expected one, and the same. */
  readonly ok: boolean
}

/** Outcome of one file. `note` says why a file holds no vectors. */
interface ComparedFile {
  readonly file: string
  readonly format?: string
  readonly note?: string
  /** It is damaged: what is in it was not judged. */
  readonly broken?: true
  readonly vectors: number
  readonly accepted: number
  readonly refused: number
  readonly failed: number
}

/** Outcome of a folder. */
export interface Comparison {
  readonly files: readonly ComparedFile[]
  readonly vectors: readonly ComparedVector[]
  readonly failed: number
  readonly disagreements: number
  /** Files that are damaged. */
  readonly broken: number
}

type VectorLine = Extract<ReportLine, { readonly case: string }>

function isVector(line: ReportLine): line is VectorLine {
  return 'case' in line
}

/** Lines of one file. */
function linesOf(lines: readonly ReportLine[], file: string): readonly ReportLine[] {
  return lines.filter((line) => line.file === file)
}

function compareFile(
  file: string, server: readonly ReportLine[], sdk: readonly ReportLine[],
): readonly [ComparedFile, readonly ComparedVector[]] {
  const note = server.find((line) => !isVector(line)) ?? sdk.find((line) => !isVector(line))
  const length = Math.max(server.length, sdk.length)
  const vectors: ComparedVector[] = []
  for (let index = 0; index < length; index++) {
    const [left, right] = [server[index], sdk[index]]
    const one = left !== undefined && isVector(left) ? left : undefined
    const other = right !== undefined && isVector(right) ? right : undefined
    const known = one ?? other
    if (known === undefined) continue
    const agree = one !== undefined && other !== undefined && one.actual === other.actual && one.case === other.case
    vectors.push({
      file, case: known.case, expected: known.expected, server: one?.actual ?? 'no answer', sdk: other?.actual ?? 'no answer', agree,
      ok: agree && one.ok && other.ok,
    })
  }
  const format = server.find(isVector)?.format
  const accepted = vectors.filter((vector) => vector.server === 'accept').length
  const counts = { vectors: vectors.length, accepted, refused: vectors.length - accepted, failed: vectors.filter(({ ok }) => !ok).length }
  const about = note === undefined || isVector(note) ? {} : { note: note.note, ...(note.broken === true ? { broken: note.broken } : {}) }
  return [{ file, ...(format === undefined ? {} : { format }), ...about, ...counts }, vectors]
}

/** Puts the answers of both sides beside each other, file by file in the order of `files`. A missing answer is a disagreement. */
export function compareReports(files: readonly string[], server: readonly ReportLine[], sdk: readonly ReportLine[]): Comparison {
  const pairs = files.map((file) => compareFile(file, linesOf(server, file), linesOf(sdk, file)))
  const vectors = pairs.flatMap(([, compared]) => compared)
  return {
    files: pairs.map(([file]) => file),
    vectors,
    failed: vectors.filter(({ ok }) => !ok).length,
    disagreements: vectors.filter(({ agree }) => !agree).length,
    broken: pairs.filter(([{ broken }]) => broken === true).length,
  }
}

/** Columns as wide as their widest cell; the first `leftColumns` are aligned left, the others right. */
function table(rows: readonly (readonly string[])[], leftColumns: number): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]): string => row.map((cell, column) => {
    const width = widths[column] ?? 0
    return column < leftColumns ? cell.padEnd(width) : cell.padStart(width)
  }).join('  ').trimEnd()
  return rows.map(line).join('\n')
}

/** The comparison for people: every vector with its answer, then what differs, then one line per file and a sum. */
export function printComparison(comparison: Comparison): string {
  const { vectors, files, failed, disagreements, broken } = comparison
  const answered = vectors.map((vector) => {
    const status = vector.ok ? 'ok' : vector.agree ? 'WRONG' : 'DIFFER'
    const answer = vector.agree ? vector.server : `server ${vector.server}, SDK ${vector.sdk}`
    return [status, vector.file, vector.case, answer, vector.ok ? '' : `expected ${vector.expected}`]
  })
  const sums = files.map(({ file, format, note, vectors: count, accepted, refused, failed: wrong }) => {
    return [file, note ?? format ?? '', String(count), String(accepted), String(refused), String(wrong)]
  })
  const wrong = answered.filter(([status]) => status !== 'ok')
  return [
    table(answered, 5),
    ...(wrong.length === 0 ? [] : ['', 'Not as expected:', table(wrong, 5)]),
    '',
    table([['file', 'format', 'vectors', 'accepted', 'refused', 'wrong'], ...sums], 2),
    '',
    `${String(vectors.length)} vectors, ${String(failed)} not as expected, ${String(disagreements)} on which server and SDK differ${broken === 0 ? '' : `, ${String(broken)} files that are broken`}`,
  ].join('\n')
}

/** Speeds for people. */
export function printSpeeds(speeds: readonly ProofSpeed[]): string {
  const rows = speeds.map((speed) => [
    speed.chain, speed.primitives, String(speed.proofs), String(speed.proofsPerCpuSecond), String(speed.primitivesPerCpuSecond),
    `${(100 * speed.proofsPerCpuSecond / speed.primitivesPerCpuSecond).toFixed(0)} %`,
  ])
  return table([['chain', 'primitives', 'samples', 'proofs/CPU-s', 'bare primitive/CPU-s', 'proofs : primitive'], ...rows], 2)
}
