import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@evegram/platform'
import { positionAtTime, type Position } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BatchedAppend, BatchedResult } from '../../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../../ports/marks.js'
import { sampleAccount, sampleConversation, sampleDevice, sampleEnvelope } from '../../ports/sample-envelope.contract.js'
import { BUNDLE_SPAN_MS } from './bundle.js'
import { openDatabases, openEngineStore, type EngineStore } from './store.js'

const START = positionAtTime(0)
const T0 = Math.floor(1_780_000_000_000 / MARK_HOUR_MS) * MARK_HOUR_MS
const conversation = sampleConversation(1)

/** Copy `counter` of the millisecond `ms`. */
function at(ms: number, counter: number, incarnation = 3): Position {
  return { timeMs: T0 + ms, incarnation, counter }
}

function append(number: number, position: Position, more: { readonly device?: number; readonly bodyBytes?: number } = {}): BatchedAppend {
  const envelope = sampleEnvelope({ conversation, number, device: sampleDevice(more.device ?? 1), fill: number % 251, bodyBytes: more.bodyBytes ?? 200 })
  return { conversation, envelope, position, inboxes: [sampleAccount(1)] }
}

describe('bundles of the embedded log', () => {
  let dir: string
  let store: EngineStore
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'engine-bundle-'))
    store = openEngineStore({ dir, clock: systemClock() })
  })
  afterEach(async () => {
    await store.close()
    await rm(dir, { recursive: true })
  })

  const appendAll = (appends: readonly BatchedAppend[]): Promise<readonly BatchedResult[]> => new Promise((resolve) => {
    const results: BatchedResult[] = []
    let left = appends.length
    store.envelopeLog.appendAll(appends, (index, result) => {
      results[index] = result
      left--
      if (left === 0) resolve(results)
    })
  })
  const read = async (after: Position, limit = 1_000): Promise<Position[]> => (await store.envelopeLog.read(conversation, after, limit)).map(({ position }) => position)
  const entries = async (): Promise<number> => {
    await store.close()
    const databases = openDatabases(dir)
    const count = databases.log.getKeysCount()
    await databases.root.close()
    store = openEngineStore({ dir, clock: systemClock() })
    return count
  }

  it('puts what a conversation gets within some ms into few entries, and reads each copy as it was given', async () => {
    const appends = Array.from({ length: 100 }, (_, index) => append(index, at(Math.floor(index / 3), index), { bodyBytes: 100 + index * 7 }))
    await appendAll(appends)
    expect(await entries()).toBeLessThan(15)
    const copies = await store.envelopeLog.read(conversation, START, 1_000)
    expect(copies.map(({ position }) => position)).toEqual(appends.map(({ position }) => position))
    for (const [index, { envelope }] of copies.entries()) expect(Buffer.compare(envelope, appends[index]?.envelope ?? new Uint8Array(0))).toBe(0)
  })

  it('reads behind any copy of a bundle, and pages of any length', async () => {
    const positions = Array.from({ length: 30 }, (_, index) => at(1 + Math.floor(index / 10) * (BUNDLE_SPAN_MS - 40), index))
    await appendAll(positions.map((position, index) => append(index, position)))
    for (const [index, after] of positions.entries()) expect(await read(after)).toEqual(positions.slice(index + 1))
    for (const limit of [1, 3, 10, 29]) {
      const paged: Position[] = []
      for (let after = START, page = await read(after, limit); page.length > 0; page = await read(after, limit)) {
        expect(page.length).toBeLessThanOrEqual(limit)
        paged.push(...page)
        after = page.at(-1) ?? after
      }
      expect(paged).toEqual(positions)
    }
  })

  it('reads copies of one millisecond in order when a later batch lies between those of a bundle', async () => {
    await appendAll([append(1, at(1, 10)), append(2, at(1, 20)), append(3, at(1, 30))])
    await appendAll([append(4, at(1, 5), { device: 2 }), append(5, at(1, 15), { device: 2 }), append(6, at(1, 25), { device: 2 })])
    await appendAll([append(7, at(1, 12, 2), { device: 3 }), append(8, at(2, 1), { device: 3 })])
    const all = [at(1, 12, 2), ...[5, 10, 15, 20, 25, 30].map((counter) => at(1, counter)), at(2, 1)]
    expect(await read(START)).toEqual(all)
    for (const [index, after] of all.entries()) expect(await read(after, 2)).toEqual(all.slice(index + 1, index + 3))
  })

  it('reads copies in order when later batches lie between those of bundles that span some ms', async () => {
    const last = BUNDLE_SPAN_MS + 1
    await appendAll([append(1, at(1, 10)), append(2, at(50, 20)), append(3, at(last, 30))])
    await appendAll([append(4, at(2, 5), { device: 2 }), append(5, at(60, 15), { device: 2 }), append(6, at(last + 1, 25), { device: 2 })])
    await appendAll([append(7, at(49, 12), { device: 3 }), append(8, at(48, 11), { device: 3 }), append(9, at(51, 12), { device: 3 })])
    const all = [at(1, 10), at(2, 5), at(48, 11), at(49, 12), at(50, 20), at(51, 12), at(60, 15), at(last, 30), at(last + 1, 25)]
    expect(await entries()).toBe(4)
    expect(await read(START)).toEqual(all)
    for (const limit of [1, 2, 3]) for (const [index, after] of all.entries()) expect(await read(after, limit)).toEqual(all.slice(index + 1, index + 1 + limit))
  })

  it('keeps copies that lie too far apart, out of order, or in another hour, out of a bundle', async () => {
    const hour = MARK_HOUR_MS
    const positions = [at(1, 1), at(2, 2), at(2, 1), at(2 + BUNDLE_SPAN_MS, 3), at(3 + BUNDLE_SPAN_MS, 4), at(hour - 1, 5), at(hour, 6)]
    await appendAll(positions.map((position, index) => append(index, position)))
    expect(await entries()).toBe(5)
    expect(await read(START)).toEqual([at(1, 1), at(2, 1), at(2, 2), at(2 + BUNDLE_SPAN_MS, 3), at(3 + BUNDLE_SPAN_MS, 4), at(hour - 1, 5), at(hour, 6)])
  })

  it('finds the copy that stands inside a bundle, before and after a restart', async () => {
    const appends = Array.from({ length: 12 }, (_, index) => append(index, at(1, index)))
    await appendAll(appends)
    const retry = { ...append(4, at(9, 99)) }
    expect(await appendAll([retry])).toEqual([{ status: 'exists', position: at(1, 4) }])
    await entries()
    expect(await appendAll([retry, append(12, at(9, 100))])).toEqual([{ status: 'exists', position: at(1, 4) }, { status: 'stored', position: at(9, 100) }])
    expect(await read(START)).toEqual([...appends.map(({ position }) => position), at(9, 100)])
  })

  it('trims bundles with their hour and counts their copies', async () => {
    await appendAll(Array.from({ length: 40 }, (_, index) => append(index, at(index < 20 ? 1 : MARK_HOUR_MS, index))))
    expect(await store.envelopeLog.trim(T0 + MARK_HOUR_MS)).toBe(20)
    expect(await store.envelopeLog.trim(T0 + MARK_HOUR_MS)).toBe(0)
    expect(await read(START)).toEqual(Array.from({ length: 20 }, (_, index) => at(MARK_HOUR_MS, 20 + index)))
  })

  it('stores an envelope that is larger than a bundle, and what comes around it', async () => {
    const appends = [append(1, at(1, 1)), append(2, at(1, 2), { bodyBytes: 60_000 }), append(3, at(1, 3)), append(4, at(1, 4))]
    await appendAll(appends)
    expect(await entries()).toBe(3)
    expect((await store.envelopeLog.read(conversation, START, 10)).map(({ envelope }) => envelope.length)).toEqual(appends.map(({ envelope }) => envelope.length))
  })
})
