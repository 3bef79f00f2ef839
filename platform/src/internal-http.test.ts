import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from './clock.js'
import type { HttpServer } from './http.js'
import { callingService, createInternalHttp } from './internal-http.js'
import { silentLogger } from './log.js'
import { systemRandom } from './random.js'
import { ServiceTokens, ServiceVerifier } from './service-token.js'

const clock = systemClock()
const tokensOf = (name: string, seed: number): ServiceTokens => new ServiceTokens({ name, seed: new Uint8Array(32).fill(seed), clock })
const [engine, wally, stranger] = [tokensOf('engine', 1), tokensOf('wally', 2), tokensOf('engine', 3)]

describe('the listener of a service for others', () => {
  let server: HttpServer
  let url: string
  beforeAll(async () => {
    server = createInternalHttp({
      log: silentLogger, clock, random: systemRandom(), api: { both: { path: '/both', callers: ['engine', 'wally'] }, money: { path: '/money/:id', callers: ['wally'] } },
      verifier: new ServiceVerifier({ name: 'auth', clock, keys: new Map([['engine', engine.publicKey], ['wally', wally.publicKey]]) }),
    })
    for (const path of ['/both', '/money/:id', '/forgotten']) server.get(path, async (request) => ({ caller: callingService(request) }))
    url = await server.listen({ host: '127.0.0.1', port: 0 })
  })
  afterAll(() => server.close())

  const ask = async (path: string, by?: ServiceTokens, method = 'GET'): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`, { method, headers: by === undefined ? {} : { authorization: `Bearer ${await by.tokenFor('auth')}` } })
    if (method === 'HEAD') return answer.status
    const { caller, error } = await answer.json() as { readonly caller?: string; readonly error?: { readonly code: string } }
    return caller ?? error?.code
  }

  it('answers each service what is its to ask, and refuses the rest', async () => {
    expect([await ask('/both', engine), await ask('/both', wally), await ask('/money/1', wally)]).toEqual(['engine', 'wally', 'wally'])
    expect([await ask('/money/1', engine), await ask('/money/1?path=/both', engine), await ask('/money/1', engine, 'HEAD')]).toEqual(['auth.service', 'auth.service', 401])
  })

  it('answers nobody on a route that its list does not name', async () => {
    expect([await ask('/forgotten', engine), await ask('/forgotten', wally)]).toEqual(['auth.service', 'auth.service'])
  })

  it('lets nobody else know what there is', async () => {
    for (const path of ['/both', '/money/1', '/forgotten', '/nothing']) expect([await ask(path), await ask(path, stranger)]).toEqual(['auth.service', 'auth.service'])
    expect(await ask('/nothing', engine)).toBe('not_found.route')
  })
})
