import type { Clock, Random } from '@evegram/protocol'
import { systemRandom, type Logger } from '@evegram/platform'
import type { Migration } from '@evegram/platform/cassandra'
import { AUTH_LIMITS } from '../../config.js'
import type { AuthStores } from '../../ports/auth-stores.js'
import type { SecretStore } from '../../ports/secret-store.js'
import { SerialByKey } from '../../serial-by-key.js'
import { CassandraAccountStore } from './account-store.js'
import { ConditionalWrites, type AuthQueries } from './conditional-writes.js'
import { LogChanges } from './log-changes.js'
import { NonceClaims } from './nonce-claims.js'
import { cassandraNonceStore } from './nonce-store.js'
import { CassandraPrekeyStore } from './prekey-store.js'
import { AUTH_MIGRATIONS, AUTH_SCHEMA } from './schema.js'
import { CassandraSecretStore } from './secret-store.js'
import { CassandraSessionStore } from './session-store.js'
import { WalletClaims } from './wallet-claims.js'

/** Operations of this process that wait or run at once, in all and for one account, nonce, wallet or session. */
const TURNS = { total: 16_384, perKey: 4_096 } as const

/** What {@link cassandraAuthStores} is made of. */
export interface CassandraAuthOptions {
  /** A connected session on the keyspace of the deployment; the caller closes it. */
  readonly session: AuthQueries & { migrate(service: string, migrations: readonly Migration[]): Promise<void> }
  readonly clock: Clock
  readonly log: Logger
  /** 32 bytes, the same for all processes of auth: seals what the secret store keeps. */
  readonly secretsKey: Uint8Array
  /** Default: that of the operating system. */
  readonly random?: Random
}

/** The stores of auth on Cassandra. Any number of processes may use one keyspace. */
export type CassandraAuthStores = AuthStores & { readonly secrets: SecretStore }

/**
 * All stores of auth on Cassandra, with its tables made or brought up to date. Rejects with `invalid.config`, `incompatible.schema` when a newer
 * version wrote them, `unavailable.store`.
 */
export async function cassandraAuthStores(options: CassandraAuthOptions): Promise<CassandraAuthStores> {
  const { session, clock, log, secretsKey, random = systemRandom() } = options
  const stores = openCassandraAuthStores({ session, clock, log, secretsKey, random })
  await session.migrate(AUTH_SCHEMA, AUTH_MIGRATIONS)
  return stores
}

/** The stores over tables that are up to date; `keptMs` shortens the lives of rows for tests. */
export function openCassandraAuthStores(
  options: Required<Omit<CassandraAuthOptions, 'session'>> & { readonly session: AuthQueries },
  keptMs: { readonly nonces: number; readonly sessions: number } = { nonces: AUTH_LIMITS.usedNonceMarginMs, sessions: AUTH_LIMITS.endedSessionMs },
): CassandraAuthStores {
  const { secretsKey, ...parts } = options
  const writes = new ConditionalWrites(parts)
  const changes = new LogChanges(parts, writes)
  const nonces = new NonceClaims(parts, writes, changes, keptMs.nonces)
  const wallets = new WalletClaims(parts, writes, changes)
  const turns = new SerialByKey(TURNS)
  return {
    accounts: new CassandraAccountStore({ ...parts, writes, changes, nonces, wallets, turns }),
    nonces: cassandraNonceStore(nonces, turns),
    sessions: new CassandraSessionStore(parts, writes, turns, keptMs.sessions),
    prekeys: new CassandraPrekeyStore(parts, writes),
    secrets: new CassandraSecretStore(parts, writes, secretsKey),
  }
}
