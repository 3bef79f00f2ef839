import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock, systemClock } from '@evegram/platform'
import { isEvegramError, positionAtTime, viewEnvelope } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation, sampleEnvelope } from '../../ports/sample-envelope.contract.js'
import { completeCopy, copyJournal } from './complete-copy.js'
import { diskError, MemoryJournalDisk } from './journal/memory-journal-disk.fixture.js'
import { openEngineStore, type EngineStore } from './store.js'

const START = positionAtTime(0)
const T0 = 1_780_000_000_000
const clock = systemClock()
const conversation = sampleConversation(1)
const COUNT = 60
const ALL = Array.from({ length: COUNT }, (_, index) => index)

const append = (store: EngineStore, number: number): Promise<unknown> => store.envelopeLog.append(
  { conversation, envelope: sampleEnvelope({ conversation, number }), position: { timeMs: T0 + Math.floor(number / 5), incarnation: 1, counter: number } }, [sampleAccount(1)])
const numbers = async (store: EngineStore): Promise<number[]> => (await store.envelopeLog.read(conversation, START, 1_000)).map(({ envelope }) => viewEnvelope(envelope).number)

describe('the embedded store with what lies in its journal', () => {
  let dir: string
  let found: string
  /** Its clock stands still: nothing is moved into LMDB before the test says so. */
  let store: EngineStore
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'engine-journal-'))
    found = join(dir, 'found')
    mkdirSync(found)
    store = openEngineStore({ dir, clock: new ManualClock() })
  })
  afterEach(async () => {
    await store.close()
    await rm(dir, { recursive: true })
  })
  /** What a machine finds whose power goes now: LMDB is at rest. */
  const loseThePower = (): void => {
    for (const name of readdirSync(dir)) if (name === 'data.mdb' || name.startsWith('journal.')) copyFileSync(join(dir, name), join(found, name))
  }

  it('shows it to every reader at once', async () => {
    await Promise.all(ALL.map((number) => append(store, number)))
    expect(await numbers(store)).toEqual(ALL)
    expect(await store.marks.since(sampleAccount(1), T0, 10)).toEqual([conversation])
    expect((await store.nodeRegistry.claim()).floorMs).toBeGreaterThanOrEqual(T0 + Math.floor(COUNT / 5) - 1)
    expect(await append(store, 7)).toEqual({ status: 'exists', position: { timeMs: T0 + 1, incarnation: 1, counter: 7 } })
  })

  it('has it exactly once after a loss of power, with its marks and above its floor, and after the next one', async () => {
    await Promise.all(ALL.slice(0, 30).map((number) => append(store, number)))
    for (const number of ALL.slice(30)) await append(store, number)
    loseThePower()
    for (let round = 0; round < 3; round++) {
      const next = openEngineStore({ dir: found, clock })
      expect(await numbers(next)).toEqual(ALL)
      expect(await next.marks.since(sampleAccount(1), T0, 10)).toEqual([conversation])
      expect((await next.nodeRegistry.claim()).floorMs).toBeGreaterThanOrEqual(T0 + Math.floor(COUNT / 5) - 1)
      await next.close()
    }
  })

  it('pages through LMDB and the journal without gap or overlap', async () => {
    await Promise.all(ALL.slice(0, 40).map((number) => append(store, number)))
    await store.envelopeLog.trim(0)
    for (const number of ALL.slice(40)) await append(store, number)
    const paged: number[] = []
    for (let after = START, page = await store.envelopeLog.read(conversation, after, 7); page.length > 0; page = await store.envelopeLog.read(conversation, after, 7)) {
      paged.push(...page.map(({ envelope }) => viewEnvelope(envelope).number))
      after = page.at(-1)?.position ?? after
    }
    expect(paged).toEqual(ALL)
  })

  it('does not open with a journal that has a hole, and says so', async () => {
    for (const number of ALL.slice(0, 3)) await append(store, number)
    loseThePower()
    // The middle one of three records.
    const journal = copyJournal(dir).read(0, 100_000)
    const disk = new MemoryJournalDisk([[0, journal.fill(0, 4_096, 8_192)]])
    let failure: unknown
    try {
      openEngineStore({ dir: found, clock, disk })
    } catch (error) {
      failure = error
    }
    expect(isEvegramError(failure, 'unavailable.store')).toBe(true)
    expect(String(failure)).toContain('journal of the message store is damaged')
  })

  it('completes a copy of LMDB that was made while it ran', async () => {
    await Promise.all(ALL.map((number) => append(store, number)))
    const journal = copyJournal(dir)
    copyFileSync(join(dir, 'data.mdb'), join(found, 'data.mdb'))
    await completeCopy(found, journal)
    const copy = openEngineStore({ dir: found, clock })
    expect(await numbers(copy)).toEqual(ALL)
    await copy.close()
  })

  it('says with its number what the disk refuses, and takes appends when there is room again', async () => {
    const disk = new MemoryJournalDisk()
    const full = openEngineStore({ dir: found, clock, disk })
    await append(full, 1)
    disk.failure = { error: diskError('ENOSPC', 28), reachedBytes: 0 }
    const refused: unknown = await append(full, 2).catch((error: unknown) => error)
    expect(isEvegramError(refused, 'unavailable.envelope_log')).toBe(true)
    expect(refused).toMatchObject({ details: { errno: 28 } })
    disk.failure = undefined
    // What was assumed to be stored is forgotten: the retry is no copy of something that stands.
    expect(await append(full, 2)).toMatchObject({ status: 'stored' })
    expect(await numbers(full)).toEqual([1, 2])
    await full.close()
  })
})
