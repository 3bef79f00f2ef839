import { percentile } from '../faults/gaps.js'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { CaseServices } from './services.js'
import type { DurabilityCase, DurabilityStore } from './store.js'
import { CassandraRows } from './stores/cassandra.js'
import { JetStreamMessages } from './stores/jetstream.js'
import { RedisMembers } from './stores/redis.js'
import { tallyWrites, type WriteTally } from './tally.js'

const { numbers, texts, json } = readRunOptions(
  'npm run durability -- [--seconds 6] [--only cassandra,nats,redis]\n\n' +
    'Writes to Cassandra, JetStream and Redis under each setting of their logs, kills one server, or all, with -9 in the middle, starts them again\n' +
    'and compares what was acknowledged with what is there. A kill leaves the machine running: what only a power failure loses is not seen here.',
  {
    seconds: { default: 6, min: 1, max: 600, help: 'seconds of writing before the kill, and again after it' },
    writers: { default: 32, min: 1, max: 512, help: 'writes on their way at a time' },
  },
  { only: 'some of cassandra,nats,redis' },
)
const WHOM = ['one', 'all'] as const
const READ_TRIES = 60
const READ_RETRY_MS = 1_000
const RETRY_PAUSE_MS = 20

const CASES: readonly DurabilityCase[] = [
  ...['group', 'batch', 'periodic'].map((sync): DurabilityCase => (
    { kind: 'cassandra', setting: `commitlog_sync ${sync}, RF 3, LOCAL_QUORUM`, nodes: 3, options: ['--commitlog-sync', sync], make: () => new CassandraRows(3) })),
  ...['always', '2m'].map((sync): DurabilityCase => (
    { kind: 'nats', setting: `JetStream R3, sync_interval ${sync}${sync === '2m' ? ' (default)' : ''}`, nodes: 3, options: ['--nats-sync', sync], make: () => new JetStreamMessages(3) })),
  ...['always', 'everysec', 'off'].map((sync): DurabilityCase => (
    { kind: 'redis', setting: sync === 'off' ? 'memory alone' : `appendfsync ${sync}`, nodes: 1, options: ['--redis-sync', sync], make: () => new RedisMembers() })),
]

interface Row extends WriteTally {
  readonly kind: string
  readonly setting: string
  readonly killed: 'one' | 'all'
  readonly ackedPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestSilenceMs: number
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function measure(one: DurabilityCase, killed: 'one' | 'all'): Promise<Row> {
  const services = new CaseServices(one)
  const store = one.make()
  try {
    await store.open(await services.up())
    const written = new Writer(store)
    const writing = written.run(numbers.writers)
    await sleep(numbers.seconds * 1_000)
    services.kill(killed)
    const back = services.up()
    // What acks look like while a server is missing belongs to the picture.
    await sleep(numbers.seconds * 1_000)
    await back
    await sleep(numbers.seconds * 1_000)
    written.stop()
    await writing
    const found = await readAgain(store)
    const times = written.latenciesMs.sort((left, right) => left - right)
    return {
      kind: one.kind, setting: one.setting, killed, ...tallyWrites(written.acked, written.unknown, found), ackedPerSecond: Math.round(written.acked.size / written.seconds),
      p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99), longestSilenceMs: written.longestSilenceMs,
    }
  } finally {
    await store.close().catch(() => undefined)
    await services.dispose()
  }
}

/** Reads everything, as soon as the store can. */
async function readAgain(store: DurabilityStore): Promise<ReadonlyMap<string, number>> {
  for (let left = READ_TRIES; ; left--) {
    try {
      return await store.readAll()
    } catch (error) {
      if (left === 0) throw error
      await sleep(READ_RETRY_MS)
    }
  }
}

/** Writes one id after the other and keeps what became of each. */
class Writer {
  readonly acked = new Set<string>()
  /** Written without an answer that says it is there. */
  readonly unknown = new Set<string>()
  readonly latenciesMs: number[] = []
  longestSilenceMs = 0
  seconds = 0
  readonly #store: DurabilityStore
  #stopped = false
  #next = 0

  constructor(store: DurabilityStore) {
    this.#store = store
  }

  async run(writers: number): Promise<void> {
    const startedAt = performance.now()
    let lastAckMs = startedAt
    const work = async (): Promise<void> => {
      while (!this.#stopped) {
        const id = `w${String(this.#next++)}`
        const sentAt = performance.now()
        try {
          await this.#store.write(id)
          const nowMs = performance.now()
          this.acked.add(id)
          this.latenciesMs.push(nowMs - sentAt)
          this.longestSilenceMs = Math.max(this.longestSilenceMs, nowMs - lastAckMs)
          lastAckMs = nowMs
        } catch {
          // No answer, or a refusal: counted as unknown, which is what a program would have to think.
          this.unknown.add(id)
          await sleep(RETRY_PAUSE_MS)
        }
      }
    }
    await Promise.all(Array.from({ length: writers }, work))
    this.seconds = (performance.now() - startedAt) / 1_000
    this.longestSilenceMs = Math.max(this.longestSilenceMs, performance.now() - lastAckMs)
  }

  stop(): void {
    this.#stopped = true
  }
}

async function run(): Promise<boolean> {
  const only = texts['only']?.split(',')
  const rows: Row[] = []
  for (const one of CASES) {
    if (only !== undefined && !only.includes(one.kind)) continue
    for (const killed of one.nodes === 1 ? ['all'] as const : WHOM) {
      if (!json) console.error(`${one.kind}, ${one.setting}, kill ${killed} …`)
      rows.push(await measure(one, killed))
    }
  }
  if (json) console.log(JSON.stringify({ ...numbers, rows, machine: machineFacts() }))
  else {
    const machine = machineFacts()
    console.log(`${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.commit}; ${String(numbers.writers)} writes at a time, kill -9, all servers on this machine`)
    console.log('| store | setting | killed | acked | acked/s | p50 / p99 ms | longest silence ms | lost | twice | unknown, and there |')
    console.log('|---|---|---|---|---|---|---|---|---|---|')
    for (const row of rows) {
      console.log(`| ${row.kind} | ${row.setting} | ${row.killed} | ${String(row.acked)} | ${String(row.ackedPerSecond)} | ${row.p50Ms.toFixed(1)} / ${row.p99Ms.toFixed(1)} | ` +
        `${String(Math.round(row.longestSilenceMs))} | ${String(row.lost)} | ${String(row.twice)} | ${String(row.unknownThere)} of ${String(row.unknown)} |`)
    }
  }
  // What keeps messages is Cassandra that syncs before it acknowledges: that must lose nothing. What the other settings lose is shown.
  return rows.every(({ kind, setting, lost }) => kind !== 'cassandra' || setting.includes('periodic') || lost === 0)
}

process.exitCode = (await run()) ? 0 : 1
