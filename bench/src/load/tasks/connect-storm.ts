import { openSite } from '../connections/connection-site.js'
import { DEVICES_PER_HOLDER_MAX, HolderPool } from '../connections/holder-pool.js'
import { SITE_OPTIONS, siteOf } from '../connections/site-options.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const DEFAULTS = { connections: 2_000, engines: 0, atOnce: 512 } as const

interface Plan {
  readonly connections: number
  readonly engines: number
  readonly atOnce: number
}

/** Everybody connects at once. */
export const connectStorm: Task = {
  name: 'connect-storm', summary: 'devices that are signed in connect all at once: hellos per second, and what each costs',
  defaults: `${String(DEFAULTS.connections)} connections, ${String(DEFAULTS.atOnce)} at a time`,
  text: 'Devices that have a session connect as fast as they are let in: upgrade, signed hello, catch-up, until they are live. Who is put off comes back when the server said.',
  options: SITE_OPTIONS,
  hasOwnServer: true,
  figures: { connectsPerSecond: '/s', cpuPerConnect: 'ms of server CPU', lost: '', putOff: '', p50: 'ms', p99: 'ms', max: 'ms', connections: '' },
  mustHold: ['lost==0'],
  plan: (given) => {
    const plan = siteOf(given, DEFAULTS)
    return {
      clients: Math.min(plan.connections, DEVICES_PER_HOLDER_MAX), config: { ...plan }, run: (context) => run(plan, context),
      text: `${String(plan.connections)} connections, ${String(plan.atOnce)} at a time${plan.engines === 0 ? '' : `, on ${String(plan.engines)} engines`}`,
    }
  },
}

async function run(plan: Plan, { onProgress }: TaskContext): Promise<TaskOutcome> {
  const { connections, atOnce } = plan
  const site = await openSite(plan, (done, total) => { onProgress('signing in', done, total) })
  let pool: HolderPool | undefined
  try {
    pool = await HolderPool.open(site.population.devices, { ws: site.ws, origin: site.population.origin })
    const [before, fromMs] = [site.cost(), performance.now()]
    const times = await pool.connect({ atOnce, sinceMs: Date.now() }, (live) => { onProgress('connecting', live, connections) })
    const [seconds, after, counts] = [(performance.now() - fromMs) / 1_000, site.cost(), await pool.counts()]
    const summary = times.summary()
    return {
      measuredSeconds: seconds,
      figures: {
        connectsPerSecond: Math.round(counts.live / seconds), cpuPerConnect: Number((((after.cpuSeconds - before.cpuSeconds) * 1_000) / Math.max(1, counts.live)).toFixed(3)),
        lost: connections - counts.live + counts.disconnected, putOff: counts.putOff, p50: summary.p50, p99: summary.p99, max: summary.max, connections: counts.live,
      },
      distributions: [{ name: 'from connecting to caught up', distribution: { ...summary, histogram: times.encode() } }],
      failures: Object.fromEntries(counts.failures), invalid: [], notes: [site.description],
    }
  } finally {
    pool?.close()
    await site.dispose()
  }
}
