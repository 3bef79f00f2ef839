import { LATENCY_BUCKETS_MS } from '@evegram/platform'

/** A count that is kept as a plain number and printed when asked: nothing to look up on the packet path. */
class Tally {
  value = 0

  /** Adds `amount`, 1 by default. */
  add(amount = 1): void {
    this.value += amount
  }

  /** Replaces the value. */
  set(value: number): void {
    this.value = value
  }
}

/** Counts of observations by upper bound, kept as plain numbers. */
export class LatencyTally {
  readonly bounds: readonly number[] = LATENCY_BUCKETS_MS
  readonly counts = new Float64Array(LATENCY_BUCKETS_MS.length + 1)
  sum = 0
  count = 0

  /** Counts `times` observations of `value` ms. */
  observe(value: number, times = 1): void {
    let index = 0
    while (index < this.bounds.length && value > (this.bounds[index] ?? 0)) index++
    this.counts[index] = (this.counts[index] ?? 0) + times
    this.sum += value * times
    this.count += times
  }
}

const COUNTERS = {
  sends: 'Send frames that were received',
  appended: 'Envelopes that the log stored or found stored',
  appendFailures: 'Appends that failed or whose outcome is unknown',
  appendRetries: 'Appends repeated at a new position because they took longer than the deadline',
  acks: 'Sends that were acknowledged',
  deliveries: 'Deliver frames queued for sockets of this node',
  dirtyMarks: 'Live packets that only marked a conversation, to be read from the log',
  staleRefusals: 'Sends refused because members have other devices',
  surplusStripped: 'Bodies removed because their device is not an active device of a member',
  refusals: 'Requests answered with a failure',
  limited: 'Requests refused by a rate limit',
  slowConsumers: 'Sockets closed because their client read too slowly',
  protocolErrors: 'Sockets closed because of bytes that are not the protocol',
  helloRefusals: 'Hellos that did not prove a device',
  hellosPutOff: 'Hellos that were told to come back later because too many came at once',
  replaced: 'Sockets closed because a newer connection of the device took over',
  revoked: 'Sockets closed because a device or session was revoked',
  rechecks: 'Times that every session was checked again because word of a revocation may have been lost',
  catchUps: 'Catch-ups that clients asked for',
  repairs: 'Catch-ups that this node ran for live sessions',
  packetsOut: 'Packets published to other nodes',
  packetsIn: 'Packets received from other nodes',
  packetsMalformed: 'Packets of other nodes that did not parse',
  linkGaps: 'Ranges of packets that were missing on a link',
  linkLosses: 'Times that a link could not be completed and sessions caught up instead',
  posts: 'Posts of channels that were stored',
  headsTold: 'Heads of channels told to the followers of this node',
  signals: 'Signals, such as that somebody types, that devices sent',
  signalsDelivered: 'Signals queued for sockets of this node',
  signalsLimited: 'Signals dropped because their device sent too many',
  signalsRefused: 'Signals dropped because their kind, conversation or sender does not allow them',
  signalsShed: 'Signals dropped because a socket, the bus, a store or this node was behind',
  pushes: 'Pushes that a push service took',
  pushesGone: 'Pushes whose subscription has ended',
  pushesFailed: 'Pushes that a push service refused, or did not take in all tries',
  wakesShed: 'Devices that were not woken because too many waited for it',
  wakeFailures: 'Times that it could not be found out or noted who must be woken',
  broadcasts: 'Batches that were published to every node because presence did not answer',
  presenceFailures: 'Presence requests that failed',
  busFailures: 'Publishes and flushes that failed',
  leaseFailures: 'Comparisons of the clock that failed or disagreed',
  loopGaps: 'Gaps of the event loop that voided the clock lease',
  clockJumps: 'Times that the position clock was anchored forward',
} as const

const GAUGES = {
  connections: 'Open sockets',
  liveSessions: 'Sessions that are live',
  cursorLagMs: 'How far the cursor that this node may issue is behind its clock, overlap included',
  clockOffsetMs: 'How far the reference of the store was ahead of the position clock when last compared',
  followers: 'Channels that the sessions of this node follow, each counted for each session',
  followedChannels: 'Channels with followers on this node',
  sendsInFlight: 'Sends that are not acknowledged or refused yet',
} as const

/** Name of a counter of the engine. */
export type EngineCounter = keyof typeof COUNTERS
/** Name of a gauge of the engine. */
export type EngineGauge = keyof typeof GAUGES

/** What the engine counts. */
export type EngineMetrics = Readonly<Record<EngineCounter | EngineGauge, Tally>> & {
  /** From the receipt of a send to its acknowledgement. */
  readonly ackMs: LatencyTally
}

/** Fresh counts, all zero. */
export function createEngineMetrics(): EngineMetrics {
  const tallies = Object.fromEntries([...Object.keys(COUNTERS), ...Object.keys(GAUGES)].map((name) => [name, new Tally()]))
  // The entries are exactly the names of both tables, which Object.fromEntries cannot say.
  return Object.freeze({ ...tallies, ackMs: new LatencyTally() }) as EngineMetrics
}

/** The counts in the Prometheus text format (version 0.0.4), each name behind `prefix`. */
export function engineMetricsText(metrics: EngineMetrics, prefix = 'evegram_engine_'): string {
  const lines: string[] = []
  const describe = (name: string, type: string, help: string): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }
  for (const [key, help] of entriesOf(COUNTERS)) {
    const name = `${prefix}${snakeOf(key)}_total`
    describe(name, 'counter', help)
    lines.push(`${name} ${metrics[key].value}`)
  }
  for (const [key, help] of entriesOf(GAUGES)) {
    const name = `${prefix}${snakeOf(key)}`
    describe(name, 'gauge', help)
    lines.push(`${name} ${metrics[key].value}`)
  }
  const name = `${prefix}ack_ms`
  describe(name, 'histogram', 'From the receipt of a send to its acknowledgement, in ms')
  let below = 0
  metrics.ackMs.bounds.forEach((bound, index) => {
    below += metrics.ackMs.counts[index] ?? 0
    lines.push(`${name}_bucket{le="${bound}"} ${below}`)
  })
  lines.push(`${name}_bucket{le="+Inf"} ${metrics.ackMs.count}`, `${name}_sum ${metrics.ackMs.sum}`, `${name}_count ${metrics.ackMs.count}`, '')
  return lines.join('\n')
}

function entriesOf<Name extends string>(table: Readonly<Record<Name, string>>): [Name, string][] {
  // Object.entries forgets the names of the keys; both tables are constants of this file.
  return Object.entries(table) as [Name, string][]
}

function snakeOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
