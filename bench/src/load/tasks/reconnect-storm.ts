import { openSite } from '../connections/connection-site.js'
import { DEVICES_PER_HOLDER_MAX, HolderPool } from '../connections/holder-pool.js'
import { MessageRounds } from '../connections/message-round.js'
import { SITE_OPTIONS, siteOf } from '../connections/site-options.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const DEFAULTS = { connections: 2_000, engines: 0, atOnce: 512 } as const
/** A catch-up is asked for from before the first message on. */
const SINCE_EARLIER_MS = 1_000
/** What was sent to those who are connected has come after this. */
const ARRIVAL_MS = 2_000
const [FIRST, SECOND] = [1, 2]

interface Plan {
  readonly connections: number
  readonly engines: number
  readonly atOnce: number
}

/** All connections are cut at once, and everybody comes back to what was sent meanwhile. */
export const reconnectStorm: Task = {
  name: 'reconnect-storm', summary: 'all connections are cut at once, a message waits for everybody: resumes per second, nothing lost',
  defaults: `${String(DEFAULTS.connections)} connections, back ${String(DEFAULTS.atOnce)} at a time`,
  text: 'Connected devices get a message, all connections are cut without a word, a second message is stored for everybody, and all come back as fast as they are let in.\n' +
    'A resume is upgrade, signed hello and catch-up until the device is live, with the second message. The servers stay: npm run storm is the one in which they are killed.',
  options: SITE_OPTIONS,
  hasOwnServer: true,
  figures: { resumesPerSecond: '/s', cpuPerResume: 'ms of server CPU', lost: '', duplicated: '', putOff: '', p50: 'ms', p99: 'ms', max: 'ms', connections: '' },
  mustHold: ['lost==0', 'duplicated==0'],
  plan: (given) => {
    const plan = siteOf(given, DEFAULTS)
    return {
      clients: Math.min(plan.connections, DEVICES_PER_HOLDER_MAX), config: { ...plan }, run: (context) => run(plan, context),
      text: `${String(plan.connections)} connections are cut and come back, ${String(plan.atOnce)} at a time${plan.engines === 0 ? '' : `, on ${String(plan.engines)} engines`}`,
    }
  },
}

async function run(plan: Plan, { onProgress }: TaskContext): Promise<TaskOutcome> {
  const { connections, atOnce } = plan
  const site = await openSite(plan, (done, total) => { onProgress('signing in', done, total) })
  const { devices, accounts, origin } = site.population
  let [pool, rounds]: [HolderPool | undefined, MessageRounds | undefined] = [undefined, undefined]
  try {
    pool = await HolderPool.open(devices, { ws: site.ws, origin })
    rounds = await MessageRounds.open({ ws: site.ws, population: site.population })
    const sinceMs = Date.now() - SINCE_EARLIER_MS
    await pool.connect({ atOnce, sinceMs }, (live) => { onProgress('connecting', live, connections) })
    await rounds.send(FIRST, (done) => { onProgress('first message, accounts', done, accounts.length) })
    await sleep(ARRIVAL_MS)
    const first = await pool.counts(FIRST)
    await pool.cut()
    await rounds.send(SECOND, (done) => { onProgress('second message, accounts', done, accounts.length) })
    const [before, fromMs] = [site.cost(), performance.now()]
    const times = await pool.connect({ atOnce, sinceMs }, (live) => { onProgress('coming back', live, connections) })
    const [seconds, after] = [(performance.now() - fromMs) / 1_000, site.cost()]
    await sleep(ARRIVAL_MS)
    const counts = await pool.counts(SECOND)
    const summary = times.summary()
    return {
      measuredSeconds: seconds,
      figures: {
        resumesPerSecond: Math.round(times.count / seconds), cpuPerResume: Number((((after.cpuSeconds - before.cpuSeconds) * 1_000) / Math.max(1, times.count)).toFixed(3)),
        lost: connections - first.received + (connections - counts.received), duplicated: counts.duplicated, putOff: counts.putOff,
        p50: summary.p50, p99: summary.p99, max: summary.max, connections: counts.live,
      },
      distributions: [{ name: 'back, and caught up', distribution: { ...summary, histogram: times.encode() } }],
      failures: Object.fromEntries(counts.failures), invalid: [],
      notes: [site.description, `"lost": of two messages for each of ${String(connections)} devices, one while it was connected and one while it was not`],
    }
  } finally {
    rounds?.close()
    pool?.close()
    await site.dispose()
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
