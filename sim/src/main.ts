import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { buildFactsOf } from './cli/build-facts.js'
import { runSim } from './cli/run-sim.js'
import { SeedPool } from './cli/seed-pool.js'

/** Real time after which a seed is taken for hanging. */
const SEED_MS_MAX = 300_000

const workspace = new URL('../', import.meta.url)
const workerFile = fileURLToPath(new URL('cli/seed-worker-process.js', import.meta.url))

process.exitCode = await runSim({
  argv: process.argv.slice(2),
  print: (line) => { console.log(line) },
  complain: (line) => { console.error(line) },
  now: () => Date.now(),
  workersDefault: availableParallelism(),
  isTerminal: process.stderr.isTTY && process.stdout.isTTY,
  isColoured: process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '',
  openPool: (workers) => new SeedPool({ workerFile, workers, seedMsMax: SEED_MS_MAX }),
  facts: () => buildFactsOf(fileURLToPath(workspace)),
  regressions: () => readFileSync(new URL('regressions.json', workspace), 'utf8'),
})
