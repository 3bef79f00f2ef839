import { accountIdOf, emptyAccountState, isEvegramError } from '@evegram/protocol'
import { CHAINS } from '@evegram/protocol/proof'
import { RawEnrolment } from '../../raw/raw-device.js'
import type { LoadConfig } from '../config.js'
import { runLoad } from '../coordinator.js'
import { LatencyHistogram } from '../measure/latency-histogram.js'
import { monotonicUs } from '../measure/monotonic.js'
import { saturationReasons } from '../measure/saturation.js'
import { PAYLOAD_BYTES_MIN } from '../measure/stamp.js'
import type { Cast, PlannedConversation } from '../plan/cast.js'
import type { Stage } from '../plan/rate-plan.js'
import { inParallel, MailWorld, sleep } from './mail-world.js'
import { numbersOf, optionSpecs } from './number-options.js'
import { openPace } from './open-pace.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const OPTIONS = {
  'clients': { default: 60, min: 20, max: 10_000, help: 'clients that are there all day: half in pairs, half in groups of 10, all of them in one channel' },
  'peak': { default: 100, min: 1, max: 20_000, help: 'messages a second at the busiest hour' },
  'seconds': { default: 60, min: 8, max: 86_400, help: 'length of the day' },
  'travellers': { default: 20, min: 2, max: 5_000, help: 'clients that come and go, and are written to meanwhile' },
  'sign-ins': { default: 20, min: 1, max: 10_000, help: 'new accounts on that day' },
  'payload': { default: 200, min: PAYLOAD_BYTES_MIN, max: 48_000, help: 'length of every payload', placeholder: 'bytes' },
} as const
type Plan = Readonly<Record<keyof typeof OPTIONS, number>>

/** The hours of a day: their share of it, and the rate at their ends as a share of the peak. */
const DAY = [[0.15, 0.1, 0.1], [0.2, 0.1, 0.7], [0.15, 0.7, 0.9], [0.15, 0.9, 0.6], [0.15, 0.6, 1], [0.2, 1, 0.1]] as const
const GROUP_MEMBERS = 10
/** Of a traveller's time. */
const AWAY_SHARE = 0.4
/** Messages a second to each traveller, and signals. */
const TO_TRAVELLER_PER_SECOND = 1
/** How often each traveller comes and goes on that day, and at most so often. */
const TRIPS = 6
const TRIP_SECONDS_MIN = 0.5

/** A day in short: everything that people do, in one run. */
export const mixedDay: Task = {
  name: 'mixed-day', summary: 'a day in short: pairs, groups, a channel, sign-ins, people who come and go, typing',
  defaults: `${String(OPTIONS.clients.default)} clients, ${String(OPTIONS.peak.default)}/s at the peak, a day of ${String(OPTIONS.seconds.default)} s`,
  text: 'The rate follows a day: a quiet night, a rise in the morning, noon, a dip, the evening\'s peak, and down again. Meanwhile new wallets sign in, and travellers leave and\n' +
    'come back to what was written to them; whoever writes to them types first. The audit covers both; latencies are those of the clients that are there all day.',
  options: optionSpecs(OPTIONS),
  figures: {
    'p50': 'ms', 'p99': 'ms', 'max': 'ms', 'rate': 'delivered a second', 'perCpuSecond': 'deliveries of the clients that stay', 'rss': 'MiB, the most', 'signIns': '', 'signIn.p99': 'ms',
    'returns': '', 'return.p99': 'ms to being caught up', 'caughtUp': 'messages', 'signals': 'sent', 'signalled': 'came', 'delivered': '',
    'lost': '', 'duplicated': '', 'reordered': '', 'undecryptable': '', 'misdelivered': '', 'unacknowledged': '', 'refused': '', 'disconnected': '', 'failed': 'sign-ins',
  },
  mustHold: ['lost==0', 'duplicated==0', 'reordered==0', 'undecryptable==0', 'misdelivered==0', 'unacknowledged==0', 'refused==0', 'disconnected==0', 'failed==0'],
  plan: (given) => {
    const plan: Plan = numbersOf(OPTIONS, given)
    return {
      config: { ...plan }, clients: plan.clients + plan.travellers * 2 + plan['sign-ins'], run: (context) => run(plan, context),
      text: `a day of ${String(plan.seconds)} s: ${String(plan.clients)} clients with ${String(plan.peak)} messages/s at the peak, ${String(plan.travellers)} travellers, ${String(plan['sign-ins'])} sign-ins`,
    }
  },
}

