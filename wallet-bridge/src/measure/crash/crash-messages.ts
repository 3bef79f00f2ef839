import type { StopAt } from './acts.js'
import type { FrontCounts } from './faulty-front.js'

/** What the process of the chain is asked for: play money; to say when no broadcast is kept back any more. */
export type ChainRequest =
  | { readonly kind: 'fund'; readonly address: string; readonly amount: string }
  | { readonly kind: 'settle' }

/** What the process of the chain says: where it is; that the money is on its way; that no broadcast is kept back any more. */
export type ChainMessage =
  | { readonly kind: 'serving'; readonly direct: string; readonly fronts: readonly [string, string] }
  | { readonly kind: 'funded' }
  | { readonly kind: 'settled'; readonly counts: FrontCounts }

/** What a process of Wally is told at its start. */
export interface WallySettings {
  readonly chain: string
  readonly seed: number
  /** Payouts of the run. */
  readonly payouts: number
  /** Which of them this process asks for: from that one up to and without this one. */
  readonly askFrom: number
  readonly askTo: number
  readonly databaseUrl: string
  readonly endpoints: readonly [string, string]
  /** Where it writes down what it does. */
  readonly actsPath: string
  /** Where it stops itself, and by which signal. */
  readonly stop: { readonly at: StopAt; readonly signal: 'SIGKILL' | 'SIGSTOP' } | undefined
}

/** What a process of Wally is told later: that it is to stop where it was told to. */
export interface ArmMessage {
  readonly kind: 'arm'
}

/** What a process of Wally says: that it begins. */
export interface WallyMessage {
  readonly kind: 'working'
}
