import { readRunOptions } from '../options.js'
import { machineFacts, processCost } from '../process-cost.js'
import { RawEnrolment } from '../raw/raw-device.js'
import { RawHttp } from '../raw/raw-http.js'
import { ServerProcess } from '../server-process.js'
import { CanaryPair } from './canary.js'
import type { Attempt } from '../attempt.js'
import type { HostileCase, HostileContext } from './case.js'
import { BODY_CASES } from './cases/bodies.js'
import { FLOOD_CASES } from './cases/floods.js'
import { FRAME_CASES } from './cases/frames.js'
import { HELLO_CASES } from './cases/hello.js'
import { HOST_CASES } from './cases/hosts.js'
import { PROOF_CASES } from './cases/proofs.js'
import { REPLAY_CASES } from './cases/replays.js'
import { REVOCATION_CASES } from './cases/revocation.js'
import { SIGNATURE_CASES } from './cases/signatures.js'
import { TOKEN_CASES } from './cases/tokens.js'
import { TON_CASES } from './cases/ton.js'
import { judgeCase, HOSTILE_BOUNDS, type CanaryWindow } from './judge.js'
import { MemoryWatch } from './memory-watch.js'

const CASES: readonly HostileCase[] = [
  ...PROOF_CASES, ...SIGNATURE_CASES, ...TON_CASES, ...REPLAY_CASES, ...TOKEN_CASES, ...HELLO_CASES, ...FRAME_CASES, ...HOST_CASES, ...BODY_CASES,
  ...REVOCATION_CASES, ...FLOOD_CASES,
]
/** A case lasts at least this long, so that honest devices have something to say about it. */
const CASE_MS_MIN = 300
const PEACE_MS = 2_000

