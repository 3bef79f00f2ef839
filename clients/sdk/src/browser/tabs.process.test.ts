import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { launchChromium } from '@evegram/tools/chromium'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../client.js'
import { createClient } from '../create-client.js'
import { nodeSystem } from '../node/node-system.js'
import { nodePrimitives } from '../node/signal-primitives.js'
import { MemoryStore } from '../store/memory.js'
import { bundlePage } from '../testing/page/page-server.js'
import type * as TabsPage from '../testing/page/tabs.page.js'
import { startTestServer, type TestServer } from '../testing/page/test-server.js'
import { createLocalWallet } from '../wallets/index.js'

declare const window: { readonly page?: typeof TabsPage; readonly told?: (text: string) => void }

const TEST_MS = 240_000
const LOOK_MS = 100
/** Messages of the two tabs and of Bob together. */
const MESSAGES = 600

let server: TestServer
let bob: Client
let context: BrowserContext
let files: ReadonlyMap<string, string>
let launched: Awaited<ReturnType<typeof launchChromium>>

beforeAll(async () => {
  files = await bundlePage(fileURLToPath(new URL('../testing/page/tabs.page.ts', import.meta.url)))
  server = await startTestServer()
  // A page that a test serves past the network has no address, and Chromium keeps such pages from sockets on loopback.
  launched = await launchChromium({ args: ['--disable-features=LocalNetworkAccessChecks'] })
  context = await launched.newContext()
  // The script of the page has the origin of the server, as the product's own page has.
  await context.route(`${server.url}/tab-test/**`, (route) => {
    const script = files.get(new URL(route.request().url()).pathname.replace('/tab-test', ''))
    return route.fulfill(script === undefined
      ? { contentType: 'text/html', body: '<!doctype html><title>tab</title><script type="module">import * as page from "/tab-test/page.js"; window.page = page</script>' }
      : { contentType: 'text/javascript', body: script })
  })
  bob = await createClient({ url: server.url, store: new MemoryStore(), system: nodeSystem(), signalPrimitives: nodePrimitives, requests: 'accept-all', wallet: createLocalWallet('terra', new Uint8Array(32).fill(99)) })
}, TEST_MS)

afterAll(async () => {
  await bob.close()
  await launched.close()
  await server.close()
})

async function openTab(profile: string, seed?: number): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${server.url}/tab-test/`)
  await page.waitForFunction(() => window.page !== undefined)
  await page.evaluate(([url, name, number]) => window.page?.open(String(url), String(name), number === undefined ? undefined : Number(number)), [server.url, profile, seed] as const)
  return page
}

const textsIn = (page: Page): Promise<string[]> => page.evaluate((peer) => window.page?.texts(peer) ?? [], bob.address)
const addressIn = (page: Page): Promise<string> => page.evaluate(() => window.page?.tab.client?.address ?? '')
const say = (page: Page, prefix: string, count: number): Promise<void> =>
  page.evaluate(([peer, start, number]) => window.page?.say(String(peer), String(start), Number(number), window.told), [bob.address, prefix, count] as const)

async function textsOfBob(peer: string): Promise<string[]> {
  return (await (await bob.conversation(peer)).history(10_000)).map(({ text }) => text)
}

async function until<Value>(look: () => Promise<Value>, good: (value: Value) => boolean): Promise<Value> {
  const deadline = performance.now() + TEST_MS / 3
  for (;;) {
    const value = await look()
    if (good(value)) return value
    if (performance.now() > deadline) throw new Error(`waited in vain; last seen: ${JSON.stringify(value).slice(0, 500)}`)
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS) })
  }
}

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}${String(index + 1)}`)
const prefixed = (texts: readonly string[], prefix: string): string[] => texts.filter((text) => text.startsWith(prefix))

