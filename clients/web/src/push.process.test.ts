import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { en } from './i18n/en.js'
import { es } from './i18n/es.js'
import { go, write } from './testing/drive.js'
import { endAll } from './testing/end-all.js'
import { accessibilityFaults, Scene, SHOWN_MS, type Person } from './testing/scene.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

const SWITCH = { name: new RegExp(en['push.switch']) }

/** Lets the browser subscribe without its push service, which cannot be reached from here: the rest of the page is real. */
async function withPushService(context: BrowserContext, origin: string): Promise<void> {
  await context.addInitScript((endpoint) => {
    let standing: object | null = null
    const manager = globalThis.PushManager.prototype
    manager.getSubscription = () => Promise.resolve(standing as PushSubscription | null)
    manager.subscribe = (options) => {
      const key = options?.applicationServerKey
      if (typeof key !== 'string') throw new TypeError('the page gives the key as text')
      const text = key.replaceAll('-', '+').replaceAll('_', '/')
      const applicationServerKey = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer
      standing = { endpoint, options: { applicationServerKey, userVisibleOnly: options?.userVisibleOnly === true }, unsubscribe: () => { standing = null; return Promise.resolve(true) } }
      return Promise.resolve(standing as PushSubscription)
    }
  }, `${origin}/of-bob`)
}

/** Lets a push arrive at the worker of the page, as the browser does when its push service says so. */
async function deliverPush(page: Page, origin: string): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const registered = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const found = registrations.find(({ scopeURL }) => scopeURL === `${origin}/`)
      if (found !== undefined) resolve(found.registrationId)
    })
  })
  await session.send('ServiceWorker.enable')
  await session.send('ServiceWorker.deliverPushMessage', { origin, registrationId: await registered, data: '' })
  await session.detach()
}

/** The notices that the browser shows for the page: everything in them that can be read. */
function notices(page: Page): Promise<readonly object[]> {
  return page.evaluate(async () => {
    const shown = await (await navigator.serviceWorker.ready).getNotifications()
    return shown.map(({ title, body, tag, data }) => ({ title, body, tag, data: data as unknown }))
  })
}

/** One push that came. */
interface GotPush {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
}

describe('waking a browser', () => {
  const pushes: GotPush[] = []
  let service: Server
  let serviceOrigin: string
  let scene: Scene
  let alice: Person
  let bob: Person
  beforeAll(async () => {
    service = createServer((request, response) => {
      let bytes = 0
      request.on('data', (chunk: Buffer) => { bytes += chunk.length })
      request.on('end', () => {
        pushes.push({ method: request.method, path: request.url, headers: request.headers, bytes })
        response.writeHead(201).end()
      })
    })
    await new Promise<void>((resolve) => { service.listen(0, '127.0.0.1', resolve) })
    // It listens on a port, so its address is not the name of a pipe.
    serviceOrigin = `http://127.0.0.1:${String((service.address() as AddressInfo).port)}`
    scene = await Scene.start({ EVEGRAM_PUSH_SERVICES: serviceOrigin })
    alice = await scene.person('Solana')
    bob = await scene.person('TON')
    await withPushService(bob.context, serviceOrigin)
    await bob.page.reload()
    await bob.page.locator('[data-state="live"]').waitFor({ state: 'attached' })
  })
  afterAll(() => endAll(() => scene.close(), () => { service.closeAllConnections() }, () => service.close()))

  it('asks for leave on the click and not before, and says when the browser does not give it', async () => {
    await bob.context.clearPermissions()
    await go(bob.page, '#/settings')
    const turned = bob.page.getByRole('switch', SWITCH)
    await turned.waitFor()
    expect(await turned.isChecked()).toBe(false)
    // Headless Chromium refuses by itself whoever was not allowed before.
    await turned.click()
    await bob.page.getByText(en['push.denied']).waitFor()
    expect([await turned.isDisabled(), await turned.isChecked(), pushes.length]).toEqual([true, false, 0])
    expect(await accessibilityFaults(bob.page)).toEqual([])
  })

  it('is woken while it is closed, once, by a push that says nothing', async () => {
    await bob.context.grantPermissions(['notifications'], { origin: scene.url })
    await bob.page.reload()
    await go(bob.page, '#/settings')
    const turned = bob.page.getByRole('switch', SWITCH)
    await turned.click()
    await expect.poll(() => turned.isChecked(), { timeout: SHOWN_MS }).toBe(true)
    await bob.page.goto('about:blank')
    await write(alice, bob.address, 'are you asleep?')
    await expect.poll(() => pushes.length, { timeout: SHOWN_MS }).toBe(1)
    const [push] = pushes
    expect([push?.method, push?.path, push?.bytes]).toEqual(['POST', '/of-bob', 0])
    expect(JSON.stringify(push?.headers)).not.toContain('asleep')
  })

  it('shows one notice with the text of the page, in its language, and nothing else', async () => {
    // The debugger sees the worker from any page; no page of the site is open, which would show by itself what came.
    const elsewhere = bob.page
    await deliverPush(elsewhere, scene.url)
    await deliverPush(elsewhere, scene.url)
    const page = await scene.open(bob.context)
    await expect.poll(() => notices(page), { timeout: SHOWN_MS }).toEqual([{ title: en['app.name'], body: en['push.body'], tag: 'evegram', data: null }])
    expect(es['push.body']).not.toBe(en['push.body'])
    await page.close()
  })

  it('sleeps again when the switch is turned off', async () => {
    const page = await scene.open(bob.context)
    await go(page, '#/settings')
    const turned = page.getByRole('switch', SWITCH)
    await turned.waitFor()
    if (!await turned.isChecked()) await turned.click()
    await expect.poll(() => turned.isChecked(), { timeout: SHOWN_MS }).toBe(true)
    await turned.click()
    await expect.poll(() => turned.isChecked(), { timeout: SHOWN_MS }).toBe(false)
    const before = pushes.length
    await bob.context.close()
    await write(alice, bob.address, 'sleep well')
    // Longer than the least time between two wakes.
    await new Promise((resolve) => setTimeout(resolve, 35_000))
    expect(pushes).toHaveLength(before)
  })
})
