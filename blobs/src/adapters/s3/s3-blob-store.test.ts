import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock, systemRandom } from '@evegram/platform'
import { s3Keys, serviceAddresses, TcpProxy } from '@evegram/platform/testing'
import { hexOf, isEvegramError, LIMITS, parseAccountId, parseBlobId, sleep, type BlobId } from '@evegram/protocol'
import { describeBlobStore } from '../../ports/blob-store.contract.js'
import type { BlobFacts } from '../../ports/blob-store.js'
import { Bucket, S3_LIMITS } from './bucket.js'
import { openS3BlobStore } from './open-s3-blob-store.js'
import { S3BlobStore, S3_STORE_LIMITS, type S3StoreLimits } from './s3-blob-store.js'
import type { S3Place } from './s3-place.js'

const random = systemRandom()
const DAY_MS = 24 * 3_600_000

/** A place of its own in the bucket of the service. */
function place(over: Partial<S3Place> = {}): S3Place {
  return { url: `${serviceAddresses('s3').join(',')}/test-${hexOf(randomBytes(8))}`, region: 'us-east-1', keys: s3Keys(), ...over }
}

async function namesIn(bucket: Bucket, prefix = ''): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { key } of bucket.list(prefix)) names.push(key)
  return names
}

async function empty(bucket: Bucket): Promise<void> {
  await bucket.abortBegunBefore(Number.MAX_SAFE_INTEGER)
  await bucket.remove(await namesIn(bucket))
  bucket.close()
}

function describeIt(name: string, partBytes: number, limits: S3StoreLimits): void {
  describeBlobStore({
    name, partBytes,
    setup: async () => {
      const at = place()
      const buckets = [new Bucket(at)]
      const another = (): Promise<S3BlobStore> => {
        const bucket = new Bucket(at)
        buckets.push(bucket)
        return Promise.resolve(new S3BlobStore(bucket, limits))
      }
      return {
        store: new S3BlobStore(buckets[0]!, limits), reopen: another, beside: another,
        damage: async (blob) => {
          const [key] = await namesIn(buckets[0]!, `uploads/${blob}/`)
          const bytes = Buffer.concat(await piecesOf((await buckets[0]!.read(key!, 0, 5_000))!))
          bytes[bytes.length - 1]! ^= 1
          await buckets[0]!.put(key!, bytes)
        },
        close: async () => {
          const [first, ...others] = buckets
          for (const bucket of others) bucket.close()
          await empty(first!)
        },
      }
    },
  })
}

async function piecesOf(stream: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return pieces
}

async function* streamOf(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) yield piece
}

describeIt('S3', 700_000, { ...S3_STORE_LIMITS, segmentBytes: 262_144 })
describeIt('S3, blobs of many parts', 5_500_000, S3_STORE_LIMITS)

