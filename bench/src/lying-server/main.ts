import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import type { Attempt } from '../attempt.js'
import type { LyingCase } from './case.js'
import { ACCOUNT_CASES } from './cases/accounts.js'
import { DEVICE_CASES } from './cases/devices.js'
import { DISCOVERY_CASES } from './cases/discovery.js'
import { ENVELOPE_CASES } from './cases/envelopes.js'
import { PREKEY_CASES } from './cases/prekeys.js'
import { SENDER_CASES } from './cases/senders.js'
import { STREAM_CASES } from './cases/stream.js'
import { judgeLie } from './judge.js'
import { World } from './world.js'

const CASES: readonly LyingCase[] = [
  ...DISCOVERY_CASES, ...ACCOUNT_CASES, ...DEVICE_CASES, ...PREKEY_CASES, ...ENVELOPE_CASES, ...STREAM_CASES, ...SENDER_CASES,
]

const { texts, json } = readRunOptions(
  'npm run lying-server [-- --case <name>]\n\n' +
    'A man in the middle stands between real SDK clients and a real server and lies in every way below. The SDK must refuse each lie with its\n' +
    'code; no plaintext may reach the liar, the server\'s files or a third person; and an honest conversation of the same clients must go on.\n\n' +
    CASES.map(({ name, claim }) => `  ${name.padEnd(24)}${claim}`).join('\n'),
  {},
  { case: 'run this case alone' },
)
const wanted = texts['case'] === undefined ? CASES : CASES.filter(({ name }) => name === texts['case'])
if (wanted.length === 0) {
  console.error(`There is no case ${String(texts['case'])}. Cases: ${CASES.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

interface LieReport {
  readonly name: string
  readonly claim: string
  readonly attempts: readonly Attempt[]
  readonly breaches: readonly string[]
  readonly held: boolean
  readonly ms: number
}

/** Worlds side by side, each with a server and a liar of its own: most of a case is waiting. */
const WORLDS_MAX = 5

async function run(): Promise<boolean> {
  const startedAt = performance.now()
  const worlds: World[] = []
  try {
    // One after the other: each looks for free ports.
    while (worlds.length < Math.min(WORLDS_MAX, wanted.length)) worlds.push(await World.start())
    const waiting = [...wanted]
    const told = new Map<LyingCase, LieReport>()
    await Promise.all(worlds.map(async (world) => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        const report = await runCase(one, world)
        told.set(one, report)
        if (!json) printCase(report)
      }
    }))
    const reports = wanted.flatMap((one) => told.get(one) ?? [])
    print(reports, worlds.reduce((sum, { capture }) => sum + capture.bytes, 0), (performance.now() - startedAt) / 1_000)
    return reports.every(({ held }) => held)
  } finally {
    for (const world of worlds) await world.close()
  }
}

async function runCase({ name, claim, run: lie }: LyingCase, world: World): Promise<LieReport> {
  const startedAt = performance.now()
  let attempts: readonly Attempt[]
  try {
    attempts = await lie(world)
  } catch (error) {
    attempts = [{ what: 'the case', expected: 'to run', got: `threw: ${error instanceof Error ? error.message : String(error)}` }]
  }
  world.proxy.lie = {}
  const breaches = judgeLie(attempts, world.leaks())
  await world.leave()
  return { name, claim, attempts, breaches, held: breaches.length === 0, ms: Math.round(performance.now() - startedAt) }
}

function printCase({ name, attempts, breaches, held, ms }: LieReport): void {
  const answers = [...new Set(attempts.map(({ got }) => got))].join(' | ')
  console.log(`${held ? 'held' : 'NOT '}  ${name.padEnd(24)}${(ms / 1_000).toFixed(1).padStart(5)} s  ${answers.length > 130 ? `${answers.slice(0, 127)}...` : answers}`)
  for (const breach of breaches) console.log(`      breach: ${breach}`)
}

function print(reports: readonly LieReport[], capturedBytes: number, seconds: number): void {
  const held = reports.every((report) => report.held)
  if (json) {
    console.log(JSON.stringify({ cases: reports, capturedBytes, held, seconds: Number(seconds.toFixed(1)), machine: machineFacts() }))
    return
  }
  const attempts = reports.reduce((sum, report) => sum + report.attempts.length, 0)
  console.log(`${String(reports.length)} lies, ${String(attempts)} answers, ${seconds.toFixed(0)} s; ${(capturedBytes / 1_048_576).toFixed(1)} MiB that passed the liar and all files of the server were searched for plaintext`)
  console.log(held ? 'held: every lie was refused by its code, nobody read what was not for them, honest conversations went on' : `NOT HELD: ${reports.filter((report) => !report.held).map(({ name }) => name).join(', ')}`)
}

process.exitCode = (await run()) ? 0 : 1
