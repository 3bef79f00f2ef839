#!/usr/bin/env node
// `npm test`: everything that must hold before something lands. Brings its own Cassandra, NATS, Redis, PostgreSQL and S3. One line a step, all steps run.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { contractTables, portsOf, tableLines } from './contracts/tables.mjs'
import { failedTestsFile } from './failed-tests.mjs'
import { build, install, requireNode, root, run } from './prepare.mjs'
import { cacheDir } from './services/cache.mjs'
import { interruptSignal } from './services/interrupt.mjs'
import { startProgress } from './services/progress.mjs'
import { startTemporary } from './services/temporary.mjs'
import { findTerrad, NO_TERRAD } from './services/terrad.mjs'
import { DEFAULT_SETTINGS } from './services/up.mjs'

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

const npm = (script, ...args) => () => run('npm', ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])], { signal: abort })
const STEPS = [
  ['build', () => build()],
  ['services', () => startServices()],
  ['check', npm('check')],
  [UNIT_TESTS, () => unitTests()],
  ['simulator, 100 seeds', npm('sim', '--seeds', '100')],
  ['simulator, real encryption', npm('sim', '--seeds', '5', '--crypto', 'real')],
  ['simulator, every seed that ever failed', npm('sim', '--regressions')],
  ['simulator, receipts (short)', npm('sim', '--profile', 'receipts', '--seeds', '10')],
  ['simulator, payouts (short)', npm('sim', '--profile', 'payouts', '--seeds', '40')],
  ['simulator, the same trace in two processes', npm('sim', '--check-determinism', '3')],
  ['simulator, payouts in two processes', npm('sim', '--profile', 'payouts', '--check-determinism', '3')],
  ['verify (proof vectors, both primitives)', npm('verify')],
  ['convergence of own devices (short)', npm('convergence', '--histories', '300')],
  ['crash, servers killed (short)', npm('crash', '--clients', '6', '--messages', '300', '--kills', '2')],
  ['crash, clients killed (short)', npm('crash', '--clients', '6', '--messages', '200', '--kills', '2', '--victim', 'client')],
  ['hostile', npm('hostile')],
  ['API, requests made up (short)', npm('wally:fuzz', '--cases', '15', '--drawn-only', '--seed', '1')],
  ['lying server', npm('lying-server')],
  ['prekeys (short)', npm('prekeys', '--fetches', '1000')],
  ['route (short)', npm('route', '--pairs', '20', '--seconds', '3')],
  // Of so few connections each has much of what does not grow with their number: what counts is that all are held.
  ['idle (short)', npm('idle', '--connections', '500', '--duration', '5s', '--threshold', 'rssPerConnection<200')],
  ['reconnect storm (short)', npm('bench', 'reconnect-storm', '--connections', '200')],
  // Nothing is lost, here or on the relay, and a message costs no more than a few of the relay's: a ratio within one run, far below today's, and no time. With
  // fewer clients than it has by itself, a busy machine spends more on waiting than on messages.
  ['load harness beside the raw relay (short)', npm('bench', 'compare', '--with', 'raw-uws', '--duration', '3s', '--counters-only', '--at-least', '0.1')],
  // Of the bounds on time only those that a busy machine cannot break: counters, and what must not be lost.
  ['load harness, sign-in storm (short)', npm('bench', 'sign-in-storm', '--fresh', '--sign-ins', '12', '--proofs', '40', '--seconds', '1', ...['solana', 'ton', 'terra'].flatMap((chain) => ['--threshold', `${chain}.ratio>=0.3`]))],
  ['load harness, resume (short)', npm('bench', 'resume', '--fresh', '--clients', '24', '--messages', '20')],
  ['load harness, slow consumers (short)', npm('bench', 'slow-consumers', '--fresh', '--clients', '8', '--rate', '40', '--slow', '2', '--seconds', '4', '--feed', '300', '--threshold', 'rssPerSlow<=64')],
  ['load harness, mixed day (short)', npm('bench', 'mixed-day', '--fresh', '--clients', '20', '--peak', '40', '--seconds', '8', '--travellers', '4', '--sign-ins', '3', '--counters-only')],
  ['load harness, soak (short)', npm('bench', 'soak', '--fresh', '--clients', '10', '--rate', '50', '--duration', '10s', '--counters-only', '--threshold', 'rssPerHour<=1000000', '--threshold', 'p99PerHour<=1000000')],
  ['resume (short)', npm('resume', '--days', '3', '--conversations', '20')],
  ['churn (short)', npm('churn', '--days', '31', '--dayMs', '300', '--conversations', '10', '--busy', '16')],
  ['ledger histories (short)', npm('ledger:histories', '--histories', '2000', '--sample', '20')],
  ['holds', npm('wally:holds')],
  ['payouts, Wally killed (short)', npm('wally:crash', '--payouts', '30', '--kills', '5', '--seed', '1')],
  // On a busy machine every way is slow, and not by the same factor: the long form says what it is worth.
  ['ledger bench (short)', npm('ledger:bench', '--accounts', '1000', '--seconds', '1', '--factor', '2')],
  ['durability (short)', npm('durability', '--only', 'redis', '--seconds', '1')],
  ['nonces on a cluster (short)', npm('nonces', '--nodes', '1', '--rounds', '4', '--verifies', '200')],
  ['prekeys on a cluster (short)', npm('prekeys', '--nodes', '1', '--fetches', '300', '--requesters', '60', '--targets', '4')],
  ['load harness, an engine killed (short)', npm('bench', 'node-kill', '--clients', '8', '--rate', '20', '--seconds', '9')],
  ['storm on a cluster (short)', npm('storm', '--nodes', '1', '--clients', '64')],
  ['faults on a cluster (short)', npm('faults', '--nodes', '1', '--clients', '6', '--messages', '120', '--pace', '600', '--pauseMs', '3000', '--roll', '--seed', '4')],
]

