// The one address of several auth processes: what a load balancer does in production, on loopback and no more than a development cluster needs.
import { Agent, createServer, request } from 'node:http'

/** A process that is paused holds requests; callers hear of it after this. */
const ANSWER_MS_MAX = 30_000
const CONNECT_MS_MAX = 2_000
/** Connections kept open to each process, and requests that wait for one. */
const SOCKETS_MAX = 64
/** RFC 9110, section 7.6.1: these are between two neighbours. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
/** Methods that may be sent again when the connection broke before an answer. */
const REPEATABLE = new Set(['GET', 'HEAD'])

/**
 * Listens on `host:port` (0: a free one) and passes every request to one of `targets(path)` (a list of `{host, port}`) in turn, streaming both ways. A process
 * that cannot be connected to is passed over as long as nothing was sent to it. Resolves with `{port, close}`.
 */
export async function startEdge({ port, host = '127.0.0.1', targets }) {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: SOCKETS_MAX, timeout: ANSWER_MS_MAX })
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const now = targets(incoming.url)
    const first = now.length === 0 ? 0 : turn++ % now.length
    passOn({ incoming, outgoing, agent, candidates: [...now.slice(first), ...now.slice(0, first)] })
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, resolve)
  })
  return {
    port: server.address().port,
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
      agent.destroy()
    }),
  }
}

function passOn({ incoming, outgoing, agent, candidates }) {
  const [target, ...others] = candidates
  if (target === undefined) {
    refuse(outgoing, 503, 'unavailable.auth', 'The sign-in service does not answer.')
    return
  }
  const { host, port } = target
  const upstream = request({ host, port, agent, method: incoming.method, path: incoming.url, headers: headersFor(incoming), setHost: false })
  let hasSent = false
  // Waiting for one of the kept connections is waiting for answers to others.
  let waiting = setTimeout(() => upstream.destroy(new Error('no turn in time')), ANSWER_MS_MAX)
  const send = () => {
    clearTimeout(waiting)
    hasSent = true
    upstream.setTimeout(ANSWER_MS_MAX, () => upstream.destroy(new Error('no answer in time')))
    incoming.pipe(upstream)
  }
  upstream.on('socket', (socket) => {
    clearTimeout(waiting)
    if (!socket.connecting) {
      send()
      return
    }
    waiting = setTimeout(() => upstream.destroy(new Error('no connection in time')), CONNECT_MS_MAX)
    socket.once('connect', send)
  })
  upstream.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode, answer.statusMessage, withoutHops(answer.headers))
    answer.pipe(outgoing)
    // Half an answer must not look like a whole one.
    answer.on('error', () => outgoing.destroy())
  })
  upstream.on('error', () => {
    clearTimeout(waiting)
    if (outgoing.destroyed) return
    incoming.unpipe(upstream)
    // A kept connection may have been closed by the other side just now: nobody read what was sent into it.
    const isStale = hasSent && upstream.reusedSocket && REPEATABLE.has(incoming.method) && !outgoing.headersSent
    if (!hasSent) passOn({ incoming, outgoing, agent, candidates: others })
    else if (isStale) passOn({ incoming, outgoing, agent, candidates: [...others, target] })
    else if (outgoing.headersSent) outgoing.destroy()
    else refuse(outgoing, 502, 'unavailable.auth', 'The sign-in service did not answer.')
  })
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) upstream.destroy()
  })
}

/** Host stays what the caller wrote: the service checks it against its own name. */
function headersFor(incoming) {
  const forwarded = [incoming.headers['x-forwarded-for'], incoming.socket.remoteAddress].filter((part) => part !== undefined)
  return { ...withoutHops(incoming.headers), 'x-forwarded-for': forwarded.join(', ') }
}

function withoutHops(headers) {
  const named = String(headers['connection'] ?? '').split(',').map((name) => name.trim().toLowerCase())
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.includes(name)))
}

/** The same shape as the services' own refusals. */
function refuse(outgoing, status, code, message) {
  outgoing.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'connection': 'close' })
  outgoing.end(JSON.stringify({ error: { code, message } }))
}
