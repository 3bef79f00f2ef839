import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where `npm run services -- up` says what runs. */
const STATE_FILE = fileURLToPath(new URL('../../../.services/state.json', import.meta.url))

/** A backing service that tests talk to. */
export type ServiceKind = 'cassandra' | 'nats' | 'redis' | 'postgres' | 's3'

const VARIABLES: Readonly<Record<ServiceKind, string>> = {
  cassandra: 'EVEGRAM_CASSANDRA', nats: 'EVEGRAM_NATS', redis: 'EVEGRAM_REDIS', postgres: 'EVEGRAM_POSTGRES', s3: 'EVEGRAM_S3_URL',
}

/**
 * Addresses of a running service: `host:port` of Cassandra's nodes, `nats://host:port` of NATS servers, `redis://host:port` of Redis, one
 * `postgres://user:password@host:port/database` of PostgreSQL, whose user may make databases, `http://host:port/bucket` of S3 (its keys: {@link s3Keys}). From the environment (`EVEGRAM_CASSANDRA`, `EVEGRAM_NATS`,
 * `EVEGRAM_REDIS`, `EVEGRAM_POSTGRES`, `EVEGRAM_S3_URL`; comma-separated), else from what `npm run services` started. Throws, saying what to run, when there is none: a test of a
 * real service is never skipped.
 */
export function serviceAddresses(kind: ServiceKind): readonly string[] {
  const given = process.env[VARIABLES[kind]] ?? started(VARIABLES[kind])
  if (given === undefined || given === '') throw new Error(`${kind} is not running: start it with "npm run services -- up", or set ${VARIABLES[kind]}.`)
  return given.split(',')
}

/** The data center of the Cassandra nodes that `npm run services` starts. */
export const LOCAL_DATA_CENTER = 'datacenter1'

/** The keys of the bucket that {@link serviceAddresses} names, by the same places. Throws when there are none. */
export function s3Keys(): { readonly access: string; readonly secret: string } {
  const [access, secret] = ['EVEGRAM_S3_ACCESS_KEY', 'EVEGRAM_S3_SECRET_KEY'].map((variable) => process.env[variable] ?? started(variable))
  if (access === undefined || secret === undefined) throw new Error('There are no keys for the bucket: set EVEGRAM_S3_ACCESS_KEY and EVEGRAM_S3_SECRET_KEY.')
  return { access, secret }
}

function started(variable: string): string | undefined {
  let state: { readonly env?: Readonly<Record<string, string>> }
  try {
    state = JSON.parse(readFileSync(STATE_FILE, 'utf8')) as { readonly env?: Readonly<Record<string, string>> }
  } catch {
    // No state file: nothing was started here, which the caller says.
    return undefined
  }
  return state.env?.[variable]
}
