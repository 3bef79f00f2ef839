import { monotonicUs } from '../measure/monotonic.js'
import { PAYLOAD_BYTES_MIN } from '../measure/stamp.js'
import { MAIL_FIGURES, MAIL_THRESHOLDS } from './mail-audit.js'
import { inParallel, MailWorld } from './mail-world.js'
import { numbersOf, optionSpecs } from './number-options.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const OPTIONS = {
  'clients': { default: 200, min: 2, max: 18_000, help: 'clients that leave and come back' },
  'messages': { default: 50, min: 1, max: 10_000, help: 'messages that wait for each' },
  'at-once': { default: 32, min: 1, max: 512, help: 'clients that come back at the same time' },
  'payload': { default: 200, min: PAYLOAD_BYTES_MIN, max: 48_000, help: 'length of every payload', placeholder: 'bytes' },
} as const
type Plan = Readonly<Record<keyof typeof OPTIONS, number>>

/** Receivers of one sender. */
const RECEIVERS_EACH = 20
/** Messages of one stream under way: all streams of a sender together stay below `sendsInFlightMax` of the protocol. */
const UNDER_WAY_MAX = 8

/** Clients were away, messages wait for each, all of them come back. */
export const resume: Task = {
  name: 'resume', summary: 'clients that were away come back to messages that wait for them',
  defaults: `${String(OPTIONS.clients.default)} clients, ${String(OPTIONS.messages.default)} messages for each, ${String(OPTIONS['at-once'].default)} back at a time`,
  text: 'Connected clients leave and come back twice: once to nothing new, once to so many messages for each, which were stored meanwhile. The difference of the two is what a\n' +
    'message costs that is read from the log; the first alone is what coming back costs.',
  options: optionSpecs(OPTIONS),
  figures: {
    'resumesPerSecond': '/s', 'messagesPerSecond': '/s', 'cpuPerResume': 'ms of server CPU, nothing missed', 'cpuPerMessage': 'us of server CPU, beyond that',
    'p50': 'ms', 'p99': 'ms', 'max': 'ms', 'caughtUp': '', ...MAIL_FIGURES, 'unacknowledged': '',
  },
  mustHold: [...MAIL_THRESHOLDS, 'unacknowledged==0'],
  plan: (given) => {
    const plan: Plan = numbersOf(OPTIONS, given)
    return {
      config: { ...plan }, clients: plan.clients + Math.ceil(plan.clients / RECEIVERS_EACH), run: (context) => run(plan, context),
      text: `${String(plan.clients)} clients come back to ${String(plan.messages)} messages of ${String(plan.payload)} bytes each, ${String(plan['at-once'])} at a time`,
    }
  },
}

async function run({ clients, messages, 'at-once': atOnce, payload }: Plan, context: TaskContext): Promise<TaskOutcome> {
  const { target, onProgress } = context
  const senders = Math.ceil(clients / RECEIVERS_EACH)
  let caughtUp = 0
  const world = await MailWorld.open(context, clients + senders, payload, { onFirst: (_client, _planned, how) => { if (how === 'caught up') caughtUp++ } })
  try {
    const away = Array.from({ length: clients }, (_, index) => senders + index)
    await inParallel(away, atOnce, async (client) => { await world.stream((client - senders) % senders, [client]) })
    const back = async (step: string): Promise<{ readonly seconds: number; readonly cpuSeconds: number | undefined; readonly histogram: Awaited<ReturnType<MailWorld['comeBackAll']>> }> => {
      const [before, fromUs] = [target.cost(), monotonicUs()]
      const histogram = await world.comeBackAll(away, atOnce, (done) => { onProgress(step, done, clients) })
      const [seconds, after] = [(monotonicUs() - fromUs) / 1e6, target.cost()]
      return { seconds, histogram, cpuSeconds: before === undefined || after === undefined ? undefined : after.cpuSeconds - before.cpuSeconds }
    }
    for (const client of away) world.clients[client]?.leave()
    const empty = await back('back to nothing new')
    for (const client of away) world.clients[client]?.leave()
    let stored = 0
    await inParallel(world.streams, world.streams.length, async (stream) => {
      for (let sent = 0; sent < messages; sent++) {
        stream.send(monotonicUs())
        onProgress('storing messages', ++stored, clients * messages)
        await world.room(stream, UNDER_WAY_MAX)
      }
    })
    await world.settled(false)
    const full = await back('back to what was missed')
    await world.settled(true)
    const counts = world.counts()
    const { p50, p99, max } = full.histogram.summary()
    return {
      measuredSeconds: empty.seconds + full.seconds,
      figures: {
        resumesPerSecond: clients / full.seconds, messagesPerSecond: caughtUp / full.seconds, p50, p99, max, caughtUp, ...counts, unacknowledged: world.waiting,
        ...(empty.cpuSeconds === undefined || full.cpuSeconds === undefined ? {} : {
          cpuPerResume: (empty.cpuSeconds * 1e3) / clients, cpuPerMessage: ((full.cpuSeconds - empty.cpuSeconds) * 1e6) / Math.max(1, caughtUp),
        }),
      },
      distributions: [{ name: 'back to nothing new', distribution: distributionOf(empty.histogram) }, { name: 'back, and caught up', distribution: distributionOf(full.histogram) }],
      failures: world.failures, invalid: [],
      notes: ['a catch-up begins a little before the cursor: "repeated" counts what came once more because of that, and the SDK drops it'],
    }
  } finally {
    world.close()
  }
}

function distributionOf(histogram: Awaited<ReturnType<MailWorld['comeBackAll']>>): TaskOutcome['distributions'][number]['distribution'] {
  return { ...histogram.summary(), histogram: histogram.encode() }
}
