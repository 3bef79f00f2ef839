// npm run wally:deposits: the adversarial deposits, on a simulated chain, into the embedded ledger.
import { ManualClock, readMeasureOptions, systemRandom } from '@evegram/platform'
import { embeddedDatabase, openPostgresLedger, PostgresRoutes } from '../../ledger/postgres/index.js'
import { verifyLedger } from '../../ledger/verify.js'
import { DEPOSIT_CORPUS, REAL_CHAIN_CASES } from './corpus.js'
import { judgeCorpus } from './judge-corpus.js'

const HELP = `npm run wally:deposits -- [--json]
  Plays every case of the deposit corpus (wallet-bridge/src/measure/deposits/corpus.ts) on a simulated chain with two endpoints, into the embedded ledger, and
  compares all that was booked with what must be. Precision: of the bookings made, the right ones. Recall: of those that must be, the ones made.
  --json  the result as one JSON object
Exit codes: 0 both are 100 % and every alarm came, 1 not, 2 wrong usage.`

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(_name: string, args: readonly string[]): void {
  readMeasureOptions(args, { help: HELP, numbers: {} })
}

/** Plays the corpus; true when precision and recall are 100 %, every alarm came and the chain of events of the ledger is sound. */
export async function measure(_name: string, args: readonly string[]): Promise<boolean> {
  const { json } = readMeasureOptions(args, { help: HELP, numbers: {} })
  const database = await embeddedDatabase()
  try {
    const ledger = await openPostgresLedger({ database, clock: new ManualClock(), random: systemRandom(), synced: false })
    const startedAt = performance.now()
    const verdict = await judgeCorpus(DEPOSIT_CORPUS, { ledger, routes: new PostgresRoutes(database) })
    const seconds = (performance.now() - startedAt) / 1_000
    const verified = await verifyLedger(ledger)
    await ledger.close()
    const held = verdict.failed.length === 0 && verified.status === 'sound'
    if (json) console.log(JSON.stringify({ ...verdict, seconds, ledger: verified.status, forRealChains: REAL_CHAIN_CASES, held }))
    else print({ ...verdict, seconds, ledger: verified.status, held })
    return held
  } finally {
    await database.close()
  }
}

function print(result: Awaited<ReturnType<typeof judgeCorpus>> & { readonly seconds: number; readonly ledger: string; readonly held: boolean }): void {
  const percent = (part: number): string => `${(part * 100).toFixed(2)} %`
  for (const { name, expected, made, alarms, alarmsExpected } of result.failed) {
    console.log(`FAIL ${name}\n     must be booked: ${expected.join(', ') || 'nothing'}; alarms: ${alarmsExpected.join(', ') || 'none'}`)
    console.log(`     was booked:     ${made.join(', ') || 'nothing'}; alarms: ${alarms.join(', ') || 'none'}`)
  }
  console.log(`cases      ${String(result.cases)} in ${result.seconds.toFixed(1)} s, into PGlite, whose events are ${result.ledger}`)
  console.log(`bookings   ${String(result.made)} made, ${String(result.expected)} must be, ${String(result.right)} right`)
  console.log(`precision  ${percent(result.precision)}\nrecall     ${percent(result.recall)}`)
  console.log(`left to the real chains: ${String(REAL_CHAIN_CASES.length)} cases`)
  console.log(result.held ? 'held' : 'NOT HELD')
}
