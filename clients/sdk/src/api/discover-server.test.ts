import { describe, expect, it } from 'vitest'
import { ManualClock } from '../testing/manual-clock.js'
import { readServer, serverChange } from '../core/server-row.js'
import { MemoryStore } from '../store/memory.js'
import { discoverServer } from './discover-server.js'
import type { DiscoveredServer } from './discovered-server.js'
import { ServerClock } from './server-clock.js'
import { StubFetch } from './testing/stub-fetch.js'

const CHAT = {
  domain: 'chat.example', origin: 'https://chat.example', serverId: 'server-1', protocol: { min: 1, max: 1 }, ws: 'wss://chat.example/ws',
  auth: 'https://chat.example/', network: 'mainnet', limits: { frameBytesMax: 262_144, odd: 'x', half: 0.5 }, serverTimeMs: 1_790_000_005_000,
}
const LOCAL = { ...CHAT, domain: 'localhost:8080', origin: 'http://localhost:8080', ws: 'ws://localhost:8081', auth: 'http://localhost:8080' }

async function discover(url: string, answer: object, options: { domain?: string; pinnedServerId?: string } = {}): Promise<DiscoveredServer & { asked: string; offsetMs: number }> {
  const clock = new ManualClock(1_790_000_000_000)
  const serverClock = new ServerClock(clock)
  const stub = new StubFetch(() => ({ json: answer }))
  const server = await discoverServer({ url, ...options, fetch: stub.fetch, clock, serverClock })
  return { ...server, asked: stub.seen[0]?.url ?? '', offsetMs: serverClock.now() - clock.now() }
}

describe('discovery', () => {
  it('finds a server, and learns its time', async () => {
    expect(await discover('https://chat.example/', CHAT)).toEqual({
      domain: 'chat.example', origin: 'https://chat.example', serverId: 'server-1', protocol: { min: 1, max: 1 }, wsUrl: 'wss://chat.example/ws',
      authUrl: 'https://chat.example', network: 'mainnet', limits: { frameBytesMax: 262_144 }, asked: 'https://chat.example/.well-known/evegram', offsetMs: 5_000,
    })
  })

  it('learns what browsers subscribe with to be woken, and takes nothing else for it', async () => {
    const key = `B${'x'.repeat(86)}`
    expect(await discover('https://chat.example', { ...CHAT, push: { key } })).toMatchObject({ pushKey: key })
    for (const push of [{}, { key: '' }, { key: 'x'.repeat(87) }, { key: `${key}x` }, { key: 7 }, key]) {
      await expect(discover('https://chat.example', { ...CHAT, push }), JSON.stringify(push)).rejects.toMatchObject({ code: 'invalid.response' })
    }
  })

  it.each(['http://localhost:8080', 'http://127.0.0.1:8080/', 'http://[::1]:8080', 'ws://localhost:8080'])('takes %s for this machine', async (url) => {
    expect(await discover(url, LOCAL)).toMatchObject({ domain: 'localhost:8080', wsUrl: 'ws://localhost:8081' })
  })

  it.each(['http://chat.example', 'ws://chat.example', 'http://localhost.evil.example', 'http://192.168.0.7:8080'])('refuses plain %s', async (url) => {
    await expect(discover(url, CHAT)).rejects.toMatchObject({ code: 'client.insecure_url' })
  })

  it.each([
    { domain: 'evil.example' }, { domain: 'chat.example.evil.example' }, { domain: 'CHAT.example' }, { domain: 'chat.example:444' },
    { origin: 'https://evil.example' }, { origin: 'https://chat.example.evil.example' }, { origin: 'https://chat.example/' }, { origin: 'https://user@chat.example' },
  ])('refuses a server that says %o', async (lie) => {
    await expect(discover('https://chat.example', { ...CHAT, ...lie })).rejects.toMatchObject({ code: 'client.domain_mismatch' })
  })

  it('expects the domain that it was given instead of the one of the address', async () => {
    expect(await discover('https://eu.chat.example', CHAT, { domain: 'chat.example' })).toMatchObject({ domain: 'chat.example' })
    await expect(discover('https://eu.chat.example', CHAT)).rejects.toMatchObject({ code: 'client.domain_mismatch', details: { expected: 'eu.chat.example' } })
    await expect(discover('https://chat.example', CHAT, { domain: 'Chat.Example' })).rejects.toMatchObject({ code: 'invalid.argument' })
  })

  it('refuses another server than the profile was made with', async () => {
    expect(await discover('https://chat.example', CHAT, { pinnedServerId: 'server-1' })).toMatchObject({ serverId: 'server-1' })
    await expect(discover('https://chat.example', CHAT, { pinnedServerId: 'server-2' })).rejects.toMatchObject({ code: 'server.identity_changed' })
  })

  it.each([{ ws: 'ws://chat.example/ws' }, { auth: 'http://chat.example' }, { ws: 'ws://localhost:1' }])('is not sent on without encryption: %o', async (lie) => {
    await expect(discover('https://chat.example', { ...CHAT, ...lie })).rejects.toMatchObject({ code: 'client.insecure_url' })
  })

  it.each([
    { serverTimeMs: '1' }, { serverId: '' }, { serverId: 'x'.repeat(200) }, { network: 'devnet' }, { ws: 'https://chat.example' }, { auth: 'wss://chat.example' },
    { ws: 'javascript:alert(1)' }, { protocol: null }, { limits: [] }, { limits: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`l${String(index)}`, 1])) },
  ])('refuses an answer of another shape: %#', async (fault) => {
    await expect(discover('https://chat.example', { ...CHAT, ...fault })).rejects.toMatchObject({ code: 'invalid.response' })
  })

  it('takes the keys of notices, and keeps them for a start without network', async () => {
    const keys = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    const found = await discover('https://chat.example', { ...CHAT, noticeKeys: keys.map((key) => Buffer.from(key).toString('base64url')) })
    expect(found.noticeKeys).toEqual(keys)
    for (const server of [found, await discover('https://chat.example', CHAT)]) {
      const store = new MemoryStore()
      await store.commit([serverChange(server)])
      expect((await readServer(store))?.noticeKeys).toEqual(server.noticeKeys)
    }
  })

  it.each([
    ['a text'], ['nothing', null], ['a short key', ['AQID']], ['a long key', [Buffer.alloc(33).toString('base64url')]], ['too many', Array.from({ length: 5 }, () => Buffer.alloc(32).toString('base64url'))],
  ])('refuses %s as keys of notices', async (_what, noticeKeys: unknown = 'key') => {
    await expect(discover('https://chat.example', { ...CHAT, noticeKeys })).rejects.toMatchObject({ code: 'invalid.response' })
  })

  it('refuses a server without a common protocol version', async () => {
    await expect(discover('https://chat.example', { ...CHAT, protocol: { min: 2, max: 3 } })).rejects.toMatchObject({ code: 'incompatible.protocol' })
  })
})
