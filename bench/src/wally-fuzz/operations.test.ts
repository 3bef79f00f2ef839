import { describe, expect, it } from 'vitest'
import { withKnownValues } from './known-values.js'
import { chosenFrom, operationOf, operationsOf, withoutSecurity } from './operations.js'

const DESCRIPTION = {
  openapi: '3.1.0',
  paths: {
    '/v1/payouts/{id}': { get: { security: [{ dpop: [] }], parameters: [{ name: 'id', in: 'path', schema: { type: 'string' } }] } },
    '/v1/payouts/quote': { get: {}, post: { requestBody: { content: { 'application/json': { schema: { type: 'object', properties: { to: { type: 'string' } } } } } } } },
    '/v1/a.b': { get: {} },
  },
}
const operations = operationsOf(DESCRIPTION)

describe('routes of an API description', () => {
  it('are found as a server finds them', () => {
    const found = (method: string, path: string): string | undefined => operationOf(operations, method, path)?.name
    expect([found('GET', '/v1/payouts/x'), found('GET', '/v1/payouts/quote'), found('POST', '/v1/payouts/quote')]).toEqual(['GET /v1/payouts/{id}', 'GET /v1/payouts/quote', 'POST /v1/payouts/quote'])
    for (const [method, path] of [['GET', '/v1/payouts/x/y'], ['DELETE', '/v1/payouts/x'], ['GET', '/v1/aXb'], ['GET', '/v1/payouts']] as const) expect(found(method, path), path).toBeUndefined()
    expect(operations.filter(({ isSignedIn }) => isSignedIn).map(({ name }) => name)).toEqual(['GET /v1/payouts/{id}'])
  })

  it('can be chosen, and asked without a word about credentials', () => {
    expect(operationsOf(chosenFrom(DESCRIPTION, 'POST ')).map(({ name }) => name)).toEqual(['POST /v1/payouts/quote'])
    expect(JSON.stringify(withoutSecurity(DESCRIPTION))).not.toContain('security')
    expect(operationsOf(withoutSecurity(DESCRIPTION))).toHaveLength(4)
  })
})

describe('known values', () => {
  it('stand beside what is allowed anyway, and the description stays as it was', () => {
    const before = JSON.stringify(DESCRIPTION)
    const known = withKnownValues(DESCRIPTION, { 'GET /v1/payouts/{id}': { parameters: { id: ['p1'] } }, 'POST /v1/payouts/quote': { fields: { to: ['a1'] }, bodies: [{ to: 'a2' }] } })
    expect(known).toMatchObject({
      paths: {
        '/v1/payouts/{id}': { get: { parameters: [{ schema: { anyOf: [{ enum: ['p1'] }, { type: 'string' }] } }] } },
        '/v1/payouts/quote': { post: { requestBody: { content: { 'application/json': { schema: { anyOf: [{ enum: [{ to: 'a2' }] }, { properties: { to: { anyOf: [{ enum: ['a1'] }, { type: 'string' }] } } }] } } } } } },
      },
    })
    expect(JSON.stringify(DESCRIPTION)).toBe(before)
  })

  it('are of routes and names that there are', () => {
    expect(() => withKnownValues(DESCRIPTION, { 'GET /v1/gone': { parameters: { id: ['p1'] } } })).toThrow('no GET /v1/gone id')
    expect(() => withKnownValues(DESCRIPTION, { 'POST /v1/payouts/quote': { fields: { from: ['a1'] } } })).toThrow('no POST /v1/payouts/quote from')
  })
})
