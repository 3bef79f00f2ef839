import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHttp, createMetrics, silentLogger, systemClock, systemRandom, type HttpServer } from '@evegram/platform'
import { hexOf, parseAccountId, parseDeviceId } from '@evegram/protocol'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DiskBlobStore } from '../adapters/disk/disk-blob-store.js'
import { LocalBlobQuota } from '../core/local-blob-quota.js'
import { createBlobService } from '../service.js'

const clock = systemClock()
const random = systemRandom()
const HISTORIES = 25
/** Longest blob: some writes of the store, and a few pieces of a socket. */
const BYTES_MAX = 700_000

/** One request for bytes: where it says that they go, how many there are beyond those that are missing, in how many pieces they come, and whether it breaks off behind the first of them. */
const request = fc.record({
  at: fc.oneof({ weight: 6, arbitrary: fc.constant('end' as const) }, { weight: 3, arbitrary: fc.integer({ min: -3, max: 3 }) }, { weight: 1, arbitrary: fc.nat({ max: BYTES_MAX * 2 }).map(String) }),
  part: fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  beyond: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 300_000 }) }),
  pieces: fc.integer({ min: 1, max: 6 }), breaks: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

describe('uploads in requests of any kind', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-blobs-'))
  let http: HttpServer
  let url: string
  beforeAll(async () => {
    http = createHttp({ log: silentLogger, clock, random })
    const service = createBlobService({
      store: new DiskBlobStore({ folder }), quota: new LocalBlobQuota(clock, { bytesPerDay: 1_000 * BYTES_MAX, blobsPerDay: 1_000 }), origin: 'http://localhost', blobBytesMax: BYTES_MAX, clock,
      log: silentLogger, metrics: createMetrics({ processMetrics: false }),
      auth: { callerOf: () => Promise.resolve({ account: parseAccountId('a1'.repeat(16)), device: parseDeviceId('dd'.repeat(16)) }) },
    })
    await service.routes(http)
    await http.listen({ host: '127.0.0.1', port: 0 })
    // It listens on a port, so its address is not the name of a pipe.
    url = `http://127.0.0.1:${String((http.server.address() as AddressInfo).port)}/v1/blobs`
  })
  afterAll(async () => {
    const closed = http.close()
    http.server.closeAllConnections()
    await closed
    rmSync(folder, { recursive: true })
  })

  const headers = { authorization: 'DPoP alice' }
  const progress = async (blob: string): Promise<{ readonly offset: number; readonly complete: boolean }> =>
    (await fetch(`${url}/${blob}/progress`, { headers })).json() as Promise<{ offset: number; complete: boolean }>
  /** Sends the bytes as a stream, whose length nobody said before. */
  const send = async (blob: string, offset: number, pieces: readonly Uint8Array[], breaks: boolean): Promise<{ readonly status: number; readonly answer: unknown } | 'broken'> => {
    const body = new ReadableStream<Uint8Array>({
      async start(stream) {
        for (const [index, piece] of pieces.entries()) {
          if (breaks && index > 0) {
            // What came is on its way to the store by then, or not.
            await new Promise((resolve) => setTimeout(resolve, 5))
            stream.error(new Error('the connection broke'))
            return
          }
          stream.enqueue(piece)
        }
        if (breaks) stream.error(new Error('the connection broke'))
        else stream.close()
      },
    })
    try {
      // The types of fetch do not know yet that a body which is a stream needs this.
      const init: RequestInit & { readonly duplex: 'half' } = { method: 'PATCH', headers: { ...headers, 'content-type': 'application/octet-stream', 'upload-offset': String(offset) }, body, duplex: 'half' }
      const answer = await fetch(`${url}/${blob}`, init)
      return { status: answer.status, answer: await answer.json() }
    } catch {
      return 'broken'
    }
  }
  /** The server goes on for a moment with a request that broke off. */
  const settled = async (blob: string): Promise<number> => {
    for (let last = -1; ;) {
      const { offset } = await progress(blob)
      if (offset === last) return offset
      last = offset
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  it('store exactly the bytes that were announced, in their place, and tell where they end', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: BYTES_MAX }), fc.array(request, { minLength: 1, maxLength: 8 }), async (bytes, requests) => {
      const content = random.bytes(bytes)
      const blob = hexOf(random.bytes(16))
      const announced = { blob, bytes, digest: createHash('sha256').update(content).digest('base64url'), retention: 'message' }
      expect((await fetch(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(announced) })).status).toBe(200)
      let stored = 0
      for (const { at, part, beyond, pieces, breaks } of requests) {
        const offset = at === 'end' ? stored : typeof at === 'string' ? Number(at) : Math.max(0, stored + at)
        const left = Math.max(0, bytes - offset)
        const length = Math.round(left * part)
        const sent = Buffer.concat([content.subarray(offset, offset + length), random.bytes(beyond)])
        const size = Math.ceil(sent.length / pieces)
        const outcome = await send(blob, offset, size === 0 ? [] : Array.from({ length: pieces }, (_, index) => sent.subarray(index * size, (index + 1) * size)).filter((piece) => piece.length > 0), breaks)
        const isRight = offset === stored && stored < bytes
        if (outcome !== 'broken' && !isRight) expect(outcome).toMatchObject({ status: 409, answer: { error: { code: 'conflict.blob_offset', details: { offset: stored } } } })
        else if (outcome !== 'broken' && sent.length > left) expect(outcome).toMatchObject({ status: 413, answer: { error: { code: 'too_large.request' } } })
        else if (outcome !== 'broken' && beyond === 0) expect(outcome).toMatchObject({ status: 200, answer: { offset: stored + length, complete: stored + length === bytes } })
        // Bytes that do not belong there were sent within the announced length: the digest will tell, and this history ends.
        if (isRight && beyond > 0 && length < left) return
        const now = await settled(blob)
        expect(now).toBeGreaterThanOrEqual(stored)
        expect(now).toBeLessThanOrEqual(isRight ? Math.min(bytes, stored + sent.length) : stored)
        stored = now
      }
      if (stored < bytes) expect(await send(blob, stored, [content.subarray(stored)], false)).toMatchObject({ status: 200, answer: { offset: bytes, complete: true } })
      const got = await fetch(`${url}/${blob}`, { headers })
      expect(Buffer.compare(Buffer.from(await got.arrayBuffer()), content)).toBe(0)
    }), { numRuns: HISTORIES, endOnFailure: true })
  }, 60_000)
})
