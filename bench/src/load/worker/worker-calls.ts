import type { LoadConfig } from '../config.js'
import type { ArrivalKind } from '../plan/arrivals.js'
import type { ConversationKind } from '../plan/cast.js'
import type { Stage } from '../plan/rate-plan.js'
import type { DriverName } from '../drivers/driver-names.js'
import type { Handle } from '../drivers/driver.js'
import type { DeliveryCounts } from '../measure/delivery-audit.js'

/** What a worker is made with. */
export interface PrepareOrder {
  readonly driver: DriverName
  readonly url: string
  readonly ws: string
  readonly worker: number
  /** Numbers of its clients in the scenario. */
  readonly clients: readonly number[]
  readonly payloadBytes: number
  readonly payload: LoadConfig['payload']
}

/** A conversation that one of this worker's clients makes. */
export interface FoundOrder {
  readonly conversation: number
  readonly kind: ConversationKind
  readonly members: readonly number[]
}

/** A conversation in which clients of this worker take part. */
export interface JoinOrder {
  readonly conversation: number
  readonly kind: ConversationKind
  readonly handle: Handle
  /** Members who are here. */
  readonly members: readonly number[]
  /** All members, wherever they are. */
  readonly memberCount: number
  /** All senders, with the number of their stream. */
  readonly senders: readonly { readonly client: number; readonly stream: number }[]
}

/** How a worker sends. Times are microseconds of the monotonic clock. */
export interface RunOrder {
  readonly startUs: number
  /** What is planned before this is warm-up and not in any figure. */
  readonly measureFromUs: number
  readonly tickMs: number
  readonly seed: string
  readonly loop: LoopOrder
}

/** Open: at planned times. Closed: so many messages of a sender under way, for so long. */
export type LoopOrder =
  | { readonly kind: 'open'; readonly stages: readonly Stage[]; readonly arrivals: ArrivalKind }
  | { readonly kind: 'closed'; readonly window: number; readonly seconds: number }

/** What happened in one worker in one interval; everything but the time is since the one before. */
export interface Tick {
  readonly index: number
  readonly sent: number
  readonly acknowledged: number
  readonly refused: number
  readonly delivered: number
  readonly duplicated: number
  /** Times from planned sending to delivery of what was planned after the warm-up, encoded. */
  readonly delivery: string
  readonly sendLagMaxMs: number
  readonly cpuSeconds: number
  readonly waitedSeconds: number
}

/** One stream of a sender here. */
export interface StreamReport {
  readonly stream: number
  readonly sent: number
  readonly acknowledged: number
  readonly refused: number
  readonly receivers: number
}

/** Everything that a worker counted so far. */
export interface WorkerReport extends DeliveryCounts {
  readonly streams: readonly StreamReport[]
  readonly disconnected: number
  readonly unsent: number
  /** Reasons of refusals and of ended connections, with how often each came. */
  readonly failures: ReadonlyMap<string, number>
}

/** The distributions of a worker, encoded, and what it cost while it measured. */
export interface WorkerFigures {
  readonly delivery: string
  readonly acknowledgement: string
  readonly sendLag: string
  readonly eventLoopDelayP99Ms: number
  readonly cpuShare: number
  readonly waitedShare: number
}

/** What a worker can be asked, each with its order and its answer. */
export interface WorkerCalls {
  readonly clock: { readonly order: undefined; readonly answer: number }
  readonly prepare: { readonly order: PrepareOrder; readonly answer: undefined }
  readonly found: { readonly order: readonly FoundOrder[]; readonly answer: readonly { readonly conversation: number; readonly handle: Handle }[] }
  readonly join: { readonly order: readonly JoinOrder[]; readonly answer: undefined }
  /** Answered when everything is sent, or after `stop`. */
  readonly run: { readonly order: RunOrder; readonly answer: undefined }
  readonly stop: { readonly order: undefined; readonly answer: undefined }
  readonly report: { readonly order: undefined; readonly answer: WorkerReport }
  readonly figures: { readonly order: undefined; readonly answer: WorkerFigures }
  readonly end: { readonly order: undefined; readonly answer: undefined }
}
/** See {@link WorkerCalls}. */
export type WorkerCall = keyof WorkerCalls

/** A message to a worker. */
export type ToWorker = { readonly [Call in WorkerCall]: { readonly id: number; readonly call: Call; readonly order: WorkerCalls[Call]['order'] } }[WorkerCall]

/** A message from a worker: an answer, or what it tells by itself. */
export type FromWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly message: string }
  | { readonly kind: 'ready'; readonly done: number }
  | { readonly kind: 'tick'; readonly tick: Tick }
