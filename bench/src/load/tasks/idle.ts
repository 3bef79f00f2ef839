import { openSite, type ConnectionSite } from '../connections/connection-site.js'
import { DEVICES_PER_HOLDER_MAX, HolderPool } from '../connections/holder-pool.js'
import { SITE_OPTIONS, siteOf } from '../connections/site-options.js'
import { parseSeconds } from '../plan/rate-plan.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const DEFAULTS = { connections: 10_000, engines: 0, atOnce: 64 } as const
const HOLD = '1m'
/** The first connections bring in code and caches that do not grow with their number. */
const WARM = 100
const SETTLE_MS = 8_000
/** With fewer connections to a process, and a shorter hold, what V8 collected or has not is more than they take: 3,000 on one build were 11 KiB each, and -4.4 a minute later. */
const TELLING = { connections: 10_000, holdSeconds: 240 } as const
const LOOK_MS = 1_000

interface Plan {
  readonly connections: number
  readonly engines: number
  readonly atOnce: number
  readonly holdSeconds: number
}

/** Connections that do nothing but stay. */
export const idle: Task = {
  name: 'idle', summary: 'authenticated connections that only stay: what each costs in memory',
  defaults: `${String(DEFAULTS.connections)} connections for ${HOLD}`,
  text: 'Connects authenticated devices and holds them, each pinging as the protocol asks. Memory is the RSS of the server processes behind the hold, less what they had\n' +
    'with the first 100 connections, by the others; what the kernel keeps for a socket (about 4 KiB) is not in it.',
  options: { ...SITE_OPTIONS, duration: { placeholder: 'time', help: `how long they are held (default ${HOLD})` } },
  hasOwnServer: true,
  figures: {
    rssPerConnection: 'KiB', connections: '', lost: '', connectsPerSecond: '/s', cpuPerConnect: 'ms of server CPU', cpuHeld: '% of a core, all server processes, while they are held',
    rss: 'MiB', rssBefore: 'MiB', putOff: '', p50: 'ms', p99: 'ms',
  },
  mustHold: ['lost==0', 'rssPerConnection<6.6'],
  plan: (given) => {
    const plan = { ...siteOf(given, DEFAULTS), holdSeconds: parseSeconds(given.text('duration') ?? HOLD) }
    return {
      clients: Math.min(plan.connections, DEVICES_PER_HOLDER_MAX), config: { ...plan }, run: (context) => run(plan, context),
      text: `${String(plan.connections)} connections, held for ${String(plan.holdSeconds)} s${plan.engines === 0 ? '' : `, on ${String(plan.engines)} engines`}`,
    }
  },
}

async function run(plan: Plan, { onProgress }: TaskContext): Promise<TaskOutcome> {
  const site = await openSite(plan, (done, total) => { onProgress('signing in', done, total) })
  const pools: HolderPool[] = []
  try {
    return await held(plan, site, pools, onProgress)
  } finally {
    for (const pool of pools) pool.close()
    await site.dispose()
  }
}

async function held({ connections, atOnce, holdSeconds }: Plan, site: ConnectionSite, pools: HolderPool[], onProgress: TaskContext['onProgress']): Promise<TaskOutcome> {
  const { devices, origin } = site.population
  const warm = Math.min(WARM, Math.floor(connections / 10))
  const join = async (from: number, to: number): Promise<HolderPool> => {
    const pool = await HolderPool.open(devices.slice(from, to), { ws: site.ws, origin })
    pools.push(pool)
    return pool
  }
  await (await join(0, warm)).connect({ atOnce, sinceMs: Date.now() }, () => undefined)
  await sleep(SETTLE_MS)
  const before = site.cost()
  const others = await join(warm, connections)
  const fromMs = performance.now()
  const times = await others.connect({ atOnce, sinceMs: Date.now() }, (live) => { onProgress('connecting', live, connections - warm) })
  const connectSeconds = (performance.now() - fromMs) / 1_000
  const connected = site.cost()
  const heldFromMs = performance.now()
  for (let passed = 0; passed < holdSeconds * 1_000; passed = performance.now() - heldFromMs) {
    onProgress('holding, seconds', Math.round(passed / 1_000), holdSeconds)
    await sleep(Math.min(LOOK_MS, holdSeconds * 1_000 - passed + 1))
  }
  const heldSeconds = (performance.now() - heldFromMs) / 1_000
  const after = site.cost()
  const counts = await Promise.all(pools.map((pool) => pool.counts()))
  const live = counts.reduce((sum, one) => sum + one.live, 0)
  const added = connections - warm
  const summary = times.summary()
  const mebi = (bytes: number): number => Math.round(bytes / 1_048_576)
  return {
    measuredSeconds: heldSeconds,
    figures: {
      rssPerConnection: Number(((after.rssBytes - before.rssBytes) / 1_024 / added).toFixed(2)), connections: live,
      lost: connections - live + counts.reduce((sum, one) => sum + one.disconnected, 0), connectsPerSecond: Math.round(added / connectSeconds),
      cpuPerConnect: Number((((connected.cpuSeconds - before.cpuSeconds) * 1_000) / added).toFixed(3)),
      cpuHeld: Number((((after.cpuSeconds - connected.cpuSeconds) / Math.max(0.001, heldSeconds)) * 100).toFixed(1)),
      rss: mebi(after.rssBytes), rssBefore: mebi(before.rssBytes), putOff: counts.reduce((sum, one) => sum + one.putOff, 0), p50: summary.p50, p99: summary.p99,
    },
    distributions: [{ name: 'from connecting to caught up', distribution: { ...summary, histogram: times.encode() } }],
    failures: Object.fromEntries(counts.flatMap(({ failures }) => [...failures])), invalid: [],
    notes: [
      site.description, `${String(pools.length)} groups of clients on addresses of loopback, each pinging every 20 s`,
      ...(connections / site.pids.length >= TELLING.connections && holdSeconds >= TELLING.holdSeconds ? [] : [
        `memory of one connection is told by ${String(TELLING.connections)} of them to a process and ${String(TELLING.holdSeconds)} s, when V8 has collected what connecting left: of fewer, or sooner, rssPerConnection has that garbage in it`,
      ]),
    ],
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
