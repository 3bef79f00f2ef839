import { fileURLToPath } from 'node:url'
import { launchChromium } from '@evegram/tools/chromium'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { bundlePage, servePage } from '../testing/page/page-server.js'
import type * as SuitePage from '../testing/page/store-suite.page.js'

declare const window: { readonly page?: typeof SuitePage; readonly tell?: (acknowledged: number) => void }

/** Hundreds of synced commits, on a machine that is busy with other tests. */
const TEST_MS = 180_000
/** Commits that a page must have seen acknowledged before it is killed. */
const ACKNOWLEDGED_MIN = 20

const server = await servePage(await bundlePage(fileURLToPath(new URL('../testing/page/store-suite.page.ts', import.meta.url))))
const browser = await launchChromium()
const context = await browser.newContext()
const page = await openPage()
const names = await page.evaluate(() => window.page?.names() ?? [])
const suites = new Map<string, string[]>()
for (const name of names) {
  const suite = name.split(' > ')[0] ?? ''
  suites.set(suite, [...(suites.get(suite) ?? []), name])
}

afterAll(async () => {
  await browser.close()
  await server.close()
})

async function openPage(): Promise<Page> {
  const opened = await context.newPage()
  await opened.goto(server.url)
  await opened.waitForFunction(() => window.page !== undefined)
  return opened
}

it('runs the whole suite of local stores in a page', () => {
  expect([...suites.keys()]).toEqual(['local store: indexeddb', 'a profile in IndexedDB'])
  expect(names.length).toBeGreaterThan(18)
})

for (const [suite, all] of suites) {
  describe(suite, () => {
    it.each(all.map((name) => name.slice(suite.length + 3)))('%s', async (title) => {
      expect(await page.evaluate((name) => window.page?.run(name), `${suite} > ${title}`)).toBe('passed')
    }, TEST_MS)
  })
}

it('has everything that was acknowledged when its page is killed in the middle of a commit, and nothing in part', async () => {
  const victim = await openPage()
  let acknowledged = 0
  const enough = new Promise<void>((resolve) => {
    void victim.exposeFunction('tell', (number: number) => {
      acknowledged = number
      if (number >= ACKNOWLEDGED_MIN) resolve()
    }).then(() => {
      // Ends with the page.
      victim.evaluate(() => window.page?.writeForever('killed', (number) => { window.tell?.(number) })).catch(() => undefined)
    })
  })
  await enough
  const session = await context.newCDPSession(victim)
  await Promise.race([session.send('Page.crash').catch(() => undefined), victim.waitForEvent('crash')])
  const atLeast = acknowledged
  const { count, rows } = await page.evaluate(() => window.page?.readWritten('killed') ?? { count: 0, rows: 0 })
  expect(count).toBeGreaterThanOrEqual(atLeast)
  expect(rows).toBe(count)
}, TEST_MS)

it('says what sealing costs', async () => {
  const cost = await page.evaluate(() => window.page?.measure(200))
  console.log(`IndexedDB, rows of 400 bytes, ms: ${JSON.stringify(cost)}`)
  expect(Object.keys(cost ?? {}).sort()).toEqual(['plain.commitMs', 'plain.listMs', 'sealed.commitMs', 'sealed.listMs'])
}, TEST_MS)
