#!/usr/bin/env node
// `npm test`: everything that must hold before something lands. Brings its own Cassandra, NATS, Redis, PostgreSQL and S3. One line a step, all steps run.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findChromium } from './chromium.mjs'
import { contractTables, portsOf, tableLines } from './contracts/tables.mjs'
import { failedTestsFile } from './failed-tests.mjs'
import { build, install, requireNode, root, run } from './prepare.mjs'
import { cacheDir } from './services/cache.mjs'
import { interruptSignal } from './services/interrupt.mjs'
import { startProgress } from './services/progress.mjs'
import { provideSchemathesis } from './services/schemathesis.mjs'
import { startTemporary } from './services/temporary.mjs'
import { findTerrad, NO_TERRAD } from './services/terrad.mjs'
import { DEFAULT_SETTINGS } from './services/up.mjs'
import { runLanes } from './testing/run-lanes.mjs'
import { LONG_RUNS } from './testing/steps.mjs'
import { buildPage } from './web.mjs'

const EXIT_INTERRUPTED = 130
const UNIT_TESTS = 'unit, contract and process tests'
/** What vitest says for programs. */
const REPORT = join(root, 'node_modules', '.cache', 'vitest-report.json')

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(`npm test

Installs, builds, checks (types, lint, docstrings, licences, unused code), runs every unit, contract and process test, and the short forms of
the long runs. Everything runs against real stores and real sockets on loopback: the embedded ones, and Cassandra, NATS, Redis, PostgreSQL and S3 that this
command starts in a temporary folder and ends with it (npm run services -- --help says how, and what the machine needs for it: Docker, or Java 17, Maven,
Go and Redis). When EVEGRAM_CASSANDRA, EVEGRAM_NATS, EVEGRAM_REDIS, EVEGRAM_POSTGRES, EVEGRAM_S3_URL and its two keys are all set, those are used instead.
What needs a real Terra node runs where there is one (npm run terrad -- where); npm run terra:node builds one and runs it.
Long forms: npm run sim -- --seeds 500, sim -- --profile payouts --seeds 200 --crash-points every, sim:planted (bugs planted on purpose), convergence -- --histories 10000, crash, hostile, lying-server, prekeys, idle, route, bench, verify:bench,
undecryptable, ledger:histories, ledger:bench, wally:holds, wally:crash, wally:fuzz, and on a cluster of three: faults, storm, nonces, resume, churn, durability (each with --help).`)
  process.exit(0)
}

requireNode()
await install()
/** Aborted when somebody ends this command: every step ends with it. */
const abort = interruptSignal()

const npm = (script, ...args) => ({ output }) => run('npm', ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])], { signal: abort, output })
const step = (name, work) => ({ name, work })
const BUILD = 'build'
/** One behind the other; each as lanes that run beside each other. */
const PHASES = [
  [[step(BUILD, ({ print }) => build(print))]],
  // What is fetched and started takes its time elsewhere: in the network, and until servers answer.
  [[step('check', npm('check'))], [step('services', startServices), step('the page', ({ print }) => buildPage(print)), step('programs that tests drive', providePrograms)]],
  [[step(UNIT_TESTS, unitTests)]],
  LONG_RUNS.map((lane) => lane.map(([name, script, ...options]) => step(name, npm(script, ...options)))),
]

/** What the step `services` started; undefined before, and where they were given. */
let services

const startedAt = performance.now()
const failed = []
const terraNode = sayTerraNode()
console.log(terraNode)
for (const lanes of PHASES) {
  failed.push(...await runLanes(lanes, { abort }))
  // Nothing after a broken build can say anything.
  if (abort.aborted || failed.includes(BUILD)) break
}
await endServices()
if (abort.aborted) process.exit(EXIT_INTERRUPTED)
console.log(`\n${((performance.now() - startedAt) / 1000).toFixed(0)} s in all`)
console.log(terraNode)
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
if (failed.includes(UNIT_TESTS) && existsSync(failedTestsFile(root))) console.log(readFileSync(failedTestsFile(root), 'utf8'))
console.log(`${PHASES.flat(2).length - failed.length} passed, ${failed.length} failed`)
process.exit(failed.length === 0 ? 0 : 1)

/** All tests, then which adapter keeps which promise of which port. */
async function unitTests() {
  rmSync(failedTestsFile(root), { force: true })
  try {
    await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=./tools/failed-tests.mjs', '--reporter=json', `--outputFile.json=${REPORT}`], { signal: abort })
  } finally {
    const lines = tableLines(contractTables(JSON.parse(readFileSync(REPORT, 'utf8')), portsOf(root)))
    console.log(['', 'adapter x promise (gap: declared, and named in its test; -: replaced by a declared gap)', '', ...lines].join('\n'))
  }
}

/** Whether the tests on a real Terra node run, and on which. */
function sayTerraNode() {
  try {
    const found = findTerrad(cacheDir())
    return found === undefined ? NO_TERRAD : `tests on a real Terra node run: ${found.path} (from ${found.from})`
  } catch (error) {
    return `tests on a real Terra node cannot run: ${error.message}`
  }
}

/** Starts what the adapters are tested against, and puts where it is into the environment of every later step. */
async function startServices({ print }) {
  const given = ['EVEGRAM_CASSANDRA', 'EVEGRAM_NATS', 'EVEGRAM_REDIS', 'EVEGRAM_POSTGRES', 'EVEGRAM_S3_URL', 'EVEGRAM_S3_ACCESS_KEY', 'EVEGRAM_S3_SECRET_KEY'].map((name) => [name, process.env[name]])
  if (given.every(([, value]) => value !== undefined && value !== '')) {
    print(`given: ${given.map(([name, value]) => `${name}=${shown(name, value)}`).join(' ')}`)
    return
  }
  services = await startTemporary({ settings: DEFAULT_SETTINGS, say: startProgress(print), abort })
  const { mode, versions, env, processes } = services.state
  Object.assign(process.env, env)
  // Tests of outages start servers of their own: with the program that was found or installed here, which need not be in PATH.
  const program = processes.find(({ kind }) => kind === 'redis')?.start?.command
  if (mode === 'native' && program !== undefined) process.env['EVEGRAM_REDIS_SERVER'] ??= program
  print(`${mode === 'docker' ? 'in containers' : 'native'}: ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}`)
  for (const [name, value] of Object.entries(env)) print(`  ${name}=${shown(name, value)}`)
}

/** Fetches what tests would fetch otherwise while they wait for it. */
async function providePrograms({ print }) {
  const say = startProgress(print)
  say(`Chromium: ${await findChromium()}`)
  say(`schemathesis runs by ${(await provideSchemathesis(say, abort)).command}`)
}

/** A setting as a log may show it. */
function shown(name, address) {
  return name.endsWith('_KEY') ? '…' : address.replace(/(:\/\/[^:@/]+):[^@/]+@/, '$1:…@')
}

async function endServices() {
  try {
    await services?.end()
  } catch (error) {
    console.error(`services were not ended: ${error.message}`)
  }
}
