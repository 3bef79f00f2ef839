/** Names under which a browser or a program on this machine reaches us. Any other name on a loopback socket is DNS rebinding. */
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** What a listener needs to judge the Host header. */
export interface HostRules {
  /** Port that this listener is bound to. */
  readonly port: number
  /** The configured public URL, when the server is reached through a proxy or a name. */
  readonly publicUrl?: string | undefined
}

/**
 * Whether `host` (a Host header) is a loopback name with our port, or the authority of the configured public URL. Exact; case does not
 * matter.
 */
export function hostAllowed(host: string | undefined, rules: HostRules): boolean {
  const authority = authorityOf(host, 80)
  if (authority === undefined) return false
  if (LOOPBACK_NAMES.has(authority.name) && authority.port === rules.port) return true
  if (rules.publicUrl === undefined) return false
  const publicUrl = new URL(rules.publicUrl)
  const standardPort = publicUrl.protocol === 'https:' || publicUrl.protocol === 'wss:' ? 443 : 80
  const wanted = authorityOf(publicUrl.host, standardPort)
  // Behind TLS a Host without a port means 443, which the plain parse above cannot know.
  const given = authorityOf(host, standardPort)
  return wanted !== undefined && given?.name === wanted.name && given.port === wanted.port
}

function authorityOf(host: string | undefined, standardPort: number): { readonly name: string; readonly port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/.exec(host ?? '')
  const [, name, port] = match ?? []
  if (name === undefined) return undefined
  return { name: name.toLowerCase(), port: port === undefined ? standardPort : Number(port) }
}

/**
 * Whether a request with this Origin header may go on: no header (programs, and navigation), an origin of the exact list, or the
 * page's own origin when `ownHost` (a Host header that passed {@link hostAllowed}) is given. `null` and everything else is refused.
 */
export function originAllowed(origin: string | undefined, allowed: readonly string[], ownHost?: string): boolean {
  if (origin === undefined) return true
  if (allowed.includes(origin)) return true
  return ownHost !== undefined && (origin === `http://${ownHost}` || origin === `https://${ownHost}`)
}

/** The key under which limits count a remote address: IPv4 as it is, IPv6 by its /64, since one customer holds all of it. */
export function addressKey(address: string): string {
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right]
  return `${groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** Whether `address` (a peer address of a socket) is this machine. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}
