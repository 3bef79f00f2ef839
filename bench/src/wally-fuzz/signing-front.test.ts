import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TokenSource } from '@evegram/sdk/parts'
import { afterEach, expect, it } from 'vitest'
import { RawHttp } from '../raw/raw-http.js'
import { operationsOf } from './operations.js'
import { SigningFront } from './signing-front.js'
import { Tally } from './tally.js'

const DESCRIPTION = {
  paths: { '/v1/wally/balances': { get: { security: [{ dpop: [] }] } }, '/v1/wally/operator/payouts/{id}/approve': { post: { security: [{ operator: [] }] } }, '/v1/auth/session': { post: {} } },
}
const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

it('signs what passes as a person, as an operator, and with a bare proof, and asks again with another token', async () => {
  const seen: { readonly method: string | undefined; readonly url: string | undefined; readonly headers: IncomingHttpHeaders; readonly body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => { body += part }).on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body })
      const isOld = request.headers.authorization === 'DPoP token-1'
      response.writeHead(isOld ? 401 : request.url === '/v1/auth/session' ? 500 : 200, { 'content-type': 'application/json' }).end(isOld ? '{"error":{"code":"auth.token_invalid"}}' : '{"a":1}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const http = new RawHttp(`http://localhost:${String((server.address() as AddressInfo).port)}`)
  let tokens = 1
  // Only what the front uses: a proof needs an account and a device in no place.
  const person = { signer: { publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) }, accessToken: async () => `token-${String(tokens)}`, forgetAccessToken: () => { tokens++ } } as unknown as TokenSource
  const operations = operationsOf(DESCRIPTION)
  const tally = new Tally(operations.map(({ name }) => name))
  const front = await SigningFront.listen({ http, origin: 'http://localhost:8080', operations, document: DESCRIPTION, operatorToken: 'secret', personOf: () => person, tally })
  ends.push(() => new Promise((resolve) => server.close(() => { resolve() })), () => { http.close() }, () => front.close())

  expect(await (await fetch(`${front.url}/openapi.json`)).json()).toEqual(DESCRIPTION)
  const answers = [
    await fetch(`${front.url}/v1/wally/balances?x=1`, { headers: { authorization: 'Basic mine', dpop: 'mine', 'x-other': 'kept' } }),
    await fetch(`${front.url}/v1/wally/operator/payouts/p%2F1/approve`, { method: 'POST', body: '{"b":"ü"}', headers: { 'content-type': 'application/json' } }),
    await fetch(`${front.url}/v1/auth/session`, { method: 'POST' }), await fetch(`${front.url}/v1/elsewhere`),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 500, 200])
  expect(await answers[0]?.json()).toEqual({ a: 1 })
  expect(seen.map(({ headers: { authorization, dpop } }) => [authorization, dpop === undefined ? 'none' : dpop === 'mine' ? 'mine' : 'made'])).toEqual([
    ['DPoP token-1', 'made'], ['DPoP token-2', 'made'], ['Bearer secret', 'none'], [undefined, 'made'], [undefined, 'none'],
  ])
  expect(seen[1]).toMatchObject({ url: '/v1/wally/balances?x=1', headers: { 'x-other': 'kept' } })
  expect(seen[2]).toMatchObject({ method: 'POST', url: '/v1/wally/operator/payouts/p%2F1/approve', body: '{"b":"ü"}' })
  expect([...tally.routes.values()].map(({ asked, done, failed }) => [asked, done, failed])).toEqual([[1, 1, 0], [1, 1, 0], [1, 0, 1]])
  expect([tally.strays, tally.failures]).toMatchObject([1, [{ route: 'POST /v1/auth/session', status: 500 }]])
})
