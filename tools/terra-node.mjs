#!/usr/bin/env node
// `npm run terra:node`: what Wally promises, on a real node of Terra Classic: the contract of chain adapters, what only such a node shows, and the tour of README.md.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build, install, requireNode } from './prepare.mjs'
import { cacheDir } from './services/cache.mjs'
import { interruptSignal } from './services/interrupt.mjs'
import { startProgress } from './services/progress.mjs'
import { runTool } from './services/run-tool.mjs'
import { provideTerrad, terradVersion } from './services/terrad.mjs'

const USAGE = `npm run terra:node -- [options]

Runs on a real node of Terra Classic what else runs on a program that imitates one: the contract suite of chain adapters through the real SDK, the tax and the answers of that
release, and the tour of README.md (faucet, deposit, transfer in chat, withdrawal) with the balances that the node itself tells before and after. The node is the one that
TERRAD_BIN names, else terrad 0.5.20, which is built when there is none (npm run terrad -- --help).

  --json   the result as JSON on standard output; progress goes to standard error
  --help

Exit codes: 0 all held, 1 something did not, 2 wrong usage.`

const FILES = ['wallet-bridge/src/chain/terra/node/', 'clients/cli/src/terra-node.process.test.ts']
const RUN_MS_MAX = 1_200_000
const EXIT_USAGE = 2
const LUNA_DIGITS = 6

const { json } = readOptions()
requireNode()
const [say, abort] = [startProgress(), interruptSignal()]
const folder = await mkdtemp(join(tmpdir(), 'evegram-terra-node-'))
try {
  await install(say)
  await build(say)
  const { path, from } = await provideTerrad(cacheDir(), say, abort)
  const version = await terradVersion(path)
  say(`terrad ${version} (${from}: ${path})`)
  const report = join(folder, 'report.json')
  // The tests start this very program.
  const options = { timeoutMs: RUN_MS_MAX, abort, env: { TERRAD_BIN: path }, say: (elapsed) => say(`still running (${elapsed} s)`) }
  const failure = await runTool(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile=${report}`, ...FILES], options).then(() => undefined, (error) => error)
  abort.throwIfAborted()
  const result = resultOf(version, path, readReport(report, failure))
  console.log(json ? JSON.stringify(result, undefined, 2) : linesOf(result).join('\n'))
  if (!result.held) process.exitCode = 1
} catch (error) {
  console.error(`terra:node: ${error.message}`)
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
process.exit()

/** What vitest wrote; without it, why there is none. */
function readReport(path, failure) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw failure ?? error
  }
}

function resultOf(version, path, { testResults }) {
  const claims = testResults.flatMap(({ assertionResults }) => assertionResults).map(({ ancestorTitles: [suite = ''], title, status, duration = 0, failureMessages = [], meta = {} }) => ({
    suite: suite.replace(/ \(gaps: .*/, ''), claim: title, result: status === 'passed' ? 'held' : status === 'failed' ? 'BROKEN' : 'declared gap', seconds: Math.round(duration / 100) / 10,
    ...(failureMessages.length === 0 ? {} : { why: failureMessages.join('\n') }), ...(meta.balances === undefined ? {} : { balances: meta.balances }),
  }))
  const broken = claims.filter(({ result }) => result === 'BROKEN').length
  const unstarted = testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).map(({ name, message }) => `${name}: ${message}`)
  return { terrad: version, program: path, held: broken === 0 && unstarted.length === 0 && claims.some(({ result }) => result === 'held'), claims, unstarted }
}

function linesOf({ terrad, held, claims, unstarted }) {
  const suites = [...new Set(claims.map(({ suite }) => suite))]
  const balances = claims.flatMap((claim) => claim.balances ?? [])
  const counts = ['held', 'BROKEN', 'declared gap'].map((result) => `${claims.filter((claim) => claim.result === result).length} ${result}`)
  return [
    ...suites.flatMap((suite) => ['', suite, ...claims.filter((claim) => claim.suite === suite).flatMap(({ result, seconds, claim, why }) =>
      [`  ${result.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s  ${claim}`, ...(why === undefined ? [] : [why.replace(/^/gm, '      ')])])]),
    ...unstarted,
    ...(balances.length === 0 ? [] : ['', 'On the chain, as the node itself says (LUNC)', row('', 'before', 'after'), ...balances.map(({ who, before, after }) => row(who, decimal(before), decimal(after)))]),
    '', `terrad ${terrad}: ${held ? 'all held' : 'NOT all held'} (${counts.join(', ')})`,
  ]
}

function row(who, before, after) {
  return `  ${who.padEnd(12)} ${before.padStart(16)} ${after.padStart(16)}`
}

function decimal(amount) {
  const digits = amount.padStart(LUNA_DIGITS + 1, '0')
  return `${digits.slice(0, -LUNA_DIGITS)}.${digits.slice(-LUNA_DIGITS)}`
}

/** The command line, or the end of this process. */
function readOptions() {
  try {
    const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } })
    if (!values.help) return values
    console.log(USAGE)
    process.exit(0)
  } catch (error) {
    console.error(`terra:node: ${error.message}\n\n${USAGE}`)
    process.exit(EXIT_USAGE)
  }
}