describe('two tabs of one profile', () => {
  it('send and receive at the same time, and show the same: everything once, in one order, no session broken', async () => {
    const first = await openTab('busy', 1)
    const second = await openTab('busy')
    const address = await addressIn(first)
    expect(await addressIn(second)).toBe(address)
    const quarter = MESSAGES / 4
    const toAlice = await bob.conversation(address)
    await Promise.all([
      say(first, 'a', quarter), say(second, 'b', quarter),
      (async () => { for (const text of numbered('c', 2 * quarter)) await toAlice.send(text) })(),
    ])
    const all = await until(() => textsOfBob(address), ({ length }) => length >= MESSAGES)
    expect([...all].sort()).toEqual([...numbered('a', quarter), ...numbered('b', quarter), ...numbered('c', 2 * quarter)].sort())
    for (const page of [first, second]) {
      expect(await until(() => textsIn(page), ({ length }) => length >= MESSAGES)).toEqual(all)
      expect(await page.evaluate(([peer, count]) => window.page?.iterate(String(peer), Number(count)), [bob.address, MESSAGES] as const)).toEqual(all)
      expect(await page.evaluate(() => window.page?.tab.codes)).toEqual([])
      // Told once to each tab, whichever leads.
      await until(() => page.evaluate(() => window.page?.tab.heard.length ?? 0), (heard) => heard >= 2 * quarter)
      expect((await page.evaluate(() => window.page?.tab.heard ?? [])).sort()).toEqual(numbered('c', 2 * quarter).sort())
    }
    await Promise.all([first.close(), second.close()])
  }, TEST_MS)

  it('lose nothing that was acknowledged and double nothing when the leading one is killed while both write', async () => {
    const leader = await openTab('killed', 2)
    const follower = await openTab('killed')
    const address = await addressIn(follower)
    const committed: string[] = []
    await leader.exposeFunction('told', (text: string) => { committed.push(text) })
    // Its page dies under it.
    say(leader, 'dead', 10_000).catch(() => undefined)
    const following = say(follower, 'alive', 60)
    await until(() => Promise.resolve(committed.length), (length) => length >= 20)
    const session = await context.newCDPSession(leader)
    const killedAt = performance.now()
    await Promise.race([session.send('Page.crash').catch(() => undefined), leader.waitForEvent('crash')])
    const known = [...committed]
    await follower.evaluate(async (peer) => { await (await window.page?.tab.client?.conversation(peer))?.history(1) }, bob.address)
    const tookOverMs = performance.now() - killedAt
    await following
    await say(follower, 'after', 3)
    const all = await until(() => textsOfBob(address), (texts) => texts.includes('after3') && known.every((text) => texts.includes(text)))
    expect(prefixed(all, 'alive')).toEqual(numbered('alive', 60))
    expect(prefixed(all, 'dead')).toEqual(numbered('dead', prefixed(all, 'dead').length))
    expect(new Set(all).size).toBe(all.length)
    expect(await textsIn(follower)).toEqual(all)
    expect(await follower.evaluate(() => window.page?.tab.codes)).toEqual([])
    console.log(`another tab led ${tookOverMs.toFixed(0)} ms after the leading one was killed; ${String(known.length)} messages were committed by it`)
    await follower.close()
  }, TEST_MS)

  it('send a file once, whole, from a tab whose leader is killed in the middle of the upload, and both sides fetch it', async () => {
    const size = 12 * 1_048_576
    const leader = await openTab('files', 4)
    const follower = await openTab('files')
    const address = await addressIn(follower)
    // So slow that there is a middle.
    await context.route(`${server.url}/v1/blobs/*`, async (route) => {
      if (route.request().method() === 'PATCH') await new Promise((resolve) => { setTimeout(resolve, 300) })
      await route.continue().catch(() => undefined)
    })
    await follower.evaluate(([peer, bytes]) => window.page?.sendFile(String(peer), Number(bytes)), [bob.address, size] as const)
    const uploaded = await until(() => follower.evaluate(() => window.page?.tab.uploaded ?? 0), (bytes) => bytes > 0)
    expect(uploaded).toBeLessThan(size / 2)
    const session = await context.newCDPSession(leader)
    await Promise.race([session.send('Page.crash').catch(() => undefined), leader.waitForEvent('crash')])
    const said = await until(async () => (await (await bob.conversation(address)).history(100)).filter(({ files: sent }) => sent !== undefined), ({ length }) => length > 0)
    const content = Uint8Array.from({ length: size }, (_, at) => (at * 2_654_435_761) >>> 24)
    const digest = createHash('sha256').update(content).digest('hex')
    const fetched = new Uint8Array(await new Response(bob.download(said[0]!, 0)).arrayBuffer())
    expect(createHash('sha256').update(fetched).digest('hex')).toBe(digest)
    // Of the tab that asked, its promise ended with the leader; what it asked for did not.
    expect(await until(() => follower.evaluate(() => window.page?.tab.sending ?? ''), (how) => how !== '')).toBe('client.leader_lost')
    const second = await openTab('files')
    for (const page of [follower, second]) expect(await page.evaluate((peer) => window.page?.fileDigests(peer), bob.address)).toEqual([digest])
    // Said once: what comes behind it comes behind one.
    await say(second, 'behind', 1)
    expect(await until(() => textsOfBob(address), (texts) => texts.includes('behind1'))).toEqual(['as promised', 'behind1'])
    expect(await follower.evaluate(() => window.page?.tab.codes)).toEqual([])
    await Promise.all([follower.close(), second.close()])
  }, TEST_MS)

  it('go on without a leader that is frozen, which writes nothing more when it wakes up, and follows', async () => {
    const leader = await openTab('frozen', 3)
    const follower = await openTab('frozen')
    const address = await addressIn(follower)
    await say(leader, 'before', 3)
    const session = await context.newCDPSession(leader)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    await say(follower, 'meanwhile', 3)
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await say(leader, 'woken', 3)
    await say(follower, 'end', 1)
    const all = await until(() => textsOfBob(address), (texts) => texts.includes('end1'))
    expect(all).toEqual([...numbered('before', 3), ...numbered('meanwhile', 3), ...numbered('woken', 3), 'end1'])
    for (const page of [leader, follower]) {
      expect(await until(() => textsIn(page), ({ length }) => length >= all.length)).toEqual(all)
      expect(await page.evaluate(() => window.page?.tab.codes)).toEqual([])
    }
    await Promise.all([leader.close(), follower.close()])
  }, TEST_MS)
})
