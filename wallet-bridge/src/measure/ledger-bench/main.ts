// npm run ledger:bench: what the ledger does in a second, and what that costs, beside a plain one. tools/measure.mjs starts the server.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readMeasureOptions, wrongUsage } from '@evegram/platform'
import { scratchDatabase } from '../../ledger/postgres/index.js'
import { measuredServer, settle } from '../postgres/server.js'
import { familyCost, machineFacts, ownCost, type Cost } from './costs.js'
import { capacityRun, openRun, type Measured, type OpenMeasured } from './load.js'
import { BenchLedger, openPlain, type BenchSubject, type BenchWorld } from './subjects.js'
import { seededUniform, zipfRanks } from './zipf.js'

const HELP = `npm run ledger:bench -- [--accounts 100000] [--seconds 10] [--connections 16] [--window 4096] [--share 50] [--runs 1] [--factor 8] [--seed 1] [--on postgres,pglite]
  Transfers between accounts by Zipf's law (exponent 1), on PostgreSQL and on PGlite, three ways:
    joined   many callers with a transfer each; the ledger commits together what waits
    single   one transfer a commit: as many callers as connections, each a ledger of its own, nothing is joined
    plain    no ledger: BEGIN, SELECT … FOR UPDATE of two rows, two UPDATE, an INSERT, COMMIT, over as many connections
  Each first as fast as answers come (a closed loop: of --window callers when joined), then at --share percent of that rate at planned times (an open loop:
  latency runs from the planned time). Every answer means a synced commit on PostgreSQL; PGlite does not sync. Server and load share the machine.
  --json  the result as one JSON object
Exit codes: 0 joined on PostgreSQL is at least --factor times plain and all that was acknowledged is stored, 1 not, 2 wrong usage.`

const EXPONENT = 1
const NUMBERS = {
  accounts: [100_000, 10, 1_000_000], seconds: [10, 1, 600], connections: [16, 1, 100], window: [4_096, 1, 16_384], share: [50, 1, 100], runs: [1, 1, 20], factor: [8, 1, 100],
  seed: [1, 0, 2 ** 31],
} as const
const STORES = ['postgres', 'pglite'] as const
/** In an open loop, what is behind its plan by more than this does not keep up. */
const BEHIND_SECONDS_MAX = 3
const BEHIND_MIN = 200
/** PGlite has one connection: more callers would only wait for each other. */
const PGLITE_CALLERS = 4

type Way = 'plain' | 'joined' | 'single'
type Options = Readonly<Record<keyof typeof NUMBERS, number>> & { readonly stores: readonly (typeof STORES)[number][]; readonly json: boolean }

/** Figures of one way on one store. */
interface Row {
  readonly store: (typeof STORES)[number]
  readonly way: Way
  readonly capacity: Measured
  readonly open: OpenMeasured
  /** While capacity was measured: microseconds of CPU for each transfer, and memory at its end. */
  readonly own: { readonly cpuMicros: number; readonly memoryBytes: number }
  readonly server: { readonly cpuMicros: number; readonly memoryBytes: number } | undefined
  readonly failures: readonly string[]
}

function readOptions(args: readonly string[]): Options {
  const { on, ...options } = readMeasureOptions(args, { help: HELP, numbers: NUMBERS, texts: { on: STORES.join(',') } })
  const named = on.split(',')
  const stores = STORES.filter((store) => named.includes(store))
  return stores.length === named.length ? { ...options, stores } : wrongUsage(`--on takes some of ${STORES.join(',')}.`, HELP)
}

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(_name: string, args: readonly string[]): void {
  readOptions(args)
}

