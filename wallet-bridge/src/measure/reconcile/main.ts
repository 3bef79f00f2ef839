// npm run wally:reconcile: a mixed history with faults planted on purpose, compared with its books.
import { readMeasureOptions, wrongUsage } from '@evegram/platform'
import { ReconcileFlow, type ReconcileParts } from '../../flows/reconcile/reconcile-flow.js'
import type { ReconciliationReport } from '../../flows/reconcile/report.js'
import { DIFFERENCE_KINDS } from '../../flows/reconcile/transfer-comparison.js'
import { compareInRounds } from './compare-rounds.js'
import { Draw } from './draw.js'
import { judgeReport, type Verdict } from './judge-report.js'
import { PLANTED_FAULTS, PlantedHistory } from './planted-history.js'

const HELP = `npm run wally:reconcile -- [--transfers 100000] [--faults 0.01] [--rounds 1] [--seed <number>] [--json]
  Makes a history of deposits, payouts (paid, failed, under way), sweeps and chat transfers on a simulated chain with two endpoints and in the ledger, of which
  a part is wrong in twelve ways, and reconciles. Exactly the planted differences must be found, and balances differ by exactly their sum.
  The ledger is the one in memory, which decides as the one in SQL: making 100,000 transfers takes seconds, and what is measured is the comparison.
  --transfers  1 to 1,000,000
  --faults     part of them that is wrong, 0 to 1
  --rounds     1 to 1,000: compares as often while the history is made, each time from the checkpoint of the time before, and once more everything; both must
               find exactly the same
  --json       the result as one JSON object
Exit codes: 0 exactly the planted ones were found, in rounds as at once, 1 not, 2 wrong usage.`
const NUMBERS = { transfers: [100_000, 1, 1_000_000], rounds: [1, 1, 1_000], seed: [0, 0, 2 ** 32 - 1] } as const
const MEBIBYTE = 1_048_576
/** More than there can be planted, so that what is invented shows too. */
const LINES_MAX = 2_000_000

interface Options {
  readonly transfers: number
  readonly faults: number
  readonly rounds: number
  readonly seed: number
  readonly json: boolean
}

function readOptions(args: readonly string[]): Options {
  const { faults, ...options } = readMeasureOptions(args, { help: HELP, numbers: NUMBERS, texts: { faults: '0.01' } })
  const part = faults === '' ? Number.NaN : Number(faults)
  return part >= 0 && part <= 1 ? { ...options, faults: part } : wrongUsage('--faults must be from 0 to 1.', HELP)
}

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(_name: string, args: readonly string[]): void {
  readOptions(args)
}

interface Measured {
  readonly report: ReconciliationReport
  readonly seconds: number
  /** Heap when the comparison began, with the history in it, and at most while it ran. */
  readonly heapBefore: number
  readonly heapPeak: number
}

/** Reconciles, all differences listed, and looks at the heap at each page of the ledger. */
async function reconcile(parts: ReconcileParts): Promise<Measured> {
  const heapBefore = process.memoryUsage().heapUsed
  let heapPeak = heapBefore
  const { ledger } = parts
  const looked: ReconcileParts['ledger'] = {
    cursor: (name) => ledger.cursor(name), head: () => ledger.head(), transfers: (ids) => ledger.transfers(ids),
    events: (after, limit) => {
      heapPeak = Math.max(heapPeak, process.memoryUsage().heapUsed)
      return ledger.events(after, limit)
    },
  }
  const startedAt = performance.now()
  const answer = await new ReconcileFlow({ ...parts, ledger: looked }).run({ linesMax: LINES_MAX })
  const seconds = (performance.now() - startedAt) / 1_000
  if (answer.status !== 'done') throw new Error(`no report: ${answer.status}`)
  return { report: answer.report, seconds, heapBefore, heapPeak }
}