/** Who is there all day. */
export function dayCast(clients: number): Cast {
  const paired = Math.floor(clients / 4) * 2
  const conversations: PlannedConversation[] = []
  for (let client = 0; client < paired; client += 2) conversations.push({ kind: 'direct', members: [client, client + 1], senders: [client, client + 1] })
  for (let from = paired; from + 2 <= clients; from += GROUP_MEMBERS) {
    // The rest is too few for a group of its own: it joins the last one.
    const to = clients - from < GROUP_MEMBERS * 2 ? clients : from + GROUP_MEMBERS
    const members = Array.from({ length: to - from }, (_, index) => from + index)
    conversations.push({ kind: 'group', members, senders: members })
    if (to === clients) break
  }
  conversations.push({ kind: 'channel', members: Array.from({ length: clients }, (_, client) => client), senders: [0] })
  return { clients, conversations }
}

/** The rates of a day with this length and this peak. */
export function dayStages(seconds: number, peak: number): readonly Stage[] {
  return DAY.map(([share, from, to]) => ({ seconds: seconds * share, fromPerSecond: peak * from, toPerSecond: peak * to }))
}

async function run(plan: Plan, context: TaskContext): Promise<TaskOutcome> {
  const { target, seed, onProgress } = context
  const cast = dayCast(plan.clients)
  const config: LoadConfig = {
    scenario: 'mixed-day', driver: 'evegram', clients: plan.clients, payloadBytes: plan.payload, payload: 'opaque', seed, workers: 1, warmUpSeconds: 0, pinned: false,
    loop: { kind: 'open', stages: dayStages(plan.seconds, plan.peak), arrivals: 'poisson' },
  }
  const travel = await Travel.open(plan, context)
  try {
    let side: Promise<void> | undefined
    const load = await runLoad({
      config, cast, target, abortOn: [],
      events: {
        onPreparing: (done, total) => { onProgress('signing in and connecting', Math.floor(done / 2), Math.floor(total / 2)) },
        onProgress: (at, of) => { onProgress('the day', Math.round(at), Math.round(of)) },
        onPhase: (phase) => { if (phase === 'prepared') side = travel.day(seed) },
      },
    })
    await side
    const own = await travel.end()
    const { delivery, acknowledgement } = load.latency
    const { counters } = load
    const added = (name: 'lost' | 'duplicated' | 'reordered' | 'undecryptable' | 'misdelivered'): number => counters[name] + own.counts[name]
    const [signIn, back] = [travel.signIns.summary(), travel.returns.summary()]
    return {
      measuredSeconds: load.measuredSeconds, failures: { ...load.failures, ...own.failures }, invalid: saturationReasons(load.generator),
      figures: {
        'p50': delivery.p50, 'p99': delivery.p99, 'max': delivery.max, 'rate': load.deliveriesPerSecond, 'delivered': counters.delivered,
        ...(load.server === null ? {} : { perCpuSecond: load.server.deliveriesPerCpuSecond, rss: load.server.rssMaxMiB }),
        'signIns': signIn.count, 'signIn.p99': signIn.p99, 'returns': back.count, 'return.p99': back.p99, 'caughtUp': travel.caughtUp, 'signals': travel.signals, 'signalled': travel.signalled,
        'lost': added('lost'), 'duplicated': added('duplicated'), 'reordered': added('reordered'), 'undecryptable': added('undecryptable'), 'misdelivered': added('misdelivered'),
        'unacknowledged': counters.unacknowledged + own.unacknowledged, 'refused': counters.refused, 'disconnected': counters.disconnected + travel.disconnected, 'failed': travel.failed,
      },
      distributions: [
        { name: 'plan to delivery', distribution: delivery }, ...(acknowledgement === null ? [] : [{ name: 'plan to acknowledgement', distribution: acknowledgement }]),
        { name: 'sign-in', distribution: { ...signIn, histogram: travel.signIns.encode() } }, { name: 'return to caught up', distribution: { ...back, histogram: travel.returns.encode() } },
      ],
      notes: ['the server\'s CPU has sign-ins, returns and signals in it: deliveries per CPU-second are not those of messages alone'],
    }
  } finally {
    travel.close()
  }
}

