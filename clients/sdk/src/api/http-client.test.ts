import type { Clock } from '@evegram/protocol'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../system.js'
import { HttpClient } from './http-client.js'

const servers: Server[] = []
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  // Node types the address of a pipe too; this server listens on a port.
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Timers that are set and not cancelled. They ring when a test says so: how long a busy machine takes decides nothing. */
const timers = new Map<() => void, number>()
const clock: Clock = {
  ...systemClock,
  after: (delayMs, task) => {
    timers.set(task, delayMs)
    return { cancel: () => { timers.delete(task) } }
  },
}
const ring = (): void => { for (const task of timers.keys()) task() }
const client = new HttpClient({ fetch: (url, init) => fetch(url, init), clock, timeoutMs: 400 })
const get = (url: string, responseBytesMax = 1_000): Promise<unknown> => client.request({ method: 'GET', url, operation: 'test', responseBytesMax })

describe('http client', () => {
  it('sends and reads JSON', async () => {
    const url = await serve((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => { body += chunk.toString() })
      request.on('end', () => { response.end(JSON.stringify({ method: request.method, type: request.headers['content-type'], body })) })
    })
    const answer = await client.request({ method: 'POST', url, operation: 'test', body: { a: 1 } })
    expect(answer.value).toEqual({ method: 'POST', type: 'application/json', body: '{"a":1}' })
    expect(answer.answeredAtMs).toBeGreaterThanOrEqual(answer.sentAtMs)
  })

  it('gives up on a server that does not answer, and on one that does not finish', async () => {
    const set: number[] = []
    const ringing = (): void => {
      set.push(...timers.values())
      ring()
    }
    const silent = await serve(ringing)
    await expect(get(silent)).rejects.toMatchObject({ code: 'timeout' })
    const endless = await serve((_, response) => { response.write('{', ringing) })
    await expect(get(endless)).rejects.toMatchObject({ code: 'timeout' })
    // Within its time each, and no timer stays.
    expect([set, timers.size]).toEqual([[400, 400], 0])
  })

  it('names a server that cannot be reached', async () => {
    const url = await serve(() => undefined)
    const [server] = servers.splice(0)
    await new Promise((resolve) => { server?.close(resolve) })
    await expect(get(url)).rejects.toMatchObject({ code: 'unavailable.server', operation: 'test' })
  })

  it('stops reading at the limit, declared or not', async () => {
    let sentBytes = 0
    const flood = await serve((_, response) => {
      const chunk = Buffer.alloc(65_536, 0x20)
      const push = (): void => {
        while (!response.destroyed && sentBytes < 200_000_000) {
          sentBytes += chunk.length
          if (!response.write(chunk)) return void response.once('drain', push)
        }
        response.end()
      }
      push()
    })
    await expect(get(flood)).rejects.toMatchObject({ code: 'invalid.response' })
    expect(sentBytes).toBeLessThan(50_000_000)
    const declared = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000000000' })
      response.write('{')
    })
    await expect(get(declared)).rejects.toMatchObject({ code: 'invalid.response' })
  })

  it('follows no redirect', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/there') response.end('{}')
      else response.writeHead(302, { location: '/there' }).end()
    })
    await expect(get(url)).rejects.toMatchObject({ code: 'unavailable.server' })
  })

  it('refuses what is no JSON, and takes an empty answer for one', async () => {
    await expect(get(await serve((_, response) => { response.end('<html>') }))).rejects.toMatchObject({ code: 'invalid.response' })
    await expect(get(await serve((_, response) => { response.end(Buffer.from([0x22, 0xff, 0x22])) }))).rejects.toMatchObject({ code: 'invalid.response' })
    expect(await get(await serve((_, response) => { response.writeHead(204).end() }))).toMatchObject({ value: undefined })
  })
})

describe('errors of a server', () => {
  const failing = async (status: number, body: string, headers: Record<string, string> = {}): Promise<unknown> => {
    const url = await serve((_, response) => { response.writeHead(status, headers).end(body) })
    return get(url, 10_000).catch((error: unknown) => error)
  }

  it('keep their code, their wait and their plain details', async () => {
    const body = JSON.stringify({ error: { code: 'conflict.log_head', message: 'x', retryAfterMs: 1_500, details: { seq: 4, head: 'abc', deep: { a: 1 }, bad: '\u001b[31m' } } })
    expect(await failing(409, body)).toMatchObject({ code: 'conflict.log_head', retryAfterMs: 1_500, details: { seq: 4, head: 'abc', status: 409 } })
    expect(await failing(409, body)).not.toMatchObject({ details: { bad: expect.anything() as unknown } })
  })

  it('never carry the prose of the server', async () => {
    const error = await failing(403, JSON.stringify({ error: { code: 'denied.blocked', message: 'send money to evil.example' } }))
    expect(String(error)).not.toContain('evil.example')
  })

  it('get a code by status when a proxy answers', async () => {
    expect(await failing(502, '<html>Bad gateway</html>')).toMatchObject({ code: 'unavailable.server' })
    expect(await failing(429, '', { 'retry-after': '7' })).toMatchObject({ code: 'limited.rate', retryAfterMs: 7_000 })
    expect(await failing(404, '{"error":{"code":"no.such.code"}}')).toMatchObject({ code: 'not_found.resource' })
    expect(await failing(401, '[]')).toMatchObject({ code: 'auth.token_invalid' })
    expect(await failing(500, 'null')).toMatchObject({ code: 'internal' })
  })
})
