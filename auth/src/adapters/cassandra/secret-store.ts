import { equalBytes, EvegramError } from '@evegram/protocol'
import type { CassandraRow } from '@evegram/platform/cassandra'
import { checkSecretName, type SecretStore } from '../../ports/secret-store.js'
import type { ConditionalWriteParts, ConditionalWrites } from './conditional-writes.js'
import { openSecret, sealSecret, SECRETS_KEY_BYTES } from './sealed-secret.js'

const CQL = {
  read: 'SELECT sealed, change FROM auth_secrets WHERE name = ?',
  write: 'UPDATE auth_secrets SET sealed = ?, change = ? WHERE name = ? IF change = ?',
} as const

/** {@link SecretStore} on Cassandra, sealed with a key that Cassandra never sees: shared by all processes that have it. */
export class CassandraSecretStore implements SecretStore {
  readonly #parts: ConditionalWriteParts
  readonly #writes: ConditionalWrites
  readonly #key: Uint8Array

  /** `key`: 32 bytes, from the configuration. Throws `invalid.config` for another length. */
  constructor(parts: ConditionalWriteParts, writes: ConditionalWrites, key: Uint8Array) {
    if (key.length !== SECRETS_KEY_BYTES) {
      throw new EvegramError('invalid.config', { operation: 'seal secrets', advice: `The key that seals secrets has ${SECRETS_KEY_BYTES} bytes.` })
    }
    this.#parts = parts
    this.#writes = writes
    this.#key = key
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    checkSecretName(name)
    const [row] = await this.#parts.session.read(CQL.read, [name])
    return this.#open(name, row)
  }

  async write(name: string, secret: Uint8Array, expected: Uint8Array | undefined): Promise<Uint8Array> {
    checkSecretName(name)
    return this.#writes.until('write secret', async () => {
      const [before] = await this.#writes.readSerial(CQL.read, [name])
      const standing = this.#open(name, before)
      if (standing !== undefined && (expected === undefined || !equalBytes(standing, expected))) return standing
      if (standing === undefined && expected !== undefined) throw new EvegramError('unavailable.store', { operation: 'write secret', details: { reason: 'the one before is gone' } })
      const change = this.#writes.change()
      const sealed = sealSecret(this.#key, name, secret, this.#parts.random)
      const result = await this.#writes.one(CQL.write, [sealed, change, name, before === undefined ? null : before.bytes('change')])
      const written = result.applied || result.row?.has('change') === true && equalBytes(result.row.bytes('change'), change)
      return written ? secret : undefined
    })
  }

  #open(name: string, row: CassandraRow | undefined): Uint8Array | undefined {
    return row === undefined ? undefined : openSecret(this.#key, name, row.bytes('sealed'))
  }
}
