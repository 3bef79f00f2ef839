import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { ManualClock } from '@evegram/platform'
import { closeServer, createLoopbackServer, listenOnLoopback, LOOPBACK, readBody } from './loopback-http.js'
import { countingRandom } from './simulated/simulated-world.contract.js'
import { serveSolanaDevnet } from './solana/devnet/index.js'
import { serveTerraDevnet } from './terra/devnet/index.js'
import { serveTonDevnet } from './ton/devnet/index.js'

/** The status of a request with headers that fetch does not let anybody say. */
function statusOf(port: number, headers: Readonly<Record<string, string>>, { method = 'POST', path = '/' } = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: LOOPBACK, port, path, method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('error', reject)
    asked.end(method === 'POST' ? '{}' : undefined)
  })
}

describe('a server of a local chain', () => {
  const closers: (() => Promise<void>)[] = []
  let port: number
  beforeEach(async () => {
    const server = createLoopbackServer(async (asked, response) => {
      await readBody(asked, 100)
      response.end()
    })
    port = await listenOnLoopback(server, 0)
    closers.push(() => closeServer(server))
  })
  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
  })

  it('answers who names loopback and its port, and nobody who came by another name', async () => {
    for (const name of [LOOPBACK, 'localhost']) expect(await statusOf(port, { host: `${name}:${String(port)}` }, { method: 'GET' })).toBe(200)
    for (const host of [`elsewhere.example:${String(port)}`, LOOPBACK, `${LOOPBACK}:${String(port + 1)}`]) expect(await statusOf(port, { host }, { method: 'GET' })).toBe(421)
  })

  it('takes no body that a page elsewhere can send without asking', async () => {
    const host = `${LOOPBACK}:${String(port)}`
    for (const type of ['application/json', 'application/json; charset=utf-8']) expect(await statusOf(port, { host, 'content-type': type })).toBe(200)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp']) expect(await statusOf(port, { host, 'content-type': type })).toBe(415)
    expect(await statusOf(port, { host })).toBe(415)
  })

  it('is what every local chain listens with', async () => {
    const options = { clock: new ManualClock(), random: countingRandom('loopback'), port: 0 }
    const servers = [
      await serveSolanaDevnet({ ...options, slotMs: undefined }), await serveTerraDevnet({ ...options, blockMs: undefined }), await serveTonDevnet({ ...options, blockMs: undefined }),
    ]
    for (const server of servers) {
      closers.push(() => server.close())
      const { host, port: own, pathname: path } = new URL(server.url)
      expect(await statusOf(Number(own), { 'host': `elsewhere.example:${own}`, 'content-type': 'application/json' }, { path })).toBe(421)
      expect(await statusOf(Number(own), { host, 'content-type': 'text/plain' }, { path })).toBe(415)
    }
  })

  it('lets no page open a websocket of Solana', async () => {
    const server = await serveSolanaDevnet({ clock: new ManualClock(), random: countingRandom('sockets'), port: 0, slotMs: undefined })
    closers.push(() => server.close())
    const authority = `${LOOPBACK}:${String(Number(new URL(server.url).port) + 1)}`
    const opened = (headers: Readonly<Record<string, string>>): Promise<boolean> => new Promise((resolve) => {
      const socket = new WebSocket(`ws://${authority}`, { headers })
      socket.on('open', () => { socket.terminate(); resolve(true) })
      socket.on('error', () => { resolve(false) })
    })
    expect(await opened({})).toBe(true)
    expect(await opened({ host: `elsewhere.example:${authority.split(':')[1] ?? ''}` })).toBe(false)
    expect(await opened({ origin: 'https://elsewhere.example' })).toBe(false)
  })
})
