import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'
import { CASSANDRA_CONSISTENCIES, checkCassandraConfig, parseReplication, type CassandraConfig } from './adapters/cassandra/config.js'
import { originText, portNumber, setting, type ConfigOf } from './config.js'
import { LOG_LEVELS } from './log.js'
import type { ServiceKeys } from './service-token.js'

/** Requests to Cassandra that one process has under way: with group sync a write holds its place for some milliseconds. */
const CASSANDRA_IN_FLIGHT_DEFAULT = 256
const KEY_BYTES = 32
const SERVICES_MAX = 16
const URLS_MAX = 64

/** Words separated by commas. */
export const wordList = z.string().transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))

/** 32 bytes in base64url. */
export const keyText = z.string({ error: '32 bytes in base64url' }).transform((text, context) => {
  const bytes = /^[A-Za-z0-9_-]{43}$/.test(text) ? new Uint8Array(Buffer.from(text, 'base64url')) : undefined
  if (bytes?.length === KEY_BYTES) return bytes
  context.addIssue({ code: 'custom', message: '32 bytes in base64url' })
  return z.NEVER
})

/** `name=<32 bytes in base64url>,…`: public keys by service. */
export const serviceKeyList = z.string({ error: 'name=<public key>, comma-separated' }).transform((text, context): ServiceKeys => {
  const keys = new Map<string, Uint8Array>()
  for (const part of text.split(',')) {
    const [, name, key] = /^\s*([a-z][a-z-]{0,31})=([A-Za-z0-9_-]{43})\s*$/.exec(part) ?? []
    if (name === undefined || key === undefined || keys.size >= SERVICES_MAX) {
      context.addIssue({ code: 'custom', message: 'name=<public key in base64url>, comma-separated' })
      return z.NEVER
    }
    keys.set(name, new Uint8Array(Buffer.from(key, 'base64url')))
  }
  return keys
})

/** Base URLs of the internal listeners of one service, separated by commas. */
export const internalUrls = wordList.pipe(z.array(originText).min(1, 'one address at least').max(URLS_MAX, `at most ${String(URLS_MAX)} addresses`))

/** Settings that every service has which runs as a process of its own beside Cassandra, NATS and Redis. */
export const CLUSTER_SETTINGS = {
  cassandra: setting('EVEGRAM_CASSANDRA', wordList.default(['127.0.0.1:9042'])),
  cassandraDataCenter: setting('EVEGRAM_CASSANDRA_DC', z.string().default('datacenter1')),
  cassandraKeyspace: setting('EVEGRAM_CASSANDRA_KEYSPACE', z.string().default('evegram')),
  cassandraReplication: setting('EVEGRAM_CASSANDRA_REPLICATION', z.string().default('1')),
  cassandraConsistency: setting('EVEGRAM_CASSANDRA_CONSISTENCY', z.enum(CASSANDRA_CONSISTENCIES, { error: CASSANDRA_CONSISTENCIES.join(', ') }).default('LOCAL_QUORUM')),
  cassandraInFlightMax: setting('EVEGRAM_CASSANDRA_IN_FLIGHT', z.coerce.number({ error: 'a whole number' }).int('a whole number').min(1, 'at least 1').default(CASSANDRA_IN_FLIGHT_DEFAULT)),
  cassandraUser: setting('EVEGRAM_CASSANDRA_USER', z.string().optional()),
  cassandraPassword: setting('EVEGRAM_CASSANDRA_PASSWORD', z.string().optional(), { secret: true }),
  // Both may hold a password, so they are not printed; what is connected to is said in the log without it.
  nats: setting('EVEGRAM_NATS', wordList.default(['nats://127.0.0.1:4222']), { secret: true }),
  redis: setting('EVEGRAM_REDIS', z.string().default('redis://127.0.0.1:6379'), { secret: true }),
  prefix: setting('EVEGRAM_PREFIX', z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'up to 32 letters, digits, _ and -').optional()),
  serviceKey: setting('EVEGRAM_SERVICE_KEY', keyText, { secret: true }),
  serviceKeys: setting('EVEGRAM_SERVICE_KEYS', serviceKeyList, { secret: true }),
  internalHost: setting('EVEGRAM_INTERNAL_HOST', z.string().default('127.0.0.1')),
  internalUrl: setting('EVEGRAM_INTERNAL_URL', originText.optional()),
  logLevel: setting('EVEGRAM_LOG_LEVEL', z.enum(LOG_LEVELS, { error: LOG_LEVELS.join(', ') }).default('info')),
} as const

/** The values of {@link CLUSTER_SETTINGS}. */
export type ClusterConfig = ConfigOf<typeof CLUSTER_SETTINGS>

/** Ports of the listeners for operators and for other services. */
export function listenerSettings<Admin extends number, Internal extends number>(defaults: { readonly admin: Admin; readonly internal: Internal }) {
  return {
    adminPort: setting('EVEGRAM_ADMIN_PORT', portNumber.default(defaults.admin)),
    internalPort: setting('EVEGRAM_INTERNAL_PORT', portNumber.default(defaults.internal)),
  } as const
}

/** How Cassandra is reached by these settings. Throws `invalid.config` that names what is wrong. */
export function cassandraConfigOf(config: ClusterConfig): CassandraConfig {
  const cassandra: CassandraConfig = {
    contactPoints: config.cassandra, localDataCenter: config.cassandraDataCenter, keyspace: config.cassandraKeyspace,
    replication: parseReplication(config.cassandraReplication), consistency: config.cassandraConsistency, inFlightMax: config.cassandraInFlightMax,
    ...(config.cassandraUser === undefined ? {} : { username: config.cassandraUser }),
    ...(config.cassandraPassword === undefined ? {} : { password: config.cassandraPassword }),
  }
  checkCassandraConfig(cassandra)
  return cassandra
}

/** Throws `invalid.config` unless `url` is https, or names this machine. */
export function requireSecureUrl(variable: string, url: string): void {
  if (url.startsWith('https:') || ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname)) return
  throw new EvegramError('invalid.config', { operation: 'read settings', advice: `${variable} must start with https:// beyond this machine.` })
}
