import type { Cast } from '../plan/cast.js'

/** What a scenario file exports by default: who there is, who talks to whom, and sizes that fit. */
export interface Scenario {
  /** As it is given on the command line, and stands in results. */
  readonly name: string
  /** One sentence for the list. */
  readonly summary: string
  /** Clients unless `--clients` says otherwise, and the fewest that make sense. */
  readonly clients: number
  readonly clientsMin: number
  /** Messages a second of all senders together unless `--rate` says otherwise. */
  readonly ratePerSecond: number
  readonly payloadBytes: number
  /** Who talks to whom when there are so many clients. Pure: the same number gives the same cast. */
  cast(clients: number): Cast
}
