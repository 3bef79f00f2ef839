import { EvegramError } from '../errors.js'

/** Scheme, host and port of a configured URL in canonical form. */
interface Authority {
  readonly scheme: 'http' | 'https'
  readonly domain: string
}

const URL_CHARACTERS_MAX = 2048
const DOMAIN_CHARACTERS_MAX = 253
const URL_PATTERN = /^(https?|wss?):\/\/([^/?#\\]*)(?:[/?#].*)?$/i
const AUTHORITY_PATTERN = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?$/i
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
const DEFAULT_PORT = { http: 80, https: 443 } as const

function refuse(advice: string): never {
  throw new EvegramError('invalid.argument', { operation: 'read URL', advice })
}

function canonicalHost(written: string): string {
  const host = written.toLowerCase()
  if (LOOPBACK.has(host)) return 'localhost'
  if (host.startsWith('[')) {
    if (!/^\[[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\]$/.test(host)) refuse('Write the IPv6 address in brackets, hexadecimal groups only.')
    return host
  }
  // A host whose last label is a number is an IPv4 address (WHATWG URL section 3.5); only the plain spelling is one here.
  if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(host)) {
    if (!IPV4.test(host)) refuse('Write an IPv4 address as four decimal numbers.')
    return host
  }
  const isPlain = host.length <= DOMAIN_CHARACTERS_MAX && host.split('.').every((label) => LABEL.test(label))
  return isPlain ? host : refuse('Write the host as plain labels, in punycode where needed.')
}

function authorityOf(url: string): Authority {
  const match = url.length <= URL_CHARACTERS_MAX ? URL_PATTERN.exec(url) : null
  if (match === null) refuse('Write an absolute http, https, ws or wss URL.')
  const scheme = /^(?:https|wss)$/i.test(match[1] ?? '') ? 'https' : 'http'
  const authority = match[2] ?? ''
  if (authority.includes('@')) refuse('A URL with user name or password is refused.')
  const parts = AUTHORITY_PATTERN.exec(authority)
  if (parts === null) refuse('Write the host in ASCII (punycode for other scripts) and the port in digits.')
  const host = canonicalHost(parts[1] ?? '')
  const port = parts[2] === undefined ? DEFAULT_PORT[scheme] : Number(parts[2])
  if (port < 1 || port > 65_535) refuse('Ports go from 1 to 65535.')
  return { scheme, domain: port === DEFAULT_PORT[scheme] ? host : `${host}:${String(port)}` }
}

/**
 * The domain that wallets sign for, of a configured URL: host in lower case as the URL gives it (punycode stays punycode), port
 * unless it is the scheme's own. `localhost`, `127.0.0.1` and `[::1]` are one domain, `localhost`. Throws `invalid.argument` for user
 * names, other schemes, other spellings of IP addresses and non-ASCII hosts.
 */
export function domainOf(url: string): string {
  return authorityOf(url).domain
}

/**
 * The origin of a configured URL, the `URI` line of a proof: scheme (`ws` counts as `http`, `wss` as `https`) and {@link domainOf}.
 * Throws `invalid.argument`.
 */
export function originOf(url: string): string {
  const { scheme, domain } = authorityOf(url)
  return `${scheme}://${domain}`
}

/** The last texts that were found to be canonical: a verifier asks about its own configuration again and again. */
let [lastDomain, lastOrigin]: (string | undefined)[] = []

/** Whether `text` is a domain as {@link domainOf} writes it, for either scheme. */
export function isCanonicalDomain(text: string): boolean {
  if (text === lastDomain) return true
  try {
    if (domainOf(`https://${text}`) !== text && domainOf(`http://${text}`) !== text) return false
    lastDomain = text
    return true
  } catch {
    // Every refusal of the reader means no.
    return false
  }
}

/** Whether `text` is an origin as {@link originOf} writes it. */
export function isCanonicalOrigin(text: string): boolean {
  if (text === lastOrigin) return true
  try {
    if (originOf(text) !== text) return false
    lastOrigin = text
    return true
  } catch {
    // Every refusal of the reader means no.
    return false
  }
}
