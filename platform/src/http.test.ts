import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { EvegramError } from '@evegram/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemClock } from './clock.js'
import { createHttp, type HttpOptions, type HttpServer } from './http.js'
import { silentLogger } from './log.js'
import { createMetrics } from './metrics.js'
import { registerOpenApi } from './openapi.js'
import { systemRandom } from './random.js'

const opened: HttpServer[] = []
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close()
})

async function listening(
  options: Partial<HttpOptions> = {}, build?: (server: HttpServer) => void,
): Promise<{ readonly port: number; readonly server: HttpServer }> {
  const server = createHttp({ log: silentLogger, clock: systemClock(), random: systemRandom(), ...options })
  opened.push(server)
  await registerOpenApi(server, { title: 'Test <API>', version: '1.2.3', description: 'For tests' })
  server.post('/v1/things/:id', {
    schema: {
      summary: 'Make a thing', tags: ['Things'], params: z.object({ id: z.coerce.number() }), body: z.strictObject(
        { name: z.string().max(10) }
      ),
      response: { 200: z.object({ id: z.number(), name: z.string() }).describe('Made') },
    },
  }, async (request) => ({ id: request.params.id, name: request.body.name }))
  server.get('/v1/fail/:code', async (request) => {
    const { code } = z.object({ code: z.string() }).parse(request.params)
    if (code === 'fault') throw new Error('secret detail')
    if (code === 'limited') throw new EvegramError('limited.rate', { retryAfterMs: 1_500 })
    if (code === 'auth') throw new EvegramError('auth.token_expired')
    throw new EvegramError('conflict.log_head', { details: { seq: 3 } })
  })
  build?.(server)
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  return { port: Number(new URL(url).port), server }
}

interface Answer {
  readonly status: number; readonly headers: Readonly<Record<string, string | string[] | undefined>>; readonly body: string
}

function ask(
  port: number, path: string, options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port, host: '127.0.0.1', path, method: options.method ?? 'GET', headers: options.headers, agent: false,
    }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk })
        .on('end', () => { resolve({ status: response.statusCode ?? 0, headers: response.headers, body }) })
    })
    request.on('error', reject)
    request.end(options.body)
  })
}

const codeOf = (answer: Answer): unknown => z.object({ error: z.object({ code: z.string() }) }).parse(JSON.parse(answer.body)).error.code

describe('createHttp', () => {
  it('answers with the security headers and a request id', async () => {
    const { port } = await listening()
    const answer = await ask(
      port, '/v1/things/7', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"x"}' },
    )
    expect(answer).toMatchObject({ status: 200, body: '{"id":7,"name":"x"}' })
    expect(answer.headers).toMatchObject(
      { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' }
    )
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{16}$/)
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
  })

  it('answers 421 to any Host but loopback with our port and the public URL', async () => {
    const { port } = await listening({ publicUrl: 'https://chat.example' })
    for (const host of ['evil.example', `evil.example:${String(port)}`, 'localhost', '127.0.0.1:1']) {
      const answer = await ask(port, '/openapi.json', { headers: { host } })
      expect([host, answer.status, codeOf(answer)]).toEqual([host, 421, 'denied.host'])
    }
    for (const host of ['chat.example', `localhost:${String(port)}`, `[::1]:${String(port)}`]) {
      expect((await ask(port, '/openapi.json', { headers: { host } })).status).toBe(200)
    }
  })

  it('refuses foreign origins and never speaks CORS to them', async () => {
    const { port } = await listening({ allowedOrigins: ['https://app.example'] })
    for (const origin of ['null', 'https://evil.example', 'https://app.example.evil.example']) {
      const answer = await ask(port, '/openapi.json', { headers: { origin } })
      expect([answer.status, codeOf(answer)]).toEqual([403, 'denied.origin'])
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    }
    expect((await ask(port, '/openapi.json', { headers: { origin: `http://127.0.0.1:${String(port)}` } })).status).toBe(200)
  })

  it('answers the preflight of an allowed origin, without credentials', async () => {
    const { port } = await listening({ allowedOrigins: ['https://app.example'] })
    const answer = await ask(
      port, '/v1/things/1', { method: 'OPTIONS', headers: { 'origin': 'https://app.example', 'access-control-request-method': 'POST' } },
    )
    expect(answer.status).toBe(204)
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', 'vary': 'Origin' })
    expect(answer.headers['access-control-allow-headers']).toContain('dpop')
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined()
  })

  it('names what is wrong with a request and refuses what is no JSON or too large', async () => {
    const { port } = await listening({ bodyBytesMax: 100 })
    const post = (body: string, type = 'application/json'): Promise<Answer> => ask(
      port, '/v1/things/1', { method: 'POST', headers: { 'content-type': type }, body },
    )
    const wrong = await post('{"name":7}')
    expect([wrong.status, codeOf(wrong)]).toEqual([400, 'invalid.request'])
    expect(wrong.body).toContain('body.name')
    expect(codeOf(await post('{"name":'))).toBe('invalid.request')
    expect(codeOf(await post('{"name":"x"}', 'text/plain'))).toBe('invalid.request')
    expect(codeOf(await post('{"name":"x","__proto__":{"a":1}}'))).toBe('invalid.request')
    const large = await post(JSON.stringify({ name: 'x'.repeat(200) }))
    expect([large.status, codeOf(large)]).toEqual([413, 'too_large.request'])
    const missing = await ask(port, '/v1/nothing')
    expect([missing.status, codeOf(missing)]).toEqual([404, 'not_found.route'])
  })

  it('maps error codes to statuses, says when to come back, and tells nothing about faults', async () => {
    const { port } = await listening()
    const conflict = await ask(port, '/v1/fail/conflict')
    expect(conflict.status).toBe(409)
    expect(JSON.parse(conflict.body)).toMatchObject({ error: { code: 'conflict.log_head', details: { seq: 3 } } })
    const limited = await ask(port, '/v1/fail/limited')
    expect([limited.status, limited.headers['retry-after']]).toEqual([429, '2'])
    const auth = await ask(port, '/v1/fail/auth')
    expect([auth.status, auth.headers['www-authenticate']]).toEqual([401, 'DPoP algs="EdDSA"'])
    const fault = await ask(port, '/v1/fail/fault')
    expect([fault.status, codeOf(fault)]).toEqual([500, 'internal'])
    expect(fault.body).not.toContain('secret detail')
  })

  it('answers for a handler that hangs', async () => {
    const { port } = await listening({ handlerTimeoutMs: 50 }, (server) => {
      server.get('/v1/hang', () => new Promise(() => undefined))
    })
    const answer = await ask(port, '/v1/hang')
    expect([answer.status, codeOf(answer)]).toEqual([504, 'timeout'])
  })

  it('counts requests by route and status, never by URL', async () => {
    const metrics = createMetrics()
    const { port } = await listening({ metrics })
    await ask(port, '/v1/fail/secretname')
    const text = await metrics.text()
    expect(text).toContain('route="/v1/fail/:code",status="409"')
    expect(text).toContain('http_refusals_total{route="/v1/fail/:code",code="conflict.log_head"} 1')
    expect(text).not.toContain('secretname')
  })
})

