/** What a cluster has to do: everything that costs are made of. */
export interface Load {
  readonly engines: number
  /** Authenticated connections, each with its keepalive and presence. */
  readonly connections: number
  /** Messages to one device each, acknowledged and delivered, a second. */
  readonly messagesPerSecond: number
  /** Conversations that had a message in a second: their members are asked for once in it, however many messages there are. */
  readonly activePerSecond: number
  /** Conversations that had their first message of an hour, a second: it is marked for their members. */
  readonly openedPerSecond: number
}

/** One measured state of a cluster: its load, and what every kind of process used under it. */
export interface LoadPoint extends Load {
  /** CPU-seconds a second, all processes of a kind together. */
  readonly cores: Readonly<Record<string, number>>
  /** Resident memory in MiB, all processes of a kind together. */
  readonly rssMiB: Readonly<Record<string, number>>
}

/** Kinds of processes that a cost is known of. */
export const COST_KINDS = ['engine', 'auth', 'cassandra', 'nats', 'redis'] as const
/** See {@link COST_KINDS}. */
export type CostKind = (typeof COST_KINDS)[number]

/** A point that is to be measured, in the scenario one-to-one. */
export interface PlannedPoint {
  readonly engines: number
  readonly clients: number
  readonly ratePerSecond: number
  /** Long enough for nearly every pair to have had its first message; 0 where exactly those are to be measured. */
  readonly warmUpSeconds: number
  /** `fit`: the costs are made from it. `check`: they are held against it. */
  readonly purpose: 'fit' | 'check'
}

/**
 * What is measured: nothing but connections; few and many pairs at one rate, which tells a message from asking for its members; rates that double, which tell a message from a turn; pairs that talk for the first time; and
 * all of this with more engines. The checks have other sizes, one within those of the fit and one beyond.
 */
export const PLANNED_POINTS: readonly PlannedPoint[] = [
  { engines: 1, clients: 100, ratePerSecond: 2, warmUpSeconds: 5, purpose: 'fit' },
  { engines: 1, clients: 1_500, ratePerSecond: 2, warmUpSeconds: 5, purpose: 'fit' },
  { engines: 1, clients: 100, ratePerSecond: 250, warmUpSeconds: 5, purpose: 'fit' },
  { engines: 1, clients: 1_000, ratePerSecond: 250, warmUpSeconds: 8, purpose: 'fit' },
  { engines: 1, clients: 1_000, ratePerSecond: 500, warmUpSeconds: 6, purpose: 'fit' },
  { engines: 1, clients: 1_000, ratePerSecond: 1_000, warmUpSeconds: 6, purpose: 'fit' },
  { engines: 1, clients: 1_500, ratePerSecond: 50, warmUpSeconds: 0, purpose: 'fit' },
  { engines: 3, clients: 100, ratePerSecond: 2, warmUpSeconds: 5, purpose: 'fit' },
  { engines: 3, clients: 100, ratePerSecond: 250, warmUpSeconds: 5, purpose: 'fit' },
  { engines: 3, clients: 1_000, ratePerSecond: 250, warmUpSeconds: 8, purpose: 'fit' },
  { engines: 3, clients: 1_000, ratePerSecond: 500, warmUpSeconds: 6, purpose: 'fit' },
  { engines: 6, clients: 100, ratePerSecond: 2, warmUpSeconds: 5, purpose: 'fit' },
  { engines: 2, clients: 800, ratePerSecond: 200, warmUpSeconds: 8, purpose: 'check' },
  { engines: 2, clients: 1_600, ratePerSecond: 600, warmUpSeconds: 8, purpose: 'check' },
]

/** The load of a planned point, when its senders were drawn evenly and independently, and `messagesPerSecond` were measured for `seconds` behind the warm-up. */
export function loadOf({ engines, clients, ratePerSecond, warmUpSeconds }: PlannedPoint, messagesPerSecond: number, seconds: number): Load {
  const pairs = clients / 2
  // A pair has its messages like a Poisson process: this is the share of pairs that had none for so long.
  const silent = (forSeconds: number, perSecond: number): number => Math.exp((-perSecond * forSeconds) / pairs)
  return {
    engines, connections: clients, messagesPerSecond, activePerSecond: pairs * (1 - silent(1, messagesPerSecond)),
    openedPerSecond: (pairs * silent(warmUpSeconds, ratePerSecond) * (1 - silent(seconds, messagesPerSecond))) / seconds,
  }
}
