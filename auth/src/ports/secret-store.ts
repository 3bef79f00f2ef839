import { EvegramError } from '@evegram/protocol'

/**
 * Small secrets of a deployment (keys that sign tokens and nonces). Readable by the service alone; never in logs, backups of other
 * data or answers. `write` replaces a secret whole or not at all, and resolved = synced; of concurrent writes that expect the same, on all
 * nodes together, exactly one stands. Reads see every write that resolved before. Rejects with `unavailable.store`.
 */
export interface SecretStore {
  /** The secret called `name` (lower-case letters and `-`), undefined when there is none. */
  read(name: string): Promise<Uint8Array | undefined>
  /**
   * Stores `secret` if `expected` stands now (undefined: if there is none), and returns the one that stands afterwards: `secret`, or what
   * somebody else wrote before, which the caller has to go on with.
   */
  write(name: string, secret: Uint8Array, expected: Uint8Array | undefined): Promise<Uint8Array>
}

/** Throws `invalid.argument` for a name of another form. */
export function checkSecretName(name: string): void {
  if (!/^[a-z-]{1,40}$/.test(name)) throw new EvegramError('invalid.argument', { operation: 'name secret' })
}
