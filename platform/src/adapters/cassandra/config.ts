import { EvegramError } from '@evegram/protocol'

/** How many copies Cassandra keeps: over all nodes (one data center, development), or in each data center. */
export type CassandraReplication =
  | { readonly class: 'SimpleStrategy'; readonly factor: number }
  | { readonly class: 'NetworkTopologyStrategy'; readonly factors: Readonly<Record<string, number>> }

/** Consistency levels of plain reads and writes. Acks are durable (P1) from `LOCAL_QUORUM` on; `ONE` and `LOCAL_ONE` give that up. */
export const CASSANDRA_CONSISTENCIES = ['LOCAL_QUORUM', 'QUORUM', 'EACH_QUORUM', 'ALL', 'LOCAL_ONE', 'ONE'] as const
/** One of {@link CASSANDRA_CONSISTENCIES}. */
export type CassandraConsistency = (typeof CASSANDRA_CONSISTENCIES)[number]

/** Where and how a service keeps its tables. */
export interface CassandraConfig {
  /** `host:port` of one or more nodes; the others are found through them. */
  readonly contactPoints: readonly string[]
  /** Requests go to nodes of this data center. */
  readonly localDataCenter: string
  /** A letter, then at most 47 of `a-z`, `0-9`, `_`. Created when it is absent. */
  readonly keyspace: string
  readonly replication: CassandraReplication
  readonly consistency: CassandraConsistency
  readonly username?: string
  readonly password?: string
  /** Requests on their way to Cassandra at one moment; more of them wait in a bounded queue. */
  readonly inFlightMax: number
}

/** Largest replication factor that is taken for meant. */
const FACTOR_MAX = 15
/** Largest `inFlightMax`: the driver has 2048 streams on a connection, and second tries need some. */
const IN_FLIGHT_MAX = 1_024
const KEYSPACE_PATTERN = /^[a-z][a-z0-9_]{0,47}$/
const CONTACT_POINT_PATTERN = /^[A-Za-z0-9._-]{1,253}:(\d{1,5})$/
/** Names go into CQL as text, so they hold nothing that could end a string there. */
const DATA_CENTER_PATTERN = /^[A-Za-z0-9._-]{1,64}$/

/** Throws `invalid.config`, naming the setting, for anything that cannot be meant. */
export function checkCassandraConfig(config: CassandraConfig): void {
  const require = (setting: string, holds: boolean): void => {
    if (!holds) throw new EvegramError('invalid.config', { operation: 'check Cassandra settings', details: { setting } })
  }
  require('contactPoints', config.contactPoints.length > 0 && config.contactPoints.every((point) => portOf(point) !== undefined))
  require('localDataCenter', DATA_CENTER_PATTERN.test(config.localDataCenter))
  require('keyspace', KEYSPACE_PATTERN.test(config.keyspace))
  require('consistency', CASSANDRA_CONSISTENCIES.includes(config.consistency))
  require('inFlightMax', Number.isInteger(config.inFlightMax) && config.inFlightMax >= 1 && config.inFlightMax <= IN_FLIGHT_MAX)
  require('password', (config.username === undefined) === (config.password === undefined))
  require('replication', replicationFactors(config.replication).every((factor) => Number.isInteger(factor) && factor >= 1 && factor <= FACTOR_MAX))
  if (config.replication.class === 'NetworkTopologyStrategy') {
    const names = Object.keys(config.replication.factors)
    require('replication', names.length > 0 && names.every((name) => DATA_CENTER_PATTERN.test(name)))
  }
}

/** The port of a contact point, by which the other nodes are reached too; undefined when it is no `host:port`. */
export function portOf(contactPoint: string): number | undefined {
  const port = Number(CONTACT_POINT_PATTERN.exec(contactPoint)?.[1])
  return port >= 1 && port <= 65_535 ? port : undefined
}

/**
 * Reads a replication setting: a number for one data center of development (`1`), or data centers with their factors (`dc1:3,dc2:3`).
 * Throws `invalid.config`.
 */
export function parseReplication(text: string): CassandraReplication {
  if (/^\d{1,2}$/.test(text)) return { class: 'SimpleStrategy', factor: Number(text) }
  const factors: Record<string, number> = {}
  for (const part of text.split(',')) {
    const [name, factor, ...rest] = part.trim().split(':')
    if (name === undefined || factor === undefined || rest.length > 0 || !DATA_CENTER_PATTERN.test(name) || !/^\d{1,2}$/.test(factor)) {
      throw new EvegramError('invalid.config', {
        operation: 'read replication of Cassandra', advice: 'Write replication as a number (1) or as data centers with their factors (datacenter1:3,datacenter2:3).',
      })
    }
    factors[name] = Number(factor)
  }
  return { class: 'NetworkTopologyStrategy', factors }
}

/** The replication as a CQL map. The names were checked by {@link checkCassandraConfig}. */
export function replicationCql(replication: CassandraReplication): string {
  const entries = replication.class === 'SimpleStrategy'
    ? [`'replication_factor': ${replication.factor}`]
    : Object.entries(replication.factors).map(([name, factor]) => `'${name}': ${factor}`)
  return `{'class': '${replication.class}', ${entries.join(', ')}}`
}

function replicationFactors(replication: CassandraReplication): readonly number[] {
  return replication.class === 'SimpleStrategy' ? [replication.factor] : Object.values(replication.factors)
}
