// npm run verify -- [--vectors <folder>] [--json]            judges every proof vector of a folder with both primitives
// npm run verify:bench -- [--seconds <n>] [--json]           measures proofs per CPU-second per chain
import { execFile } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import type { ProofSpeed, ReportLine } from '@evegram/protocol/proof'
import { compareReports, printComparison, printSpeeds } from './verify-compare.js'

const HELP = `npm run verify -- [--vectors <folder>] [--json]
npm run verify:bench -- [--seconds <n>] [--vectors <folder>] [--json]

Judges every proof vector of a folder (default protocol/vectors) with the server's primitives (node:crypto) and the SDK's
(@noble/curves). Formats: evegram-proof-vectors/1, ADR-036, ton_proof and SIWS-text cases of other projects, Wycheproof Ed25519
and secp256k1. Exit code 0: all as expected and both agree; 1: something differs, or a .json file is broken; 2: nothing could be judged.`

const root = fileURLToPath(new URL('../../', import.meta.url))
const ENTRIES = { server: join(root, 'auth/dist/verify-vectors.js'), sdk: join(root, 'clients/sdk/dist/verify-vectors.js') }
/** Bounds of what is read from a folder, and of one run. */
const BOUNDS = { files: 1_000, fileBytes: 64 * 2 ** 20, outputBytes: 2 ** 30, runMs: 600_000 } as const

/** A folder that cannot be judged: its message says why and ends the program with code 2. */
class NothingToJudge extends Error {}

function filesOf(folder: string): readonly string[] {
  let names: string[]
  try {
    const isFolder = statSync(folder).isDirectory()
    names = isFolder ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)) : [folder]
  } catch (cause) {
    throw new NothingToJudge(`${folder} cannot be read`, { cause })
  }
  const files = names.filter((name) => statSync(name).isFile()).sort()
  if (files.length === 0) throw new NothingToJudge(`${folder} holds no file`)
  if (files.length > BOUNDS.files) throw new NothingToJudge(`${folder} holds more than ${String(BOUNDS.files)} files`)
  return files
}

/** Why a file is not given to the judges; they say it for all others. */
function unread(file: string): string | undefined {
  if (!file.endsWith('.json')) return 'not a proof vector file: not .json'
  return statSync(file).size > BOUNDS.fileBytes ? 'not a proof vector file: more than 64 MiB' : undefined
}

/** Runs an entry point and reads its lines. Rejects when it fails or does not end in time. */
async function run<Line>(entry: string, args: readonly string[]): Promise<readonly Line[]> {
  const options = { cwd: root, maxBuffer: BOUNDS.outputBytes, timeout: BOUNDS.runMs }
  const { stdout } = await promisify(execFile)(process.execPath, [entry, ...args], options)
  // Both entry points are part of this repository and print lines of exactly this type.
  return stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Line)
}

async function verify(folder: string, isJson: boolean): Promise<number> {
  const files = filesOf(folder)
  const judged = files.filter((file) => unread(file) === undefined)
  const [server, sdk] = await Promise.all([run<ReportLine>(ENTRIES.server, judged), run<ReportLine>(ENTRIES.sdk, judged)])
  const named = (lines: readonly ReportLine[]): readonly ReportLine[] => {
    const notes = files.flatMap((file) => {
      const note = unread(file)
      return note === undefined ? [] : [{ file, note }]
    })
    return [...lines, ...notes].map((line) => ({ ...line, file: relative(folder, line.file) || line.file }))
  }
  const comparison = compareReports(files.map((file) => relative(folder, file) || file), named(server), named(sdk))
  const summary = { folder, vectors: comparison.vectors.length, failed: comparison.failed, disagreements: comparison.disagreements, broken: comparison.broken }
  const ok = comparison.failed === 0 && comparison.disagreements === 0 && comparison.broken === 0 && comparison.vectors.length > 0
  const report = { ok, ...summary, files: comparison.files, results: comparison.vectors }
  console.log(isJson ? JSON.stringify(report) : printComparison(comparison))
  if (comparison.vectors.length === 0) throw new NothingToJudge(`${folder} holds no proof vectors`)
  return ok ? 0 : 1
}

async function bench(folder: string, seconds: number, isJson: boolean): Promise<number> {
  if (!(seconds > 0 && seconds <= 60)) throw new NothingToJudge('--seconds takes a number above 0, up to 60')
  const files = filesOf(folder).filter((file) => unread(file) === undefined)
  const speeds: ProofSpeed[] = []
  // One after the other: two processes at once would share caches and memory bandwidth.
  for (const entry of [ENTRIES.server, ENTRIES.sdk]) speeds.push(...await run<ProofSpeed>(entry, ['--bench', String(seconds), ...files]))
  if (speeds.length === 0) throw new NothingToJudge(`${folder} holds no valid proofs to measure with`)
  const ordered = [...new Set(speeds.map(({ chain }) => chain))].flatMap((chain) => speeds.filter((speed) => speed.chain === chain))
  console.log(isJson ? JSON.stringify({ node: process.version, secondsPerFigure: seconds, speeds: ordered }) : printSpeeds(ordered))
  return 0
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      vectors: { type: 'string' }, seconds: { type: 'string', default: '2' }, json: { type: 'boolean', default: false },
      bench: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const folder = resolve(values.vectors ?? join(root, 'protocol/vectors'))
  return values.bench ? bench(folder, Number(values.seconds), values.json) : verify(folder, values.json)
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
