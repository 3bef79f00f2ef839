/** Where a simulated chain keeps what is final, so that play money survives a restart. One chain has one storage for itself. */
export interface SimulatedStorage {
  /** Resolved = durable. Replaces what was under `key`. Keys are 1 to 64 printable ASCII characters. Rejects when it cannot keep it. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Resolved = gone for good; a key that is not there is no failure. */
  delete(key: string): Promise<void>
  /** Everything that is kept, in any order. */
  entries(): Promise<readonly (readonly [key: string, bytes: Uint8Array])[]>
}

/** Keeps for as long as the process runs: for tests, for the simulator, and for a chain that may begin anew. */
export class MemoryStorage implements SimulatedStorage {
  readonly #entries = new Map<string, Uint8Array>()

  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.#entries.set(key, Uint8Array.from(bytes))
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key)
  }

  async entries(): Promise<readonly (readonly [string, Uint8Array])[]> {
    return [...this.#entries].map(([key, bytes]) => [key, Uint8Array.from(bytes)] as const)
  }
}