describe('registerOpenApi', () => {
  it('describes the routes for programs and for people, without scripts', async () => {
    const { port } = await listening()
    const document: unknown = JSON.parse((await ask(port, '/openapi.json')).body)
    expect(document).toMatchObject({
      openapi: '3.1.0',
      paths: { '/v1/things/{id}': { post: { summary: 'Make a thing', requestBody: {
        content: { 'application/json': { schema: { properties: { name: { type: 'string', maxLength: 10 } } } } },
      } } } },
    })
    const page = await ask(port, '/docs')
    expect(page.headers['content-type']).toContain('text/html')
    expect(page.body).toContain('Make a thing')
    expect(page.body).toContain('name: string')
    expect(page.body).toContain('Test &#60;API&#62;')
    expect(page.body).not.toMatch(/<script|src=|@import/)
  })
})

/** What the server says to bytes on a bare connection until it ends it. */
function say(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1')
    socket.setEncoding('utf8').on('data', (text: string) => { answer += text })
    socket.on('error', () => { /* the end follows */ }).on('close', () => { resolve(answer) })
    socket.write(bytes)
  })
}

describe('requests that name a server in unusual ways', () => {
  const head = (port: number, target: string, ...hosts: string[]): string =>
    `GET ${target} HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join('')}Connection: close\r\n\r\n`.replaceAll('OWN', `localhost:${String(port)}`)

  it('are refused with two Hosts, whichever comes first', async () => {
    const { port } = await listening()
    for (const hosts of [['OWN', 'evil.example'], ['evil.example', 'OWN'], ['OWN', 'OWN']]) {
      expect(await say(port, head(port, '/v1/fail/auth', ...hosts))).toMatch(/^HTTP\/1.1 400 [^]*invalid\.request/)
    }
  })

  it('are judged by the absolute target, which counts more than Host', async () => {
    const { port } = await listening()
    expect(await say(port, head(port, 'http://evil.example/v1/fail/auth', 'OWN'))).toMatch(/^HTTP\/1.1 421 [^]*denied\.host/)
    expect(await say(port, head(port, 'http://OWN@evil.example/v1/fail/auth', 'OWN'))).toMatch(/^HTTP\/1.1 421 /)
    expect(await say(port, head(port, 'http://OWN/v1/fail/auth', 'evil.example'))).toMatch(/^HTTP\/1.1 421 /)
    expect(await say(port, head(port, 'http://OWN/v1/fail/auth', 'OWN'))).toMatch(/^HTTP\/1.1 401 /)
  })

  it('end their connection when they are refused before they are whole', async () => {
    const { port } = await listening()
    const answer = await say(port, `POST /v1/things/1 HTTP/1.1\r\nHost: localhost:${String(port)}\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n{`)
    expect(answer).toMatch(/^HTTP\/1.1 400 [^]*connection: close/i)
  })

  it('are answered in the shape of all refusals when a name in the path is too long, without repeating it', async () => {
    const { port } = await listening()
    const { status, body } = await ask(port, `/v1/things/${'a'.repeat(1_000)}`, { method: 'POST' })
    expect({ status, body: body.includes('invalid.request'), quoted: body.includes('aaaa') }).toEqual({ status: 400, body: true, quoted: false })
  })
})
