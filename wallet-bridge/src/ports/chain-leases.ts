import type { ChainName } from '../chain/chain-adapter.js'

/** The right of one process to work on a chain. */
export interface ChainLease {
  /** Whether it still holds, as far as the store says now. Never rejects: a store that does not answer means no. Once false, always false. */
  isHeld(): Promise<boolean>
  /** Gives it up. Never rejects. */
  release(): Promise<void>
}

/**
 * Who works on a chain: one process at a time takes deposits and pays out.
 *
 * - Of several that acquire at once one gets the lease. It ends with {@link ChainLease.release}, and with the process or its connection.
 * - A process that lost its connection hears of it when it asks: for that long two may work. That costs work and does no harm to money, because everything that
 *   moves is decided by the stores.
 */
export interface ChainLeases {
  /** The lease, or undefined while somebody has it. Rejects `unavailable.store`. */
  acquire(chain: ChainName): Promise<ChainLease | undefined>
}
