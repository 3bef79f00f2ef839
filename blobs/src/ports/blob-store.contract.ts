import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hexOf, LIMITS, parseAccountId, parseBlobId, type AccountId, type BlobId } from '@evegram/protocol'
import type { BlobFacts, BlobStore } from './blob-store.js'

/** A store under test. */
export interface BlobStoreScene {
  readonly store: BlobStore
  /** The same data by another process: what was not synced may be gone. */
  reopen(): Promise<BlobStore>
  /** The same data by a second process beside the first; absent with the gap `shared`. */
  beside?(): Promise<BlobStore>
  /** Damages a byte of an upload behind the back of the store, as a lost write would. */
  damage(blob: BlobId): Promise<void>
  close(): Promise<void>
}

const DAY_MS = 24 * 3_600_000
const alice = parseAccountId('a1'.repeat(16))
const bob = parseAccountId('b2'.repeat(16))

async function* streamOf(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) yield piece
}

async function* breaking(piece: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield piece
  throw new Error('the connection broke')
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** What an adapter does not promise: `shared`, that several processes work on the same data at a time. */
export type BlobStoreGap = 'shared'

/** What every {@link BlobStore} keeps. `partBytes`: more than what the adapter gathers for a write. */
export function describeBlobStore({ name, setup, partBytes = 700_000, gaps = [] }: {
  readonly name: string
  readonly setup: () => Promise<BlobStoreScene>
  readonly partBytes?: number
  readonly gaps?: readonly BlobStoreGap[]
}): void {
  describe(`BlobStore: ${name}${gaps.length === 0 ? '' : ` (gaps: ${gaps.join(', ')})`}`, () => {
    let scene: BlobStoreScene
    let store: BlobStore
    beforeEach(async () => {
      scene = await setup()
      store = scene.store
    })
    afterEach(() => scene.close())

    const factsOf = (content: Uint8Array, over: Partial<BlobFacts> = {}): BlobFacts => ({
      blob: parseBlobId(hexOf(randomBytes(16))), owner: alice, bytes: content.length, digest: Uint8Array.from(createHash('sha256').update(content).digest()), retention: 'message',
      createdAtMs: Date.now(), expiresAtMs: Date.now() + LIMITS.retentionMs, ...over,
    })
    async function stored(content: Uint8Array, over: Partial<BlobFacts> = {}): Promise<BlobFacts> {
      const facts = factsOf(content, over)
      await store.create(facts)
      expect(await store.append(facts.blob, 0, streamOf(content))).toEqual({ status: 'appended', offset: content.length })
      expect(await store.complete(facts.blob)).toBe('complete')
      return facts
    }

    it('gives back what was appended piece by piece, whole and in ranges, also to another process', async () => {
      const content = randomBytes(partBytes + 12_345)
      const facts = factsOf(content)
      expect(await store.create(facts)).toEqual({ status: 'created' })
      expect(await store.append(facts.blob, 0, streamOf(content.subarray(0, 10), content.subarray(10, partBytes)))).toEqual({ status: 'appended', offset: partBytes })
      store = await scene.reopen()
      expect(await store.find(facts.blob)).toMatchObject({ offset: partBytes, complete: false })
      expect(Number.isInteger((await store.find(facts.blob))?.touchedAtMs)).toBe(true)
      expect(await store.append(facts.blob, partBytes, streamOf(content.subarray(partBytes)))).toEqual({ status: 'appended', offset: content.length })
      expect(await store.complete(facts.blob)).toBe('complete')
      store = await scene.reopen()
      expect(await store.find(facts.blob)).toMatchObject({ facts, offset: content.length, complete: true })
      expect(Buffer.compare(await bytesOf(store.read(facts.blob, 0, content.length)), content)).toBe(0)
      for (const [from, length] of [[0, 1], [partBytes - 3, 7], [content.length - 1, 1], [5, 0]] as const) {
        expect(Buffer.compare(await bytesOf(store.read(facts.blob, from, length)), content.subarray(from, from + length)), `${String(from)}+${String(length)}`).toBe(0)
      }
    })

    it('keeps what came before the bytes broke off', async () => {
      const content = randomBytes(40_000)
      const facts = factsOf(content)
      await store.create(facts)
      await expect(store.append(facts.blob, 0, breaking(content.subarray(0, 30_000)))).rejects.toThrow('the connection broke')
      store = await scene.reopen()
      expect(await store.find(facts.blob)).toMatchObject({ offset: 30_000, complete: false })
      expect(await store.append(facts.blob, 30_000, streamOf(content.subarray(30_000)))).toEqual({ status: 'appended', offset: 40_000 })
      expect(await store.complete(facts.blob)).toBe('complete')
    })

    it('stores nothing out of place, and nothing where there is no upload', async () => {
      const content = randomBytes(100)
      const facts = factsOf(content)
      await store.create(facts)
      await store.append(facts.blob, 0, streamOf(content.subarray(0, 60)))
      for (const offset of [0, 59, 61, 100]) expect(await store.append(facts.blob, offset, streamOf(content.subarray(60)))).toEqual({ status: 'elsewhere', offset: 60 })
      expect(await store.append(parseBlobId('00'.repeat(16)), 0, streamOf(content))).toEqual({ status: 'none' })
      await store.append(facts.blob, 60, streamOf(content.subarray(60)))
      await store.complete(facts.blob)
      expect(await store.append(facts.blob, 100, streamOf(content))).toEqual({ status: 'none' })
      expect(Buffer.compare(await bytesOf(store.read(facts.blob, 0, 100)), content)).toBe(0)
    })

    it('begins an upload once, whoever asks again', async () => {
      const facts = factsOf(randomBytes(10))
      await store.create(facts)
      await store.append(facts.blob, 0, streamOf(randomBytes(4)))
      expect(await store.create({ ...facts, owner: bob, bytes: 11 })).toMatchObject({ status: 'exists', found: { facts, offset: 4, complete: false } })
      expect(await store.find(facts.blob)).toMatchObject({ facts, offset: 4 })
    })

    it('removes at completion what is not what was announced, and completes once', async () => {
      const content = randomBytes(5_000)
      const lie = factsOf(content, { digest: new Uint8Array(32) })
      await store.create(lie)
      await store.append(lie.blob, 0, streamOf(content))
      expect(await store.complete(lie.blob)).toBe('damaged')
      expect(await store.find(lie.blob)).toBeUndefined()
      const torn = factsOf(content)
      await store.create(torn)
      await store.append(torn.blob, 0, streamOf(content))
      await scene.damage(torn.blob)
      expect(await store.complete(torn.blob)).toBe('damaged')
      const good = await stored(content)
      expect(await store.complete(good.blob)).toBe('complete')
      expect(await store.complete(torn.blob)).toBe('none')
    })

    it('removes blobs and uploads, and says nothing when there is none', async () => {
      const facts = await stored(randomBytes(9))
      await store.remove(facts.blob)
      await store.remove(facts.blob)
      expect(await store.find(facts.blob)).toBeUndefined()
      await expect(bytesOf(store.read(facts.blob, 0, 9))).rejects.toMatchObject({ code: 'not_found.blob' })
      const upload = factsOf(randomBytes(9))
      await store.create(upload)
      await store.remove(upload.blob)
      expect(await store.append(upload.blob, 0, streamOf(randomBytes(9)))).toEqual({ status: 'none' })
    })

    it('lists the backups of an account, newest first, and of nobody else', async () => {
      const nowMs = Date.now()
      const times = [5, 9, 7].map((at) => nowMs + at)
      for (const createdAtMs of times) await stored(randomBytes(3), { retention: 'backup', createdAtMs, owner: bob })
      await stored(randomBytes(3), { owner: bob })
      await stored(randomBytes(3), { retention: 'backup', owner: alice })
      const listed = (await store.backupsOf(bob)).map(({ facts }) => facts.createdAtMs - nowMs)
      expect(listed).toEqual([9, 7, 5])
      await store.remove((await store.backupsOf(bob))[0]!.facts.blob)
      expect(await store.backupsOf(bob)).toHaveLength(2)
      expect(await store.backupsOf(parseAccountId('c3'.repeat(16)) satisfies AccountId)).toEqual([])
    })

    it('sweeps what expired and uploads that were left, in steps, and nothing else', async () => {
      const nowMs = Date.now()
      const short = [await stored(randomBytes(3), { expiresAtMs: nowMs + 2 * DAY_MS }), await stored(randomBytes(3), { expiresAtMs: nowMs + 2 * DAY_MS })]
      const long = await stored(randomBytes(3), { retention: 'backup', expiresAtMs: nowMs + 40 * DAY_MS })
      const left = factsOf(randomBytes(3))
      await store.create(left)
      expect(await store.sweep(nowMs + DAY_MS / 2, DAY_MS, 10)).toBe(0)
      expect(await store.sweep(nowMs + 1.5 * DAY_MS, DAY_MS, 10)).toBe(1)
      expect(await store.find(left.blob)).toBeUndefined()
      expect(await store.sweep(nowMs + 4 * DAY_MS, DAY_MS, 1)).toBe(1)
      expect(await store.sweep(nowMs + 4 * DAY_MS, DAY_MS, 10)).toBe(1)
      expect(await store.sweep(nowMs + 4 * DAY_MS, DAY_MS, 10)).toBe(0)
      for (const { blob } of short) expect(await store.find(blob)).toBeUndefined()
      expect(await store.find(long.blob)).toMatchObject({ complete: true })
      expect(await store.sweep(nowMs + 42 * DAY_MS, DAY_MS, 10)).toBe(1)
      expect(await store.backupsOf(alice)).toEqual([])
    })

    it('reads less than all of a blob and stops', async () => {
      const content = randomBytes(partBytes * 2)
      const facts = await stored(content)
      for (let again = 0; again < 20; again++) {
        for await (const piece of store.read(facts.blob, 0, content.length)) {
          expect(Buffer.compare(piece, content.subarray(0, piece.length))).toBe(0)
          break
        }
      }
      expect(Buffer.compare(await bytesOf(store.read(facts.blob, 0, content.length)), content)).toBe(0)
    })

    it('takes an upload byte by byte', async () => {
      const content = randomBytes(70)
      const facts = factsOf(content)
      await store.create(facts)
      for (let at = 0; at < content.length; at++) expect(await store.append(facts.blob, at, streamOf(content.subarray(at, at + 1)))).toEqual({ status: 'appended', offset: at + 1 })
      expect(await store.complete(facts.blob)).toBe('complete')
      expect(Buffer.compare(await bytesOf(store.read(facts.blob, 0, content.length)), content)).toBe(0)
    })

    describe('with several processes', () => {
      const both = async (): Promise<readonly [BlobStore, BlobStore]> => {
        if (scene.beside === undefined) throw new Error('an adapter without the gap "shared" gives a second process')
        return [store, await scene.beside()]
      }

      it.skipIf(gaps.includes('shared'))('gives a name to one of those that ask for it at once', async () => {
        const [one, other] = await both()
        for (let again = 0; again < 5; again++) {
          const [mine, theirs] = [factsOf(randomBytes(10), { retention: 'backup' }), factsOf(randomBytes(20), { owner: bob, retention: 'backup' })]
          const asked = await Promise.all([one.create(mine), other.create({ ...theirs, blob: mine.blob })])
          expect(asked.filter(({ status }) => status === 'created')).toHaveLength(1)
          const winner = asked[0].status === 'created' ? alice : bob
          expect(await one.find(mine.blob)).toMatchObject({ facts: { owner: winner } })
          // Who lost has no backup by the name of the other.
          for (const owner of [alice, bob]) expect((await one.backupsOf(owner)).some(({ facts: { blob } }) => blob === mine.blob)).toBe(owner === winner)
        }
      })

      it.skipIf(gaps.includes('shared'))('never loses what it acknowledged, nor mixes what two append at the same place', async () => {
        const [one, other] = await both()
        for (let again = 0; again < 5; again++) {
          const [first, second] = [randomBytes(partBytes + 7), randomBytes(partBytes + 7)]
          const facts = factsOf(first)
          await one.create(facts)
          const results = await Promise.all([one.append(facts.blob, 0, streamOf(first)), other.append(facts.blob, 0, streamOf(second.subarray(0, partBytes - 5)))])
          const through = results.flatMap(({ status, ...rest }) => (status === 'appended' && 'offset' in rest ? [rest.offset] : []))
          const found = await one.find(facts.blob)
          expect(through.length).toBeLessThanOrEqual(1)
          expect(found?.offset).toBeGreaterThanOrEqual(Math.max(0, ...through))
          // One alone got through, so what is there is whole if it was the right one.
          if (results[0].status !== 'appended') continue
          expect(await other.complete(facts.blob)).toBe('complete')
          expect(Buffer.compare(await bytesOf(one.read(facts.blob, 0, first.length)), first)).toBe(0)
        }
      })

      it.skipIf(gaps.includes('shared'))('completes once whoever asks, and goes on in any process', async () => {
        const [one, other] = await both()
        const content = randomBytes(partBytes * 2 + 1)
        const facts = factsOf(content)
        await one.create(facts)
        await one.append(facts.blob, 0, streamOf(content.subarray(0, partBytes)))
        expect(await other.append(facts.blob, partBytes, streamOf(content.subarray(partBytes)))).toEqual({ status: 'appended', offset: content.length })
        expect(await Promise.all([one.complete(facts.blob), other.complete(facts.blob), one.complete(facts.blob)])).toEqual(['complete', 'complete', 'complete'])
        for (const each of [one, other]) expect(Buffer.compare(await bytesOf(each.read(facts.blob, 0, content.length)), content)).toBe(0)
      })

      it.skipIf(gaps.includes('shared'))('leaves no blob where one process removes what another appends to', async () => {
        const [one, other] = await both()
        const content = randomBytes(partBytes * 2)
        const facts = factsOf(content)
        await one.create(facts)
        async function* slowly(): AsyncGenerator<Uint8Array, void, undefined> {
          yield randomBytes(partBytes)
          await other.remove(facts.blob)
          yield randomBytes(partBytes)
        }
        expect(await one.append(facts.blob, 0, slowly())).toEqual({ status: 'none' })
        // The same name again begins empty, and nothing of before gets into it.
        await one.create(facts)
        expect(await one.find(facts.blob)).toMatchObject({ offset: 0, complete: false })
        expect(await one.append(facts.blob, 0, streamOf(content.subarray(0, partBytes), content.subarray(partBytes)))).toEqual({ status: 'appended', offset: content.length })
        expect(await other.complete(facts.blob)).toBe('complete')
      })
    })
  })
}
