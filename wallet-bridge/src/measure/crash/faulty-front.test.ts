import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@evegram/platform'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultyFronts, signedBytesIn } from './faulty-front.js'

const signed = (name: number): string => Buffer.from(`signed ${String(name)} `.repeat(16)).toString('base64url')
const broadcast = (name: number): string => JSON.stringify({ method: 'sendIt', id: name, params: [signed(name)] })

describe('a front that treats broadcasts as a bad network does', () => {
  const reached: string[] = []
  let node: Server
  let fronts: FaultyFronts
  let endpoint: string
  beforeEach(async () => {
    reached.length = 0
    node = createServer((request, response) => {
      void (async () => {
        let body = ''
        for await (const chunk of request) body += String(chunk)
        reached.push(`${request.url ?? ''} ${body}`)
        response.writeHead(200, { 'content-type': 'application/json', 'grpc-metadata-x-cosmos-block-height': [request.headers['x-cosmos-block-height'] ?? 'none'].flat() })
        response.end('"answered"')
      })()
    })
    await new Promise<void>((resolve) => { node.listen(0, '127.0.0.1', resolve) })
    fronts = new FaultyFronts({ clock: systemClock(), seed: 1, broadcastMark: '"sendIt"', lateOf256: 32, lateMaxMs: 300 })
    endpoint = await fronts.open(`http://127.0.0.1:${String((node.address() as AddressInfo).port)}/rpc`)
  })
  afterEach(async () => {
    fronts.close()
    await new Promise<void>((resolve) => { node.close(() => { resolve() }) })
  })
  const ask = async (body: string): Promise<string> => (await (await fetch(endpoint, { method: 'POST', body })).text())
  const timesReached = (name: number): number => reached.filter((request) => request.includes(signed(name))).length

  it('passes everything else as it is', async () => {
    expect(endpoint).toMatch(/\/rpc$/)
    expect(await ask('{"method":"readIt"}')).toBe('"answered"')
    expect(reached).toEqual(['/rpc {"method":"readIt"}'])
    expect(signedBytesIn('/rpc', '{"method":"readIt"}', '"sendIt"')).toBeUndefined()
    expect(signedBytesIn('/rpc', broadcast(3), '"sendIt"')).toBe(signed(3))
  })

  it('passes the headers of questions and answers, without which a question about a height is one about now', async () => {
    const answer = await fetch(endpoint, { method: 'POST', body: '{}', headers: { 'x-cosmos-block-height': '17' } })
    expect(answer.headers.get('grpc-metadata-x-cosmos-block-height')).toBe('17')
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(await answer.text()).toBe('"answered"')
  })

  it('lets most broadcasts pass, some without an answer, and some late and once, however often they are sent', async () => {
    const fates = { passed: 0, unanswered: 0, late: 0 }
    for (let name = 0; name < 60; name++) {
      const answers = [await ask(broadcast(name)).catch(() => 'none'), await ask(broadcast(name)).catch(() => 'none')]
      expect(answers[0]).toBe(answers[1])
      if (answers[0] === '"answered"') fates.passed++
      else if (timesReached(name) === 2) fates.unanswered++
      else fates.late++
    }
    await fronts.settled()
    const once = Array.from({ length: 60 }, (_, name) => timesReached(name)).filter((times) => times === 1).length
    expect(once).toBe(fates.late)
    expect(fates.passed).toBeGreaterThan(30)
    expect(fates.unanswered).toBeGreaterThan(0)
    expect(fates.late).toBeGreaterThan(0)
    expect(fronts.counts).toEqual({ broadcasts: 120, late: fates.late, unanswered: 2 * fates.unanswered })
  })
})
