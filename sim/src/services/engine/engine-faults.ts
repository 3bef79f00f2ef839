import { NO_FAULTS, type ServiceFaults, type ServiceTimes } from '../../kernel/service.js'

/**
 * What kind of store the engine runs on.
 * `atomic`: embedded in the node and with one writer, as LMDB: rows and marks commit together, what commits is seen at once by everybody, a copy
 * that stands is found again. Nothing times out; a commit that stalls holds up those behind it and is answered late.
 * `quorum`: on the network and replicated, as Cassandra: row and marks are writes of their own, a write that times out may be there, now or later.
 */
export type StorePersonality = 'atomic' | 'quorum'

/** Names of the services behind the ports of a node. */
export type EngineService = 'log' | 'posts' | 'marks' | 'membership' | 'registry' | 'presence' | 'broker'

/** How often packets come to harm, each a probability. */
export interface PacketFaults {
  /** A subscription misses a packet that the broker had. */
  readonly lost: number
  /** A subscription gets a packet a second time, some time after. */
  readonly duplicated: number
  /** A packet takes longer, so that later ones overtake it. */
  readonly reordered: number
  /** The connection of the publishing node breaks, with what it had not handed over. Drawn for each packet. */
  readonly broken: number
}

/** How often the stores and the broker of the engine fail. Services are asked for each call, packets for each packet. */
export interface EngineFaults {
  /**
   * Of each service. An `atomic` store knows `refused` alone; `slow` of its `log` is how often its writer stalls, for all who append meanwhile.
   * A broker that answers a flush late or never may still take the packets.
   */
  readonly services: Readonly<Record<EngineService, ServiceFaults>>
  readonly packets: PacketFaults
  /** How often a copy in a `quorum` log reaches too few replicas to be seen before its append is answered or the replicas are repaired. */
  readonly hidden: number
  /** How often an `atomic` log does not find the copy that stands and stores another. */
  readonly unfound: number
}

/** Nothing fails. */
export const NO_ENGINE_FAULTS: EngineFaults = {
  services: { log: NO_FAULTS, posts: NO_FAULTS, marks: NO_FAULTS, membership: NO_FAULTS, registry: NO_FAULTS, presence: NO_FAULTS, broker: NO_FAULTS },
  packets: { lost: 0, duplicated: 0, reordered: 0, broken: 0 },
  hidden: 0,
  unfound: 0,
}

/** Times of the services, of packets and connections, in ms. */
export interface EngineTimes {
  readonly services: Readonly<Record<EngineService, ServiceTimes>>
  /** From the broker to a subscription. */
  readonly packetMs: readonly [number, number]
  /** By how much a packet that is reordered, or the second copy of one, comes later. */
  readonly packetDelayMs: readonly [number, number]
  /** From the break of a connection until its node notices; what is published meanwhile is lost. */
  readonly breakNoticedMs: readonly [number, number]
  /** From then until the node is connected again. */
  readonly reconnectMs: readonly [number, number]
  /** How long a copy that too few replicas have stays unseen, unless its append is answered before. */
  readonly hiddenMs: readonly [number, number]
}

const NEVER_GIVEN_UP = { timeoutMs: undefined } as const

const NETWORK_TIMES: Omit<EngineTimes, 'services'> = {
  packetMs: [0.2, 8], packetDelayMs: [5, 5_000], breakNoticedMs: [0.5, 2_000], reconnectMs: [20, 8_000], hiddenMs: [20, 120_000],
}
const PRESENCE: ServiceTimes = { latencyMs: [0.2, 8], timeoutMs: [800, 4_000], slowMs: [50, 5_000], lateMs: [10, 30_000] }
const BROKER: ServiceTimes = { latencyMs: [0.2, 8], ...NEVER_GIVEN_UP, slowMs: [50, 8_000], lateMs: [10, 5_000] }
const EMBEDDED: ServiceTimes = { latencyMs: [0.1, 2], ...NEVER_GIVEN_UP, slowMs: [1, 10], lateMs: [1, 10] }
const REPLICATED: ServiceTimes = { latencyMs: [0.5, 20], timeoutMs: [1_500, 12_000], slowMs: [100, 15_000], lateMs: [10, 60_000] }

/**
 * Times by personality. A commit of an `atomic` log stalls for `slowMs`: less than cursors stay behind, since here several nodes share the store,
 * which those of a product do not: the cursors of one node wait for its own appends alone. Late copies of a `quorum` log come up to minutes after.
 */
export const ENGINE_TIMES: Readonly<Record<StorePersonality, EngineTimes>> = {
  atomic: {
    ...NETWORK_TIMES,
    services: {
      log: { latencyMs: [0.3, 6], ...NEVER_GIVEN_UP, slowMs: [20, 50_000], lateMs: [1, 10] },
      posts: EMBEDDED, marks: EMBEDDED, membership: EMBEDDED, registry: EMBEDDED, presence: PRESENCE, broker: BROKER,
    },
  },
  quorum: {
    ...NETWORK_TIMES,
    services: {
      log: { latencyMs: [0.5, 20], timeoutMs: [1_500, 12_000], slowMs: [100, 15_000], lateMs: [10, 240_000] },
      posts: REPLICATED, marks: REPLICATED, membership: REPLICATED, registry: REPLICATED, presence: PRESENCE, broker: BROKER,
    },
  },
}
