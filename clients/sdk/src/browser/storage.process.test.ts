import { fileURLToPath } from 'node:url'
import { launchChromium } from '@evegram/tools/chromium'
import type { BrowserContext, Frame, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundlePage, servePage, type PageServer } from '../testing/page/page-server.js'
import type * as StoragePage from '../testing/page/storage.page.js'

declare const window: { readonly page?: typeof StoragePage }

const TEST_MS = 240_000
const MIB = 1_048_576

describe('a page whose browser gives it little room, or none', () => {
  let server: PageServer
  let browser: Awaited<ReturnType<typeof launchChromium>>
  let context: BrowserContext

  beforeAll(async () => {
    server = await servePage(await bundlePage(fileURLToPath(new URL('../testing/page/storage.page.ts', import.meta.url))))
    browser = await launchChromium()
    context = await browser.newContext()
  }, TEST_MS)
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  async function open(from: BrowserContext = context): Promise<Page> {
    const page = await from.newPage()
    await page.goto(server.url)
    await page.waitForFunction(() => window.page !== undefined)
    return page
  }

  /** What the browser gives the origin of the page from now on; undefined: what it gives by itself. */
  async function giveRoom(page: Page, bytes: number | undefined): Promise<void> {
    const session = await page.context().newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(server.url).origin, ...(bytes === undefined ? {} : { quotaSize: bytes }) })
  }

  it('is told when there is no more room, keeps what it had, and goes on when there is room again', async () => {
    const page = await open()
    await giveRoom(page, 8 * MIB)
    const full = await page.evaluate(() => window.page?.fill('full', 64))
    expect(full?.failure).toMatchObject({ code: 'client.store', reason: 'quota', advice: expect.stringContaining('no more room') as unknown })
    expect([full?.written === full?.kept, full?.whole]).toEqual([true, true])
    expect(full?.written).toBeGreaterThan(0)
    expect(full?.written).toBeLessThan(9)
    await giveRoom(page, undefined)
    expect((await page.evaluate(() => window.page?.fill('full', 4)))?.failure).toEqual({ code: 'done' })
    await page.close()
  }, TEST_MS)

  it('is told the same when it begins there', async () => {
    // A profile of the browser that nothing was written in: of one that was, Chromium remembers for some seconds how much room was left, and lets small rows in.
    const fresh = await browser.newContext()
    const page = await open(fresh)
    await giveRoom(page, 1)
    expect(await page.evaluate(() => window.page?.openClient('begins'))).toMatchObject({ code: 'client.store', reason: 'quota' })
    await fresh.close()
  }, TEST_MS)

  it('is told when a tab with an older version holds the profile and does not let it go', async () => {
    const [older, newer] = [await open(), await open()]
    expect(await older.evaluate(() => window.page?.reopen('held'))).toEqual({ code: 'done' })
    await older.evaluate(() => window.page?.holdDeafly('held'))
    expect(await newer.evaluate(() => window.page?.upgrade('held'))).toMatchObject({ code: 'client.store', reason: 'blocked', advice: expect.stringContaining('older version') as unknown })
    await older.close()
    expect(await newer.evaluate(() => window.page?.upgrade('held'))).toEqual({ code: 'done' })
    // And the older page, loaded again, does not write into what it cannot read.
    expect(await newer.evaluate(() => window.page?.reopen('held'))).toMatchObject({ code: 'incompatible.schema', advice: expect.stringContaining('load the page again') as unknown })
    await newer.close()
  }, TEST_MS)

  it('lets the profile go to a newer version by itself, and is told', async () => {
    const [older, newer] = [await open(), await open()]
    const lost = await older.evaluateHandle(() => window.page?.holdWell('given up'))
    expect(await newer.evaluate(() => window.page?.upgrade('given up'))).toEqual({ code: 'done' })
    expect(await lost.evaluate((ask) => ask?.())).toEqual({ code: 'client.store', reason: 'version_change' })
    await older.close()
    await newer.close()
  }, TEST_MS)

  it('is told when there is no IndexedDB at all', async () => {
    const bare = await browser.newContext()
    await bare.addInitScript(() => { Object.defineProperty(globalThis, 'indexedDB', { value: undefined }) })
    const page = await open(bare)
    expect(await page.evaluate(() => window.page?.openClient('none'))).toMatchObject({ code: 'client.store', reason: 'no_storage', advice: expect.stringContaining('private window') as unknown })
    await bare.close()
  }, TEST_MS)

  it('is told so in a sandboxed frame, whose origin keeps nothing', async () => {
    const page = await open()
    await page.evaluate((url) => {
      const frame = document.createElement('iframe')
      frame.setAttribute('sandbox', 'allow-scripts')
      frame.name = 'sandboxed'
      frame.src = url
      document.body.append(frame)
    }, server.url)
    const frame = await framed(page)
    expect(await frame.evaluate(() => window.page?.openClient('sandboxed'))).toMatchObject({ code: 'client.store', reason: 'no_storage' })
    await page.close()
  }, TEST_MS)

  async function framed(page: Page): Promise<Frame> {
    await expect.poll(() => page.frame('sandboxed') !== null).toBe(true)
    const frame = page.frame('sandboxed')
    if (frame === null) throw new Error('the frame went away')
    await frame.waitForFunction(() => window.page !== undefined)
    return frame
  }
})
