import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startPushService, type TestPushService } from '@evegram/platform/testing'
import { createLocalWallet, type Client, type LocalWallet } from '@evegram/sdk'
import { createNodeClient } from '@evegram/sdk/node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Standalone } from './standalone.js'
import { until } from './testing/people.js'
import { claimsOf } from './testing/push-claims.js'
import { ask, startServer, temporaryFolder } from './testing/server.js'

vi.setConfig({ testTimeout: 120_000 })

/** Longer than a server takes from a message to a push. */
const SOON_MS = 4_000

describe('a standalone server and a push service on this machine', () => {
  const folder = temporaryFolder()
  const clients = new Map<string, Client>()
  let service: TestPushService
  let server: Standalone
  const start = async (ports: Readonly<Record<string, string>> = {}): Promise<void> => {
    server = await startServer(join(folder.path, 'data'), { EVEGRAM_WALLY: 'false', EVEGRAM_PUSH_SERVICES: service.origin, ...ports })
  }
  beforeAll(async () => {
    service = await startPushService()
    await start()
  }, 120_000)
  afterAll(async () => {
    for (const client of clients.values()) await client.close()
    await server.stop()
    await service.close()
    folder.remove()
  })
  const open = async (profile: string, wallet?: LocalWallet): Promise<Client> => {
    const client = await createNodeClient({ url: server.names.origin, profile: join(folder.path, profile), requests: 'accept-all', ...(wallet === undefined ? {} : { wallet }) })
    clients.set(profile, client)
    await client.whenSynced()
    return client
  }
  const close = async (profile: string): Promise<void> => {
    await clients.get(profile)?.close()
    clients.delete(profile)
  }
  const say = async (from: Client, to: string, text: string): Promise<number> => {
    const conversation = await from.conversation(to)
    const sentMs = performance.now()
    await (await conversation.send(text)).acked
    return performance.now() - sentMs
  }
  const paths = (): string[] => service.pushes.map(({ path }) => path)
  const bobsWallet = createLocalWallet('ton', new Uint8Array(32).fill(12))
  const carolsWallet = createLocalWallet('terra', new Uint8Array(32).fill(13))

  it('wakes a device once until it connected again, with a push that says nothing; a revoked one never', async () => {
    const alice = await open('alice', createLocalWallet('solana', new Uint8Array(32).fill(11)))
    const bob = await open('bob', bobsWallet)
    const { address, account, device } = bob
    const key = (JSON.parse((await ask(server.ports.http, '/.well-known/evegram')).body) as { readonly push: { readonly key: string } }).push.key
    expect(await bob.push.key()).toBe(key)
    for (const elsewhere of ['https://evil.example/', 'http://127.0.0.1:1/', 'http://169.254.169.254/latest/meta-data', `${service.origin.replace('http', 'https')}/bob`]) {
      await expect(bob.push.subscribe(elsewhere), elsewhere).rejects.toMatchObject({ code: 'denied.push_service' })
    }
    await bob.push.subscribe(`${service.origin}/bob`)
    // Somebody who is away from now on: for the last of these tests.
    await (await open('carol', carolsWallet)).push.subscribe(`${service.origin}/silent`)
    await close('carol')
    await say(alice, address, 'while you are here')
    await delay(SOON_MS)
    expect(paths()).toEqual([])

    await close('bob')
    for (const text of ['one', 'two', 'three']) await say(alice, address, text)
    await until('a push', () => service.pushes.length > 0)
    await delay(SOON_MS)
    expect(paths()).toEqual(['/bob'])
    const [push] = service.pushes
    if (push === undefined) throw new Error('there is one')
    expect([push.method, push.body.length, Object.keys(push.headers).sort()]).toEqual(['POST', 0, ['authorization', 'connection', 'content-length', 'host', 'topic', 'ttl', 'urgency']])
    const claims = claimsOf(push, key)
    expect([claims['aud'], Object.keys(claims).sort()]).toEqual([service.origin, ['aud', 'exp']])
    expect(Number(claims['exp'])).toBeLessThanOrEqual(Date.now() / 1_000 + 86_400)
    const said = `${JSON.stringify(push.headers)} ${JSON.stringify(claims)}`
    for (const known of [account, device, address, alice.account, alice.device, alice.address, 'one', 'two', 'three']) expect(said.replace(/"(connection|content-length|host|ttl|urgency|topic|aud|exp)"/g, '')).not.toContain(known)

    // The laptop of Bob is woken until it is revoked.
    const again = await open('bob')
    const laptop = await open('laptop', bobsWallet)
    await laptop.push.subscribe(`${service.origin}/laptop`)
    await close('laptop')
    await again.revokeDevice(laptop.device, bobsWallet)
    await say(alice, address, 'for the phone alone')
    await close('bob')
    const goneMs = performance.now()
    await say(alice, address, 'again')
    await until('one more push', () => service.pushes.length > 1, 60_000)
    // Not before the least interval, which began when Bob connected.
    expect(performance.now() - goneMs).toBeGreaterThan(15_000)
    await delay(SOON_MS)
    expect(paths()).toEqual(['/bob', '/bob'])
  })

  it('knows subscriptions and key over a restart, and forgets what the push service no longer knows', async () => {
    const { http, ws, admin } = server.ports
    const before = service.pushes.length
    const key = (): Promise<string> => ask(http, '/.well-known/evegram').then(({ body }) => (JSON.parse(body) as { readonly push: { readonly key: string } }).push.key)
    const keyBefore = await key()
    await close('alice')
    await server.stop()
    await start({ EVEGRAM_HTTP_PORT: String(http), EVEGRAM_WS_PORT: String(ws), EVEGRAM_ADMIN_PORT: String(admin) })
    expect(await key()).toBe(keyBefore)
    service.answer = { status: 410 }
    const alice = await open('alice')
    await say(alice, bobsWallet.address, 'after the restart')
    await until('a push', () => service.pushes.length > before)
    const gone = async (): Promise<boolean> => (await (await fetch(`${server.adminUrl}/metrics`)).text()).includes('evegram_engine_pushes_gone_total 1')
    await until('the subscription to be gone', gone)
    service.answer = { status: 201 }
    await close('alice')
    // Claims are in memory: with a fresh start nothing but the subscription that is gone keeps Bob asleep.
    await server.stop()
    await start({ EVEGRAM_HTTP_PORT: String(http), EVEGRAM_WS_PORT: String(ws), EVEGRAM_ADMIN_PORT: String(admin) })
    await say(await open('alice'), bobsWallet.address, 'to nobody awake')
    await delay(SOON_MS)
    expect(service.pushes).toHaveLength(before + 1)
  })

  it('acknowledges as fast while the push service says nothing', async () => {
    service.answer = 'silence'
    const before = service.pushes.length
    const bob = await open('bob')
    const alice = clients.get('alice')
    if (alice === undefined) throw new Error('she is here')
    const awake: number[] = []
    for (let sent = 0; sent < 20; sent++) awake.push(await say(alice, bob.address, `awake ${String(sent)}`))
    await say(alice, carolsWallet.address, 'asleep')
    await until('a push that is not answered', () => service.pushes.length > before)
    const asleep: number[] = []
    for (let sent = 0; sent < 20; sent++) asleep.push(await say(alice, carolsWallet.address, `asleep ${String(sent)}`))
    expect(paths()[before]).toBe('/silent')
    const median = (times: readonly number[]): number => [...times].sort((one, other) => one - other)[times.length / 2] ?? 0
    // A send that waited for the push would take its ten seconds.
    expect(median(asleep)).toBeLessThan(median(awake) * 5 + 200)
    service.answer = { status: 201 }
  })
})
