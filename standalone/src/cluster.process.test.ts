import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startPushService, testKeyspace, type TestKeyspace, type TestPushService } from '@evegram/platform/testing'
import { createLocalWallet, type Client, type Wallet } from '@evegram/sdk'
import { createNodeClient } from '@evegram/sdk/node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connectionsOf, People, readinessOf, say, until } from './testing/people.js'
import { metricOf, Processes, type ServiceProcess } from './testing/processes.js'
import { claimsOf } from './testing/push-claims.js'
import { temporaryFolder } from './testing/server.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
// Programs start here; a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000 })

describe('two auth and two engine processes on Cassandra, NATS and Redis', () => {
  const folder = temporaryFolder()
  let people: People<Client, Wallet>
  let keyspace: TestKeyspace
  let processes: Processes
  let pushService: TestPushService
  let auths: ServiceProcess[]
  let engines: ServiceProcess[]
  const aliceWallet = createLocalWallet('solana', new Uint8Array(32).fill(1))
  const bobWallet = createLocalWallet('terra', new Uint8Array(32).fill(2))
  let alice: Client
  let bob: Client

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [join(root, 'tools/build.mjs'), 'auth', 'engine'], { timeout: 280_000 })
    keyspace = testKeyspace()
    processes = await Processes.prepare(keyspace.config.keyspace)
    pushService = await startPushService()
    const push = { EVEGRAM_PUSH_SERVICES: pushService.origin }
    // Receipts go some time after what they confirm, and would be in what is counted here.
    people = new People((profile, wallet) => createNodeClient({ url: processes.url, profile: join(folder.path, profile), wallet, requests: 'accept-all', receipts: 'none' }))
    // All at once: they wait for each other and make tables and keys together.
    const started = await Promise.all([
      processes.start('auth', 0), processes.start('auth', 1), processes.start('engine', 0, push), processes.start('engine', 1, push),
    ])
    auths = started.slice(0, 2)
    engines = started.slice(2)
  }, 400_000)
  afterAll(async () => {
    await people.close()
    await processes.stop()
    await pushService.close()
    await keyspace.drop()
    folder.remove()
  }, 60_000)

  it('are ready, each telling so, and one server to whoever asks: one id, one set of keys', async () => {
    expect(await Promise.all([...auths, ...engines].map(readinessOf))).toEqual(['ready', 'ready', 'ready', 'ready'])
    const asked = await Promise.all([0, 1, 2, 3].map(async () => (await fetch(`${processes.url}/.well-known/evegram`)).json() as Promise<{ serverId: string }>))
    expect(new Set(asked.map(({ serverId }) => serverId)).size).toBe(1)
    expect(asked[0]?.serverId).toMatch(/^[0-9a-f]{32}$/)
    const keys = await Promise.all([0, 1].map(async () => (await fetch(`${processes.url}/v1/auth/jwks.json`)).text()))
    expect(keys[0]).toBe(keys[1])
    for (const service of [...auths, ...engines]) {
      expect(service.output()).toContain('"EVEGRAM_SERVICE_KEY":"[redacted]"')
      expect(service.output()).toContain('"msg":"ready"')
    }
  })

  it('carry messages between people at different engines, both ways', async () => {
    const [one, two] = engines
    if (one === undefined || two === undefined) throw new Error('two engines were started')
    alice = await people.at(one, 'alice', aliceWallet)
    bob = await people.at(two, 'bob', bobWallet)
    for (let round = 0; round < 5; round++) {
      await say(alice, bob, `to bob ${String(round)}`)
      await say(bob, alice, `to alice ${String(round)}`)
    }
    expect(await metricOf(one, 'evegram_engine_packets_out_total')).toBeGreaterThan(0)
    expect(await metricOf(two, 'evegram_engine_packets_out_total')).toBeGreaterThan(0)
  })

  it('tell people at different engines who types: nothing of it is stored or goes with the packets, and nobody who does not listen is told', async () => {
    const [one, two] = engines
    if (one === undefined || two === undefined) throw new Error('two engines were started')
    const counted = async (): Promise<number[]> => {
      const names = ['appended', 'packets_out', 'deliveries', 'acks'].map((name) => `evegram_engine_${name}_total`)
      return Promise.all([one, two].flatMap((engine) => names.map((name) => metricOf(engine, name))))
    }
    const conversation = await alice.conversation(bob.address)
    const before = await counted()
    conversation.typing(true)
    await until('the signal came to the engine of alice', async () => await metricOf(one, 'evegram_engine_signals_total') === 1)
    const told: string[] = []
    const end = bob.on('typing', ({ address, typing }) => { told.push(`${address === alice.address ? 'alice' : address} ${typing ? 'types' : 'stopped'}`) })
    // Said again every few seconds while it goes on: bob, who listens only now, is told then.
    await until('bob sees that alice types', () => {
      conversation.typing(true)
      return told.length > 0
    })
    conversation.typing(false)
    await until('bob sees that alice stopped', () => told.length > 1)
    end()
    expect(told).toEqual(['alice types', 'alice stopped'])
    expect(await metricOf(two, 'evegram_engine_signals_delivered_total')).toBe(2)
    expect(await counted()).toEqual(before)
  })

  it('wake a device that is away: one push for all its messages, whichever engines took them, with a token that auth signed', async () => {
    const [one, two] = engines
    if (one === undefined || two === undefined) throw new Error('two engines were started')
    const carol = await people.at(two, 'carol', createLocalWallet('ton', new Uint8Array(32).fill(3)))
    await expect(carol.push.subscribe('http://169.254.169.254/latest/meta-data')).rejects.toMatchObject({ code: 'denied.push_service' })
    await carol.push.subscribe(`${pushService.origin}/carol`)
    const connected = await connectionsOf(two)
    await carol.close()
    await until('the engine noticed that carol went', async () => await connectionsOf(two) < connected)
    const acked = async (from: Client, text: string): Promise<unknown> => (await (await from.conversation(carol.address)).send(text)).acked
    await Promise.all([acked(alice, 'by the first engine'), acked(bob, 'by the second one')])
    await until('a push', () => pushService.pushes.length > 0)
    // Both looked by now.
    await delay(2_500)
    expect(pushService.pushes.map(({ method, path, body }) => [method, path, body.length])).toEqual([['POST', '/carol', 0]])
    const [push] = pushService.pushes
    const { push: named } = await (await fetch(`${processes.url}/.well-known/evegram`)).json() as { push: { key: string } }
    if (push !== undefined) expect(claimsOf(push, named.key)['aud']).toBe(pushService.origin)
    expect(await metricOf(one, 'evegram_engine_pushes_total') + await metricOf(two, 'evegram_engine_pushes_total')).toBe(1)
    for (const engine of engines) expect(engine.output()).not.toContain(pushService.origin.concat('/carol'))
  })

  it('close the socket of a revoked device within 2 s, whichever engine holds it', async () => {
    const [, two] = engines
    if (two === undefined) throw new Error('two engines were started')
    const laptop = await people.at(two, 'alice-laptop', aliceWallet)
    await say(bob, laptop, 'to every device')
    const revoked = await metricOf(two, 'evegram_engine_revoked_total')
    const startedMs = performance.now()
    let closedMs = Number.POSITIVE_INFINITY
    const watching = until('the socket of the laptop is closed', async () => await metricOf(two, 'evegram_engine_revoked_total') > revoked)
      .then(() => { closedMs = performance.now() })
    await alice.revokeDevice(laptop.device, aliceWallet)
    const answeredMs = performance.now()
    await watching
    expect(closedMs - startedMs).toBeLessThan(2_000 + (answeredMs - startedMs))
    expect(closedMs - answeredMs).toBeLessThan(2_000)
    // Acknowledged only after the lease of every node passed.
    expect(answeredMs - startedMs).toBeGreaterThan(1_000)
    await until('the laptop stops', () => laptop.state === 'closed' || laptop.state === 'offline')
    await say(bob, alice, 'to the phone alone')
  })

  it('go on when an engine and an auth process are killed', async () => {
    const [one, two] = engines
    const [auth] = auths
    if (one === undefined || two === undefined || auth === undefined) throw new Error('they were started')
    one.child.kill('SIGKILL')
    auth.child.kill('SIGKILL')
    processes.forget(auth)
    await Promise.all([one.ended, auth.ended])
    await until('alice is live at the other engine', async () => alice.state === 'live' && await connectionsOf(two) >= 2)
    await say(alice, bob, 'after the kill')
    await say(bob, alice, 'heard after the kill')
  })

  it('take their place again, and drain at SIGTERM: clients move on, the process ends with 0 in 10 s', async () => {
    const [, two] = engines
    if (two === undefined) throw new Error('two engines were started')
    const again = await processes.start('engine', 0)
    const startedMs = performance.now()
    two.child.kill('SIGTERM')
    expect(await two.ended).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    await until('both are live at the new engine', async () => alice.state === 'live' && bob.state === 'live' && await connectionsOf(again) >= 2)
    await say(alice, bob, 'after the roll')
  })

  it('cannot run (code 2) with a wrong setting or a taken port, and say in one line what to change', async () => {
    const [, auth] = auths
    const cases: [Readonly<Record<string, string>>, RegExp][] = [
      [{ EVEGRAM_SERVICE_KEY: 'short' }, /EVEGRAM_SERVICE_KEY: 32 bytes/],
      [{ EVEGRAM_NATS: 'http://127.0.0.1:1' }, /invalid\.config/],
      [{ EVEGRAM_HTTP_PORT: String(auth?.ports['http']) }, /EVEGRAM_HTTP_PORT/],
    ]
    for (const [more, advice] of cases) {
      const failure = await processes.start('auth', 0, more).then(() => 'it started', String)
      expect(failure).toMatch(/ended with 2/)
      expect(failure).toMatch(advice)
      expect(failure, 'no stack').not.toMatch(/^\s+at /m)
    }
  })
})
