import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FuzzVerdict } from './judge.js'
import { objectOf } from './operations.js'

/** How schemathesis is started; its arguments follow those given. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What must hold of every answer. */
const CHECKS = [
  'not_a_server_error', 'status_code_conformance', 'content_type_conformance', 'response_headers_conformance', 'response_schema_conformance', 'negative_data_rejection',
] as const
/** Edges of every field, then values that are drawn. What one route answers is not sent to another: that would go by the order of answers. */
const [EDGES, DRAWN] = ['coverage', 'fuzzing']
/** What may be answered to a request that the description forbids; without this a body that is too large would have to be something else. */
const SETTINGS = '[checks.negative_data_rejection]\nexpected-statuses = [400, 401, 403, 404, 409, 413, 422, 429]\n'
/** Seconds for one answer: comparing and verifying read everything. */
const ANSWER_SECONDS_MAX = 60
/** A whole run, in ms. */
const RUN_MS_MAX = 3_600_000
/** Characters of its report that are kept, the last ones. */
const OUTPUT_CHARACTERS_MAX = 60_000

/** What it is asked for. */
export interface SchemathesisAsk {
  /** Where the API description is. */
  readonly description: string
  /** Cases that are made up for each route, at most. */
  readonly cases: number
  readonly seed: number
  /** Whether the edges of every field are left out. */
  readonly isDrawnOnly: boolean
  readonly abort: AbortSignal
}

/** Runs it to its end. Rejects when it cannot be started or leaves no report; what it found is the result. */
export async function runSchemathesis({ command, args, env }: Program, ask: SchemathesisAsk): Promise<{ readonly verdict: FuzzVerdict; readonly output: string }> {
  // A folder of its own: it reads settings of where it runs, and leaves files there.
  const folder = mkdtempSync(join(tmpdir(), 'evegram-fuzz-'))
  const report = join(folder, 'report.json')
  try {
    writeFileSync(join(folder, 'schemathesis.toml'), SETTINGS)
    const output = await printed(command, [
      ...args, 'run', ask.description, '--checks', CHECKS.join(','), '--phases', ask.isDrawnOnly ? DRAWN : `${EDGES},${DRAWN}`, '--max-examples', String(ask.cases), '--seed', String(ask.seed), '--workers', '1',
      '--request-timeout', String(ANSWER_SECONDS_MAX), '--max-redirects', '0', '--continue-on-failure', '--generation-database', 'none', '--suppress-health-check', 'all', '--warnings', 'off', '--no-color',
      '--report', 'json', '--report-json-path', report,
    ], { cwd: folder, env: { ...process.env, ...env }, abort: ask.abort })
    return { verdict: verdictOf(reportIn(report, output)), output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function reportIn(file: string, output: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    throw new Error(`schemathesis left no report:\n${output.slice(-2_000)}`)
  }
}

/** The verdict in its report. What is not there counts as a run that did not end. */
export function verdictOf(report: unknown): FuzzVerdict {
  const { complete, stop_reason: reason, operations, test_cases: cases, failures, errors } = objectOf(report)
  const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.map(objectOf) : [])
  return {
    complete: complete === true && reason === 'completed', tested: Number(objectOf(operations)['tested'] ?? 0), cases: Number(objectOf(cases)['generated'] ?? 0),
    failures: list(failures).map(({ title, count, operations: routes }) => ({ title: String(title), count: Number(count), operations: Array.isArray(routes) ? routes.map(String) : [] })),
    errors: list(errors).map(({ title, count }) => `${String(title)} (${String(count)})`),
  }
}

function printed(command: string, args: readonly string[], { cwd, env, abort }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly abort: AbortSignal }): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_MS_MAX, signal: abort })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output = (output + text).slice(-OUTPUT_CHARACTERS_MAX) })
    child.on('error', reject)
    // Its exit code says what its report says; a report that is not there is what counts.
    child.on('close', () => { resolve(output) })
  })
}