/** Runs the bench against the PostgreSQL at `url`; true when what it must show held. Rejects when a ledger cannot be opened or lost something. */
export async function measure(_name: string, args: readonly string[], { url }: { readonly url: string }): Promise<boolean> {
  const options = readOptions(args)
  const runs: (readonly Row[])[] = []
  for (let run = 0; run < options.runs; run++) {
    const rows: Row[] = []
    if (options.stores.includes('postgres')) rows.push(...await onPostgres(url, options, options.seed + run))
    if (options.stores.includes('pglite')) rows.push(...await onPglite(options, options.seed + run))
    runs.push(rows)
  }
  return report(runs, options)
}

function worldOf({ accounts }: Options, seed: number): BenchWorld {
  const uniform = seededUniform(seed)
  return { accounts, uniform, rank: zipfRanks(accounts, EXPONENT, uniform) }
}

async function onPostgres(url: string, options: Options, seed: number): Promise<readonly Row[]> {
  const { version, process: server } = await measuredServer(url)
  const database = await scratchDatabase(url)
  try {
    say(options, `PostgreSQL ${version}: opening and funding ${String(options.accounts)} accounts twice`)
    const cost = (): Cost | undefined => (server === undefined ? undefined : familyCost(server))
    const place = { url: database.url, connections: options.connections }
    const world = worldOf(options, seed)
    const plain = await openPlain(world, place)
    try {
      const ledger = await BenchLedger.open(world, place)
      try {
        await settle(database.url)
        const run = (way: Way, subject: BenchSubject, callers: number): Promise<Row> => measureWay({ store: 'postgres', way, subject, callers, server: cost, world }, options)
        return [
          await run('plain', plain.subject, options.connections), await run('joined', await ledger.joined(), options.window),
          await run('single', await ledger.single(options.connections), options.connections),
        ]
      } finally {
        await ledger.close()
      }
    } finally {
      await plain.close()
    }
  } finally {
    await database.drop()
  }
}

