import type { HeldDevice } from './held-device.js'

/** Devices that one process holds, and where they connect. */
export interface HolderOrder {
  /** Number of the process, from 0. */
  readonly holder: number
  readonly devices: readonly HeldDevice[]
  readonly host: string
  readonly port: number
  readonly hostName: string
  readonly origin: string
  /** The server is on this machine: clients come from several addresses. */
  readonly isLoopback: boolean
}

/** How a holder connects its devices. */
export interface ConnectOrder {
  /** Clients that come at the same time. */
  readonly atOnce: number
  /** Everything since then is asked for, ms since 1970. */
  readonly sinceMs: number
}

/** What a holder counted so far. */
export interface HolderCounts {
  readonly live: number
  /** Connections that ended by themselves while they were held. */
  readonly disconnected: number
  /** Messages that came more than once on one connection. */
  readonly duplicated: number
  /** Hellos that the server put off. */
  readonly putOff: number
  /** Devices that have the message that was asked for. */
  readonly received: number
  readonly failures: ReadonlyMap<string, number>
}

/** What a holder can be asked, each with its order and its answer. */
export interface HolderCalls {
  readonly hold: { readonly order: HolderOrder; readonly answer: undefined }
  /** Answered with the times that it took, encoded. */
  readonly connect: { readonly order: ConnectOrder; readonly answer: string }
  readonly cut: { readonly order: undefined; readonly answer: undefined }
  /** The order is the number of a message. */
  readonly counts: { readonly order: number; readonly answer: HolderCounts }
}
/** See {@link HolderCalls}. */
export type HolderCall = keyof HolderCalls

/** A message to a holder. */
export type ToHolder = { readonly [Call in HolderCall]: { readonly id: number; readonly call: Call; readonly order: HolderCalls[Call]['order'] } }[HolderCall]

/** A message from a holder: an answer, a failure, or how many of its devices are there. */
export type FromHolder =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly message: string }
  | { readonly kind: 'live'; readonly live: number }
