import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { launchChromium } from '@evegram/tools/chromium'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import webpack from 'webpack'
import { servePage } from './testing/page/page-server.js'

declare const window: { attempt?: () => Promise<string> }

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const BUILD_MS = 300_000
/** A page loads what it imports before it runs; the encryption library comes when a client is opened. */
interface Budget { readonly first: number; readonly all: number }
const budget = JSON.parse(readFileSync(here('../test-bundle/size-budget.json'), 'utf8')) as Budget

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evegram-bundlers-'))
  // The package as it is published: what its exports name.
  await promisify(execFile)(process.execPath, [here('../../../tools/build.mjs'), 'clients/sdk'], { timeout: BUILD_MS })
}, BUILD_MS)
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** Scripts of a folder by their path in a page, the entry as `/page.js`. */
function scriptsOf(path: string): Map<string, string> {
  return new Map(readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js')).map((name) => [`/${name}`, readFileSync(join(path, name), 'utf8')]))
}

async function byVite(): Promise<Map<string, string>> {
  const outDir = join(folder, 'vite')
  await build({
    configFile: false, root: here('../test-bundle'), logLevel: 'silent',
    build: { outDir, minify: true, modulePreload: false, reportCompressedSize: false, rollupOptions: { input: here('../test-bundle/browser.mjs'), output: { entryFileNames: 'page.js' } } },
  })
  return scriptsOf(outDir)
}

async function byWebpack(): Promise<Map<string, string>> {
  const path = join(folder, 'webpack')
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
    webpack({ mode: 'production', entry: here('../test-bundle/browser.mjs'), output: { path, filename: 'page.js' }, performance: false }, (error, result) => {
      if (error === null) resolve(result)
      else reject(error)
    })
  })
  expect(stats?.toJson({ all: false, errors: true }).errors ?? []).toEqual([])
  return scriptsOf(path)
}

/** Opens a bundle in Chromium and says what became of a login without a server. */
async function attemptIn(files: ReadonlyMap<string, string>, kind: 'module' | 'classic'): Promise<string> {
  const server = await servePage(files, kind)
  const browser = await launchChromium()
  try {
    const page = await browser.newPage()
    await page.goto(server.url)
    await page.waitForFunction(() => window.attempt !== undefined)
    return await page.evaluate(() => window.attempt?.() ?? 'no page')
  } finally {
    await browser.close()
    await server.close()
  }
}

describe('the browser entry, without any configuration', () => {
  it('is built by Vite, runs in a page, and stays within its budget', async () => {
    const files = await byVite()
    const sizes = [...files].map(([name, code]) => [name, gzipSync(code).length] as const)
    const first = sizes.find(([name]) => name === '/page.js')?.[1] ?? 0
    const all = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
    console.log(`gzip bytes: first ${String(first)} of ${String(budget.first)}, all ${String(all)} of ${String(budget.all)}`)
    expect(first).toBeGreaterThan(20_000)
    expect(first).toBeLessThanOrEqual(budget.first)
    expect(all).toBeLessThanOrEqual(budget.all)
    expect(await attemptIn(files, 'module')).toBe('unavailable.server')
  }, BUILD_MS)

  it('is built by webpack and runs in a page', async () => {
    expect(await attemptIn(await byWebpack(), 'classic')).toBe('unavailable.server')
  }, BUILD_MS)

  it('is imported by Node, where it says what to use instead', async () => {
    const script = join(folder, 'node.mjs')
    writeFileSync(script, `import ${JSON.stringify(here('../test-bundle/browser.mjs'))}\nconsole.log(await globalThis.attempt())\n`)
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    expect(stdout.trim()).toBe('client.store')
  })
})
