// npm run ledger:histories: random histories of small ledgers, replayed and compared. tools/measure.mjs starts the server.
import { ManualClock, readMeasureOptions, systemRandom } from '@evegram/platform'
import fc from 'fast-check'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { embeddedDatabase, openPostgresLedger, postgresDatabase, scratchDatabase, type LedgerDatabase } from '../../ledger/postgres/index.js'
import { verifyLedger } from '../../ledger/verify.js'
import { TRANSFER_STATUSES } from '../../ledger/transfer-status.js'
import { histories, type History } from './history.js'
import { BrokenPromise, runHistory, type HistoryOutcome } from './run-history.js'

const HELP = `npm run ledger:histories -- [--histories 100000] [--sample 500] [--seed <number>]
  Random histories of a small ledger: submissions with ids that come again (the same, or with other fields), linked groups, holds, partial posts, voids, expiries,
  repeated submissions, closed accounts. --histories of them in memory, each replayed from its events to the same balances; --sample of them on PostgreSQL
  and on PGlite as well, where every answer and balance must be what it is in memory. Postings must sum to zero and no flag be broken after every step.
  --seed   makes the same histories again
  --json   the result as one JSON object
Exit codes: 0 all held, 1 something did not (the smallest history that shows it is printed), 2 wrong usage.`

const NUMBERS = { histories: [100_000, 1, 100_000_000], sample: [500, 0, 1_000_000] } as const
const SEED_MAX = 2 ** 31 - 1
/** Answers that histories of small amounts never come to: the contract suite of the ledger does. */
const BEYOND: readonly string[] = ['exceeds_amount_max']
const MEMORY_LEDGER = '00'.repeat(16)
const RUNNER = 'h'

interface Options {
  readonly histories: number
  readonly sample: number
  readonly seed: number
  readonly json: boolean
}

interface Part {
  readonly store: string
  readonly histories: number
  readonly seconds: number
  /** What broke, with the smallest history that shows it. */
  readonly failure: string | undefined
}

function readOptions(args: readonly string[]): Options {
  const drawn = new DataView(systemRandom().bytes(4).buffer).getUint32(0) >>> 1
  return readMeasureOptions(args, { help: HELP, numbers: { ...NUMBERS, seed: [drawn, 0, SEED_MAX] } })
}

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(_name: string, args: readonly string[]): void {
  readOptions(args)
}

/** Runs the histories, the sample against the PostgreSQL at `url` too; true when every promise held. */
export async function measure(_name: string, args: readonly string[], { url }: { readonly url: string }): Promise<boolean> {
  const options = readOptions(args)
  const reached = new Set<string>()
  const parts = [await inMemory(options, reached)]
  if (options.sample > 0) {
    const scratch = await scratchDatabase(url)
    try {
      parts.push(await compared('PostgreSQL', postgresDatabase(scratch.url), true, options))
    } finally {
      await scratch.drop()
    }
    parts.push(await compared('PGlite', await embeddedDatabase(), false, options))
  }
  return report(parts, reached, options)
}

async function inMemory(options: Options, reached: Set<string>): Promise<Part> {
  return check('memory', options.histories, options, async (history) => {
    const clock = new ManualClock()
    const store = new MemoryLedger({ clock, ledger: MEMORY_LEDGER }).connect()
    for (const status of (await runHistory(store, clock, RUNNER, history)).statuses) reached.add(status)
    const verified = await verifyLedger(store)
    if (verified.status !== 'sound') throw new BrokenPromise(`event ${String(verified.number)}: ${verified.fault}, ${verified.detail}`)
  })
}

/** Histories on `database`, one after the other in one ledger, and again in memory. */
async function compared(name: string, database: LedgerDatabase, synced: boolean, options: Options): Promise<Part> {
  try {
    const clock = new ManualClock()
    const store = await openPostgresLedger({ database, clock, random: systemRandom(), synced })
    let runs = 0
    const part = await check(name, options.sample, options, async (history) => {
      const own = `h${String(runs++)}`
      const memoryClock = new ManualClock(clock.now())
      const memory = new MemoryLedger({ clock: memoryClock, ledger: MEMORY_LEDGER }).connect()
      compare(await runHistory(store, clock, own, history), await runHistory(memory, memoryClock, own, history))
    })
    const verified = await verifyLedger(store)
    await store.close()
    return verified.status === 'sound' ? part : { ...part, failure: part.failure ?? `event ${String(verified.number)}: ${verified.fault}, ${verified.detail}` }
  } finally {
    await database.close()
  }
}

function compare(one: HistoryOutcome, memory: HistoryOutcome): void {
  for (const [index, answer] of one.answers.entries()) {
    if (textOf(answer) !== textOf(memory.answers[index])) throw new BrokenPromise(`answer ${String(index)} is ${textOf(answer)}, in memory ${textOf(memory.answers[index])}`)
  }
  if (textOf(one.accounts) !== textOf(memory.accounts)) throw new BrokenPromise('the balances are other ones than in memory')
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)) ?? ''
}

async function check(store: string, count: number, { seed, json }: Options, run: (history: History) => Promise<void>): Promise<Part> {
  const startedAt = performance.now()
  let done = 0
  const details = await fc.check(fc.asyncProperty(histories, async (history) => {
    await run(history)
    done++
    if (!json && done % Math.ceil(count / 10) === 0) console.error(`${store}: ${String(done)} histories`)
  }), { numRuns: count, seed })
  const failure = details.failed ? `${String(details.errorInstance)}\n${JSON.stringify(details.counterexample?.[0])}` : undefined
  return { store, histories: count, seconds: (performance.now() - startedAt) / 1_000, failure }
}

function report(parts: readonly Part[], reached: ReadonlySet<string>, options: Options): boolean {
  const missed = TRANSFER_STATUSES.map(([status]) => status).filter((status) => !reached.has(status) && !BEYOND.includes(status))
  const held = parts.every(({ failure }) => failure === undefined)
  if (options.json) {
    console.log(JSON.stringify({ ...options, parts, missed, held }))
    return held
  }
  for (const { store, histories: count, seconds, failure } of parts) {
    console.log(`${store.padEnd(10)} ${String(count).padStart(8)} histories in ${seconds.toFixed(1)} s: ${failure ?? 'held'}`)
  }
  if (missed.length > 0) console.log(`too few to come to: ${missed.join(', ')}`)
  console.log(held ? `held: replays equal live balances, postings sum to zero, no flag broken, stores agree (seed ${String(options.seed)})` : `NOT HELD (seed ${String(options.seed)})`)
  return held
}
