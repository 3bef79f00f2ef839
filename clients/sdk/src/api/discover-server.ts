import { EvegramError, PROTOCOL_VERSION, type Clock } from '@evegram/protocol'
import { domainOf, isCanonicalDomain, isCanonicalOrigin, originOf } from '@evegram/protocol/proof'
import type { DiscoveredServer } from './discovered-server.js'
import { HttpClient, type Fetch } from './http-client.js'
import { JsonFields } from './json-fields.js'
import type { ServerClock } from './server-clock.js'

/** Where discovery starts and what it must find. */
export interface DiscoverServerOptions {
  /** As the user wrote it: https://..., or http:// on this machine. */
  readonly url: string
  /** The domain that wallets sign for, where it is not the one of `url`. */
  readonly domain?: string
  /** `serverId` that the profile was made with. */
  readonly pinnedServerId?: string
  readonly fetch: Fetch
  readonly clock: Clock
  /** Learns the server's time from the answer. */
  readonly serverClock: ServerClock
}

const URL_CHARACTERS_MAX = 2_048
const LIMIT_NAMES_MAX = 128
/** Keys that notices may be signed with at a time: each is tried. */
const NOTICE_KEYS_MAX = 4
const NOTICE_KEY_BYTES = 32
/** An uncompressed point of P-256, 04 and 64 bytes, in base64url. */
const PUSH_KEY_CHARACTERS = 87
const PUSH_KEY = /^B[A-Za-z0-9_-]{86}$/
const OPERATION = 'discover server'

/** Whether the host of a URL is this machine, where plain http and ws are allowed. */
function isLoopback(url: string): boolean {
  return domainOf(url).replace(/:\d+$/, '') === 'localhost'
}

/** Throws `client.insecure_url` for http: or ws: beyond this machine, `invalid.argument` for what is no URL of the protocol. */
function refuseInsecure(url: string, plainAllowed: boolean): void {
  const encrypted = originOf(url).startsWith('https:')
  if (!encrypted && !(plainAllowed && isLoopback(url))) throw new EvegramError('client.insecure_url', { operation: OPERATION })
}

/**
 * Asks `/.well-known/evegram` and holds the answer against the client's own configuration. The expected domain is `domain`, or the
 * one of `url`; the server only confirms it. Rejects with `client.insecure_url`, `client.domain_mismatch` (details: `expected`),
 * `server.identity_changed`, `incompatible.protocol`, `invalid.response`, `invalid.argument`, or as {@link HttpClient}.
 */
export async function discoverServer(options: DiscoverServerOptions): Promise<DiscoveredServer> {
  const { url } = options
  const expected = options.domain ?? domainOf(url)
  if (!isCanonicalDomain(expected)) {
    throw new EvegramError('invalid.argument', { operation: OPERATION, advice: 'Write the domain as host and port, in lower case.' })
  }
  refuseInsecure(url, true)
  const base = url.replace(/^ws/i, 'http').replace(/[?#].*$/, '').replace(/\/+$/, '')
  const answer = await new HttpClient(options).request({ method: 'GET', url: `${base}/.well-known/evegram`, operation: OPERATION })
  const fields: JsonFields = new JsonFields(answer.value, OPERATION)
  const origin = fields.text('origin', URL_CHARACTERS_MAX)
  const server = { domain: fields.text('domain', 260), origin, serverId: fields.text('serverId', 128) }
  if (server.domain !== expected || !isCanonicalOrigin(server.origin) || domainOf(server.origin) !== expected) {
    throw new EvegramError('client.domain_mismatch', { operation: OPERATION, details: { expected } })
  }
  if (options.pinnedServerId !== undefined && server.serverId !== options.pinnedServerId) {
    throw new EvegramError('server.identity_changed', { operation: OPERATION })
  }
  const wsUrl = fields.text('ws', URL_CHARACTERS_MAX)
  const authUrl = fields.text('auth', URL_CHARACTERS_MAX).replace(/\/+$/, '')
  const wallyUrl = fields.value('wally') === undefined ? undefined : fields.text('wally', URL_CHARACTERS_MAX).replace(/\/+$/, '')
  const blobsUrl = fields.value('blobs') === undefined ? undefined : fields.text('blobs', URL_CHARACTERS_MAX).replace(/\/+$/, '')
  // A server that was reached over TLS does not get to send us to a plain one, not even on this machine.
  for (const named of [server.origin, wsUrl, authUrl, ...(wallyUrl === undefined ? [] : [wallyUrl]), ...(blobsUrl === undefined ? [] : [blobsUrl])]) refuseNamed(named, isLoopback(url), fields)
  if (!/^wss?:/i.test(wsUrl) || !/^https?:/i.test(authUrl) || !/^https?:/i.test(wallyUrl ?? 'http:') || !/^https?:/i.test(blobsUrl ?? 'http:')) fields.fail('ws, auth, wally and blobs: URLs')
  const serverTimeMs = fields.uint('serverTimeMs', 2 ** 48)
  const network = fields.text('network', 16)
  if (network !== 'mainnet' && network !== 'testnet') fields.fail('network')
  const protocol = readProtocol(fields.object('protocol'))
  const found: DiscoveredServer = {
    ...server, network, wsUrl, authUrl, protocol, limits: readLimits(fields), ...readNoticeKeys(fields), ...(wallyUrl === undefined ? {} : { wallyUrl }),
    ...(blobsUrl === undefined ? {} : { blobsUrl }), ...readPushKey(fields),
  }
  options.serverClock.observe(serverTimeMs, answer.sentAtMs, answer.answeredAtMs)
  return found
}

function refuseNamed(url: string, plainAllowed: boolean, fields: JsonFields): void {
  try {
    refuseInsecure(url, plainAllowed)
  } catch (cause) {
    if (cause instanceof EvegramError && cause.code === 'client.insecure_url') throw cause
    fields.fail('URLs', cause)
  }
}

function readProtocol(fields: JsonFields): { readonly min: number; readonly max: number } {
  const range = { min: fields.uint('min', 255), max: fields.uint('max', 255) }
  if (range.min > PROTOCOL_VERSION || range.max < PROTOCOL_VERSION) {
    throw new EvegramError('incompatible.protocol', { operation: OPERATION, details: { ...range, ours: PROTOCOL_VERSION } })
  }
  return range
}

function readNoticeKeys(fields: JsonFields): Pick<DiscoveredServer, 'noticeKeys'> {
  if (fields.value('noticeKeys') === undefined) return {}
  const noticeKeys = fields.bytesList('noticeKeys', NOTICE_KEYS_MAX, NOTICE_KEY_BYTES)
  if (noticeKeys.some(({ length }) => length !== NOTICE_KEY_BYTES)) fields.fail('noticeKeys: 32 bytes each')
  return { noticeKeys }
}

function readPushKey(fields: JsonFields): Pick<DiscoveredServer, 'pushKey'> {
  const pushKey = fields.optionalObject('push')?.text('key', PUSH_KEY_CHARACTERS)
  if (pushKey === undefined) return {}
  if (!PUSH_KEY.test(pushKey)) fields.fail('push: a point of P-256')
  return { pushKey }
}

function readLimits(fields: JsonFields): Readonly<Record<string, number>> {
  const limits = fields.optionalObject('limits')
  if (limits === undefined) return {}
  const numbers = limits.names(LIMIT_NAMES_MAX).filter((name) => name !== '__proto__' && Number.isSafeInteger(limits.value(name)))
  return Object.fromEntries(numbers.map((name) => [name, limits.uint(name)]))
}
