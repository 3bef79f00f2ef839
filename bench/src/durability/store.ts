/** A store or broker under one setting, as a writer sees it. */
export interface DurabilityStore {
  /** Connects, and makes what it writes to. */
  open(addresses: readonly string[]): Promise<void>
  /** Resolved = the store acknowledged it. A rejection says nothing about whether it is there. */
  write(id: string): Promise<void>
  /** How often each id is there. */
  readAll(): Promise<ReadonlyMap<string, number>>
  close(): Promise<void>
}

/** One row of the matrix. */
export interface DurabilityCase {
  readonly kind: 'cassandra' | 'nats' | 'redis'
  readonly setting: string
  readonly nodes: 1 | 3
  /** Options of `npm run services -- up`. */
  readonly options: readonly string[]
  readonly make: () => DurabilityStore
}
