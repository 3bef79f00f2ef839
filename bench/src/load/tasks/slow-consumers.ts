import { LatencyHistogram } from '../measure/latency-histogram.js'
import { monotonicUs } from '../measure/monotonic.js'
import { PAYLOAD_BYTES_MIN } from '../measure/stamp.js'
import { MAIL_FIGURES, MAIL_THRESHOLDS } from './mail-audit.js'
import { inParallel, MailWorld, sleep } from './mail-world.js'
import type { MailStream } from './mail-stream.js'
import { numbersOf, optionSpecs } from './number-options.js'
import { openPace } from './open-pace.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const OPTIONS = {
  'clients': { default: 40, min: 2, max: 10_000, help: 'clients that talk in pairs' },
  'slow': { default: 4, min: 2, max: 100, help: 'clients that stop reading, members of one group' },
  'rate': { default: 200, min: 1, max: 20_000, help: 'messages a second of the pairs' },
  'feed': { default: 150, min: 1, max: 5_000, help: 'messages a second into the group of the slow ones' },
  'payload': { default: 8_000, min: PAYLOAD_BYTES_MIN, max: 48_000, help: 'length of every payload; large ones fill the queue of a socket sooner', placeholder: 'bytes' },
  'seconds': { default: 20, min: 1, max: 3_600, help: 'length of each of the two parts' },
} as const
type Plan = Readonly<Record<keyof typeof OPTIONS, number>>

const SAMPLE_MS = 250
/** How long slow clients that read again may take until the server, or they, end what is left of their connection. */
const FATE_MS = 1_000
/**
 * Memory that the server may hold for each slow client: 4 MiB is the bound of its queue (`outboundBytesMax`), and a garbage collector needs about
 * as much again before it gives anything back.
 */
const MIB_PER_SLOW_MAX = 16
const MIB = 1_048_576

/** Some clients stop reading while the others talk. */
export const slowConsumers: Task = {
  name: 'slow-consumers', summary: 'some clients stop reading while the others talk',
  defaults: `${String(OPTIONS.clients.default)} clients in pairs at ${String(OPTIONS.rate.default)}/s, ${String(OPTIONS.slow.default)} that stop reading`,
  text: 'Two parts of the same load. Pairs talk, and one client writes into a group. In the first part everybody reads; in the second the members of the group stop reading. The\n' +
    'server closes a socket whose queue is full with "slow consumer: connect again and resume". At the end they read again, come back, and must have everything.',
  options: optionSpecs(OPTIONS),
  figures: {
    'p50': 'ms, pairs, while some do not read', 'p99': 'ms', 'before.p50': 'ms, pairs, while everybody reads', 'before.p99': 'ms', 'p99Ratio': '', 'closedByServer': 'of the slow ones',
    'rss': 'MiB', 'before.rss': 'MiB', 'rssPerSlow': 'MiB more for each slow client', ...MAIL_FIGURES, 'unacknowledged': '',
  },
  mustHold: [...MAIL_THRESHOLDS, 'unacknowledged==0', `rssPerSlow<=${String(MIB_PER_SLOW_MAX)}`],
  plan: (given) => {
    const plan: Plan = numbersOf(OPTIONS, given)
    return {
      config: { ...plan }, clients: plan.clients + plan.slow + 1, run: (context) => run(plan, context),
      text: `${String(plan.clients)} clients talk at ${String(plan.rate)}/s for ${String(plan.seconds)} s while everybody reads and for as long while ${String(plan.slow)} do not; ${String(plan.feed)}/s of ${String(plan.payload)} bytes to those`,
    }
  },
}

async function run(plan: Plan, context: TaskContext): Promise<TaskOutcome> {
  const { target, onProgress, seed } = context
  const pairs = Math.floor(plan.clients / 2)
  const feeder = pairs * 2
  const slow = Array.from({ length: plan.slow }, (_, index) => feeder + 1 + index)
  let [measured, closed] = [new LatencyHistogram(), 0]
  const world = await MailWorld.open(context, feeder + 1 + plan.slow, plan.payload, {
    onFirst: (client, plannedUs) => { if (client < feeder) measured.record(monotonicUs() - plannedUs) },
    // With a socket that takes nothing the code of the close does not get through: the connection just ends.
    onClosed: (client, reason) => { if (client > feeder) closed++; else world.failed(reason) },
  })
  try {
    const streams: MailStream[] = []
    await inParallel(Array.from({ length: pairs }, (_, pair) => pair * 2), 16, async (client) => {
      streams.push(await world.stream(client, [client + 1]), await world.stream(client + 1, [client]))
    })
    const feed = await world.stream(feeder, slow)
    const part = async (step: string): Promise<{ readonly histogram: LatencyHistogram; readonly rssMax: number | undefined }> => {
      measured = new LatencyHistogram()
      let rssMax: number | undefined
      let at = 0
      const sampling = setInterval(() => {
        const rss = target.cost()?.rssBytes
        if (rss !== undefined) rssMax = Math.max(rssMax ?? 0, rss / MIB)
        onProgress(step, Math.min(plan.seconds, (at += SAMPLE_MS / 1_000)), plan.seconds)
      }, SAMPLE_MS)
      try {
        await Promise.all([
          openPace({ perSecond: plan.rate, seconds: plan.seconds, senders: streams.length, seed: `${seed}/pairs/${step}` }, (sender, plannedUs) => { streams[sender]?.send(plannedUs) }),
          openPace({ perSecond: plan.feed, seconds: plan.seconds, senders: 1, seed: `${seed}/feed/${step}` }, (_sender, plannedUs) => { feed.send(plannedUs) }),
        ])
        await world.settled(false)
      } finally {
        clearInterval(sampling)
      }
      return { histogram: measured, rssMax }
    }
    const before = await part('everybody reads')
    for (const client of slow) world.clients[client]?.client.pause()
    const during = await part('some do not read')
    for (const client of slow) if (world.clients[client]?.isConnected === true) world.clients[client].client.read()
    await sleep(FATE_MS)
    const gone = slow.filter((client) => world.clients[client]?.isConnected !== true)
    await world.comeBackAll(gone, plan.slow, (done) => { onProgress('the slow ones come back', done, gone.length) })
    await world.settled(true)
    const [first, second] = [before.histogram.summary(), during.histogram.summary()]
    return {
      measuredSeconds: plan.seconds * 2,
      figures: {
        'p50': second.p50, 'p99': second.p99, 'before.p50': first.p50, 'before.p99': first.p99, 'p99Ratio': second.p99 / Math.max(0.001, first.p99), 'closedByServer': closed,
        ...(before.rssMax === undefined || during.rssMax === undefined ? {} : {
          'rss': during.rssMax, 'before.rss': before.rssMax, 'rssPerSlow': Math.max(0, during.rssMax - before.rssMax) / plan.slow,
        }),
        ...world.counts(), 'unacknowledged': world.waiting,
      },
      distributions: [
        { name: 'everybody reads', distribution: { ...first, histogram: before.histogram.encode() } }, { name: 'some do not read', distribution: { ...second, histogram: during.histogram.encode() } },
      ],
      failures: world.failures, invalid: [],
      notes: [
        'latencies are those of the pairs, from planned times; one process sends and receives for all, which is in both parts alike',
        ...(closed < plan.slow ? [`${String(plan.slow - closed)} of the slow clients were behind by less than what sockets and queue hold: nothing was closed, and they read it late`] : []),
      ],
    }
  } finally {
    world.close()
  }
}
