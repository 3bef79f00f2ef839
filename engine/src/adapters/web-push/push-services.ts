/** A push service that this server sends to. */
export interface PushService {
  /** As the setting writes it; names the service in counts and logs. */
  readonly name: string
  readonly protocol: 'https:' | 'http:'
  /** Lower-case host, for `http:` with its port; with `subdomains` the end of the host, without its first dot. */
  readonly host: string
  readonly subdomains: boolean
}

/**
 * Push services of the browsers there are: Chrome, Edge on Android, Opera, Brave and Samsung (Firebase), Firefox (autopush), Safari (Apple), Edge on Windows (WNS).
 * A browser says where it is woken, and this server goes there: so these hosts alone.
 */
export const PUSH_SERVICES_DEFAULT = 'fcm.googleapis.com,updates.push.services.mozilla.com,web.push.apple.com,*.push.apple.com,*.notify.windows.com'

/** Push services that a setting may name. */
export const PUSH_SERVICES_MAX = 32

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const HOST = new RegExp(`^(\\*\\.)?(${LABEL}(?:\\.${LABEL})+)$`)
const LOOPBACK = /^http:\/\/((?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?)$/

/**
 * The push service that an entry of the setting names: a host, `*.` and the end of hosts, or `http://127.0.0.1:<port>`, which stands for one in tests. Undefined
 * for anything else: an address in numbers, a name without a dot.
 */
export function parsePushService(entry: string): PushService | undefined {
  const [, loopback] = LOOPBACK.exec(entry) ?? []
  if (loopback !== undefined) return { name: entry, protocol: 'http:', host: loopback, subdomains: false }
  const [, wildcard, host] = HOST.exec(entry) ?? []
  // The last label of a name is never a number; what ends in one is an address.
  if (host === undefined || /\.[0-9]+$/.test(host)) return undefined
  return { name: entry, protocol: 'https:', host, subdomains: wildcard !== undefined }
}

/** Whether this entry stands for a test on this machine rather than for a push service. */
export function isLoopbackService({ protocol }: PushService): boolean {
  return protocol === 'http:'
}

/**
 * The push service of `endpoints`' URL, and the URL as it will be asked: https on the standard port, no user, no fragment, a host of the list. Undefined for any
 * other text, however it is written.
 */
export function serviceOf(services: readonly PushService[], endpoint: string, charactersMax: number): { readonly service: PushService; readonly url: URL } | undefined {
  if (endpoint.length > charactersMax || !URL.canParse(endpoint)) return undefined
  // The parser of URLs makes one of all ways to write a host: what is compared here is what will be resolved.
  const url = new URL(endpoint)
  if (url.username !== '' || url.password !== '' || url.hash !== '' || url.href.length > charactersMax) return undefined
  const service = services.find(({ protocol, host, subdomains }) =>
    url.protocol === protocol && (subdomains ? url.host.endsWith(`.${host}`) : url.host === host))
  if (service === undefined) return undefined
  return { service, url }
}
