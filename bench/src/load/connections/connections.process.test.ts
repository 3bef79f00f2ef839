import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSite, type ConnectionSite } from './connection-site.js'
import { HolderPool } from './holder-pool.js'
import { MadeUpAuth } from './made-up-auth.js'
import { MessageRounds } from './message-round.js'
import { madeUpPopulation } from './population.js'

const CONNECTIONS = 20
const TIMEOUT_MS = 120_000

describe('connections that are held', () => {
  let site: ConnectionSite | undefined
  const ending: (() => void)[] = []
  beforeAll(async () => { site = await openSite({ connections: CONNECTIONS, engines: 0 }, () => undefined) }, TIMEOUT_MS)
  afterAll(async () => {
    for (const end of ending) end()
    await site?.dispose()
  }, TIMEOUT_MS)

  it('are counted while they are there, and each device that has a message, once', async () => {
    if (site === undefined) throw new Error('there is no server')
    const { ws, population } = site
    const [pool, rounds] = [await HolderPool.open(population.devices, { ws, origin: population.origin }), await MessageRounds.open({ ws, population })]
    ending.push(() => { pool.close() }, () => { rounds.close() })
    const sinceMs = Date.now() - 1_000
    expect((await pool.connect({ atOnce: 8, sinceMs }, () => undefined)).count).toBe(CONNECTIONS)
    await rounds.send(1, () => undefined)
    await expect.poll(async () => (await pool.counts(1)).received, { timeout: 10_000 }).toBe(CONNECTIONS)
    await pool.cut()
    expect(await pool.counts(1)).toMatchObject({ live: 0, disconnected: 0, received: CONNECTIONS })
    await rounds.send(2, () => undefined)
    // Nobody is there: the second message is lost until they come back.
    expect((await pool.counts(2)).received).toBe(0)
    expect((await pool.connect({ atOnce: 8, sinceMs }, () => undefined)).count).toBe(CONNECTIONS)
    await expect.poll(() => pool.counts(2), { timeout: 10_000 }).toMatchObject({ live: CONNECTIONS, received: CONNECTIONS, disconnected: 0, duplicated: 0 })
  }, TIMEOUT_MS)

  it('that the server ends are counted as such', async () => {
    if (site === undefined) throw new Error('there is no server')
    const { ws, population } = site
    const [first, second] = [await HolderPool.open(population.devices.slice(0, 4), { ws, origin: population.origin }), await HolderPool.open(population.devices.slice(0, 4), { ws, origin: population.origin })]
    ending.push(() => { first.close() }, () => { second.close() })
    await first.connect({ atOnce: 4, sinceMs: Date.now() }, () => undefined)
    // The newest connection of a device replaces the others.
    await second.connect({ atOnce: 4, sinceMs: Date.now() }, () => undefined)
    await expect.poll(() => first.counts(), { timeout: 10_000 }).toMatchObject({ live: 0, disconnected: 4 })
    expect([...(await first.counts()).failures.keys()].join()).toMatch(/close 40\d\d/)
  }, TIMEOUT_MS)
})

describe('a stand-in for auth', () => {
  it('knows the people that were made up, and nobody else', async () => {
    const auth = await MadeUpAuth.start()
    try {
      const population = madeUpPopulation(18, 'http://localhost:1')
      auth.know(population)
      const ask = async (body: unknown): Promise<{ readonly status: number; readonly answer: unknown }> => {
        const response = await fetch(`${auth.url}/internal/v1/any`, { method: 'POST', body: JSON.stringify(body) })
        return { status: response.status, answer: await response.json() }
      }
      const [device] = population.devices
      expect(await ask({ token: device?.token })).toMatchObject({ status: 200, answer: { account: device?.account, device: device?.device } })
      expect((await ask({ token: 'somebody' })).status).toBe(401)
      expect(await ask({ accounts: [population.accounts[1]?.account, 'f'.repeat(32)] })).toMatchObject({
        status: 200, answer: { accounts: [{ status: 'known', seq: 1, devices: [{}, {}] }, { status: 'unknown' }] },
      })
    } finally {
      auth.close()
    }
  })
})
