/**
 * Small secrets of a deployment (keys that sign tokens and nonces). Readable by the service alone; never in logs, backups of other
 * data or answers. `write` replaces a secret whole or not at all, and resolved = synced. Rejects with `unavailable.store`.
 */
export interface SecretStore {
  /** The secret called `name` (lower-case letters and `-`), undefined when there is none. */
  read(name: string): Promise<Uint8Array | undefined>
  write(name: string, secret: Uint8Array): Promise<void>
}