/** What the step `services` started; undefined before, and where they were given. */
let services

const startedAt = performance.now()
const failed = []
const terraNode = sayTerraNode()
console.log(terraNode)
for (const [name, step] of STEPS) {
  const stepStartedAt = performance.now()
  console.log(`\n== ${name}`)
  try {
    await step()
    console.log(`== ok: ${name} (${((performance.now() - stepStartedAt) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failed.push(name)
    console.log(`== FAIL: ${name}: ${error.message}`)
    if (abort.aborted) break
    // Nothing after a broken build can say anything.
    if (name === 'build') break
  }
}
await endServices()
if (abort.aborted) process.exit(EXIT_INTERRUPTED)
console.log(`\n${((performance.now() - startedAt) / 1000).toFixed(0)} s in all`)
console.log(terraNode)
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
if (failed.includes(UNIT_TESTS) && existsSync(failedTestsFile(root))) console.log(readFileSync(failedTestsFile(root), 'utf8'))
console.log(`${STEPS.length - failed.length} passed, ${failed.length} failed`)
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
async function startServices() {
  const given = ['EVEGRAM_CASSANDRA', 'EVEGRAM_NATS', 'EVEGRAM_REDIS', 'EVEGRAM_POSTGRES', 'EVEGRAM_S3_URL', 'EVEGRAM_S3_ACCESS_KEY', 'EVEGRAM_S3_SECRET_KEY'].map((name) => [name, process.env[name]])
  if (given.every(([, value]) => value !== undefined && value !== '')) {
    console.log(`given: ${given.map(([name, value]) => `${name}=${shown(name, value)}`).join(' ')}`)
    return
  }
  services = await startTemporary({ settings: DEFAULT_SETTINGS, say: startProgress(console.log), abort })
  const { mode, versions, env, processes } = services.state
  Object.assign(process.env, env)
  // Tests of outages start servers of their own: with the program that was found or installed here, which need not be in PATH.
  const program = processes.find(({ kind }) => kind === 'redis')?.start?.command
  if (mode === 'native' && program !== undefined) process.env['EVEGRAM_REDIS_SERVER'] ??= program
  console.log(`${mode === 'docker' ? 'in containers' : 'native'}: ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}`)
  for (const [name, value] of Object.entries(env)) console.log(`  ${name}=${shown(name, value)}`)
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
