// npm run wally:holds: many ask at once for what is there for a few. tools/measure.mjs starts the server.
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readMeasureOptions, systemClock, systemRandom } from '@evegram/platform'
import { openingOf } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf, parsePurpose, payoutTransferId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { embeddedDatabase, openPostgresLedger, postgresDatabase, scratchDatabase } from '../../ledger/postgres/index.js'
import { verifyLedger } from '../../ledger/verify.js'
import { askForHolds, HOLDER, RECEIVER, SOURCE, type Answers } from './hold-callers.js'

const HELP = `npm run wally:holds -- [--holds 1000] [--units 5] [--processes 4] [--ledgers 5]
  An account with --units of something; --holds callers ask at once to reserve one each: from --processes processes with --ledgers ledgers each (a connection
  and a queue of its own) on PostgreSQL, and in one process, where there is never another, on PGlite. Exactly --units may succeed.
  --json  the result as one JSON object
Exit codes: 0 exactly as many as there were units, 1 not, 2 wrong usage.`

const NUMBERS = { holds: [1_000, 1, 50_000], units: [5, 0, 50_000], processes: [4, 1, 32], ledgers: [5, 1, 50] } as const
const PROGRAM = fileURLToPath(new URL('callers-process.js', import.meta.url))
const EQUITY = openingOf('equity', 'operator', assetIdOf('solana', 'sol'))

type Options = Readonly<Record<keyof typeof NUMBERS, number>> & { readonly json: boolean }

interface Outcome {
  readonly store: string
  readonly answers: Answers
  /** What the account says is reserved. */
  readonly reserved: number
  readonly sound: boolean
  readonly seconds: number
}

function readOptions(args: readonly string[]): Options {
  return readMeasureOptions(args, { help: HELP, numbers: NUMBERS })
}

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(_name: string, args: readonly string[]): void {
  readOptions(args)
}

/** Asks for the holds on the PostgreSQL at `url` and on PGlite; true when exactly as many succeeded as there were units. */
export async function measure(_name: string, args: readonly string[], { url }: { readonly url: string }): Promise<boolean> {
  const options = readOptions(args)
  const outcomes = [await onPostgres(url, options), await onPglite(options)]
  const held = outcomes.every((outcome) => isRight(outcome, options))
  if (options.json) console.log(JSON.stringify({ ...options, outcomes, held }))
  else {
    for (const { store, answers, reserved, sound, seconds } of outcomes) {
      console.log(`${store.padEnd(10)} ${Object.entries(answers).map(([answer, count]) => `${String(count)} ${answer}`).join(', ')}; ` +
        `${String(reserved)} reserved, ledger ${sound ? 'sound' : 'NOT SOUND'}; ${seconds.toFixed(2)} s`)
    }
    console.log(held ? `held: ${String(options.holds)} asked at once for ${String(options.units)}, exactly ${String(Math.min(options.units, options.holds))} got one` : 'NOT HELD')
  }
  return held
}

function isRight({ answers, reserved, sound }: Outcome, { holds, units }: Options): boolean {
  const granted = Math.min(holds, units)
  return sound && reserved === granted && (answers['created'] ?? 0) === granted && (answers['exceeds_credits'] ?? 0) === holds - granted
}

async function onPostgres(url: string, options: Options): Promise<Outcome> {
  const scratch = await scratchDatabase(url)
  const database = postgresDatabase(scratch.url)
  const children: ChildProcess[] = []
  try {
    const store = await openPostgresLedger({ database, clock: systemClock(), random: systemRandom(), synced: true })
    await fund(store, options.units)
    const share = Math.ceil(options.holds / options.processes)
    for (let from = 0; from < options.holds; from += share) {
      children.push(fork(PROGRAM, [scratch.url, String(options.ledgers), String(from), String(Math.min(options.holds, from + share))]))
    }
    await Promise.all(children.map((child) => messageOf(child)))
    const startedAt = performance.now()
    const told = children.map((child) => messageOf(child))
    for (const child of children) child.send('go')
    const answers = (await Promise.all(told)).map(answersOf)
    const seconds = (performance.now() - startedAt) / 1_000
    const outcome = await outcomeOf('PostgreSQL', store, sumOf(answers), seconds)
    await store.close()
    return outcome
  } finally {
    for (const child of children) child.kill()
    await database.close()
    await scratch.drop()
  }
}

async function onPglite({ holds, units, ledgers }: Options): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-holds-'))
  try {
    const database = await embeddedDatabase(folder)
    try {
      const stores = await Promise.all(Array.from({ length: ledgers }, () => openPostgresLedger({ database, clock: systemClock(), random: systemRandom(), synced: false })))
      const [store] = stores
      if (store === undefined) throw new RangeError('no ledger')
      await fund(store, units)
      const startedAt = performance.now()
      const answers = await askForHolds(stores, 0, holds)
      const outcome = await outcomeOf('PGlite', store, answers, (performance.now() - startedAt) / 1_000)
      for (const each of stores) await each.close()
      return outcome
    } finally {
      await database.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fund(store: LedgerStore, units: number): Promise<void> {
  await store.openAccounts([HOLDER, RECEIVER, SOURCE, EQUITY])
  const purpose = parsePurpose('fund')
  // The receiver is a wallet, which never gives more than it has: enough for every hold.
  const stock = { kind: 'transfer' as const, id: payoutTransferId('stock'), debit: RECEIVER.id, credit: EQUITY.id, amount: amountOf(1_000_000n), purpose }
  const own = { kind: 'transfer' as const, id: payoutTransferId('units'), debit: SOURCE.id, credit: HOLDER.id, amount: amountOf(BigInt(units)), purpose }
  await store.submit({ linked: false, transfers: units === 0 ? [stock] : [stock, own] })
}

async function outcomeOf(name: string, store: LedgerStore, answers: Answers, seconds: number): Promise<Outcome> {
  const [account] = await store.accounts([HOLDER.id])
  const { status } = await verifyLedger(store)
  return { store: name, answers, reserved: Number(account?.debitsPending ?? -1), sound: status === 'sound', seconds }
}

/** The next message of a process. Rejects when it ends without one. */
function messageOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => { reject(new Error(`a process of callers ended with code ${String(code)}`)) }
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message)
    })
  })
}

function answersOf(message: unknown): Answers {
  if (typeof message !== 'object' || message === null || !('answers' in message)) throw new Error('a process of callers did not answer')
  // Written by callers-process.ts, which is of the same build.
  return message.answers as Answers
}

function sumOf(all: readonly Answers[]): Answers {
  const sum: Record<string, number> = {}
  for (const answers of all) for (const [answer, count] of Object.entries(answers)) sum[answer] = (sum[answer] ?? 0) + count
  return sum
}
