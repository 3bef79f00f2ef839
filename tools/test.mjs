#!/usr/bin/env node
// `npm test`: everything that must hold before something lands, on a machine that holds nothing but Node. One line a step, all steps run.
import { build, install, requireNode, run } from './prepare.mjs'

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(`npm test

Installs, builds, checks (types, lint, docstrings, licences, unused code), runs every unit, contract and process test, and the short forms of
the long runs. Everything runs against the real embedded stores and real sockets on loopback; this release needs no other service.
Long forms: npm run sim -- --seeds 500, sim:planted (bugs planted on purpose), crash, hostile, lying-server, prekeys, idle, route, verify:bench (each with --help).`)
  process.exit(0)
}

requireNode()
await install()

const npm = (script, ...args) => () => run('npm', ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])])
const STEPS = [
  ['build', () => build()],
  ['check', npm('check')],
  ['unit, contract and process tests', () => run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'])],
  ['simulator, 100 seeds', npm('sim', '--seeds', '100')],
  ['simulator, real encryption', npm('sim', '--seeds', '5', '--crypto', 'real')],
  ['simulator, every seed that ever failed', npm('sim', '--regressions')],
  ['simulator, the same trace in two processes', npm('sim', '--check-determinism', '3')],
  ['verify (proof vectors, both primitives)', npm('verify')],
  ['crash, servers killed (short)', npm('crash', '--clients', '6', '--messages', '300', '--kills', '2')],
  ['crash, clients killed (short)', npm('crash', '--clients', '6', '--messages', '200', '--kills', '2', '--victim', 'client')],
  ['hostile', npm('hostile')],
  ['lying server', npm('lying-server')],
  ['prekeys (short)', npm('prekeys', '--fetches', '1000')],
  ['route (short)', npm('route', '--pairs', '20', '--seconds', '3')],
  ['idle (short)', npm('idle', '--connections', '500')],
]

const startedAt = performance.now()
const failed = []
for (const [name, step] of STEPS) {
  const stepStartedAt = performance.now()
  console.log(`\n== ${name}`)
  try {
    await step()
    console.log(`== ok: ${name} (${((performance.now() - stepStartedAt) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failed.push(name)
    console.log(`== FAIL: ${name}: ${error.message}`)
    // Nothing after a broken build can say anything.
    if (name === 'build') break
  }
}
console.log(`\n${((performance.now() - startedAt) / 1000).toFixed(0)} s in all`)
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
console.log(`${STEPS.length - failed.length} passed, ${failed.length} failed`)
process.exit(failed.length === 0 ? 0 : 1)
