import { LatencyHistogram } from '../measure/latency-histogram.js'
import { monotonicUs } from '../measure/monotonic.js'
import { PAYLOAD_BYTES_MIN } from '../measure/stamp.js'
import { UsageError } from '../usage-error.js'
import { MAIL_FIGURES, MAIL_THRESHOLDS } from './mail-audit.js'
import type { MailStream } from './mail-stream.js'
import { inParallel, MailWorld, sleep } from './mail-world.js'
import { numbersOf, optionSpecs } from './number-options.js'
import { openPace } from './open-pace.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const OPTIONS = {
  'clients': { default: 60, min: 2, max: 10_000, help: 'clients that talk in pairs' },
  'rate': { default: 100, min: 1, max: 20_000, help: 'messages a second of all together' },
  'seconds': { default: 30, min: 6, max: 3_600, help: 'length of the run; the engine is killed when a third is over' },
  'engines': { default: 2, min: 2, max: 8, help: 'engine processes of the cluster, one of which is killed' },
  'payload': { default: 200, min: PAYLOAD_BYTES_MIN, max: 48_000, help: 'length of every payload', placeholder: 'bytes' },
} as const
type Plan = Readonly<Record<keyof typeof OPTIONS, number>>

const KILL_AT = 1 / 3
/** A client whose connection ended tries again so often; the next try is drawn out with every failure. */
const BACK_MS = 100
const BACK_MS_MAX = 1_600
const REPEAT_MS = 250
/** Everybody is to be back within this. */
const BACK_SECONDS_MAX = 60

/** One of the engines is killed with -9 under load. */
export const nodeKill: Task = {
  name: 'node-kill', summary: 'one of several engines is killed with -9 under load',
  defaults: `${String(OPTIONS.clients.default)} clients at ${String(OPTIONS.rate.default)}/s, ${String(OPTIONS.engines.default)} engines`,
  text: 'Starts a cluster of its own (Cassandra, NATS and Redis on this machine), lets pairs talk over all engines, and kills one of them with SIGKILL. Its clients connect to the\n' +
    'others, catch up, and send again what was not acknowledged, byte for byte. Nothing that was acknowledged may be lost. What the other engines are not sure to have\n' +
    'delivered comes again, to everybody: "repeated" counts it, and the SDK shows each message once.',
  options: optionSpecs(OPTIONS),
  figures: {
    'disconnected': 'clients of the killed engine', 'recovery': 's until the last of them was live again', 'recovery.p50': 's',
    'p50': 'ms', 'p99': 'ms', 'max': 'ms', 'before.p99': 'ms, before the kill', 'acknowledged': '', ...MAIL_FIGURES, 'unacknowledged': '', 'refused': '',
  },
  // What is sent again after a kill may pass what was sent meanwhile by another node; the order that people see is in the envelopes.
  mustHold: [...MAIL_THRESHOLDS.filter((text) => !text.startsWith('reordered')), 'unacknowledged==0', 'refused==0', 'disconnected>=1', `recovery<=${String(BACK_SECONDS_MAX)}`],
  plan: (given) => {
    if (given.text('server') !== undefined) throw new UsageError('node-kill kills processes: it starts a cluster of its own, leave --server out')
    const plan: Plan = numbersOf(OPTIONS, given)
    return {
      config: { ...plan }, clients: plan.clients, cluster: { nodes: 1, engines: plan.engines }, run: (context) => run(plan, context),
      text: `${String(plan.clients)} clients at ${String(plan.rate)}/s for ${String(plan.seconds)} s on ${String(plan.engines)} engines, one of which is killed after ${(plan.seconds * KILL_AT).toFixed(0)} s`,
    }
  },
}

