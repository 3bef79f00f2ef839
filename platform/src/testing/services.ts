import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where `npm run services -- up` says what runs. */
const STATE_FILE = fileURLToPath(new URL('../../../.services/state.json', import.meta.url))

/** A backing service that tests talk to. */
export type ServiceKind = 'cassandra' | 'nats' | 'redis' | 'postgres'

const VARIABLES: Readonly<Record<ServiceKind, string>> = {
  cassandra: 'EVEGRAM_CASSANDRA', nats: 'EVEGRAM_NATS', redis: 'EVEGRAM_REDIS', postgres: 'EVEGRAM_POSTGRES',
}

/**
 * Addresses of a running service: `host:port` of Cassandra's nodes, `nats://host:port` of NATS servers, `redis://host:port` of Redis, one
 * `postgres://user:password@host:port/database` of PostgreSQL, whose user may make databases. From the environment (`EVEGRAM_CASSANDRA`, `EVEGRAM_NATS`,
 * `EVEGRAM_REDIS`, `EVEGRAM_POSTGRES`; comma-separated), else from what `npm run services` started. Throws, saying what to run, when there is none: a test of a
 * real service is never skipped.
 */
export function serviceAddresses(kind: ServiceKind): readonly string[] {
  const given = process.env[VARIABLES[kind]] ?? started(kind)
  if (given === undefined || given === '') throw new Error(`${kind} is not running: start it with "npm run services -- up", or set ${VARIABLES[kind]}.`)
  return given.split(',')
}

/** The data center of the Cassandra nodes that `npm run services` starts. */
export const LOCAL_DATA_CENTER = 'datacenter1'

function started(kind: ServiceKind): string | undefined {
  let state: { readonly env?: Readonly<Record<string, string>> }
  try {
    state = JSON.parse(readFileSync(STATE_FILE, 'utf8')) as { readonly env?: Readonly<Record<string, string>> }
  } catch {
    // No state file: nothing was started here, which the caller says.
    return undefined
  }
  return state.env?.[VARIABLES[kind]]
}
