import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { isEvegramError } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPageFiles } from './page-files.js'
import { pagePolicy } from './page-routes.js'
import type { Standalone } from './standalone.js'
import { ask, startServer, temporaryFolder } from './testing/server.js'

const SCRIPT = `export const text = '${'a'.repeat(3_000)}'`

describe('a built page at a standalone server', () => {
  const folder = temporaryFolder()
  const webDir = join(folder.path, 'page')
  let server: Standalone
  beforeAll(async () => {
    mkdirSync(join(webDir, 'assets'), { recursive: true })
    writeFileSync(join(webDir, 'index.html'), '<!doctype html><title>page</title>')
    writeFileSync(join(webDir, 'assets', 'main-abc.js'), SCRIPT)
    writeFileSync(join(webDir, 'sw.js'), 'self')
    writeFileSync(join(webDir, 'notes.secret'), 'not part of a page')
    server = await startServer(join(folder.path, 'data'), { EVEGRAM_WEB_DIR: webDir, EVEGRAM_FRAME_ANCESTORS: 'https://host.example', EVEGRAM_SOCKETS: 'ws', EVEGRAM_WALLY: 'false', EVEGRAM_TON_BRIDGES: 'Lantern https://bridge.lantern.example/bridge https://lantern.example/ton-connect' })
  }, 120_000)
  afterAll(async () => {
    await server.stop()
    folder.remove()
  })
  const get = (path: string, headers = {}): ReturnType<typeof ask> => ask(server.ports.http, path, headers)

  it('is at /, with a policy that allows nothing foreign, and asked for again each time', async () => {
    const { status, headers, body } = await get('/')
    expect([status, body, headers['cache-control']]).toEqual([200, '<!doctype html><title>page</title>', 'no-cache'])
    const policy = String(headers['content-security-policy'])
    for (const part of ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", `connect-src 'self' ws://localhost:${String(server.ports.ws)} https://bridge.lantern.example/bridge/events https://bridge.lantern.example/bridge/message`, 'frame-ancestors https://host.example']) expect(policy.split('; ')).toContain(part)
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(headers['x-frame-options']).toBeUndefined()
    expect((await get('/', { 'if-none-match': String(headers['etag']) })).status).toBe(304)
  })

  it('may be framed by nobody where no site is named', () => {
    expect(pagePolicy({ ws: 'wss://chat.example/v1/socket', frameAncestors: [], tonBridges: [] })).toMatch(/connect-src 'self' wss:\/\/chat\.example; .*frame-ancestors 'none'/)
  })

  it('has files that never change cached for good, small on the wire, and no others', async () => {
    const { headers } = await get('/assets/main-abc.js')
    expect(headers).toMatchObject({ 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=31536000, immutable' })
    expect((await get('/sw.js')).headers['cache-control']).toBe('no-cache')
    expect(gunzipSync(await bytesOf('/assets/main-abc.js')).toString()).toBe(SCRIPT)
    for (const path of ['/notes.secret', '/index.html.bak', '/assets/', '/..%2fdata/operator-token', '/assets/../../data/operator-token']) expect((await get(path)).status, path).toBe(404)
  })

  it('tells wallets of TON who asks them, and other sites on this machine nothing', async () => {
    const { status, body, headers } = await get('/tonconnect-manifest.json')
    const origin = `http://localhost:${String(server.ports.http)}`
    expect([status, JSON.parse(body)]).toEqual([200, { url: origin, name: 'Evegram', iconUrl: `${origin}/icon-180.png` }])
    expect(headers['access-control-allow-origin']).toBeUndefined()
  })

  it('says which wallets on other devices its policy lets it reach, and how', async () => {
    const { status, body } = await get('/tonconnect-wallets.json')
    const wallets = [{ name: 'Lantern', bridgeUrl: 'https://bridge.lantern.example/bridge', universalUrl: 'https://lantern.example/ton-connect' }]
    expect([status, JSON.parse(body)]).toEqual([200, { wallets }])
    expect((await get('/')).headers['content-security-policy']).toContain('https://bridge.lantern.example/bridge/events https://bridge.lantern.example/bridge/message;')
  })

  it('leaves the facts of the server at /start', async () => {
    expect((await get('/start')).body).toContain('Domain that wallets sign for')
  })

  it('is refused as a setting where there is none', () => {
    expect(() => readPageFiles(join(folder.path, 'nowhere'))).toThrow(expect.toSatisfy((error: unknown) => isEvegramError(error, 'invalid.config')) as Error)
  })

  function bytesOf(path: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const port = server.ports.http
      request({ host: '127.0.0.1', port, path, headers: { 'host': `localhost:${String(port)}`, 'accept-encoding': 'gzip' } }, (answer) => {
        expect(answer.headers['content-encoding']).toBe('gzip')
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => { parts.push(part) }).on('end', () => { resolve(Buffer.concat(parts)) })
      }).on('error', reject).end()
    })
  }
})
