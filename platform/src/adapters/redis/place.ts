import { EvegramError } from '@evegram/protocol'

/** A Redis process: `host:port` of it is safe to log. */
export interface RedisNode {
  readonly host: string
  readonly port: number
}

/** Where Redis is and how to log in. */
export interface RedisPlace {
  /** `sentinel`: the nodes are sentinels, which name the master of {@link group}. `cluster`: some nodes of a Redis Cluster. */
  readonly kind: 'standalone' | 'sentinel' | 'cluster'
  readonly nodes: readonly RedisNode[]
  /** The master's name, for `sentinel` only. */
  readonly group: string | undefined
  readonly database: number
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: boolean
}

const DEFAULT_PORTS = { standalone: 6_379, sentinel: 26_379, cluster: 6_379 } as const
const KINDS: Readonly<Record<string, Pick<RedisPlace, 'kind' | 'tls'>>> = {
  'redis:': { kind: 'standalone', tls: false }, 'rediss:': { kind: 'standalone', tls: true },
  'sentinel:': { kind: 'sentinel', tls: false }, 'sentinels:': { kind: 'sentinel', tls: true },
  'cluster:': { kind: 'cluster', tls: false }, 'clusters:': { kind: 'cluster', tls: true },
}
const PLACE_PATTERN = /^([a-z]+:)\/\/(?:([^@/]*)@)?([^@/]+)(?:\/([^/]*))?$/
const NODE_PATTERN = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/

/**
 * Reads `redis://[user:password@]host:port[/database]`, `sentinel://[user:password@]host:port,host:port/name` or
 * `cluster://[user:password@]host:port,host:port`; a trailing `s` (`rediss`, `sentinels`, `clusters`) asks for TLS. User and password are
 * percent-encoded. Throws `invalid.config` without repeating what may be a password.
 */
export function parseRedisUrl(url: string): RedisPlace {
  const [, scheme = '', login, list = '', path = ''] = PLACE_PATTERN.exec(url) ?? []
  const known = KINDS[scheme]
  if (known === undefined) throw refused()
  const [user, password] = loginOf(login)
  const nodes = list.split(',').map((text) => nodeOf(text, DEFAULT_PORTS[known.kind]))
  const named = known.kind === 'sentinel'
  const database = known.kind === 'standalone' && path !== '' ? Number(path) : 0
  if ((known.kind === 'standalone' && nodes.length !== 1) || (known.kind === 'cluster' && path !== '')) throw refused()
  if (!Number.isInteger(database) || database < 0 || (named && path === '')) throw refused()
  return { ...known, nodes, group: named ? decoded(path) : undefined, database, user, password }
}

function loginOf(login: string | undefined): readonly [string | undefined, string | undefined] {
  if (login === undefined) return [undefined, undefined]
  const colon = login.indexOf(':')
  if (colon < 0) throw refused()
  const user = decoded(login.slice(0, colon))
  return [user === '' ? undefined : user, decoded(login.slice(colon + 1))]
}

function nodeOf(text: string, defaultPort: number): RedisNode {
  const [, host, port] = NODE_PATTERN.exec(text) ?? []
  if (host === undefined) throw refused()
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign: the cause would repeat the text.
    throw refused()
  }
}

function refused(): EvegramError {
  return new EvegramError('invalid.config', {
    operation: 'read Redis address',
    advice: 'Write Redis as redis://host:port, sentinel://host:port,host:port/name or cluster://host:port,host:port, with user:password@ before the first host where it asks for it.',
  })
}
