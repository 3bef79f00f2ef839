// npm run wally:deposits: the adversarial deposits, on a simulated chain and on the local chains of the real SDKs, into the embedded ledger.
import { ManualClock, readMeasureOptions, systemRandom, wrongUsage } from '@evegram/platform'
import { embeddedDatabase, openPostgresLedger, PostgresRoutes } from '../../ledger/postgres/index.js'
import { verifyLedger } from '../../ledger/verify.js'
import { CORPUS_NAMES, corporaOf } from './corpora.js'
import type { DepositCorpus } from './deposit-corpus.js'
import { judgeCorpus, together, type DepositScore, type DepositVerdict } from './judge-corpus.js'

const HELP = `npm run wally:deposits -- [--chain ${CORPUS_NAMES.join('|')}] [--list] [--json]
  Plays every case of the deposit corpora (wallet-bridge/src/measure/deposits) through two endpoints of a simulated chain and of the local chains, which it starts
  and ends itself, into the embedded ledger, and compares all that was booked with what must be. Precision: of the bookings made, the right ones. Recall: of
  those that must be, the ones made.
  --chain  the cases of one chain alone
  --list   prints the cases with all that must be booked of each, and plays none
  --json   the result as one JSON object
Exit codes: 0 both are 100 % on every chain and every alarm came, 1 not, 2 wrong usage.`

/** What playing one corpus came to. */
interface CorpusResult extends DepositVerdict {
  readonly seconds: number
  /** What verifying the events of its ledger said. */
  readonly ledger: string
}

function readOptions(args: readonly string[]): { readonly names: readonly string[]; readonly list: boolean; readonly json: boolean } {
  const { chain, list, json } = readMeasureOptions(args, { help: HELP, numbers: {}, texts: { chain: 'all' }, flags: ['list'] })
  if (chain !== 'all' && !CORPUS_NAMES.includes(chain)) return wrongUsage(`--chain must be one of ${CORPUS_NAMES.join(', ')}.`, HELP)
  return { names: chain === 'all' ? CORPUS_NAMES : [chain], list, json }
}

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(_name: string, args: readonly string[]): void {
  readOptions(args)
}

/** Plays the corpora; true when precision and recall are 100 %, every alarm came and the chain of events of each ledger is sound. */
export async function measure(_name: string, args: readonly string[]): Promise<boolean> {
  const { names, list, json } = readOptions(args)
  const corpora = await corporaOf(names)
  if (list) {
    printCases(corpora, json)
    return true
  }
  const results: CorpusResult[] = []
  for (const corpus of corpora) {
    results.push(await played(corpus))
    if (!json) printResult(results.slice(-1))
  }
  const held = results.every(({ failed, ledger }) => failed.length === 0 && ledger === 'sound')
  const overall = together(results)
  if (json) console.log(JSON.stringify({ ...overall, chains: results, held }))
  else {
    if (results.length > 1) console.log(scoreLine('overall', overall))
    console.log(held ? 'held' : 'NOT HELD')
  }
  return held
}

async function played(corpus: DepositCorpus): Promise<CorpusResult> {
  const database = await embeddedDatabase()
  try {
    const ledger = await openPostgresLedger({ database, clock: new ManualClock(), random: systemRandom(), synced: false })
    const startedAt = performance.now()
    const verdict = await judgeCorpus(corpus, { ledger, routes: new PostgresRoutes(database) })
    const seconds = (performance.now() - startedAt) / 1_000
    const { status } = await verifyLedger(ledger)
    await ledger.close()
    return { ...verdict, seconds, ledger: status }
  } finally {
    await database.close()
  }
}

function printResult(results: readonly CorpusResult[]): void {
  for (const result of results) {
    for (const { name, expected, made, alarms, alarmsExpected } of result.failed) {
      console.log(`FAIL ${result.name}: ${name}\n     must be booked: ${expected.join(', ') || 'nothing'}; alarms: ${alarmsExpected.join(', ') || 'none'}`)
      console.log(`     was booked:     ${made.join(', ') || 'nothing'}; alarms: ${alarms.join(', ') || 'none'}`)
    }
    console.log(`${scoreLine(result.name, result)}, ${result.seconds.toFixed(1)} s, events ${result.ledger}`)
  }
}

function scoreLine(name: string, { cases, expected, made, right, precision, recall }: DepositScore): string {
  const percent = (part: number): string => `${(part * 100).toFixed(2)} %`
  return `${name.padEnd(10)} ${String(cases).padStart(4)} cases, ${String(made)} bookings made, ${String(expected)} must be, ${String(right)} right: precision ${percent(precision)}, recall ${percent(recall)}`
}

function printCases(corpora: readonly DepositCorpus[], json: boolean): void {
  if (json) console.log(JSON.stringify(corpora.map(({ name, cases }) => ({ name, cases: cases.map((one) => ({ name: one.name, booked: one.booked })) }))))
  else for (const { name, cases } of corpora) for (const one of cases) console.log(`${name.padEnd(10)} ${one.name}: ${one.booked.join(', ') || 'nothing'}`)
}
