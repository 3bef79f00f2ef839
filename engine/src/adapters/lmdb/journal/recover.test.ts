import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation, sampleEnvelope } from '../../../ports/sample-envelope.contract.js'
import { Generation, GENERATION_BYTES } from './generation.js'
import { MemoryJournalDisk } from './memory-journal-disk.fixture.js'
import { RecordDraft } from './record-draft.js'
import { pageEnd } from './record.js'
import { recoverJournal } from './recover.js'

const STORE = Buffer.alloc(16, 0xab)

/** Writes records of so many appends each, all into `file`, as a journal does; returns where each record begins and ends. */
async function write(disk: MemoryJournalDisk, file: number, firstSeq: number, sizes: readonly number[], store = STORE): Promise<readonly { readonly start: number; readonly end: number }[]> {
  const generation = new Generation(file, Buffer.alloc(GENERATION_BYTES))
  const places = []
  for (const [index, size] of sizes.entries()) {
    const draft = new RecordDraft(generation)
    for (let number = 0; number < size; number++) {
      const conversation = sampleConversation(number % 3)
      draft.add({ conversation, inboxes: number === 0 ? [sampleAccount(1), sampleAccount(2)] : [], position: { timeMs: 1_000 + index, incarnation: 1, counter: number }, envelope: sampleEnvelope({ conversation, number, bodyBytes: 40 }) })
    }
    const header = draft.finish(store, { seq: firstSeq + index, previous: firstSeq + index - 1 })
    const [start, end] = [generation.usedBytes, draft.end]
    await disk.write(file, start, generation.arena.subarray(start, pageEnd(end)))
    generation.take(header, pageEnd(end), draft.written())
    places.push({ start, end })
  }
  return places
}

/** How many copies the journal holds beyond `movedSeq`. */
const copies = (disk: MemoryJournalDisk, movedSeq = 0): number => recoverJournal(disk, STORE, movedSeq).reduce((sum, generation) => sum + generation.copies, 0)

function damage(run: () => unknown): string {
  try {
    run()
  } catch (failure) {
    if (isEvegramError(failure, 'unavailable.store')) return failure.message
    throw failure
  }
  return 'none'
}

describe('recovering a journal', () => {
  it('finds every copy with its marks, by conversation and in order', async () => {
    const disk = new MemoryJournalDisk()
    await write(disk, 0, 1, [4, 5])
    const [generation] = recoverJournal(disk, STORE, 0)
    expect(generation?.copies).toBe(9)
    const places = generation?.placesOf(sampleConversation(0)) ?? []
    expect(places.map((at) => generation?.positionAt(at))).toEqual([
      { timeMs: 1_000, incarnation: 1, counter: 0 }, { timeMs: 1_000, incarnation: 1, counter: 3 }, { timeMs: 1_001, incarnation: 1, counter: 0 }, { timeMs: 1_001, incarnation: 1, counter: 3 },
    ])
    const conversation = sampleConversation(0)
    expect(generation?.envelopeAt(places[1] ?? 0)).toEqual(Buffer.from(sampleEnvelope({ conversation, number: 3, bodyBytes: 40 })))
    expect([...generation?.marks() ?? []]).toEqual([sampleAccount(1), sampleAccount(2)].flatMap((inbox) => Array.from({ length: 2 }, () => ({ inbox, conversation, hour: 0 }))))
  })

  it('has all records but the last, whichever byte of the last is the first that did not reach the disk', async () => {
    const disk = new MemoryJournalDisk()
    const places = await write(disk, 0, 1, [3, 2])
    const last = places[1]
    if (last === undefined) throw new Error('two records were written')
    const counts = new Map<number, number>()
    for (let reached = 0; reached <= last.end - last.start; reached++) {
      const found = copies(cut(disk, last.start + reached))
      counts.set(found, (counts.get(found) ?? 0) + 1)
    }
    expect(counts).toEqual(new Map([[3, last.end - last.start], [5, 1]]))
  })

  it('has the same when what lay in the file before stands behind the cut', async () => {
    const disk = new MemoryJournalDisk()
    await write(disk, 0, 1, [9, 30, 9])
    const places = await write(disk, 0, 4, [3, 2])
    const last = places[1]
    if (last === undefined) throw new Error('two records were written')
    expect(copies(disk, 3)).toBe(5)
    for (let at = last.start; at < last.end; at += 7) {
      const damaged = disk.afterPowerLoss()
      damaged.damage(0, at)
      expect(copies(damaged, 3)).toBe(3)
    }
  })

  it('leaves out what is in LMDB already', async () => {
    const disk = new MemoryJournalDisk()
    await write(disk, 0, 1, [2, 3, 4])
    expect([0, 1, 2, 3].map((moved) => copies(disk, moved))).toEqual([9, 7, 4, 0])
  })

  it('goes on from file to file in the order of the records', async () => {
    const disk = new MemoryJournalDisk()
    await write(disk, 2, 4, [1, 1])
    await write(disk, 0, 6, [1])
    await write(disk, 1, 1, [1, 1, 1])
    expect(recoverJournal(disk, STORE, 0).map(({ file, firstSeq, lastSeq }) => [file, firstSeq, lastSeq])).toEqual([[1, 1, 3], [2, 4, 5], [0, 6, 6]])
  })

  it('tells that a record is broken which others follow, whichever byte it is', async () => {
    const disk = new MemoryJournalDisk()
    const places = await write(disk, 0, 1, [3, 2, 2])
    for (const place of places.slice(0, 2)) {
      for (let at = place.start; at < place.end; at += 5) {
        const damaged = disk.afterPowerLoss()
        damaged.damage(0, at)
        expect(damage(() => recoverJournal(damaged, STORE, 0))).toContain('records behind number')
      }
    }
  })

  it('tells that a file is missing between others, and before the first', async () => {
    const disk = new MemoryJournalDisk()
    await write(disk, 0, 1, [1, 1])
    await write(disk, 2, 4, [1])
    expect(damage(() => recoverJournal(disk, STORE, 0))).toContain('records behind number 2 are missing, number 4 is there')
    const later = new MemoryJournalDisk()
    await write(later, 0, 3, [1])
    expect(damage(() => recoverJournal(later, STORE, 1))).toContain('records behind number 1 are missing, number 3 is there')
  })

  it('stops at a gap without a word where the journal was read while it was written', async () => {
    const disk = new MemoryJournalDisk()
    await write(disk, 0, 1, [1, 1])
    await write(disk, 2, 4, [1])
    expect(recoverJournal(disk, STORE, 0, { isLive: true }).map(({ lastSeq }) => lastSeq)).toEqual([2])
    const torn = new MemoryJournalDisk()
    const [, second] = await write(torn, 0, 1, [1, 1, 1])
    torn.damage(0, second?.start ?? 0)
    expect(recoverJournal(torn, STORE, 0, { isLive: true }).map(({ lastSeq }) => lastSeq)).toEqual([1])
  })

  it('takes nothing for a record that another store wrote', async () => {
    const disk = new MemoryJournalDisk()
    await write(disk, 0, 1, [1, 1], Buffer.alloc(16, 0xcd))
    expect(copies(disk)).toBe(0)
  })
})

/** The disk with only the first `bytes` of file 0. */
function cut(disk: MemoryJournalDisk, bytes: number): MemoryJournalDisk {
  return new MemoryJournalDisk([[0, disk.read(0, bytes)]])
}
