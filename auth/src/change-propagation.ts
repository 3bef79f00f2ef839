import { sleep, type Clock } from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { AccountChange } from './accounts.js'

/** How changes of accounts reach the nodes that go by them; in one process the listeners are called before an answer and nothing more is needed. */
export interface ChangePropagation {
  /** Resolved = what listeners published has reached the broker. Rejects when it does not answer. */
  flush(): Promise<void>
  /** How long a node may go by what it was told before a change, in ms: its lease and a margin for clocks. 0 when there is no such node. */
  readonly changeLeaseMs: number
}

/** Nobody goes by an older state once the listeners were called: engine and auth share a process. */
export const IN_PROCESS: ChangePropagation = { flush: () => Promise.resolve(), changeLeaseMs: 0 }

/** What {@link settled} needs. */
export interface SettleParts {
  readonly clock: Clock
  readonly log: Logger
  readonly propagation: ChangePropagation
}

/**
 * Resolves when no node goes by the state before `change` any more (rule 10): its event was handed to the broker, and the lease passed. Call it as soon as
 * the change is durable. Changes that take or give no device need no waiting, nor does the first entry of an account, which nobody could have asked for.
 */
export async function settled(change: AccountChange, { clock, log, propagation }: SettleParts): Promise<void> {
  if (!needsSettling(change) || propagation.changeLeaseMs === 0) return
  const lease = sleep(clock, propagation.changeLeaseMs)
  try {
    await propagation.flush()
  } catch (failure) {
    // The change is durable, and the lease keeps its promise; sockets are closed when the nodes notice that this instance is silent.
    log.error({ seq: change.seq, err: failure }, 'the nodes could not be told at once that an account changed')
  }
  await lease
}

function needsSettling({ seq, addedDevices, revokedDevices, closed }: AccountChange): boolean {
  return seq > 1 && (closed || addedDevices.length > 0 || revokedDevices.length > 0)
}
