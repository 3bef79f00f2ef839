// npm run wally:reconcile: a mixed history with faults planted on purpose, compared with its books.
import { readMeasureOptions, wrongUsage } from '@evegram/platform'
import { ReconcileFlow, type ReconcileParts } from '../../flows/reconcile/reconcile-flow.js'
import type { ReconciliationReport } from '../../flows/reconcile/report.js'
import { DIFFERENCE_KINDS } from '../../flows/reconcile/transfer-comparison.js'
import { Draw } from './draw.js'
import { judgeReport, type Verdict } from './judge-report.js'
import { PLANTED_FAULTS, PlantedHistory } from './planted-history.js'

const HELP = `npm run wally:reconcile -- [--transfers 100000] [--faults 0.01] [--seed <number>] [--json]
  Makes a history of deposits, payouts (paid, failed, under way), sweeps and chat transfers on a simulated chain with two endpoints and in the ledger, of which
  a part is wrong in twelve ways, and reconciles. Exactly the planted differences must be found, and balances differ by exactly their sum.
  The ledger is the one in memory, which decides as the one in SQL: making 100,000 transfers takes seconds, and what is measured is the comparison.
  --transfers  1 to 1,000,000
  --faults     part of them that is wrong, 0 to 1
  --json       the result as one JSON object
Exit codes: 0 exactly the planted ones were found, 1 not, 2 wrong usage.`
const NUMBERS = { transfers: [100_000, 1, 1_000_000], seed: [0, 0, 2 ** 32 - 1] } as const
const MEBIBYTE = 1_048_576

interface Options {
  readonly transfers: number
  readonly faults: number
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

/** Reconciles, and looks at the heap at each page of the ledger. */
async function reconcile(parts: ReconcileParts, linesMax: number): Promise<Measured> {
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
  const answer = await new ReconcileFlow({ ...parts, ledger: looked }).run({ linesMax })
  const seconds = (performance.now() - startedAt) / 1_000
  if (answer.status !== 'done') throw new Error(`no report: ${answer.status}`)
  return { report: answer.report, seconds, heapBefore, heapPeak }
}

/** Makes a history and reconciles it; true when exactly the planted differences were found. */
export async function measure(_name: string, args: readonly string[]): Promise<boolean> {
  const { transfers, faults, seed, json } = readOptions(args)
  const startedAt = performance.now()
  const { parts, expected } = await PlantedHistory.make(transfers, Math.round(transfers * faults), new Draw(seed))
  const madeSeconds = (performance.now() - startedAt) / 1_000
  // Twice as many lines as there must be: what is invented shows too.
  const measured = await reconcile(parts, 2 * expected.lines.size + 1_000)
  const verdict = judgeReport(measured.report, expected)
  const planted = PLANTED_FAULTS.map(([name], index) => [name, expected.planted[index] ?? 0] as const)
  if (json) console.log(JSON.stringify({ transfers, seed, madeSeconds, ...measured, report: undefined, assets: measured.report.assets, planted, ...verdict }, jsonOf))
  else print({ transfers, seed, madeSeconds, measured, planted, verdict })
  return verdict.held
}

/** Amounts are text: numbers of JSON end at 2^53. */
function jsonOf(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function print({ transfers, seed, madeSeconds, measured, planted, verdict }: {
  readonly transfers: number; readonly seed: number; readonly madeSeconds: number; readonly measured: Measured
  readonly planted: readonly (readonly [string, number])[]; readonly verdict: Verdict
}): void {
  const { report, seconds, heapBefore, heapPeak } = measured
  const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(0)} MiB`
  console.log(`history    ${String(transfers)} transfers, seed ${String(seed)}, made in ${madeSeconds.toFixed(1)} s, in memory`)
  for (const [name, count] of planted) console.log(`planted    ${String(count).padStart(6)}  ${name}`)
  for (const { asset, totals, onChain, balanceDifference } of report.assets) {
    const counts = (['matched', 'ahead', 'landed', ...DIFFERENCE_KINDS] as const).map((kind) => `${kind} ${String(totals[kind])}`).join(', ')
    console.log(`${asset}: ${counts}; balances ${onChain.status}, difference ${String(balanceDifference)}`)
  }
  for (const line of verdict.missed.slice(0, 10)) console.log(`MISSED    ${line}`)
  for (const line of verdict.invented.slice(0, 10)) console.log(`INVENTED  ${line}`)
  for (const asset of verdict.balances) console.log(`BALANCE   ${asset}`)
  console.log(`found      ${String(verdict.found)} of ${String(verdict.expected)} differences, ${String(verdict.missed.length)} missed, ${String(verdict.invented.length)} invented`)
  console.log(`compared   in ${seconds.toFixed(1)} s; heap ${mebibytes(heapBefore)} with the history, at most ${mebibytes(heapPeak)} while comparing, garbage included`)
  console.log(verdict.held ? 'held' : 'NOT HELD')
}
