import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ProgressBar } from '../cli/progress-bar.js'
import { plantedHead, plantedLine } from './planted-lines.js'
import { CONTROLS, PLANTED_SECONDS, PLANTED_SECONDS_MAX, PLANTED_SEEDS_MAX, plantedNames, runPlanted, type PlantedOutcome } from './run-planted.js'

const HELP = `npm run sim:planted -- [--only <name> …] [--search] [--write-seeds] [--seconds <n>] [--json]

Plants every bug of sim/planted in a copy of the code and runs the simulator on it (stand-in crypto; payouts are signed in earnest): each must break a promise
within ${String(PLANTED_SEEDS_MAX)} seeds, and the copy without a bug must not. A patch names the seed that finds its bug, which is tried first.

  --only <name>   this bug alone; may be given several times
  --search        try the seeds from 1 on, whatever the patches name: slow
  --write-seeds   write the seed that found a bug into its patch, where it names none or another one
  --seconds <n>   stop a run after so much real time (${String(PLANTED_SECONDS)}, at most ${String(PLANTED_SECONDS_MAX)}); what was stopped is not found
  --json          the result as one JSON object on standard output
  --help

Exit codes: 0 every bug was found, 1 one was not (or its patch does not apply any more, or the copy without a bug is red), 2 wrong usage.`

const root = fileURLToPath(new URL('../../../', import.meta.url))
const patches = join(root, 'sim', 'planted')

function refuse(message: string): never {
  console.error(`${message}\n\n${HELP}`)
  process.exit(2)
}

interface PlantedArguments {
  readonly only: readonly string[]
  readonly search: boolean
  readonly 'write-seeds': boolean
  readonly seconds: number
  readonly json: boolean
}

function readArguments(): PlantedArguments {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] }, seconds: { type: 'string', default: String(PLANTED_SECONDS) }, json: { type: 'boolean', default: false },
        search: { type: 'boolean', default: false }, 'write-seeds': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(HELP)
      process.exit(0)
    }
    const seconds = Number(values.seconds)
    if (!/^\d+$/.test(values.seconds) || seconds < 1 || seconds > PLANTED_SECONDS_MAX) return refuse(`--seconds is a whole number from 1 to ${String(PLANTED_SECONDS_MAX)}.`)
    return { ...values, seconds }
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const { only, search, 'write-seeds': writeSeeds, seconds: secondsEach, json } = readArguments()
const names = plantedNames(patches)
for (const name of only) if (!names.includes(name)) refuse(`There is no planted bug "${name}". There are: ${names.join(', ')}.`)

const cache = join(root, 'node_modules', '.cache')
mkdirSync(cache, { recursive: true })
const scratch = mkdtempSync(join(cache, 'evegram-planted-'))
const clean = (): void => { rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }) }
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  process.once(signal, () => {
    clean()
    process.exit(code)
  })
}

const total = CONTROLS.size + (only.length === 0 ? names.length : only.length)
const nameWidth = Math.max(...[...CONTROLS.keys(), ...names].map((name) => name.length))
const isTerminal = process.stderr.isTTY && process.stdout.isTTY
const bar = new ProgressBar('planted', total, isTerminal && !json)
let done = 0
const startedMs = Date.now()
try {
  if (!json && !isTerminal) console.log(plantedHead(nameWidth))
  const outcomes = await runPlanted({
    root, patches, scratch, only, search, writeSeeds, msMax: secondsEach * 1_000, now: () => Date.now(),
    onOutcome: (outcome) => {
      bar.update(++done, outcome.name)
      if (!json && !isTerminal) console.log(plantedLine(outcome, nameWidth))
    },
  })
  bar.stop()
  report(outcomes)
  process.exitCode = outcomes.some(({ status }) => status === 'red') ? 1 : 0
} finally {
  bar.stop()
  clean()
}

function report(outcomes: readonly PlantedOutcome[]): void {
  const red = outcomes.filter(({ status }) => status === 'red')
  const found = outcomes.filter(({ status }) => status === 'found')
  const seconds = (Date.now() - startedMs) / 1_000
  if (json) {
    const bugs = outcomes.map(({ patch, ...outcome }) => ({ ...outcome, bug: patch?.bug, expected: patch?.promise, profile: patch?.profile }))
    console.log(JSON.stringify({ kind: 'planted', crypto: 'stand-in crypto', found: found.length, red: red.length, seconds, bugs }))
    return
  }
  const table = [plantedHead(nameWidth), ...outcomes.map((outcome) => plantedLine(outcome, nameWidth))]
  if (isTerminal) for (const line of table) console.log(line)
  const counts = `${String(found.length)} of ${String(outcomes.length - CONTROLS.size)} planted bugs found, ${String(red.length)} red`
  console.log(`\n${counts}, ${seconds.toFixed(1)} s (stand-in crypto)`)
}
