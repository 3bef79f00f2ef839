import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { MANIFEST_FILE, manifestOf, writeManifest } from '@evegram/tools/page-manifest'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundleHash, checkPage, pageFetcher, parseManifest, type PageFault } from './page-check.js'

const INDEX = '<!doctype html><link rel="stylesheet" href="/assets/a.css"><script type="module" src="./assets/a.js"></script>'
let folder: string
let server: Server
let url: string
/** Served instead of what is in the folder. */
let lies: Map<string, string>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evegram-page-check-'))
  mkdirSync(join(folder, 'assets'))
  for (const [path, text] of [['index.html', INDEX], ['assets/a.js', 'run()'], ['assets/a.css', 'p{}'], ['sw.js', '']] as const) writeFileSync(join(folder, path), text)
  writeManifest(folder)
  lies = new Map()
  server = createServer((request, response) => {
    const path = request.url === '/' ? 'index.html' : (request.url ?? '').slice(1)
    const lie = lies.get(request.url ?? '')
    if (lie === 'redirect') {
      response.writeHead(302, { location: '/assets/a.js' }).end()
      return
    }
    try {
      response.end(lie ?? readFileSync(join(folder, path)))
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
})

afterEach(async () => {
  rmSync(folder, { recursive: true, force: true })
  server.closeAllConnections()
  await new Promise((resolve) => { server.close(resolve) })
})

async function faults(): Promise<readonly PageFault[]> {
  const fetchFile = pageFetcher(url)
  const manifest = parseManifest(new TextDecoder().decode(await fetchFile(MANIFEST_FILE, 1_000_000)))
  return checkPage(manifest, fetchFile, () => undefined)
}

describe('the check of a served page', () => {
  it('finds nothing wrong with the page that was built', async () => {
    expect(await faults()).toEqual([])
  })

  it('has the hash that sha256sum gives', () => {
    const bySystem = execFileSync('sh', ['-c', `find . -type f ! -name ${MANIFEST_FILE} | sed 's,^./,,' | LC_ALL=C sort | xargs sha256sum | sha256sum`], { cwd: folder, encoding: 'utf8' })
    expect(bySystem.slice(0, 64)).toBe(manifestOf(folder).bundle)
    expect(bundleHash(manifestOf(folder).files)).toBe(manifestOf(folder).bundle)
  })

  it.each([
    ['another script', '/assets/a.js', 'steal()', [{ path: 'assets/a.js', fault: 'changed' }]],
    ['a longer script', '/assets/a.js', 'run();'.repeat(10_000), [{ path: 'assets/a.js', fault: 'changed' }]],
    ['another document at the root alone', '/', INDEX.replace('a.js', 'b.js'), [{ path: '', fault: 'changed' }]],
  ])('names %s', async (_name, path, text, expected) => {
    lies.set(path, text)
    expect(await faults()).toEqual(expected)
  })

  it('names what is missing, and what the page loads beside what is listed', async () => {
    rmSync(join(folder, 'assets/a.css'))
    writeFileSync(join(folder, 'index.html'), INDEX.replace('./assets/a.js', 'https://elsewhere.example/x.js'))
    const listed = manifestOf(folder)
    writeManifest(folder)
    expect(listed.files.map(({ path }) => path)).toEqual(['assets/a.js', 'index.html', 'sw.js'])
    expect(await faults()).toEqual([
      { path: 'assets/a.css', fault: 'unlisted' }, { path: 'https://elsewhere.example/x.js', fault: 'unlisted' },
    ])
    rmSync(join(folder, 'sw.js'))
    expect(await faults()).toContainEqual({ path: 'sw.js', fault: 'missing' })
  })

  it('follows no redirect', async () => {
    lies.set('/assets/a.js', 'redirect')
    await expect(faults()).rejects.toMatchObject({ code: 'unavailable.server' })
  })

  it.each([
    ['no JSON', 'nonsense'],
    ['a path upwards', { files: [{ path: '../x', bytes: 1, sha256: 'a'.repeat(64) }] }],
    ['an absolute path', { files: [{ path: '/x', bytes: 1, sha256: 'a'.repeat(64) }] }],
    ['a scheme', { files: [{ path: 'https:x', bytes: 1, sha256: 'a'.repeat(64) }] }],
    ['no hash', { files: [{ path: 'x', bytes: 1, sha256: 'a' }] }],
    ['a negative length', { files: [{ path: 'x', bytes: -1, sha256: 'a'.repeat(64) }] }],
    ['no files', { files: [] }],
    ['another version', { version: 2 }],
    ['a bundle hash that is not that of its files', { bundle: 'b'.repeat(64) }],
  ])('refuses a manifest with %s', (_name, change) => {
    const text = typeof change === 'string' ? change : JSON.stringify({ ...manifestOf(folder), ...change })
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'web.page_differs' }))
  })
})
