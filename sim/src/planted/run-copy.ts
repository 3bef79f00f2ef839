import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** What a simulator in a scratch copy said. */
export type CopyVerdict =
  | { readonly status: 'green'; readonly seeds: number }
  | { readonly status: 'broken'; readonly seeds: number; readonly seed: string; readonly promise: string; readonly what: string }
  /** It could not tell. */
  | { readonly status: 'failed'; readonly reason: string }

/** How a scratch copy is run. */
export interface CopyRun {
  readonly folder: string
  /** Number of the first seed, and how many there are. */
  readonly base: number
  readonly seeds: number
  readonly profile: string
  /** Real time, in ms: a stop for what hangs. */
  readonly msMax: number
}

/** Characters of standard error that are kept. */
const STDERR_KEPT = 1_000

/** Runs the simulator of a scratch copy until the first broken promise. Never rejects. */
export function runCopy({ folder, base, seeds, profile, msMax }: CopyRun): Promise<CopyVerdict> {
  const args = ['--base', String(base), '--seeds', String(seeds), '--profile', profile, '--json', '--workers', '1', '--stop-at-first', '--timeline', '0']
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(folder, 'sim', 'dist', 'main.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let said = ''
    let isLate = false
    const deadline = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, msMax)
    child.stdout.on('data', (chunk) => { output += String(chunk) })
    child.stderr.on('data', (chunk) => { said = (said + String(chunk)).slice(-STDERR_KEPT) })
    child.on('error', (error) => { said += error.message })
    child.on('close', (code) => {
      clearTimeout(deadline)
      resolve(isLate ? { status: 'failed', reason: lateReason(output, msMax) } : verdictOf(output, code, said.trim()))
    })
  })
}

/** What was stopped proves nothing: neither that the bug is found nor that it is not. */
function lateReason(output: string, msMax: number): string {
  const done = output.split('\n').flatMap(recordOf).filter((record) => record['kind'] === 'seed').length
  return `stopped after ${String(Math.round(msMax / 1_000))} s of real time and ${String(done)} green seeds, which says nothing: --seconds gives it more`
}

function verdictOf(output: string, code: number | null, said: string): CopyVerdict {
  const records = output.split('\n').flatMap(recordOf)
  const summary = records.find((record) => record['kind'] === 'summary')
  const ended = `it ended with code ${String(code)}`
  if (summary === undefined) return { status: 'failed', reason: `${ended} and without a summary${said === '' ? '' : `: ${said}`}` }
  const seeds = Number(summary['seeds'])
  const culprit = records.find((record) => record['kind'] === 'seed' && record['status'] !== 'green')
  if (culprit === undefined) return code === 0 ? { status: 'green', seeds } : { status: 'failed', reason: `${ended} and names no seed` }
  const seed = String(culprit['seed'])
  const violation = culprit['violation']
  if (typeof violation !== 'object' || violation === null) {
    return { status: 'failed', reason: `seed ${seed} gave no result: ${String(culprit['reason'])}` }
  }
  const [promise, what] = [String(Reflect.get(violation, 'promise')), String(Reflect.get(violation, 'what'))]
  // What trips the guard is a mistake of the patch or of the simulator, not one that the promises found.
  if (promise === 'guard') return { status: 'failed', reason: `seed ${seed} touched the real world: ${what}` }
  return { status: 'broken', seeds, seed, promise, what }
}

function recordOf(line: string): Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? [{ ...value }] : []
  } catch {
    // Not a record: whatever else was printed.
    return []
  }
}
