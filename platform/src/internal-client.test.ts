import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EvegramError, type ErrorCode } from '@evegram/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemClock } from './clock.js'
import { INTERNAL_CLIENT_LIMITS, InternalClient } from './internal-client.js'
import { createInternalHttp } from './internal-http.js'
import { silentLogger } from './log.js'
import { systemRandom } from './random.js'
import { ServiceTokens, ServiceVerifier } from './service-token.js'

const clock = systemClock()
const answer = z.object({ name: z.string() })
const tokens = new ServiceTokens({ name: 'engine', seed: new Uint8Array(32).fill(1), clock })
const closing: (() => Promise<unknown> | void)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** An instance of auth on a free port that counts what it is asked. */
async function instance(name: string, handle: () => unknown = () => ({ name })): Promise<{ url: string; asked: () => number }> {
  let asked = 0
  const http = createInternalHttp({
    log: silentLogger, clock, random: systemRandom(), api: { who: { path: '/who', callers: ['engine'] }, echo: { path: '/echo', callers: ['engine'] } },
    verifier: new ServiceVerifier({ name: 'auth', keys: new Map([['engine', tokens.publicKey]]), clock }),
  })
  http.get('/who', async () => {
    asked++
    return handle()
  })
  http.post('/echo', { schema: { body: z.object({ name: z.string() }) } }, async (request) => request.body)
  const url = await http.listen({ host: '127.0.0.1', port: 0 })
  closing.push(() => http.close())
  return { url, asked: () => asked }
}

/** A server that does not speak for itself. */
async function plain(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

function clientOf(urls: readonly string[], passes: (code: ErrorCode) => boolean = () => false, by = tokens): InternalClient {
  const client = new InternalClient({ service: 'auth', urls, tokens: by, clock, log: silentLogger, unavailable: 'unavailable.auth', passes })
  closing.push(() => { client.close() })
  return client
}

const who = { method: 'GET', path: '/who', answer } as const

describe('a client of internal listeners', () => {
  it('asks the instances in turn and sends JSON', async () => {
    const [one, two] = [await instance('one'), await instance('two')]
    const client = clientOf([one.url, two.url])
    for (let call = 0; call < 6; call++) await client.ask(who)
    expect([one.asked(), two.asked()]).toEqual([3, 3])
    expect(await client.ask({ method: 'POST', path: '/echo', body: { name: 'Ünï' }, answer })).toEqual({ name: 'Ünï' })
  })

  it('asks another instance when one is gone, and leaves that one alone for a moment', async () => {
    let connections = 0
    const gone = await plain(createServer().on('connection', (socket) => {
      connections++
      socket.destroy()
    }))
    const good = await instance('good')
    const client = clientOf([gone, good.url])
    for (let call = 0; call < 8; call++) expect(await client.ask(who)).toEqual({ name: 'good' })
    expect(connections).toBe(1)
  })

  // What is too slow is so every time; what a busy machine made late is not.
  it('asks another instance when one hangs, and gives up in time when all do', { retry: 2 }, async () => {
    const hanging = await plain(createServer(() => undefined))
    const good = await instance('good')
    expect(await clientOf([hanging, good.url]).ask(who)).toEqual({ name: 'good' })
    const startedMs = performance.now()
    await expect(clientOf([hanging, hanging, hanging]).ask(who)).rejects.toMatchObject({ code: 'unavailable.auth' })
    expect(performance.now() - startedMs).toBeLessThan(INTERNAL_CLIENT_LIMITS.deadlineMs + 1_000)
  })

  it('throws verdicts as they are and every other refusal as unavailable', async () => {
    const refusing = await instance('one', () => { throw new EvegramError('auth.token_expired') })
    const failing = await instance('two', () => { throw new Error('a fault') })
    const passes = (code: ErrorCode): boolean => code.startsWith('auth.token_')
    await expect(clientOf([refusing.url], passes).ask(who)).rejects.toMatchObject({ code: 'auth.token_expired' })
    await expect(clientOf([refusing.url]).ask(who)).rejects.toMatchObject({ code: 'unavailable.auth' })
    await expect(clientOf([failing.url], passes).ask(who)).rejects.toMatchObject({ code: 'unavailable.auth' })
    expect(refusing.asked()).toBe(2)
  })

  it('is refused with a key that the other side does not know, for what exists and what does not', async () => {
    const one = await instance('one')
    const stranger = new ServiceTokens({ name: 'engine', seed: new Uint8Array(32).fill(9), clock })
    const passes = (code: ErrorCode): boolean => code === 'auth.service' || code === 'not_found.route'
    for (const path of ['/who', '/nothing']) {
      await expect(clientOf([one.url], passes, stranger).ask({ ...who, path })).rejects.toMatchObject({ code: 'auth.service' })
    }
    await expect(clientOf([one.url], passes).ask({ ...who, path: '/nothing' })).rejects.toMatchObject({ code: 'not_found.route' })
    expect(one.asked()).toBe(0)
  })

  it('refuses answers that are too large, no JSON, or of another shape', async () => {
    const texts = ['{"name":1}', 'nonsense', `{"name":"${'x'.repeat(INTERNAL_CLIENT_LIMITS.responseBytesMax)}"}`]
    for (const text of texts) {
      const url = await plain(createServer((_request, response) => { response.end(text) }))
      await expect(clientOf([url]).ask(who), text.slice(0, 20)).rejects.toMatchObject({ code: 'unavailable.auth' })
    }
  })

  it('refuses a request beyond its bound at once', async () => {
    const hanging = await plain(createServer(() => undefined))
    const client = clientOf([hanging])
    const waiting = Array.from({ length: INTERNAL_CLIENT_LIMITS.requestsMax }, () => client.ask(who).catch(() => undefined))
    await expect(client.ask(who)).rejects.toMatchObject({ code: 'limited.queue' })
    await Promise.all(waiting)
  })
})
