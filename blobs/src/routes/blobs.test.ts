import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createHttp, createMetrics, silentLogger, systemClock, systemRandom, type HttpServer } from '@evegram/platform'
import { EvegramError, LIMITS, parseAccountId, parseDeviceId, type Clock } from '@evegram/protocol'
import { DiskBlobStore } from '../adapters/disk/disk-blob-store.js'
import { BLOB_LIMITS } from '../config.js'
import { LocalBlobQuota } from '../core/local-blob-quota.js'
import { createBlobService } from '../service.js'

const real = systemClock()
/** Time for a body: longer than any test, but where one dawdles. */
let bodyMs = 60_000
/** Real time, but for that. */
const clock: Clock = { ...real, now: () => real.now(), monotonicMs: () => real.monotonicMs(), every: (ms, task) => real.every(ms, task), after: (ms, task) => real.after(ms === BLOB_LIMITS.uploadBodyMs ? bodyMs : ms, task) }
const accounts: Readonly<Record<string, string>> = { alice: 'a1'.repeat(16), bob: 'b2'.repeat(16) }

describe('/v1/blobs', () => {
  let folder: string
  let http: HttpServer
  let port: number
  const asked: string[] = []

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'evegram-blobs-'))
    const metrics = createMetrics({ processMetrics: false })
    http = createHttp({ log: silentLogger, clock, random: systemRandom() })
    const service = createBlobService({
      store: new DiskBlobStore({ folder }), quota: new LocalBlobQuota(clock, { bytesPerDay: 1_000_000, blobsPerDay: 8 }), origin: 'http://localhost', blobBytesMax: 900_000, clock,
      log: silentLogger, metrics,
      auth: {
        callerOf: ({ token, method, url }) => {
          asked.push(`${method} ${url}`)
          const account = accounts[token]
          if (account === undefined) return Promise.reject(new EvegramError('auth.token_invalid', { operation: 'authenticate' }))
          return Promise.resolve({ account: parseAccountId(account), device: parseDeviceId('dd'.repeat(16)) })
        },
      },
    })
    await service.routes(http)
    await http.listen({ host: '127.0.0.1', port: 0 })
    const address = http.server.address()
    port = typeof address === 'object' && address !== null ? address.port : 0
  })
  afterEach(async () => {
    const closed = http.close()
    // An answer that just ended leaves a connection that waits for the next request.
    http.server.closeAllConnections()
    await closed
    rmSync(folder, { recursive: true })
  })

  const call = (method: string, path: string, options: { readonly as?: string; readonly json?: unknown; readonly bytes?: Uint8Array; readonly headers?: Record<string, string> } = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${String(port)}${path}`, {
      method,
      headers: {
        authorization: `DPoP ${options.as ?? 'alice'}`, ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.bytes === undefined ? {} : { 'content-type': 'application/octet-stream' }), ...options.headers,
      },
      ...(options.json === undefined ? {} : { body: JSON.stringify(options.json) }),
      ...(options.bytes === undefined ? {} : { body: Buffer.from(options.bytes) }),
    })
  const wanted = (content: Uint8Array, over: object = {}) => ({
    blob: randomBytes(16).toString('hex'), bytes: content.length, digest: createHash('sha256').update(content).digest('base64url'), retention: 'message', ...over,
  })
  const append = (blob: string, offset: number, bytes: Uint8Array, as = 'alice'): Promise<Response> =>
    call('PATCH', `/v1/blobs/${blob}`, { bytes, as, headers: { 'upload-offset': String(offset) } })
  const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { error: { code: string } }).error.code
  async function store(content: Uint8Array, over: object = {}): Promise<string> {
    const blob = wanted(content, over)
    expect((await call('POST', '/v1/blobs', { json: blob })).status).toBe(200)
    expect(await (await append(blob.blob, 0, content)).json()).toMatchObject({ offset: content.length, complete: true })
    return blob.blob
  }

  it('stores a blob in pieces and gives it to whoever knows its name, whole and in ranges', async () => {
    const content = randomBytes(300_000)
    const blob = wanted(content)
    expect(await (await call('POST', '/v1/blobs', { json: blob })).json()).toMatchObject({ offset: 0, complete: false })
    expect(await (await append(blob.blob, 0, content.subarray(0, 100_000))).json()).toMatchObject({ offset: 100_000, complete: false })
    expect(await (await call('POST', '/v1/blobs', { json: blob })).json()).toMatchObject({ offset: 100_000, complete: false })
    expect((await call('GET', `/v1/blobs/${blob.blob}`)).status).toBe(404)
    expect(await (await append(blob.blob, 100_000, content.subarray(100_000))).json()).toMatchObject({ offset: 300_000, complete: true })
    const whole = await call('GET', `/v1/blobs/${blob.blob}`, { as: 'bob' })
    expect([whole.status, whole.headers.get('content-length')]).toEqual([200, '300000'])
    expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), content)).toBe(0)
    for (const [range, from, to, said] of [['bytes=0-0', 0, 1, 'bytes 0-0/300000'], ['bytes=299999-', 299_999, 300_000, 'bytes 299999-299999/300000'], ['bytes=100-999999', 100, 300_000, 'bytes 100-299999/300000']] as const) {
      const part = await call('GET', `/v1/blobs/${blob.blob}`, { as: 'bob', headers: { range } })
      expect([part.status, part.headers.get('content-range')]).toEqual([206, said])
      expect(Buffer.compare(Buffer.from(await part.arrayBuffer()), content.subarray(from, to))).toBe(0)
    }
    expect((await call('GET', `/v1/blobs/${blob.blob}`, { headers: { range: 'bytes=300000-' } })).status).toBe(416)
    for (const range of ['bytes=-5', 'bytes=5-4', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=0x1-2']) expect((await call('GET', `/v1/blobs/${blob.blob}`, { headers: { range } })).status).toBe(400)
  })

  it('asks for the proof of exactly this request, and lets nobody in without', async () => {
    const blob = await store(randomBytes(10))
    asked.length = 0
    await (await call('GET', `/v1/blobs/${blob}?x=1`)).arrayBuffer()
    expect(asked).toEqual([`GET http://localhost/v1/blobs/${blob}`])
    for (const [method, path, bytes] of [['GET', `/v1/blobs/${blob}`], ['GET', '/v1/blobs'], ['GET', `/v1/blobs/${blob}/progress`], ['DELETE', `/v1/blobs/${blob}`], ['PATCH', `/v1/blobs/${blob}`, randomBytes(1)]] as const) {
      const options = { ...(bytes === undefined ? {} : { bytes }), headers: { authorization: '', 'upload-offset': '0' } }
      expect(await codeOf(await call(method, path, options)), method).toBe('auth.token_missing')
      expect((await call(method, path, { ...options, as: 'mallory', headers: { 'upload-offset': '0' } })).status).toBe(401)
    }
    expect(await (await call('GET', `/v1/blobs/${blob}`)).arrayBuffer()).toHaveProperty('byteLength', 10)
  })

  it('lets nobody add to, look at or remove what somebody else uploads', async () => {
    const content = randomBytes(100)
    const blob = wanted(content)
    await call('POST', '/v1/blobs', { json: blob })
    expect(await codeOf(await append(blob.blob, 0, content, 'bob'))).toBe('not_found.blob')
    expect(await codeOf(await call('GET', `/v1/blobs/${blob.blob}/progress`, { as: 'bob' }))).toBe('not_found.blob')
    expect(await codeOf(await call('POST', '/v1/blobs', { json: blob, as: 'bob' }))).toBe('conflict.request_differs')
    expect((await call('DELETE', `/v1/blobs/${blob.blob}`, { as: 'bob' })).status).toBe(204)
    expect(await (await append(blob.blob, 0, content)).json()).toMatchObject({ complete: true })
    expect((await call('DELETE', `/v1/blobs/${blob.blob}`, { as: 'bob' })).status).toBe(204)
    expect((await call('GET', `/v1/blobs/${blob.blob}`)).status).toBe(200)
    expect((await call('DELETE', `/v1/blobs/${blob.blob}`)).status).toBe(204)
    expect((await call('GET', `/v1/blobs/${blob.blob}`)).status).toBe(404)
  })

  it('believes no offset and no length', async () => {
    const content = randomBytes(1_000)
    const blob = wanted(content)
    await call('POST', '/v1/blobs', { json: blob })
    await append(blob.blob, 0, content.subarray(0, 400))
    for (const offset of [0, 399, 401, 1_000, 999_999_999]) {
      const refused = await append(blob.blob, offset, content.subarray(400))
      expect([refused.status, await refused.json()]).toMatchObject([409, { error: { code: 'conflict.blob_offset', details: { offset: 400 } } }])
    }
    for (const offset of ['-1', '1e3', '', '0x10', '1.5', '9'.repeat(16)]) expect((await call('PATCH', `/v1/blobs/${blob.blob}`, { bytes: content, headers: { 'upload-offset': offset } })).status, offset).toBe(400)
    expect((await call('PATCH', `/v1/blobs/${blob.blob}`, { bytes: content })).status).toBe(400)
    expect((await call('PATCH', `/v1/blobs/${blob.blob}`, { json: { bytes: 1 }, headers: { 'upload-offset': '400' } })).status).toBe(400)
    // One byte more than was announced: what belongs to the blob may be stored, the rest never.
    expect(await codeOf(await append(blob.blob, 400, randomBytes(601)))).toBe('too_large.request')
    expect(await (await call('GET', `/v1/blobs/${blob.blob}/progress`)).json()).toMatchObject({ offset: 400, complete: false })
    expect(await (await append(blob.blob, 400, content.subarray(400))).json()).toMatchObject({ offset: 1_000, complete: true })
    expect(await codeOf(await append(blob.blob, 1_000, randomBytes(1)))).toBe('conflict.blob_offset')
  })

  it('removes bytes that are not those that were announced', async () => {
    const blob = wanted(randomBytes(50))
    await call('POST', '/v1/blobs', { json: blob })
    expect(await codeOf(await append(blob.blob, 0, randomBytes(50)))).toBe('conflict.blob_digest')
    expect((await call('GET', `/v1/blobs/${blob.blob}/progress`)).status).toBe(404)
    expect((await call('GET', `/v1/blobs/${blob.blob}`)).status).toBe(404)
  })

  it('takes no name that could be a path, and no announcement that does not fit', async () => {
    const blob = wanted(randomBytes(5))
    for (const name of ['../../etc/passwd', '%2e%2e%2f%2e%2e%2fetc%2fpasswd', '..', 'AA'.repeat(16), '0'.repeat(31), '0'.repeat(33), `${'0'.repeat(32)}%00`, `${'0'.repeat(30)}/0`]) {
      for (const method of ['GET', 'DELETE']) expect([400, 404], `${method} ${name}`).toContain((await call(method, `/v1/blobs/${name}`)).status)
      expect([400, 404], name).toContain((await append(name, 0, randomBytes(1))).status)
      expect((await call('POST', '/v1/blobs', { json: { ...blob, blob: name } })).status, name).toBe(400)
    }
    for (const lie of [{ bytes: 0 }, { bytes: -1 }, { bytes: 1.5 }, { bytes: '5' }, { bytes: LIMITS.blobBytesMax + 1 }, { digest: 'AAAA' }, { retention: 'for ever' }, { blob: undefined }]) {
      expect((await call('POST', '/v1/blobs', { json: { ...blob, ...lie } })).status, JSON.stringify(lie)).toBe(400)
    }
    expect(readdirSync(folder)).toEqual([])
  })

  it('holds accounts to their size, quota and number of backups', async () => {
    expect(await codeOf(await call('POST', '/v1/blobs', { json: wanted(new Uint8Array(1), { bytes: 900_001 }) }))).toBe('too_large.blob')
    const first = wanted(new Uint8Array(1), { bytes: 900_000 })
    for (let again = 0; again < 3; again++) expect((await call('POST', '/v1/blobs', { json: first })).status).toBe(200)
    const refused = await call('POST', '/v1/blobs', { json: wanted(new Uint8Array(1), { bytes: 101_000 }) })
    expect([refused.status, await codeOf(refused), Number(refused.headers.get('retry-after'))]).toEqual([429, 'limited.blobs', expect.closeTo(87, -1)])
    expect((await call('POST', '/v1/blobs', { json: wanted(new Uint8Array(1), { bytes: 100_000 }) })).status).toBe(200)
    // Another account has its own.
    expect((await call('POST', '/v1/blobs', { as: 'bob', json: wanted(new Uint8Array(1), { bytes: 900_000 }) })).status).toBe(200)
    for (let index = 0; index < 7; index++) expect((await call('POST', '/v1/blobs', { as: 'bob', json: wanted(new Uint8Array(1), { retention: index < 4 ? 'backup' : 'message' }) })).status).toBe(200)
    expect(await codeOf(await call('POST', '/v1/blobs', { as: 'bob', json: wanted(new Uint8Array(1)) }))).toBe('limited.blobs')
    expect(await codeOf(await call('POST', '/v1/blobs', { as: 'bob', json: wanted(new Uint8Array(1), { retention: 'backup' }) }))).toBe('limited.blobs')
  })

  it('lists own backups that are complete', async () => {
    const blob = await store(randomBytes(10), { retention: 'backup' })
    await call('POST', '/v1/blobs', { json: wanted(randomBytes(10), { retention: 'backup' }) })
    expect(await (await call('GET', '/v1/blobs')).json()).toMatchObject({ blobs: [{ blob, bytes: 10 }] })
    expect(await (await call('GET', '/v1/blobs', { as: 'bob' })).json()).toEqual({ blobs: [] })
  })

  /** A request whose body comes by hand. */
  async function slowly(blob: string, announced: number, bytes: Uint8Array): Promise<{ readonly end: () => void; readonly answer: Promise<string> }> {
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write(`PATCH /v1/blobs/${blob} HTTP/1.1\r\nHost: localhost:${String(port)}\r\nAuthorization: DPoP alice\r\nUpload-Offset: 0\r\nContent-Type: application/octet-stream\r\nContent-Length: ${String(announced)}\r\n\r\n`)
    socket.write(bytes)
    const pieces: Buffer[] = []
    socket.on('data', (piece) => pieces.push(piece))
    socket.on('error', () => undefined)
    const answer = new Promise<string>((resolve) => socket.once('close', () => { resolve(Buffer.concat(pieces).toString()) }))
    return { end: () => { socket.destroy() }, answer }
  }
  const until = async (what: () => Promise<boolean>): Promise<void> => {
    for (let tries = 0; !(await what()); tries++) {
      if (tries > 200) throw new Error('it never came')
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  const offsetOf = async (blob: string): Promise<number> => ((await (await call('GET', `/v1/blobs/${blob}/progress`)).json()) as { offset: number }).offset

  it('keeps what came before a connection broke, and goes on behind it', async () => {
    const content = randomBytes(200_000)
    const blob = wanted(content)
    await call('POST', '/v1/blobs', { json: blob })
    asked.length = 0
    const broken = await slowly(blob.blob, content.length, content.subarray(0, 120_000))
    await until(() => Promise.resolve(asked.length === 1))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await codeOf(await append(blob.blob, 0, content))).toBe('conflict.busy')
    broken.end()
    await until(async () => (await offsetOf(blob.blob)) > 0)
    const offset = await offsetOf(blob.blob)
    expect(offset).toBeLessThanOrEqual(120_000)
    await until(async () => (await append(blob.blob, offset, content.subarray(offset))).status === 200)
    expect(Buffer.compare(Buffer.from(await (await call('GET', `/v1/blobs/${blob.blob}`)).arrayBuffer()), content)).toBe(0)
  })

  it('has only so many uploads of an account at a time, and gives their places back', async () => {
    const content = randomBytes(1_000)
    const slow = []
    for (let index = 0; index < BLOB_LIMITS.uploadsPerAccountMax; index++) {
      const blob = wanted(content)
      await call('POST', '/v1/blobs', { json: blob })
      slow.push(await slowly(blob.blob, content.length, content.subarray(0, 10)))
    }
    const one = wanted(content)
    await call('POST', '/v1/blobs', { json: one })
    await until(async () => (await append(one.blob, 0, content.subarray(0, 0))).status === 429)
    for (const { end } of slow) end()
    await until(async () => (await append(one.blob, await offsetOf(one.blob), content.subarray(await offsetOf(one.blob)))).status === 200)
  })

  it('ends a body that dawdles, and keeps what came of it', async () => {
    const content = randomBytes(1_000)
    const blob = wanted(content)
    await call('POST', '/v1/blobs', { json: blob })
    bodyMs = 1_000
    onTestFinished(() => { bodyMs = 60_000 })
    const slow = await slowly(blob.blob, 1_000, content.subarray(0, 5))
    expect(await slow.answer).toContain('"code":"timeout"')
    expect(await offsetOf(blob.blob)).toBe(5)
    expect(await (await append(blob.blob, 5, content.subarray(5))).json()).toMatchObject({ complete: true })
  })
})
