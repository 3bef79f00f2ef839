import { createHash } from 'node:crypto'
import type { RigName } from '../cluster-process.js'

/** What can be killed and paused. `nats` means the server that leads, `redis` the one that is written to. */
export const TARGETS = ['engine', 'cassandra', 'nats', 'redis', 'auth'] as const
/** See {@link TARGETS}. */
export type Target = (typeof TARGETS)[number]

/** One fault of a run. */
export type Fault =
  | { readonly kind: 'kill'; readonly target: Target }
  | { readonly kind: 'pause'; readonly target: Target; readonly ms: number }
  | { readonly kind: 'roll' }
  /** Redis fails over to a replica that was detached for so long before. */
  | { readonly kind: 'failover'; readonly detachedMs: number }
  /** A Cassandra node is cut off from everybody. */
  | { readonly kind: 'partition'; readonly ms: number }
  /** The disk of a Cassandra node's commit log is full. */
  | { readonly kind: 'full'; readonly ms: number }
  /** The wall clock of an engine is wrong; with `restarts` the engine is killed then and starts by that clock. */
  | { readonly kind: 'skew'; readonly ms: number; readonly aheadMs: number; readonly restarts: boolean }

/** A fault with what the seed decides. */
export interface PlannedFault {
  readonly fault: Fault
  /** Load without a fault before it, in ms. */
  readonly quietMs: number
  /** Picks one of the processes of the target: the index is `pick` modulo their number. */
  readonly pick: number
}

const QUIET_MS = [4_000, 8_000] as const

/** Numbers that a seed decides: the same name gives the same number. */
export function seededNumber(seed: string, name: string): number {
  return createHash('sha256').update(`${seed}/${name}`).digest().readUInt32BE(0)
}

/** Orders the faults by the seed, and says when each comes. */
export function planFaults(faults: readonly Fault[], seed: string): readonly PlannedFault[] {
  const [from, to] = QUIET_MS
  return faults.map((fault, index) => ({
    fault, pick: seededNumber(seed, `pick ${String(index)}`), quietMs: from + seededNumber(seed, `quiet ${String(index)}`) % (to - from), place: seededNumber(seed, `place ${String(index)}`),
  })).sort((left, right) => left.place - right.place).map(({ fault, quietMs, pick }) => ({ fault, quietMs, pick }))
}

/** `engine,cassandra` as those of `allowed`; undefined for a name that is none of them. */
export function parseTargets<Name extends string>(text: string, allowed: readonly Name[]): readonly Name[] | undefined {
  const names = text.split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== 'none')
  const targets = names.flatMap((name) => allowed.filter((target) => target === name))
  return targets.length === names.length ? targets : undefined
}

/** What a cluster must be prepared with for a fault; undefined for one that takes signals alone. */
export function rigOf(fault: Fault): RigName | undefined {
  switch (fault.kind) {
    case 'partition': return 'cable'
    case 'full': return 'disk'
    case 'skew': return 'clocks'
    default: return undefined
  }
}

/** Goal for the longest wait of a message, for its ack and to a device that shows it, in ms; undefined where there is none. */
export function goalMsOf(fault: Fault): number | undefined {
  if (fault.kind !== 'kill') return undefined
  return { engine: 3_000, cassandra: 1_000, nats: 5_000, redis: undefined, auth: undefined }[fault.target]
}

const seconds = (ms: number): string => `${String(ms / 1_000)} s`

/** `kill engine`, `pause engine 20 s`, `roll`. */
export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case 'kill': return `kill ${fault.target}`
    case 'pause': return `pause ${fault.target} ${seconds(fault.ms)}`
    case 'roll': return 'roll'
    case 'failover': return `failover redis, ${seconds(fault.detachedMs)} behind`
    case 'partition': return `partition cassandra ${seconds(fault.ms)}`
    case 'full': return `disk full cassandra ${seconds(fault.ms)}`
    case 'skew': return `${fault.restarts ? 'start engine by clock' : 'clock of engine'} ${fault.aheadMs < 0 ? '' : '+'}${seconds(fault.aheadMs)}`
    default: return fault satisfies never
  }
}
