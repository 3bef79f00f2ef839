import type { AccountId, DeviceId } from '@evegram/protocol'

/** A device that is connected to a node. */
export interface PresenceEntry {
  readonly account: AccountId
  readonly device: DeviceId
  /** Incarnation of the node that holds the socket. */
  readonly incarnation: number
  /** Rises with every connection of the device, cluster-wide (made from the position clock); decides which socket is the newest. */
  readonly connectionEpoch: number
}

/**
 * Who is connected where. Volatile: it may forget everything at any time, and never decides what is delivered in the end.
 * Failure: rejects with `unavailable.presence`; callers then publish to every node.
 */
export interface Presence {
  /** Registers unless an entry of a higher epoch stands. Returns the entry that was replaced, or `refused` with the newer one. */
  register(entry: PresenceEntry, ttlMs: number): Promise<
    { readonly status: 'registered'; readonly replaced?: PresenceEntry } | { readonly status: 'refused'; readonly newer: PresenceEntry }
  >
  /** Extends entries that are exactly these (equal incarnation and epoch). The answer says for each whether it was found; `absent` means register again, then catch up. */
  refresh(entries: readonly PresenceEntry[], ttlMs: number): Promise<readonly ('found' | 'absent')[]>
  /** Removes the entry if it is exactly this one. */
  remove(entry: PresenceEntry): Promise<void>
  /** The connected devices of the accounts. Never answered from a cache. */
  lookup(accounts: readonly AccountId[]): Promise<readonly PresenceEntry[]>
}
