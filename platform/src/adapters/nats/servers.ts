import { EvegramError, unitInterval, type Random } from '@evegram/protocol'

/** A NATS server, and how to log in there. */
export interface NatsServer {
  /** `host:port`, which is safe to log. */
  readonly place: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: boolean
}

const DEFAULT_PORT = 4_222

/** Reads `nats://[user:password@]host[:port]` or `tls://…`. Throws `invalid.config` without repeating what may be a password. */
export function parseNatsServer(url: string): NatsServer {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || (parsed.protocol !== 'nats:' && parsed.protocol !== 'tls:') || parsed.hostname === '' || !['', '/'].includes(parsed.pathname)) {
    throw new EvegramError('invalid.config', {
      operation: 'read NATS server', advice: 'Write NATS servers as nats://host:port or tls://host:port, with user:password@ before the host where they ask for it.',
    })
  }
  return {
    place: `${parsed.hostname}:${parsed.port === '' ? String(DEFAULT_PORT) : parsed.port}`,
    user: parsed.username === '' ? undefined : decodeURIComponent(parsed.username),
    password: parsed.password === '' ? undefined : decodeURIComponent(parsed.password),
    tls: parsed.protocol === 'tls:',
  }
}

/** The servers in the order in which to try them: shuffled, so that nodes spread, and the one that was just lost last. */
export function orderToTry(servers: readonly NatsServer[], lost: string | undefined, random: Random): readonly NatsServer[] {
  return servers
    .map((server) => ({ server, rank: server.place === lost ? 1 : unitInterval(random) }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ server }) => server)
}