/** Travellers, those who write to them, and the newcomers of the day. */
class Travel {
  readonly signIns = new LatencyHistogram()
  readonly returns = new LatencyHistogram()
  readonly #plan: Plan
  readonly #context: TaskContext
  readonly #world: MailWorld
  caughtUp = 0
  signals = 0
  signalled = 0
  disconnected = 0
  failed = 0

  private constructor(plan: Plan, context: TaskContext, world: MailWorld) {
    this.#plan = plan
    this.#context = context
    this.#world = world
  }

  static async open(plan: Plan, context: TaskContext): Promise<Travel> {
    const made: { travel?: Travel } = {}
    const world = await MailWorld.open(context, plan.travellers * 2, plan.payload, {
      onFirst: (_client, _planned, how) => { if (made.travel !== undefined && how === 'caught up') made.travel.caughtUp++ },
      onClosed: (_client, reason) => {
        if (made.travel === undefined) return
        made.travel.disconnected++
        made.travel.#world.failed(reason)
      },
      onSignal: () => { if (made.travel !== undefined) made.travel.signalled++ },
    })
    // The first half writes to the second.
    await inParallel(Array.from({ length: plan.travellers }, (_, index) => index), 8, async (index) => { await world.stream(index, [plan.travellers + index]) })
    made.travel = new Travel(plan, context, world)
    return made.travel
  }

  /** Lets everybody travel, be written to, and sign in, as long as the day is. */
  async day(seed: string): Promise<void> {
    const { seconds, travellers, 'sign-ins': signIns } = this.#plan
    const streams = this.#world.streams
    await Promise.all([
      openPace({ perSecond: travellers * TO_TRAVELLER_PER_SECOND, seconds, senders: streams.length, seed: `${seed}/travellers` }, (sender, plannedUs) => {
        // By the number of the stream, which is not that of its sender: any writer may type.
        if (this.#world.type(sender)) this.signals++
        streams[sender]?.send(plannedUs)
      }),
      inParallel(Array.from({ length: travellers }, (_, index) => travellers + index), travellers, (client) => this.#trips(client, seconds)),
      this.#newcomers(signIns, seconds),
    ])
  }

  /** Brings everybody back and waits for what is on its way. */
  async end(): Promise<{ readonly counts: ReturnType<MailWorld['counts']>; readonly failures: Readonly<Record<string, number>>; readonly unacknowledged: number }> {
    await this.#world.settled(true)
    return { counts: this.#world.counts(), failures: this.#world.failures, unacknowledged: this.#world.waiting }
  }

  close(): void {
    this.#world.close()
  }

  async #trips(client: number, seconds: number): Promise<void> {
    const tripSeconds = Math.max(TRIP_SECONDS_MIN, seconds / TRIPS)
    for (let at = 0; at + tripSeconds <= seconds; at += tripSeconds) {
      await sleep(tripSeconds * (1 - AWAY_SHARE) * 1_000)
      this.#world.clients[client]?.leave()
      await sleep(tripSeconds * AWAY_SHARE * 1_000)
      this.returns.record(await this.#world.comeBack(client))
    }
  }

  async #newcomers(count: number, seconds: number): Promise<void> {
    const enrolment = await RawEnrolment.open(this.#context.target.url)
    for (let index = 0; index < count; index++) {
      const wallet = enrolment.newWallet(CHAINS[index % CHAINS.length]?.chain ?? 'solana')
      const fromUs = monotonicUs()
      try {
        await enrolment.enrol(wallet, emptyAccountState(accountIdOf(wallet.walletId)))
        this.signIns.record(monotonicUs() - fromUs)
      } catch (error) {
        this.failed++
        this.#world.failed(`sign-in: ${isEvegramError(error) ? error.code : String(error)}`)
      }
      await sleep(Math.max(0, (seconds * 1_000) / count - (monotonicUs() - fromUs) / 1_000))
    }
  }
}
