import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { serviceAddresses, TcpProxy, testKeyspace, type TestKeyspace } from '@evegram/platform/testing'
import { createLocalWallet, type Client, type Wallet } from '@evegram/sdk'
import { createNodeClient } from '@evegram/sdk/node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { People, readinessOf, say, sayIn, until } from './testing/people.js'
import { metricOf, Processes, type ServiceProcess } from './testing/processes.js'
import { temporaryFolder } from './testing/server.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
vi.setConfig({ testTimeout: 120_000 })

async function proxyOf(kind: 'cassandra' | 'nats' | 'redis'): Promise<TcpProxy> {
  const [address] = serviceAddresses(kind)
  if (address === undefined) throw new Error(`${kind} has no address`)
  return TcpProxy.to(address)
}

// Each service is reached through a proxy that can break; what docs/operations.md says of outages is what was seen here.
describe('an outage of a part of the cluster', () => {
  const folder = temporaryFolder()
  const aliceWallet = createLocalWallet('solana', new Uint8Array(32).fill(11))
  const bobWallet = createLocalWallet('terra', new Uint8Array(32).fill(12))
  let keyspace: TestKeyspace
  let processes: Processes
  let people: People<Client, Wallet>
  let proxies: { readonly cassandra: TcpProxy; readonly nats: TcpProxy; readonly redis: TcpProxy }
  let auth: ServiceProcess
  let one: ServiceProcess
  let two: ServiceProcess
  let alice: Client
  let bob: Client

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [join(root, 'tools/build.mjs'), 'auth', 'engine'], { timeout: 280_000 })
    keyspace = testKeyspace()
    processes = await Processes.prepare(keyspace.config.keyspace)
    people = new People((profile, wallet) => createNodeClient({ url: processes.url, profile: join(folder.path, profile), wallet, requests: 'accept-all' }))
    proxies = { cassandra: await proxyOf('cassandra'), nats: await proxyOf('nats'), redis: await proxyOf('redis') }
    const store = { EVEGRAM_CASSANDRA: proxies.cassandra.place }
    ;[auth, one, two] = await Promise.all([
      processes.start('auth', 0, store), processes.start('engine', 0, store),
      processes.start('engine', 1, { ...store, EVEGRAM_NATS: `nats://${proxies.nats.place}`, EVEGRAM_REDIS: `redis://${proxies.redis.place}` }),
    ])
    alice = await people.at(one, 'alice', aliceWallet)
    bob = await people.at(two, 'bob', bobWallet)
    await say(alice, bob, 'all is well')
    await say(bob, alice, 'here too')
  }, 400_000)
  afterAll(async () => {
    await people.close()
    await processes.stop()
    await Promise.all(Object.values(proxies).map((proxy) => proxy.close()))
    await keyspace.drop()
    folder.remove()
  }, 60_000)

  it('of Redis costs presence: sends go to every node, nothing is lost, the node says why it is not ready', async () => {
    proxies.redis.refuse()
    await until('the engine is not ready', async () => await readinessOf(two) === 'engine: presence does not answer')
    await say(alice, bob, 'without presence')
    await say(bob, alice, 'from the node without presence')
    expect(await metricOf(two, 'evegram_engine_broadcasts_total')).toBeGreaterThan(0)
    expect([alice.state, bob.state]).toEqual(['live', 'live'])
    proxies.redis.heal()
    await until('the engine is ready again', async () => await readinessOf(two) === 'ready')
    await say(alice, bob, 'presence is back')
  })

  it('of the broker for one node makes it unready; its sends wait; a device that is revoked meanwhile is cut off there all the same', async () => {
    const laptop = await people.at(two, 'alice-laptop', aliceWallet)
    await say(bob, laptop, 'to every device')
    const revoked = await metricOf(two, 'evegram_engine_revoked_total')
    proxies.nats.refuse()
    await until('the engine is not ready', async () => await readinessOf(two) === 'engine: the broker does not answer')
    await alice.revokeDevice(laptop.device, aliceWallet)
    const closedMs = await until('the laptop is cut off', async () => await metricOf(two, 'evegram_engine_revoked_total') > revoked)
    expect(closedMs).toBeLessThan(8_000)
    const waiting = say(bob, alice, 'while the broker is away')
    await delay(2_000)
    expect([bob.state, bob.pending]).toEqual(['live', 1])
    proxies.nats.heal()
    await waiting
    await until('the engine is ready again', async () => await readinessOf(two) === 'ready')
    await say(alice, bob, 'the broker is back')
  })

  it('of auth leaves connections open; sends wait until it answers again, and the nodes stay ready', async () => {
    const talk = await alice.conversation(bob.address)
    auth.child.kill('SIGSTOP')
    // What a node was told of an account holds for a second.
    await delay(1_500)
    const waiting = sayIn(talk, bob, 'while auth stands still')
    await delay(4_000)
    expect([alice.state, bob.state, alice.pending, await readinessOf(one), await readinessOf(two)]).toEqual(['live', 'live', 1, 'ready', 'ready'])
    auth.child.kill('SIGCONT')
    await waiting
  })

  it('of the store makes sends wait and every process unready, and ends by itself', async () => {
    const talk = await alice.conversation(bob.address)
    proxies.cassandra.refuse()
    const waiting = sayIn(talk, bob, 'while the store is away')
    await delay(6_000)
    expect([alice.state, bob.state, alice.pending]).toEqual(['live', 'live', 1])
    expect(await readinessOf(auth)).toMatch(/^store: unavailable\.store/)
    for (const engine of [one, two]) expect(await readinessOf(engine)).toMatch(/^engine: the clock is not confirmed; store: unavailable\.store/)
    proxies.cassandra.heal()
    await until('all are ready again', async () => (await Promise.all([auth, one, two].map(readinessOf))).every((reason) => reason === 'ready'), 60_000)
    await waiting
    await say(bob, alice, 'the store is back')
  })
})
