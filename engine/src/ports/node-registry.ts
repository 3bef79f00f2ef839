/**
 * Incarnations of nodes and the store's memory of time.
 *
 * `claim` returns an unsigned 32-bit number that no process start ever had (a conditional write), and the largest position time
 * that the store has seen: a new position clock must start above it, or cursors of clients would claim too much.
 */
export interface NodeRegistry {
  /** Durable when resolved. */
  claim(): Promise<{ readonly incarnation: number; readonly floorMs: number }>
  /** The reference time of the store in ms since 1970, for the clock lease; resolves after a real round trip. */
  referenceMs(): Promise<number>
  /** Incarnations of the nodes that are up (heard of within `withinMs`), this one included. */
  peers(withinMs: number): Promise<readonly number[]>
  /** Says that the node is up. */
  heartbeat(incarnation: number): Promise<void>
  /** Says goodbye: peers stop waiting for its links. */
  leave(incarnation: number): Promise<void>
}
