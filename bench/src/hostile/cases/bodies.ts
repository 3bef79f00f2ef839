import { connect } from 'node:net'
import { attempt, tally } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import { answerOf, tcpExchange } from '../../raw/raw-http.js'

const CHALLENGE = '/v1/auth/challenge'
/** Half requests that are kept open. */
const HALF_REQUESTS = 200
/** Idle connections end after 30 s, slow requests after 15 s at the next look, which Node takes every 30 s. */
const HALF_REQUEST_MS_MAX = 50_000

let halves: Promise<string> | undefined

/** Opens connections that send half a request each, some a byte now and then, and tells whether the server ended them all in time. */
async function sendHalves({ httpPort }: HostileContext): Promise<string> {
  return tally(await Promise.all(Array.from({ length: HALF_REQUESTS }, (_, index) => new Promise<string>((resolve) => {
    const socket = connect(httpPort, '127.0.0.1')
    const half = index % 2 === 0
      ? `POST ${CHALLENGE} HTTP/1.1\r\nHost: localhost:${String(httpPort)}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"purpose"`
      : `GET / HTTP/1.1\r\nHost: localhost:${String(httpPort)}\r\nX-Slow: `
    const drip = setInterval(() => { if (index % 4 > 1) socket.write('a') }, 1_000)
    const finish = (answer: string) => (): void => {
      clearInterval(drip)
      clearTimeout(limit)
      socket.destroy()
      resolve(answer)
    }
    const limit = setTimeout(finish('still open'), HALF_REQUEST_MS_MAX)
    socket.on('error', finish('ended'))
    socket.on('close', finish('ended'))
    socket.resume()
    socket.write(half)
  }))))
}

/** Requests that are too large, too slow, or no requests. */
export const BODY_CASES: readonly HostileCase[] = [
  {
    name: 'body-huge', claim: 'bodies and headers beyond every limit, declared and real',
    async run(context) {
      const { http, httpPort } = context
      const head = `POST ${CHALLENGE} HTTP/1.1\r\nHost: localhost:${String(httpPort)}\r\nContent-Type: application/json\r\n`
      return [
        await attempt('1 MB of JSON', '413 too_large.request', () => http.ask(CHALLENGE, { method: 'POST', json: { purpose: 'x'.repeat(1_048_576) } }).then(answerOf)),
        await attempt('an entry of 100 KB', '413 too_large.request', () => http.ask(`/v1/accounts/${'0'.repeat(32)}/log`, {
          method: 'POST', json: { entry: 'A'.repeat(100_000) },
        }).then(answerOf)),
        await attempt('a declared gigabyte', '413 too_large.request', async () => answerOf(await tcpExchange(httpPort, `${head}Content-Length: 1073741824\r\n\r\n{`))),
        await attempt('a chunk of a gigabyte', '413 too_large.request', async () =>
          answerOf(await tcpExchange(httpPort, `${head}Transfer-Encoding: chunked\r\n\r\n40000000\r\n${'x'.repeat(400_000)}`))),
        await attempt('a header of 64 KB', '431', async () => answerOf(await tcpExchange(httpPort, `GET / HTTP/1.1\r\nHost: localhost:${String(httpPort)}\r\nX-Long: ${'a'.repeat(65_536)}\r\n\r\n`))),
        await attempt('3,000 headers', '431', async () =>
          answerOf(await tcpExchange(httpPort, `GET / HTTP/1.1\r\nHost: localhost:${String(httpPort)}\r\n${'X-Many: 1\r\n'.repeat(3_000)}\r\n`))),
        await attempt('headers without end on the socket tier', 'ended', async () => {
          const { status } = await tcpExchange(context.wsPort, `GET /v1/socket HTTP/1.1\r\nHost: localhost:${String(context.wsPort)}\r\nX-Long: ${'a'.repeat(2_000_000)}`, { timeoutMs: 5_000 })
          return status === 101 ? 'served' : 'ended'
        }),
      ]
    },
  },
  {
    name: 'body-malformed', claim: 'bodies that are no JSON, of other types, deep, or with fields that nobody asked for',
    async run(context) {
      const { http, httpPort } = context
      const refused = '400 invalid.request'
      const send = (body: string, type = 'application/json'): Promise<string> => http.ask(CHALLENGE, { method: 'POST', body, headers: { 'content-type': type } }).then(answerOf)
      const good = JSON.stringify({ purpose: 'session', device: '0'.repeat(32) })
      return [
        await attempt('no JSON', refused, () => send('{"purpose":')),
        await attempt('nothing', refused, () => send('')),
        await attempt('100,000 brackets', refused, () => send('['.repeat(100_000))),
        await attempt('a prototype', refused, () => send(`{"__proto__":{"purpose":"session"},"device":"${'0'.repeat(32)}"}`)),
        await attempt('another field', refused, () => send(good.replace('{', '{"admin":true,'))),
        await attempt('text', refused, () => send(good, 'text/plain')),
        await attempt('a form', refused, () => send('purpose=session', 'application/x-www-form-urlencoded')),
        await attempt('an unknown purpose', refused, () => send(good.replace('session', 'everything'))),
        await attempt('an id in capitals', refused, () => send(good.replace('00', 'AA'))),
        await attempt('two lengths', '400', async () => answerOf(await tcpExchange(
          httpPort, `POST ${CHALLENGE} HTTP/1.1\r\nHost: localhost:${String(httpPort)}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
        ))),
        await attempt('no HTTP', '400', async () => answerOf(await tcpExchange(httpPort, '\u0016\u0003\u0001\u0002hello\r\n\r\n'))),
        await attempt('a path out of the folder', '404 not_found.route', () => http.ask('/../../../../etc/passwd').then(answerOf)),
        await attempt('a name of 4,000 letters', '400 invalid.request', () => http.ask(`/v1/accounts/by-wallet/${'a'.repeat(4_000)}`).then(answerOf)),
        await attempt('a method that nobody has', '404 not_found.route', () => http.ask('/v1/auth/challenge', { method: 'DELETE' }).then(answerOf)),
        await attempt('an honest one', '200', () => send(good)),
      ]
    },
  },
  {
    name: 'half-requests', claim: `${String(HALF_REQUESTS)} requests that never end, some a byte a second: all ended within ${String(HALF_REQUEST_MS_MAX / 1_000)} s`,
    prepare(context) {
      halves = sendHalves(context)
      halves.catch(() => undefined)
    },
    async run(context) {
      return [
        await attempt('an honest request meanwhile', '200', () => context.http.ask('/.well-known/evegram').then(answerOf)),
        await attempt('all of them', `${String(HALF_REQUESTS)} x ended`, () => halves ?? sendHalves(context)),
      ]
    },
  },
]