const { texts, json } = readRunOptions(
  'npm run hostile -- [--case <name>]\n\n' +
    'Attacks a server of its own in every way below; each attempt must get its documented answer, while honest devices go on talking and the\n' +
    `server stays within its memory.\n\n${CASES.map(({ name, claim }) => `  ${name.padEnd(24)}${claim}`).join('\n')}`,
  {},
  { case: 'run this case alone' },
)
const wanted = texts['case'] === undefined ? CASES : CASES.filter(({ name }) => name === texts['case'])
if (wanted.length === 0) {
  console.error(`There is no case ${String(texts['case'])}. Cases: ${CASES.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

interface CaseReport {
  readonly name: string
  readonly claim: string
  readonly attempts: readonly Attempt[]
  readonly breaches: readonly string[]
  readonly held: boolean
  readonly canary: CanaryWindow
  readonly waitedMs: number
  readonly peakMiB: number
  readonly ms: number
}

async function run(): Promise<boolean> {
  const startedAt = performance.now()
  const server = new ServerProcess()
  const http: { client?: RawHttp; canary?: CanaryPair; memory?: MemoryWatch } = {}
  try {
    await server.start()
    const { addresses } = server
    const enrolment = await RawEnrolment.open(addresses.url)
    http.client = new RawHttp(addresses.url)
    const context = contextOf(server, enrolment, http.client)
    const canary = await CanaryPair.start(addresses)
    http.canary = canary
    // The first sign-ins bring in code and caches that stay: they are no part of what an attack takes.
    for (const chain of ['solana', 'ton', 'terra'] as const) await context.newDevice(chain)
    await canary.take()
    await sleep(PEACE_MS)
    const baseline = await canary.take()
    const memory = new MemoryWatch(server.pid)
    http.memory = memory
    const baseMiB = memory.nowMiB
    for (const { prepare } of wanted) prepare?.(context)
    const reports: CaseReport[] = []
    for (const one of wanted) {
      const report = await runCase(one, context, { canary, baseline, memory, baseMiB, pids: [server.pid, canary.pid] })
      reports.push(report)
      if (!json) printCase(report)
    }
    const seconds = (performance.now() - startedAt) / 1_000
    print(reports, { baseline, baseMiB, seconds })
    return reports.every(({ held }) => held)
  } finally {
    http.memory?.stop()
    http.client?.close()
    await http.canary?.stop()
    await server.dispose()
  }
}

function contextOf(server: ServerProcess, enrolment: RawEnrolment, http: RawHttp): HostileContext {
  const { addresses } = server
  const admin = new RawHttp(addresses.admin, 4)
  return {
    enrolment, addresses, http,
    httpPort: Number(new URL(addresses.url).port), wsPort: Number(new URL(addresses.ws).port),
    domain: enrolment.server.domain, origin: enrolment.server.origin,
    newDevice: (chain = 'solana') => enrolment.enrol(enrolment.newWallet(chain)),
    async metric(name) {
      const { text } = await admin.ask('/metrics')
      const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      if (lines.length === 0) throw new Error(`the server has no metric ${name}`)
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    },
  }
}

async function runCase(
  { name, claim, run: attack }: HostileCase, context: HostileContext,
  around: { readonly canary: CanaryPair; readonly baseline: CanaryWindow; readonly memory: MemoryWatch; readonly baseMiB: number; readonly pids: readonly number[] },
): Promise<CaseReport> {
  const { canary, baseline, memory, baseMiB, pids } = around
  const waited = (): number => pids.reduce((sum, pid) => sum + processCost(pid).waitedSeconds, 0)
  const waitedBefore = waited()
  await canary.take()
  memory.takePeakMiB()
  const startedAt = performance.now()
  let attempts: readonly Attempt[]
  try {
    attempts = await attack(context)
  } catch (error) {
    attempts = [{ what: 'the attack', expected: 'to run', got: `threw: ${error instanceof Error ? error.message : String(error)}` }]
  }
  const ms = performance.now() - startedAt
  await sleep(CASE_MS_MIN - ms)
  const seen = await canary.take()
  const peakMiB = memory.takePeakMiB()
  const waitedMs = Math.round((waited() - waitedBefore) * 1_000)
  const breaches = judgeCase(attempts, seen, baseline, { baseMiB, peakMiB }, waitedMs)
  return { name, claim, attempts, breaches, held: breaches.length === 0, canary: seen, waitedMs, peakMiB: Math.round(peakMiB), ms: Math.round(ms) }
}

function printCase({ name, attempts, breaches, held, canary, peakMiB, ms }: CaseReport): void {
  const answers = [...new Set(attempts.map(({ got }) => got))].join(' | ')
  const figures = `${String(attempts.length).padStart(3)} tried  p99 ${canary.p99Ms.toFixed(0).padStart(4)} ms  ${String(peakMiB).padStart(4)} MiB  ${(ms / 1_000).toFixed(1).padStart(5)} s`
  console.log(`${held ? 'held' : 'NOT '}  ${name.padEnd(24)}${figures}  ${answers.length > 110 ? `${answers.slice(0, 107)}...` : answers}`)
  for (const breach of breaches) console.log(`      breach: ${breach}`)
}

function print(reports: readonly CaseReport[], facts: { readonly baseline: CanaryWindow; readonly baseMiB: number; readonly seconds: number }): void {
  const held = reports.every((report) => report.held)
  const { baseline, baseMiB, seconds } = facts
  if (json) {
    console.log(JSON.stringify({
      cases: reports, baseline, baseMiB: Math.round(baseMiB), bounds: HOSTILE_BOUNDS, held, seconds: Number(seconds.toFixed(1)), machine: machineFacts(),
    }))
    return
  }
  const worst = Math.max(...reports.map(({ canary }) => canary.p99Ms))
  const most = Math.max(...reports.map(({ peakMiB }) => peakMiB))
  const attempts = reports.reduce((sum, report) => sum + report.attempts.length, 0)
  console.log(`${String(reports.length)} cases, ${String(attempts)} attempts, ${seconds.toFixed(0)} s; honest p99 ${baseline.p99Ms.toFixed(1)} ms in peace, at worst ${worst.toFixed(0)} ms; server ${baseMiB.toFixed(0)} MiB before, at most ${String(most)} MiB`)
  console.log(held ? 'held: every attempt got its documented answer, nobody else was slowed' : `NOT HELD: ${reports.filter((report) => !report.held).map(({ name }) => name).join(', ')}`)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}

process.exitCode = (await run()) ? 0 : 1