/** Makes a history and reconciles it; true when exactly the planted differences were found. */
export async function measure(_name: string, args: readonly string[]): Promise<boolean> {
  const { transfers, faults, rounds, seed, json } = readOptions(args)
  const startedAt = performance.now()
  const history = await PlantedHistory.open(transfers, Math.round(transfers * faults), new Draw(seed))
  const compared = await compareInRounds(history, { transfers, rounds }, reconcile)
  const seconds = (performance.now() - startedAt) / 1_000
  const { whole, last, different } = compared
  const { expected } = history
  const [verdict, atOnce] = [judgeReport(last.report, expected), judgeReport(whole.report, expected)]
  const invented = compared.rounds.flatMap((round) => round.invented)
  const held = verdict.held && atOnce.held && different.length === 0 && invented.length === 0
  const planted = PLANTED_FAULTS.map(([name], index) => [name, expected.planted[index] ?? 0] as const)
  const measured = compared.rounds.map((round) => round.measured)
  const inRounds = measured.map(({ report, ...facts }) => ({ through: report.through, resumed: report.resumed, ...facts }))
  if (json) {
    const { report, ...facts } = whole
    console.log(JSON.stringify({
      transfers, seed, madeSeconds: seconds - [...measured, whole].reduce((sum, one) => sum + one.seconds, 0), rounds: inRounds, ...facts, assets: report.assets, planted,
      acrossPauses: expected.acrossPauses, different, ...verdict, invented: [...verdict.invented, ...invented], held,
    }, jsonOf))
  } else print({ transfers, seed, rounds: measured, whole, planted, acrossPauses: expected.acrossPauses, verdict, different: [...different, ...invented], held })
  return held
}

/** Amounts are text: numbers of JSON end at 2^53. */
function jsonOf(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function print({ transfers, seed, rounds, whole, planted, acrossPauses, verdict, different, held }: {
  readonly transfers: number; readonly seed: number; readonly rounds: readonly Measured[]; readonly whole: Measured; readonly planted: readonly (readonly [string, number])[]
  readonly acrossPauses: number; readonly verdict: Verdict; readonly different: readonly string[]; readonly held: boolean
}): void {
  const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(0)} MiB`
  const cost = ({ seconds, heapBefore, heapPeak }: Measured): string =>
    `${seconds.toFixed(2)} s; heap ${mebibytes(heapBefore)} with the history, at most ${mebibytes(heapPeak)} while comparing, garbage included`
  console.log(`history    ${String(transfers)} transfers, seed ${String(seed)}, in memory`)
  for (const [name, count] of planted) console.log(`planted    ${String(count).padStart(6)}  ${name}`)
  for (const { asset, totals, onChain, balanceDifference } of whole.report.assets) {
    const counts = (['matched', 'ahead', 'landed', ...DIFFERENCE_KINDS] as const).map((kind) => `${kind} ${String(totals[kind])}`).join(', ')
    console.log(`${asset}: ${counts}; balances ${onChain.status}, difference ${String(balanceDifference)}`)
  }
  for (const line of verdict.missed.slice(0, 10)) console.log(`MISSED    ${line}`)
  for (const line of verdict.invented.slice(0, 10)) console.log(`INVENTED  ${line}`)
  for (const asset of verdict.balances) console.log(`BALANCE   ${asset}`)
  for (const line of different.slice(0, 10)) console.log(`ROUNDS    ${line}`)
  console.log(`found      ${String(verdict.found)} of ${String(verdict.expected)} differences, ${String(verdict.missed.length)} missed, ${String(verdict.invented.length)} invented`)
  if (rounds.length > 1) {
    for (const [index, round] of rounds.entries()) {
      const { report: { resumed, after, through } } = round
      console.log(`round ${String(index + 1).padStart(3)}  blocks ${String((resumed?.height ?? after) + 1)} to ${String(through)} in ${cost(round)}`)
    }
    console.log(`borders    ${String(acrossPauses)} of the planted were told by the ledger before a border of rounds and by the compared blocks behind it`)
    console.log(`rounds     ${different.length === 0 ? 'find exactly what comparing everything finds' : `DIFFER from comparing everything in ${String(different.length)} places`}`)
  }
  console.log(`compared   everything in ${cost(whole)}`)
  console.log(held ? 'held' : 'NOT HELD')
}