async function onPglite(options: Options, seed: number): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-ledger-bench-'))
  try {
    say(options, `PGlite: opening and funding ${String(options.accounts)} accounts twice`)
    const world = worldOf(options, seed)
    const run = (way: Way, subject: BenchSubject, callers: number): Promise<Row> =>
      measureWay({ store: 'pglite', way, subject, callers, server: () => undefined, world }, options)
    const plain = await openPlain(world, { folder: join(folder, 'plain') })
    const rows: Row[] = []
    try {
      rows.push(await run('plain', plain.subject, PGLITE_CALLERS))
    } finally {
      await plain.close()
    }
    const ledger = await BenchLedger.open(world, { folder: join(folder, 'ledger') })
    try {
      rows.push(await run('joined', await ledger.joined(), options.window), await run('single', await ledger.single(PGLITE_CALLERS), PGLITE_CALLERS))
    } finally {
      await ledger.close()
    }
    return rows
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Part {
  readonly store: (typeof STORES)[number]
  readonly way: Way
  readonly subject: BenchSubject
  readonly callers: number
  readonly server: () => Cost | undefined
  readonly world: BenchWorld
}

async function measureWay({ store, way, subject, callers, server, world }: Part, options: Options): Promise<Row> {
  const { seconds, share } = options
  say(options, `${store} ${way}: as fast as it goes, then at ${String(share)} %`)
  let acknowledged = 0
  const transfer = async (): Promise<void> => {
    await subject.transfer()
    acknowledged++
  }
  const costs: { readonly own: Cost; readonly server: Cost | undefined }[] = []
  const read = (): void => { costs.push({ own: ownCost(), server: server() }) }
  const capacity = await capacityRun(transfer, { window: callers, seconds, atStart: read, atEnd: read })
  // Single ledgers join nothing as long as each has one caller: in an open loop there may be more, which then wait for one that is free.
  const bounded = way === 'joined' ? transfer : waitingFor(callers, transfer)
  const perSecond = Math.max(1, capacity.perSecond * share / 100)
  const open = await openRun(bounded, { perSecond, seconds, underWayMax: Math.max(BEHIND_MIN, perSecond * BEHIND_SECONDS_MAX), uniform: world.uniform })
  await subject.check(acknowledged)
  const [from, to] = costs
  const costOf = (one: Cost | undefined, other: Cost | undefined): Row['server'] => (one === undefined || other === undefined ? undefined
    : { cpuMicros: (other.cpuSeconds - one.cpuSeconds) * 1e6 / Math.max(1, capacity.transfers), memoryBytes: other.memoryBytes })
  return {
    store, way, capacity, open, own: costOf(from?.own, to?.own) ?? { cpuMicros: Number.NaN, memoryBytes: 0 }, server: costOf(from?.server, to?.server),
    failures: [...capacity.failures, ...open.failures],
  }
}

/** At most `places` of `work` at once; the others wait in their order, and their time runs. */
function waitingFor(places: number, work: () => Promise<void>): () => Promise<void> {
  let free = places
  const waiting: (() => void)[] = []
  return async () => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => { waiting.push(resolve) })
    try {
      await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

function say({ json }: Options, line: string): void {
  if (!json) console.error(line)
}

function median(values: readonly number[]): number | undefined {
  const ascending = [...values].sort((left, right) => left - right)
  return ascending[Math.floor(ascending.length / 2)]
}

function report(runs: readonly (readonly Row[])[], options: Options): boolean {
  const rows = runs.flat()
  const rate = (run: readonly Row[], store: Row['store'], way: Way): number => run.find((row) => row.store === store && row.way === way)?.capacity.perSecond ?? Number.NaN
  const factors = Object.fromEntries(options.stores.map((store) => [store, runs.map((run) => rate(run, store, 'joined') / rate(run, store, 'plain'))]))
  const factor = median(factors['postgres'] ?? [])
  // Without PostgreSQL there is nothing to compare with the goal.
  const held = rows.every(({ failures }) => failures.length === 0) && (factor === undefined || factor >= options.factor)
  const machine = machineFacts()
  if (options.json) {
    console.log(JSON.stringify({ ...options, exponent: EXPONENT, runs, factors, held, machine }))
    return held
  }
  console.log(`Zipf ${String(EXPONENT)} over ${String(options.accounts)} accounts, ${String(options.connections)} connections, ${String(options.window)} callers when joined, ${String(options.seconds)} s a part; ` +
    `${machine.cpu}, ${String(machine.cores)} cores, load ${machine.load}, Node ${machine.node}, ${machine.commit}; server and load on this one machine`)
  for (const line of table(rows)) console.log(line)
  for (const { store, way, failures } of rows) for (const failure of failures) console.log(`${store} ${way}: ${failure}`)
  for (const store of options.stores) console.log(`${store}: joined is ${(factors[store] ?? []).map((each) => each.toFixed(1)).join(', ')} times plain`)
  console.log(held ? `held: at least ${String(options.factor)} times plain on PostgreSQL, and all that was acknowledged is stored` : 'NOT HELD')
  return held
}

const MIB = 1_048_576

function table(rows: readonly Row[]): readonly string[] {
  const ms = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0))
  const times = ({ p50Ms, p99Ms, p999Ms }: Measured): string => [p50Ms, p99Ms, p999Ms].map(ms).join(' / ')
  const lines = [
    ['store', 'way', 'transfers/s', 'p50 / p99 / p99.9 ms', 'open at/s', 'p50 / p99 / p99.9 ms', 'us server', 'us own', 'MiB server', 'MiB own'],
    ...rows.map(({ store, way, capacity, open, own, server }) => [
      store, way, capacity.perSecond.toFixed(0), times(capacity), open.perSecond.toFixed(0), open.keptUp ? times(open) : 'did not keep up', server?.cpuMicros.toFixed(0) ?? '-', own.cpuMicros.toFixed(0),
      server === undefined ? '-' : (server.memoryBytes / MIB).toFixed(0), (own.memoryBytes / MIB).toFixed(0),
    ]),
  ]
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}
