import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Client } from './client.js'
import { createNodeClient } from './node/create-node-client.js'
import { PRESENCE_LIMITS } from './sync/presence.js'
import type { Presence } from './core/contact-presence.js'
import { startTestServer, type TestServer } from './testing/page/test-server.js'
import { createLocalWallet } from './wallets/index.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

describe('who is there, over a real server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-presence-'))
  let server: TestServer
  let alice: Client
  let bob: Client

  beforeAll(async () => {
    server = await startTestServer()
    alice = await createNodeClient({ url: server.url, profile: join(folder, 'alice'), wallet: createLocalWallet('solana', new Uint8Array(32).fill(71)) })
    bob = await createNodeClient({ url: server.url, profile: join(folder, 'bob'), wallet: createLocalWallet('terra', new Uint8Array(32).fill(72)) })
  })
  afterAll(async () => {
    await alice.close()
    await bob.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is told to a contact who asks, and not before the person accepted them', async () => {
    const heard: Presence[] = []
    alice.on('presence-changed', (state) => { heard.push(state) })
    await bob.presence.here(true)
    await (await (await alice.conversation(bob.account)).send('are you there?')).acked
    await alice.presence.of(bob.account)
    const requests = await vi.waitUntil(async () => {
      const waiting = await bob.requests()
      return waiting.length > 0 && waiting
    }, { timeout: 20_000 })
    expect(heard).toEqual([])
    for (const { conversation } of requests) await bob.accept(conversation)
    await (await (await bob.conversation(alice.account)).send('I am')).acked
    // As a page that shows her: who begins to ask is asked again at once, and not when the time for that has come.
    bob.on('presence-changed', () => undefined)
    await bob.presence.of(alice.account)
    await vi.waitUntil(() => heard.length > 0, { timeout: 2 * PRESENCE_LIMITS.askMs })
    expect(heard[0]).toMatchObject({ account: bob.account, status: 'online' })
    await bob.presence.here(false)
    await vi.waitUntil(() => heard.length > 1, { timeout: 20_000 })
    expect(heard[1]).toMatchObject({ account: bob.account, status: 'away' })
  })
})