describe('a bucket of blobs', () => {
  let bucket: Bucket
  let store: S3BlobStore
  beforeEach(() => {
    bucket = new Bucket(place())
    store = new S3BlobStore(bucket)
  })
  afterEach(() => empty(bucket))

  const factsOf = (content: Uint8Array): BlobFacts => ({
    blob: parseBlobId(hexOf(randomBytes(16))), owner: parseAccountId('a1'.repeat(16)), bytes: content.length, digest: Uint8Array.from(createHash('sha256').update(content).digest()),
    retention: 'backup', createdAtMs: Date.now(), expiresAtMs: Date.now() + LIMITS.backupRetentionMs,
  })
  const segment = (blob: BlobId, from: number): string => `uploads/${blob}/${String(from).padStart(12, '0')}`

  it('leaves nothing behind of what was removed and swept', async () => {
    const [kept, removed] = [randomBytes(100), randomBytes(100)].map(factsOf)
    await store.create(removed!)
    await store.append(removed!.blob, 0, streamOf(randomBytes(50)))
    await store.remove(removed!.blob)
    await store.create(kept!)
    await store.sweep(Date.now() + 100 * DAY_MS, 1, 10)
    expect(await namesIn(bucket)).toEqual([])
  })

  it('keeps the names of an upload few that comes byte by byte', async () => {
    const few = new S3BlobStore(bucket, { ...S3_STORE_LIMITS, smallSegmentsMax: 8 })
    const content = randomBytes(30)
    const facts = factsOf(content)
    await store.create(facts)
    let most = 0
    for (let at = 0; at < content.length; at++) {
      await few.append(facts.blob, at, streamOf(content.subarray(at, at + 1)))
      most = Math.max(most, (await namesIn(bucket, `uploads/${facts.blob}/`)).length)
    }
    expect(most).toBe(8)
    expect(await store.complete(facts.blob)).toBe('complete')
    expect(Buffer.concat(await piecesOf(store.read(facts.blob, 0, content.length)))).toEqual(content)
  })

  it('takes a write that came through and whose answer was lost for done, and other bytes in that place for somebody else', async () => {
    const content = randomBytes(1_000)
    const before = (key: string, bytes: Uint8Array) => async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      await bucket.put(key, bytes, { metadata: { digest: createHash('sha256').update(bytes).digest('hex') } })
      yield content
    }
    const [same, other] = [factsOf(content), factsOf(content)]
    await store.create(same)
    expect(await store.append(same.blob, 0, before(segment(same.blob, 0), content)())).toEqual({ status: 'appended', offset: 1_000 })
    await store.create(other)
    expect(await store.append(other.blob, 0, before(segment(other.blob, 0), randomBytes(1_000))())).toEqual({ status: 'elsewhere', offset: 1_000 })
    expect(await store.append(other.blob, 1_000, before(segment(other.blob, 1_000), randomBytes(7))())).toEqual({ status: 'elsewhere', offset: 1_007 })
  })

  it('goes on where a process was killed while it put segments together or made the blob of them', async () => {
    const content = randomBytes(3_000)
    const facts = factsOf(content)
    await store.create(facts)
    for (let at = 0; at < 3_000; at += 1_000) await store.append(facts.blob, at, streamOf(content.subarray(at, at + 1_000)))
    // Put together, and killed before the others were removed.
    await bucket.put(segment(facts.blob, 0), content.subarray(0, 2_000))
    // Begun, and killed before it was completed.
    const begun = await bucket.inParts(`data/${facts.blob}`)
    await begun.part(1, content)
    expect(await store.find(facts.blob)).toMatchObject({ offset: 3_000, complete: false })
    expect(await store.complete(facts.blob)).toBe('complete')
    expect(Buffer.concat(await piecesOf(store.read(facts.blob, 0, 3_000)))).toEqual(content)
    expect(await namesIn(bucket, 'uploads/')).toEqual([])
    await store.sweep(Date.now() + 2 * DAY_MS, DAY_MS, 10)
    expect(await bucket.abortBegunBefore(Number.MAX_SAFE_INTEGER)).toBe(0)
    expect(await store.find(facts.blob)).toMatchObject({ complete: true })
  })

  it('leaves uploads in parts alone that are under way', async () => {
    const begun = await bucket.inParts('data/x')
    await begun.part(1, randomBytes(10))
    await store.sweep(Date.now(), DAY_MS, 10)
    await begun.complete()
    expect(await bucket.head('data/x')).toMatchObject({ bytes: 10 })
  })

  it('lists beyond one page', async () => {
    const [at, pageNames] = [place(), 10]
    const paged = new Bucket(at, { ...S3_LIMITS, pageNames })
    const wanted = Array.from({ length: 35 }, (_, index) => `due/2020-01-01/${String(index).padStart(32, '0')}`)
    await Promise.all(wanted.map((key) => paged.put(key, new Uint8Array(0))))
    expect(await namesIn(paged, 'due/')).toEqual(wanted)
    expect(await new S3BlobStore(paged).sweep(Date.now(), DAY_MS, 13)).toBe(13)
    expect(await namesIn(paged, 'due/')).toEqual(wanted.slice(13))
    expect(await new S3BlobStore(paged).sweep(Date.now(), DAY_MS, 100)).toBe(22)
    await empty(paged)
  })
})

