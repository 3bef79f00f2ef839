import { attempt, type Attempt } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import { answerOf, tcpExchange } from '../../raw/raw-http.js'
import { RawSocket } from '../../raw/raw-socket.js'

const PATH = '/.well-known/evegram'

/** Names under which a page elsewhere may reach a port of this machine. */
function hostileHosts(port: number): readonly (readonly [what: string, host: string])[] {
  return [
    ['a name that was rebound', `evil.example:${String(port)}`],
    ['our name, another port', 'localhost:1'],
    ['our name without a port', 'localhost'],
    ['our name as a suffix', `localhost.evil.example:${String(port)}`],
    ['our name as a user', `localhost:${String(port)}@evil.example`],
    ['our name with a dot', `localhost.:${String(port)}`],
    ['another loopback address', `127.0.0.2:${String(port)}`],
  ]
}

function hostileOrigins(port: number): readonly (readonly [what: string, origin: string])[] {
  return [
    ['another site', 'https://evil.example'],
    ['null', 'null'],
    ['our origin as a prefix', `http://localhost:${String(port)}.evil.example`],
    ['our host by another scheme', `ftp://localhost:${String(port)}`],
    ['another port', 'http://localhost:1'],
    ['our origin with a path', `http://localhost:${String(port)}/`],
  ]
}

/** Status of an upgrade, `101` when it was served. */
async function upgrade(context: HostileContext, headers: Readonly<Record<string, string>>): Promise<string> {
  try {
    const socket = await RawSocket.connect(context.addresses.ws, headers)
    socket.drop()
    return '101'
  } catch (error) {
    return error instanceof Error ? error.message.replace('status ', '') : String(error)
  }
}

const handshake = (target: string, hostLines: string): string =>
  `GET ${target} HTTP/1.1\r\n${hostLines}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`

async function perItem(items: readonly (readonly [string, string])[], expected: string, work: (item: string) => Promise<string>): Promise<Attempt[]> {
  const attempts: Attempt[] = []
  for (const [what, item] of items) attempts.push(await attempt(what, expected, () => work(item)))
  return attempts
}

/** Pages of other sites that reach for a server on this machine. */
export const HOST_CASES: readonly HostileCase[] = [
  {
    name: 'host-http', claim: 'HTTP requests under another name: rebinding, ports, user names, absolute targets, two Hosts',
    async run(context) {
      const { http, httpPort } = context
      const own = `localhost:${String(httpPort)}`
      const tcp = async (head: string): Promise<string> => answerOf(await tcpExchange(httpPort, `${head}Connection: close\r\n\r\n`))
      return [
        ...await perItem(hostileHosts(httpPort), '421 denied.host', (host) => http.ask(PATH, { headers: { host } }).then(answerOf)),
        await attempt('an empty Host', '421 denied.host', () => tcp(`GET ${PATH} HTTP/1.1\r\nHost:\r\n`)),
        await attempt('no Host at all', '400', () => tcp(`GET ${PATH} HTTP/1.1\r\n`)),
        await attempt('HTTP/1.0 without Host', '421 denied.host', () => tcp(`GET ${PATH} HTTP/1.0\r\n`)),
        await attempt('two Hosts, ours first', '400 invalid.request', () => tcp(`GET ${PATH} HTTP/1.1\r\nHost: ${own}\r\nHost: evil.example\r\n`)),
        await attempt('two Hosts, ours last', '400 invalid.request', () => tcp(`GET ${PATH} HTTP/1.1\r\nHost: evil.example\r\nHost: ${own}\r\n`)),
        await attempt('an absolute target elsewhere', '421 denied.host', () => tcp(`GET http://evil.example${PATH} HTTP/1.1\r\nHost: ${own}\r\n`)),
        await attempt('an absolute target here, Host elsewhere', '421 denied.host', () => tcp(`GET http://${own}${PATH} HTTP/1.1\r\nHost: evil.example\r\n`)),
        await attempt('our own name', '200', () => http.ask(PATH).then(answerOf)),
        await attempt('our address', '200', () => http.ask(PATH, { headers: { host: `127.0.0.1:${String(httpPort)}` } }).then(answerOf)),
      ]
    },
  },
  {
    name: 'host-upgrade', claim: 'the same on the socket tier',
    async run(context) {
      const { wsPort } = context
      const own = `localhost:${String(wsPort)}`
      const tcp = async (head: string): Promise<string> => answerOf(await tcpExchange(wsPort, head))
      const notServed = async (head: string): Promise<string> => {
        const { status } = await tcpExchange(wsPort, head, { timeoutMs: 1_000 })
        return status === 0 || status >= 400 ? 'not served' : String(status)
      }
      return [
        ...await perItem(hostileHosts(wsPort), '421', (host) => upgrade(context, { host })),
        // uWebSockets.js leaves such a request without an answer and ends its connection after its own time.
        await attempt('an absolute target elsewhere', 'not served', () => notServed(handshake('http://evil.example/v1/socket', `Host: ${own}\r\n`))),
        await attempt('two Hosts, the other first', '421', () => tcp(handshake('/v1/socket', `Host: evil.example\r\nHost: ${own}\r\n`))),
        await attempt('another path', '404', () => tcp(handshake('/v1/other', `Host: ${own}\r\n`))),
        await attempt('our own name', '101', () => upgrade(context, {})),
      ]
    },
  },
  {
    name: 'origin-http', claim: 'HTTP requests by pages of other sites, preflights included',
    async run(context) {
      const { http, httpPort } = context
      const noCors = async (origin: string): Promise<string> => {
        const reply = await http.ask(PATH, { headers: { origin } })
        return reply.headers['access-control-allow-origin'] === undefined ? answerOf(reply) : `${answerOf(reply)} with CORS`
      }
      const preflight = async (origin: string): Promise<string> => {
        const reply = await http.ask('/v1/auth/challenge', {
          method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
        })
        return reply.headers['access-control-allow-origin'] === undefined ? answerOf(reply) : `${answerOf(reply)} with CORS`
      }
      return [
        ...await perItem(hostileOrigins(httpPort), '403 denied.origin', noCors),
        ...await perItem(hostileOrigins(httpPort), '403 denied.origin', preflight),
        await attempt('a form of another site', '403 denied.origin', () => http.ask('/v1/auth/challenge', {
          method: 'POST', body: 'purpose=session', headers: { 'origin': 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' },
        }).then(answerOf)),
        await attempt('our own page', '200', () => noCors(`http://localhost:${String(httpPort)}`)),
        await attempt('no page', '200', () => http.ask(PATH).then(answerOf)),
      ]
    },
  },
  {
    name: 'origin-upgrade', claim: 'sockets opened by pages of other sites',
    async run(context) {
      return [
        ...await perItem(hostileOrigins(context.httpPort), '403', (origin) => upgrade(context, { origin })),
        await attempt('our own page', '101', () => upgrade(context, { origin: `http://localhost:${String(context.httpPort)}` })),
      ]
    },
  },
]