async function run(plan: Plan, context: TaskContext): Promise<TaskOutcome> {
  const { target, onProgress, seed } = context
  const engines = (target.processes ?? []).filter(({ kind }) => kind === 'engine')
  const [victim] = engines
  if (victim === undefined || engines.length < 2) throw new Error('the cluster does not say which engines it has')
  const pairs = Math.floor(plan.clients / 2)
  const streamsOf = new Map<number, MailStream[]>()
  const [all, before, recovery] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()]
  let [killedUs, isOver] = [Number.POSITIVE_INFINITY, false]
  const returning = new Set<Promise<void>>()
  const comeBack = async (client: number): Promise<void> => {
    for (let waitMs = BACK_MS; !isOver; waitMs = Math.min(BACK_MS_MAX, waitMs * 2)) {
      try {
        await world.comeBack(client)
        recovery.record(monotonicUs() - killedUs)
        for (const stream of streamsOf.get(client) ?? []) stream.sendAgain(true)
        return
      } catch (error) {
        world.failed(`coming back: ${error instanceof Error ? error.message : String(error)}`)
        await sleep(waitMs)
      }
    }
  }
  const world: MailWorld = await MailWorld.open(context, pairs * 2, plan.payload, {
    onFirst: (_client, plannedUs) => {
      const us = monotonicUs() - plannedUs
      all.record(us)
      if (plannedUs < killedUs - 1e6) before.record(us)
    },
    onClosed: (client) => {
      if (isOver) return
      const back = comeBack(client).finally(() => { returning.delete(back) })
      returning.add(back)
    },
  })
  const repeating = setInterval(() => { for (const stream of world.streams) stream.sendAgain(false) }, REPEAT_MS)
  let [killing, givingUp]: (NodeJS.Timeout | undefined)[] = []
  try {
    const streams: MailStream[] = []
    await inParallel(Array.from({ length: pairs * 2 }, (_, client) => client), 16, async (client) => {
      const stream = await world.stream(client, [client ^ 1])
      streamsOf.set(client, [stream])
      streams.push(stream)
    })
    let connectedAtKill = 0
    killing = setTimeout(() => {
      connectedAtKill = world.clients.filter(({ isConnected }) => isConnected).length
      killedUs = monotonicUs()
      world.audit.nodeLost()
      process.kill(victim.pid, 'SIGKILL')
    }, plan.seconds * KILL_AT * 1_000)
    let sent = 0
    const planned = plan.rate * plan.seconds
    await openPace({ perSecond: plan.rate, seconds: plan.seconds, senders: streams.length, seed }, (sender, plannedUs) => {
      streams[sender]?.send(plannedUs)
      onProgress(`messages${Number.isFinite(killedUs) ? `, ${victim.name} was killed` : ''}`, Math.min(planned, ++sent), planned)
    })
    await Promise.race([Promise.all(returning), new Promise<void>((resolve) => { givingUp = setTimeout(resolve, BACK_SECONDS_MAX * 1_000) })])
    await world.settled(true)
    isOver = true
    const refused = world.streams.reduce((sum, { sent: one }) => sum + one.refused, 0)
    const [times, calm, back] = [all.summary(), before.summary(), recovery.summary()]
    const missing = world.clients.filter(({ isConnected }) => !isConnected).length
    return {
      measuredSeconds: plan.seconds,
      figures: {
        'disconnected': recovery.count + missing, ...(missing > 0 ? {} : { 'recovery': back.max / 1_000, 'recovery.p50': back.p50 / 1_000 }),
        'p50': times.p50, 'p99': times.p99, 'max': times.max, 'before.p99': calm.p99, 'acknowledged': world.acknowledged, ...world.counts(), 'unacknowledged': world.waiting, refused,
      },
      distributions: [
        { name: 'plan to delivery', distribution: { ...times, histogram: all.encode() } }, { name: 'the same, before the kill', distribution: { ...calm, histogram: before.encode() } },
        { name: 'kill to live again', distribution: { ...back, histogram: recovery.encode() } },
      ],
      failures: world.failures, invalid: connectedAtKill === world.clients.length ? [] : ['not all clients were connected when the engine was killed'],
      notes: [
        'after the kill a message may come again on a connection that lasted (protocol, section 4.6): it is counted as repeated, before the kill it would be a fault',
        `${victim.name} was killed with SIGKILL; the supervisor of the cluster starts another one after a second`,
      ],
    }
  } finally {
    isOver = true
    clearInterval(repeating)
    clearTimeout(killing)
    // Nothing else would end before it.
    clearTimeout(givingUp)
    world.close()
  }
}