describe('a store that cannot be used', () => {
  const codeOf = async (work: Promise<unknown>): Promise<string> => {
    try {
      await work
      return 'done'
    } catch (failure) {
      const { access, secret } = s3Keys()
      expect(JSON.stringify(failure) + String(failure)).not.toContain(secret)
      expect(JSON.stringify(failure) + String(failure)).not.toContain(access)
      return isEvegramError(failure) ? failure.code : String(failure)
    }
  }

  it('is told at the start: wrong keys, no such bucket, nobody there', async () => {
    const { access, secret } = s3Keys()
    expect(await codeOf(openS3BlobStore(place({ keys: { access, secret: `${secret}x` } }), random))).toBe('invalid.config')
    expect(await codeOf(openS3BlobStore(place({ keys: { access: `${access}x`, secret } }), random))).toBe('invalid.config')
    const address = new URL(place().url)
    expect(await codeOf(openS3BlobStore(place({ url: `${address.origin}/no-such-bucket` }), random))).toBe('invalid.config')
    expect(await codeOf(openS3BlobStore(place({ url: 'http://127.0.0.1:9/bucket' }), random))).toBe('unavailable.blob_store')
    for (const url of ['http://key:secret@host/bucket', 'http://host/', 'ftp://host/bucket', 'http://host/bucket?x=1', 'nonsense', 'http://host/bucket/../x y']) {
      expect(await codeOf(openS3BlobStore(place({ url }), random)), url).toBe('invalid.config')
    }
    const good = await openS3BlobStore(place(), random)
    good.close()
  })

  it('is refused when it takes conditional writes for plain ones', async () => {
    const server = createServer((request, response) => {
      request.resume()
      request.on('end', () => response.writeHead(200, { etag: '"x"' }).end())
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    // A server that listens by TCP has an address of this shape.
    const { port } = server.address() as AddressInfo
    expect(await codeOf(openS3BlobStore(place({ url: `http://127.0.0.1:${String(port)}/bucket` }), random))).toBe('invalid.config')
    server.closeAllConnections()
    server.close()
  })

  describe('behind a cable', () => {
    let cable: TcpProxy
    beforeAll(async () => { cable = await TcpProxy.to(serviceAddresses('s3').join(',')) })
    afterAll(() => cable.close())

    it('that is frozen: what was asked fails within its time, and works again afterwards', async () => {
      const at = place()
      const bucket = new Bucket({ ...at, url: at.url.replace(/127\.0\.0\.1:\d+/, cable.place) }, { ...S3_LIMITS, answerMs: 300, idleMs: 300 })
      const store = new S3BlobStore(bucket)
      const content = randomBytes(3_000_000)
      const facts: BlobFacts = {
        blob: parseBlobId(hexOf(randomBytes(16))), owner: parseAccountId('a1'.repeat(16)), bytes: content.length, digest: Uint8Array.from(createHash('sha256').update(content).digest()),
        retention: 'message', createdAtMs: Date.now(), expiresAtMs: Date.now() + LIMITS.retentionMs,
      }
      await store.create(facts)
      await store.append(facts.blob, 0, streamOf(content))
      await store.complete(facts.blob)
      cable.freeze()
      const startedMs = performance.now()
      expect(await codeOf(store.find(facts.blob))).toBe('unavailable.blob_store')
      expect(await codeOf(piecesOf(store.read(facts.blob, 0, 10)))).toBe('unavailable.blob_store')
      expect(performance.now() - startedMs).toBeLessThan(10_000)
      cable.heal()
      await sleep(systemClock(), 50)
      expect(await store.find(facts.blob)).toMatchObject({ complete: true })
      const half = store.read(facts.blob, 0, content.length)[Symbol.asyncIterator]()
      await half.next()
      cable.freeze()
      const rest = async (): Promise<void> => { while ((await half.next()).done !== true); }
      expect(await codeOf(rest())).toBe('unavailable.blob_store')
      cable.heal()
      await empty(bucket)
    }, 30_000)
  })
})
