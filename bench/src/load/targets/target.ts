import type { ProcessCost } from '../../process-cost.js'
import type { DriverName } from '../drivers/driver-names.js'

/** One process of a system that has several, by a name that is told in the result. */
export interface TargetProcess {
  readonly name: string
  /** What it is: `engine`, `cassandra`, … */
  readonly kind: string
  readonly pid: number
}

/** A running system under load, and what can be known of its processes. */
export interface Target {
  readonly driver: DriverName
  /** What it is, for the report. */
  readonly description: string
  readonly url: string
  readonly ws: string
  /** Its processes; none when they are not on this machine, or another user's. */
  readonly pids: readonly number[]
  /** The same by name, for a system of several; then each is measured by itself, too. */
  readonly processes?: readonly TargetProcess[]
  /** Cost of all its processes so far; undefined without {@link pids}. */
  cost(): ProcessCost | undefined
  /** Event-loop delay (p99 in ms) since it was asked last; undefined when it does not say. */
  eventLoopDelayMs(): Promise<number | undefined>
  /** Ends what the run itself started, and nothing else. */
  dispose(): Promise<void>
}
