import { readFileSync, rmSync, mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { launchChromium } from '../../../tools/chromium.mjs'
import { endAll } from './testing/end-all.js'
import { accessibilityFaults } from './testing/scene.js'

vi.setConfig({ testTimeout: 480_000, hookTimeout: 120_000 })

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** Rows that the list may have in the page at a time. */
const ROWS_MAX = 120
/** How far the hand moves in a frame. */
const STEP_PX = 1_400
/** CPU of one task from which browsers call it long: such tasks are counted and printed. */
const LONG_TASK_MS = 50
/** No task may take more: what a conversation costs must not grow with its length. */
const TASK_MS_MAX = 200
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** What a task took by the clock of the wall, and of its thread alone, in µs. */
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

describe('a conversation of 10,000 messages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-scroll-'))
  let server: Server
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    await build({
      configFile: false, root: here('..'), logLevel: 'silent', build: { outDir: folder, rolldownOptions: { input: here('../scroll-page/index.html') } },
      resolve: {
        alias: [
          { find: '@evegram/protocol/proof', replacement: here('../../../protocol/src/proof/index.ts') },
          { find: '@evegram/protocol', replacement: here('../../../protocol/src/index.ts') },
          { find: '@evegram/sdk/react', replacement: here('../../sdk/src/react.ts') },
          { find: '@evegram/sdk', replacement: here('../../sdk/src/index.ts') },
        ],
      },
    })
    server = createServer((request, reply) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname
      reply.setHeader('content-type', TYPES[extname(path)] ?? 'text/plain')
      try {
        reply.end(readFileSync(join(folder, path)))
      } catch {
        reply.statusCode = 404
        reply.end()
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    browser = await launchChromium()
    page = await browser.newPage({ viewport: { width: 900, height: 700 } })
    const address = server.address()
    await page.goto(`http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}/scroll-page/index.html`)
    await page.locator('.bubble').last().waitFor()
  })
  afterAll(() => endAll(() => browser.close(), () => server.close(), () => { rmSync(folder, { recursive: true, force: true }) }))
  const rows = (): Promise<number> => page.locator('[data-message]').count()

  it('begins at the newest', async () => {
    await page.locator('.bubble', { hasText: /^9999 / }).waitFor()
    expect(await page.evaluate(() => { const box = document.querySelector('.messages'); return box === null ? -1 : Math.round(box.scrollHeight - box.scrollTop - box.clientHeight) })).toBeLessThanOrEqual(1)
    expect(await rows()).toBeLessThanOrEqual(ROWS_MAX)
  })

  it('scrolls to its beginning with few rows in the page, and tasks that stay small', async () => {
    await page.evaluate(() => {
      let last = performance.now()
      const counts = { frames: 0, dropped: 0 }
      Object.assign(globalThis, { frames: counts })
      const frame = (at: number): void => {
        counts.frames += 1
        counts.dropped += Math.max(0, Math.round((at - last) / (1000 / 60)) - 1)
        last = at
        requestAnimationFrame(frame)
      }
      requestAnimationFrame(frame)
    })
    await browser.startTracing(page, { categories: ['-*', 'disabled-by-default-devtools.timeline', '__metadata'] })
    const most = await page.evaluate(async (step) => {
      const box = document.querySelector('.messages')
      let rowsMost = 0
      // As a hand that never rests: two screens a frame.
      while (box !== null && document.querySelector('.beginning') === null) {
        box.scrollTop -= step
        rowsMost = Math.max(rowsMost, box.querySelectorAll('[data-message]').length)
        await new Promise(requestAnimationFrame)
      }
      return rowsMost
    }, STEP_PX)
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { readonly traceEvents: readonly TraceEvent[] }
    const main = traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid, tid }) => `${String(pid)}/${String(tid)}`)
    // What a task holds (a call, a layout) has events of its own, which are no tasks.
    const all = traceEvents.filter(({ name, pid, tid, tdur }) => name === 'RunTask' && tdur !== undefined && main.includes(`${String(pid)}/${String(tid)}`))
    const sorted = (times: readonly number[]): number[] => times.map((micros) => micros / 1000).sort((left, right) => right - left)
    // Time of the thread, not of the clock: what others do on the machine is not the page's. The clock is printed, too.
    const [tasks, walls] = [sorted(all.map(({ tdur = 0 }) => tdur)), sorted(all.map(({ dur = 0 }) => dur))]
    const frames = await page.evaluate(() => JSON.stringify(Reflect.get(globalThis, 'frames')))
    console.log(`10,000 messages: at most ${String(most)} rows; ${String(tasks.length)} tasks, ${String(tasks.filter((ms) => ms > LONG_TASK_MS).length)} long, longest ${tasks.slice(0, 5).map((ms) => ms.toFixed(1)).join(', ')} ms of CPU; by the wall ${String(walls.filter((ms) => ms > LONG_TASK_MS).length)} long, longest ${walls.slice(0, 5).map((ms) => ms.toFixed(1)).join(', ')} ms; frames ${frames}`)
    expect(tasks.length).toBeGreaterThan(100)
    expect(tasks.filter((ms) => ms > TASK_MS_MAX)).toEqual([])
    expect(most).toBeLessThanOrEqual(ROWS_MAX)
    await page.locator('.bubble', { hasText: /^0 / }).waitFor()
  })

  it.each([['', 'Look on your other devices'], ['&es', 'Búscalo en tus otros dispositivos']])('says where something is missing, why, and what to do (%s)', async (language, elsewhere) => {
    await page.goto(`${page.url().split('?')[0] ?? ''}?gaps${language}`)
    await page.locator('.gap').last().waitFor()
    const said = await page.locator('.gap').allTextContents()
    expect(said).toHaveLength(7)
    expect(said.filter((text) => text.includes(elsewhere))).toHaveLength(5)
    expect(said.filter((text) => text.includes('Bo of the harbour'))).toHaveLength(5)
    expect(new Set(said).size).toBe(7)
    // Above the message that follows, and the last one below the newest.
    const around = await page.evaluate(() => [...document.querySelectorAll('.gap')].map((line) => line.parentElement?.querySelector('.bubble .text')?.textContent.split(' ')[0]))
    expect(around.slice(0, 6)).toEqual(['9990', '9992', '9994', '9995', '9996', '9998'])
    expect(await page.evaluate(() => document.querySelector('.messages')?.lastElementChild?.className)).toBe('gap')
    expect(await accessibilityFaults(page, '.messages')).toEqual([])
    await page.goto(page.url().split('?')[0] ?? '')
  })

  it('does not move what is looked at when older ones come', async () => {
    await page.reload()
    await page.locator('.bubble', { hasText: /^9999 / }).waitFor()
    const moved = await page.evaluate(async () => {
      const box = document.querySelector('.messages')
      if (box === null) return -1
      box.scrollTop = 300
      // The first row in sight, before and after the page of older ones is there.
      const seen = [...box.querySelectorAll('[data-message]')].find((row) => row.getBoundingClientRect().bottom > box.getBoundingClientRect().top)
      const before = seen?.getBoundingClientRect().top ?? 0
      const count = box.querySelectorAll('[data-message]').length
      while (box.querySelectorAll('[data-message]').length === count) await new Promise(requestAnimationFrame)
      await new Promise(requestAnimationFrame)
      return Math.abs((seen?.getBoundingClientRect().top ?? -1) - before)
    })
    expect(moved).toBeLessThanOrEqual(1)
  })
})
