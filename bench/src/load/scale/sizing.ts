import { predictCores, type CostModel } from './cost-model.js'
import type { Load } from './load-point.js'

/** How people use the system, and what machines may be filled with. Every one can be given on the command line. */
export interface Assumptions {
  /** Share of all users whose device is connected in the busiest hour. */
  readonly onlineShare: number
  /** Messages that a user sends a day. */
  readonly messagesPerDay: number
  /** Devices that a message goes to: those of the others, and one's own further ones. */
  readonly receivers: number
  /** Messages of a conversation within a second in which it has any, and within an hour in which it has any. */
  readonly burst: number
  readonly perActiveHour: number
  /** The busiest minute, against the mean of the day. */
  readonly peakFactor: number
  /** Bytes of an envelope in the store, with its keys. */
  readonly storedBytes: number
  /** Days that envelopes are kept. */
  readonly retentionDays: number
  /** Copies that the database and the log of business events keep. */
  readonly copies: number
  /** Share of a core that an engine process may use at the peak: the rest is for reconnects and for those that are gone. */
  readonly engineFull: number
  /** Connections of one engine process. */
  readonly connectionsPerEngine: number
  /** Cores and usable disk (in GB) of a database node, and the share of its cores that may be in use. */
  readonly databaseCores: number
  readonly databaseDiskGb: number
  readonly databaseFull: number
}

/** See {@link Assumptions}. */
export const DEFAULT_ASSUMPTIONS: Assumptions = {
  onlineShare: 0.1, messagesPerDay: 40, receivers: 2.5, burst: 1, perActiveHour: 5, peakFactor: 3, storedBytes: 700, retentionDays: 30, copies: 3,
  engineFull: 0.6, connectionsPerEngine: 15_000, databaseCores: 16, databaseDiskGb: 2_000, databaseFull: 0.5,
}

/** What so many users need. */
export interface Sizing {
  readonly users: number
  readonly connections: number
  readonly messagesPerSecond: number
  /** Undefined when no number of engines does it: each more costs the others more than it takes from them. */
  readonly engines: number | undefined
  /** Users that the fullest mesh of engines bears; set when {@link engines} is undefined. */
  readonly cells: number | undefined
  readonly engineMemoryGb: number
  readonly authCores: number
  readonly natsCores: number
  readonly redisCores: number
  readonly databaseCoresUsed: number
  readonly databaseNodes: number
  readonly storedTb: number
}

const SECONDS_PER_DAY = 86_400
const ENGINES_MAX = 100_000

/**
 * Nodes and memory for `users`, from measured costs. A message with several receivers is counted as one message for each of them on engines and broker, and once
 * in the database; the database writes each `copies` times.
 */
export function sizeFor(model: CostModel, users: number, assumptions: Assumptions): Sizing {
  const whole = sizeOfCell(model, users, assumptions)
  if (whole.engines !== undefined) return whole
  // Too many engines for one mesh: users are divided into cells of one size, and everything is the sum of theirs.
  let cells = 2
  while (cells < ENGINES_MAX && sizeOfCell(model, users / cells, assumptions).engines === undefined) cells *= 2
  const cell = sizeOfCell(model, users / cells, assumptions)
  const times = (value: number): number => value * cells
  return {
    users, connections: times(cell.connections), messagesPerSecond: times(cell.messagesPerSecond), engines: cell.engines === undefined ? undefined : times(cell.engines), cells,
    engineMemoryGb: times(cell.engineMemoryGb), authCores: times(cell.authCores), natsCores: times(cell.natsCores), redisCores: times(cell.redisCores),
    databaseCoresUsed: times(cell.databaseCoresUsed), databaseNodes: times(cell.databaseNodes), storedTb: times(cell.storedTb),
  }
}

function sizeOfCell(model: CostModel, users: number, assumptions: Assumptions): Sizing {
  const { onlineShare, messagesPerDay, receivers, burst, perActiveHour, peakFactor, storedBytes, retentionDays, copies, databaseCores, databaseDiskGb, databaseFull } = assumptions
  const connections = users * onlineShare
  const messagesPerSecond = (users * messagesPerDay * peakFactor) / SECONDS_PER_DAY
  const stored = { connections, messagesPerSecond, activePerSecond: messagesPerSecond / burst, openedPerSecond: messagesPerSecond / perActiveHour }
  const routed = { ...stored, messagesPerSecond: messagesPerSecond * receivers }
  const engines = enginesFor(model, routed, assumptions)
  const own = { engines: engines ?? 1 }
  const databaseCoresUsed = predictCores(model.kinds.cassandra, { ...stored, ...own }, model.turnSeconds) * copies
  const storedTb = (users * messagesPerDay * retentionDays * storedBytes * copies) / 1e12
  return {
    users, connections, messagesPerSecond, engines, cells: undefined,
    engineMemoryGb: (model.engineBaseMiB * (engines ?? 0)) / 1_024 + (connections * model.connectionKiB) / 1_048_576,
    authCores: predictCores(model.kinds.auth, { ...stored, ...own }, model.turnSeconds), natsCores: predictCores(model.kinds.nats, { ...routed, ...own }, model.turnSeconds), redisCores: predictCores(model.kinds.redis, { ...routed, ...own }, model.turnSeconds),
    databaseCoresUsed, storedTb,
    databaseNodes: Math.max(copies, Math.ceil(databaseCoresUsed / (databaseCores * databaseFull)), Math.ceil((storedTb * 1_000) / databaseDiskGb)),
  }
}

/** The least number of engines of which each stays below its share of a core and its connections; undefined when there is none. */
function enginesFor(model: CostModel, load: Omit<Load, 'engines'>, { engineFull, connectionsPerEngine }: Assumptions): number | undefined {
  const fits = (engines: number): boolean =>
    load.connections / engines <= connectionsPerEngine &&
    predictCores(model.kinds.engine, { ...load, engines }, model.turnSeconds) / engines <= engineFull
  // Links grow with the square: what a mesh bears has an end, so the search goes up step by step and gives up where links alone fill the engines.
  for (let engines = 1; engines <= ENGINES_MAX; engines = engines < 100 ? engines + 1 : Math.ceil(engines * 1.01)) {
    if (fits(engines)) return engines
    if ((model.kinds.engine.link ?? 0) * (engines - 1) > engineFull) return undefined
  }
  return undefined
}
