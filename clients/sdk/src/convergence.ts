// node clients/sdk/dist/convergence.js: plays random histories of the devices of one account and compares what they show in the end.
// `npm run convergence` builds and runs it. Not part of the package's exports.
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { playHistory, type HistoryCounts } from './state/convergence/play-history.js'

const HELP = `npm run convergence -- [options]

Plays random histories of two to five devices of one account on the real registers and transaction logs: they write contacts, settings, drafts and read
markers, tell each other, crash in the middle of commits and join late; messages come in any order, repeatedly, or are lost and sent again; clocks are
wrong by up to a year. In the end every device must show the same, bit for bit, and what the history demands. Ends with code 1 at the first history that does not.

  --histories N   how many (default 1000)
  --seed S        the first seed; history i is seed S:i (default: random, printed)
  --only I        history I alone
  --json          counts as one line of JSON`

const HISTORIES_DEFAULT = 1_000
const PROGRESS_EVERY_MS = 5_000

const { values } = parseArgs({
  options: {
    'histories': { type: 'string' }, 'seed': { type: 'string' }, 'only': { type: 'string' }, 'json': { type: 'boolean', default: false }, 'help': { type: 'boolean', short: 'h', default: false },
  },
})

/** A whole number of an option; ends the program with code 2 for anything else. */
function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  process.stderr.write(`--${name}: a whole number is expected\n`)
  process.exit(2)
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(`${HELP}\n`)
    return
  }
  const first = values.only === undefined ? 0 : wholeNumber('only', values.only)
  const histories = values.only === undefined ? wholeNumber('histories', values.histories ?? String(HISTORIES_DEFAULT)) : 1
  const seed = values.seed ?? randomBytes(6).toString('hex')
  const startedAt = performance.now()
  const total: Record<keyof HistoryCounts, number> = { devices: 0, writes: 0, conflicts: 0, messages: 0, deliveries: 0, repeats: 0, losses: 0, crashes: 0, snapshots: 0 }
  let toldAt = startedAt
  for (let index = first; index < first + histories; index++) {
    const outcome = await playHistory(`${seed}:${String(index)}`)
    // The counts of a history have the names of the totals.
    for (const name of Object.keys(total) as (keyof HistoryCounts)[]) total[name] += outcome.counts[name]
    if (outcome.status === 'diverged') {
      const replay = `npm run convergence -- --seed ${seed} --only ${String(index)}`
      if (values.json) process.stdout.write(`${JSON.stringify({ converged: false, seed, history: index, fault: outcome.fault, replay, counts: total })}\n`)
      else process.stderr.write(`history ${String(index)} of seed ${seed}: ${outcome.fault}\nreplay: ${replay}\n`)
      process.exitCode = 1
      return
    }
    if (performance.now() - toldAt > PROGRESS_EVERY_MS) {
      toldAt = performance.now()
      process.stderr.write(`${String(index + 1 - first)} of ${String(histories)} histories\n`)
    }
  }
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  if (values.json) process.stdout.write(`${JSON.stringify({ converged: true, seed, histories, seconds, counts: total })}\n`)
  else {
    process.stdout.write(`${String(histories)} histories converged (seed ${seed}, ${String(seconds)} s)\n`)
    process.stdout.write(`${Object.entries(total).map(([name, count]) => `${name} ${String(count)}`).join(', ')}\n`)
  }
}

await main()
