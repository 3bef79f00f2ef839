// npm run wally:crash: payouts on a local chain while Wally is killed. tools/measure.mjs starts PostgreSQL.
import { randomInt } from 'node:crypto'
import { readMeasureOptions, wrongUsage } from '@evegram/platform'
import { CRASH_CHAINS } from './chains/index.js'
import { runCrash, type CrashRunOptions, type CrashRunResult } from './crash-run.js'

const HELP = `npm run wally:crash -- [--chain ${CRASH_CHAINS.join('|')}] [--payouts 500] [--kills 50] [--seed N] [--overlap]
  The process that pays out is ended by kill -9 --kills times, half of them at one of its calls and half by the clock, while --payouts payouts go out on a local
  chain, over PostgreSQL and two endpoints that lose answers and keep broadcasts back. At the end what each recipient holds, read from the chain by its own
  SDK, must be what payouts and ledger say: once or nothing.
  --seed     draws the kills and what the endpoints do; a new one when left out, printed
  --overlap  the next process begins while the one before stands still (SIGSTOP), which then goes on beside it and is killed later
  --json     the result as one JSON object
Exit codes: 0 all is as it must be, 1 not, 2 wrong usage.`
const SEED_END = 2 ** 32
const NUMBERS = { payouts: [500, 1, 8_000], kills: [50, 0, 1_000], seed: [randomInt(SEED_END), 0, SEED_END - 1] } as const
const PROBLEMS_SHOWN = 20
const BAR_CELLS = 30

function readOptions(args: readonly string[]): CrashRunOptions & { readonly json: boolean } {
  const options = readMeasureOptions(args, { help: HELP, numbers: NUMBERS, texts: { chain: 'solana' }, flags: ['overlap'] })
  return CRASH_CHAINS.includes(options.chain) ? options : wrongUsage(`--chain must be one of ${CRASH_CHAINS.join(', ')}.`, HELP)
}

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(_name: string, args: readonly string[]): void {
  readOptions(args)
}

/** Makes the run on the PostgreSQL at `url`; true when all is as it must be. */
export async function measure(_name: string, args: readonly string[], { url }: { readonly url: string }): Promise<boolean> {
  const options = readOptions(args)
  if (!options.json) console.log(`${options.chain}: ${String(options.payouts)} payouts, ${String(options.kills)} kills${options.overlap ? ' with overlap' : ''}, seed ${String(options.seed)}`)
  const result = await runCrash(url, options, progressOf(options))
  const held = result.problems.length === 0
  if (options.json) console.log(JSON.stringify({ ...options, ...result, held }, (_, value: unknown) => typeof value === 'bigint' ? String(value) : value))
  else print(result, options, held)
  return held
}

/** A bar on a terminal, a line every tenth elsewhere, nothing for machines. */
function progressOf({ json, payouts, kills }: ReturnType<typeof readOptions>): (ended: number, killed: number) => void {
  let tenths = 0
  return (ended, killed) => {
    const line = `${String(ended)}/${String(payouts)} ended, ${String(killed)}/${String(kills)} killed`
    const isDone = ended === payouts && killed === kills
    if (json) return
    if (process.stderr.isTTY) {
      const full = Math.round(ended / payouts * BAR_CELLS)
      process.stderr.write(`\r${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ${line}${isDone ? '\n' : ''}`)
    } else if (Math.floor(ended / payouts * 10) > tenths) {
      tenths = Math.floor(ended / payouts * 10)
      console.error(line)
    }
  }
}

function print(result: CrashRunResult, options: CrashRunOptions, held: boolean): void {
  const { ends, arrived, fees, problems, moments, underWay, kills, signatures, broadcasts, rebroadcasts, failures, network, seconds } = result
  table('payouts ended as', ends)
  table('recipients got, on the chain', { 'exactly the amount': arrived.once, 'nothing': arrived.nothing, 'anything else': arrived.otherwise })
  table(options.overlap ? 'processes stood still, and were killed later' : 'processes were killed', moments)
  table('payouts under way at the kills, by state', underWay)
  table('network', { 'broadcasts by endpoint': network.broadcasts, 'transactions kept back': network.late, 'broadcasts without an answer': network.unanswered })
  table('steps that failed and were made again', failures)
  console.log(`\n${String(kills)} kills, ${String(signatures)} signatures, ${String(broadcasts)} broadcasts (${String(rebroadcasts)} again), fees ${String(fees)}, ${seconds.toFixed(0)} s`)
  for (const problem of problems.slice(0, PROBLEMS_SHOWN)) console.log(`WRONG: ${problem}`)
  if (problems.length > PROBLEMS_SHOWN) console.log(`and ${String(problems.length - PROBLEMS_SHOWN)} more`)
  console.log(held
    ? `held: ${String(options.payouts)} payouts, ${String(kills)} kills, each paid once or not at all, books and chain agree`
    : `NOT HELD; again with: npm run wally:crash -- --chain ${options.chain} --payouts ${String(options.payouts)} --kills ${String(options.kills)} --seed ${String(options.seed)}${options.overlap ? ' --overlap' : ''}`)
}

function table(title: string, counts: Readonly<Record<string, number>>): void {
  const lines = Object.entries(counts)
  if (lines.length === 0) return
  console.log(`\n${title}`)
  for (const [name, count] of lines) console.log(`${String(count).padStart(7)}  ${name}`)
}
