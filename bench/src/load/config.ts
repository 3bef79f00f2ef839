import type { ArrivalKind } from './plan/arrivals.js'
import type { Stage } from './plan/rate-plan.js'
import type { DriverName } from './drivers/driver-names.js'

/** Everything that decides what a run does: it stands in the result, and gives the same planned times again. */
export interface LoadConfig {
  readonly scenario: string
  readonly driver: DriverName
  readonly clients: number
  readonly payloadBytes: number
  /**
   * `opaque`: bytes without meaning, written by lean clients: what encryption costs is on the clients, and not in these figures. `e2ee`: texts that the SDK
   * encrypts and decrypts in the generator, which is its limit then.
   */
  readonly payload: 'opaque' | 'e2ee'
  readonly seed: string
  readonly workers: number
  readonly warmUpSeconds: number
  readonly loop:
    | { readonly kind: 'open'; readonly stages: readonly Stage[]; readonly arrivals: ArrivalKind }
    | { readonly kind: 'closed'; readonly window: number; readonly seconds: number }
  /** Server and generator on cores of their own. */
  readonly pinned: boolean
}

/** Length of a run without its warm-up. */
export function measuredSeconds({ loop }: LoadConfig): number {
  return loop.kind === 'closed' ? loop.seconds : loop.stages.reduce((sum, { seconds }) => sum + seconds, 0)
}
