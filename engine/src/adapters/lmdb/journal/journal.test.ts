import { ManualClock } from '@evegram/platform'
import { positionAtTime } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleConversation, sampleEnvelope } from '../../../ports/sample-envelope.contract.js'
import { GENERATION_BYTES, type Generation } from './generation.js'
import { GENERATIONS_MAX, MOVE_AFTER_MS } from './generations.js'
import { Journal, type JournalWrite } from './journal.js'
import { diskError, MemoryJournalDisk } from './memory-journal-disk.fixture.js'
import type { RecordDraft } from './record-draft.js'
import { entryBytes, RECORD_HEADER_BYTES } from './record.js'
import { recoverJournal } from './recover.js'

const STORE = Buffer.alloc(16, 0xab)
const conversation = sampleConversation(1)

const envelopeOf = (number: number): Uint8Array => sampleEnvelope({ conversation, number, bodyBytes: 40 })

class Write implements JournalWrite {
  readonly appends = 1
  readonly bytes: number
  readonly #number: number
  state = 'waiting'
  cause: unknown
  /** `bytes`: how much room it asks for, if not just what it needs. */
  constructor(number: number, bytes = entryBytes(envelopeOf(number).length, 0)) {
    this.#number = number
    this.bytes = bytes
  }
  encode(draft: RecordDraft): void {
    draft.add({ conversation, inboxes: [], position: { timeMs: 1_000, incarnation: 1, counter: this.#number }, envelope: envelopeOf(this.#number) })
  }
  settle(): void { this.#end('settled') }
  fail(cause: unknown): void {
    this.#end('failed')
    this.cause = cause
  }
  #end(state: string): void {
    if (this.state !== 'waiting') throw new Error(`told twice: ${this.state}, then ${state}`)
    this.state = state
  }
}

/** Moves that end when the test says so. */
class ManualMoves {
  readonly moved: Generation[] = []
  readonly #waiting: { readonly generation: Generation; readonly resolve: () => void; readonly reject: (cause: Error) => void }[] = []
  readonly move = (generation: Generation): Promise<void> => new Promise((resolve, reject) => { this.#waiting.push({ generation, resolve, reject }) })
  get waiting(): number { return this.#waiting.length }
  end(failure?: Error): void {
    const one = this.#waiting.shift()
    if (one === undefined) throw new Error('no move waits')
    if (failure !== undefined) return one.reject(failure)
    this.moved.push(one.generation)
    one.resolve()
  }
}

function setup(): { disk: MemoryJournalDisk; clock: ManualClock; moves: ManualMoves; journal: Journal; failures: () => number; add: (...writes: Write[]) => Write[] } {
  const disk = new MemoryJournalDisk()
  const clock = new ManualClock()
  const moves = new ManualMoves()
  let failures = 0
  const journal = new Journal({ disk, clock, storeId: STORE, movedSeq: 0, move: moves.move, afterFailure: () => { failures++ } })
  return {
    disk, clock, moves, journal, failures: () => failures,
    add: (...writes) => {
      for (const write of writes) journal.add(write)
      return writes
    },
  }
}

const turns = async (): Promise<void> => {
  for (let round = 0; round < 6; round++) await new Promise((resolve) => { setImmediate(resolve) })
}
const states = (writes: readonly Write[]): string[] => writes.map((write) => write.state)
const counters = (journal: Journal): number[] => journal.pending.copiesBehind(conversation, positionAtTime(0)).map(({ position }) => position.counter)
const recovered = (disk: MemoryJournalDisk, movedSeq = 0): number[] => recoverJournal(disk, STORE, movedSeq).flatMap((generation) =>
  generation.placesOf(conversation).map((at) => generation.positionAt(at).counter))

describe('Journal', () => {
  it('tells nobody before the record is synced, and has all then that it told after a loss of power', async () => {
    const { disk, journal, add } = setup()
    disk.hold()
    const writes = add(new Write(1), new Write(2))
    await turns()
    expect(disk.writes).toHaveLength(1)
    expect(states(writes)).toEqual(['waiting', 'waiting'])
    expect(counters(journal)).toEqual([])
    expect(recovered(disk.afterPowerLoss())).toEqual([])
    disk.release()
    await turns()
    expect(states(writes)).toEqual(['settled', 'settled'])
    expect(counters(journal)).toEqual([1, 2])
    expect(recovered(disk.afterPowerLoss())).toEqual([1, 2])
  })

  it('has everything it told at any moment at which the power goes, whatever of the last write reached the disk', async () => {
    const { disk, add } = setup()
    const told: Write[] = []
    for (let round = 0; round < 30; round++) {
      const writes = add(new Write(round * 2), new Write(round * 2 + 1))
      disk.hold()
      await turns()
      for (const reached of [0, 1, 47, 48, 300, 4_096]) expect(recovered(disk.afterPowerLoss(reached)).slice(0, told.length)).toEqual(told.map((_, index) => index))
      disk.release()
      await turns()
      expect(states(writes)).toEqual(['settled', 'settled'])
      told.push(...writes)
    }
  })

  it('makes one record at a time of all that came meanwhile', async () => {
    const { disk, add } = setup()
    disk.hold()
    add(new Write(1))
    await turns()
    add(new Write(2))
    await turns()
    add(new Write(3))
    expect(disk.writes).toHaveLength(1)
    disk.release()
    await turns()
    expect(disk.writes).toHaveLength(2)
    expect(recovered(disk)).toEqual([1, 2, 3])
  })

  it('refuses while the disk is full, goes on when there is room, and forgets assumptions between', async () => {
    const { disk, journal, failures, add } = setup()
    const kept = add(new Write(1))
    await turns()
    disk.failure = { error: diskError('ENOSPC', 28), reachedBytes: 100 }
    const refused = add(new Write(2))
    await turns()
    expect(states([...kept, ...refused])).toEqual(['settled', 'failed'])
    expect(failures()).toBe(1)
    expect(recovered(disk.afterPowerLoss())).toEqual([1])
    disk.failure = undefined
    const later = add(new Write(3))
    await turns()
    expect(states(later)).toEqual(['settled'])
    expect(counters(journal)).toEqual([1, 3])
    expect(recovered(disk)).toEqual([1, 3])
  })

  it('finds what was told when a refused record reached the disk whole and the next went into another file', async () => {
    const { disk, clock, moves, add } = setup()
    add(new Write(1))
    await turns()
    disk.failure = { error: diskError('ENOSPC', 28), reachedBytes: 4_096 }
    add(new Write(2))
    await turns()
    disk.failure = undefined
    clock.advance(MOVE_AFTER_MS)
    add(new Write(3))
    await turns()
    // What became of 2 nobody knows; 1 and 3 were acknowledged.
    expect(recovered(disk)).toEqual([1, 2, 3])
    moves.end()
    await turns()
    expect(recovered(disk, 1)).toEqual([2, 3])
  })

  it('tells those that wait behind a refused record, too: nothing of a device is stored before what it sent earlier', async () => {
    const { disk, add } = setup()
    disk.hold()
    const first = add(new Write(1))
    await turns()
    const behind = add(new Write(2))
    disk.failure = { error: diskError('ENOSPC', 28), reachedBytes: 0 }
    disk.release()
    await turns()
    expect(states([...first, ...behind])).toEqual(['failed', 'failed'])
    expect(recovered(disk)).toEqual([])
  })

  it('refuses everything after a sync that failed, also when the disk says yes again', async () => {
    const { disk, add } = setup()
    disk.failure = { error: diskError('EIO', 5), reachedBytes: 0 }
    const first = add(new Write(1))
    await turns()
    disk.failure = undefined
    const later = add(new Write(2))
    await turns()
    expect(states([...first, ...later])).toEqual(['failed', 'failed'])
    expect(later[0]?.cause).toMatchObject({ code: 'EIO' })
    expect(disk.writes).toHaveLength(1)
  })

  it('gives up a write that does not end, refuses more, and goes on when it ended after all', async () => {
    const { disk, clock, journal, add } = setup()
    disk.hold()
    const stalled = add(new Write(1))
    await turns()
    const waiting = add(new Write(2))
    clock.advance(11_000)
    await turns()
    const refused = add(new Write(3))
    await turns()
    expect(states([...stalled, ...waiting, ...refused])).toEqual(['failed', 'failed', 'failed'])
    disk.release()
    await turns()
    const later = add(new Write(4))
    await turns()
    expect(states(later)).toEqual(['settled'])
    // What was given up is durable: it is not hidden.
    expect(counters(journal)).toEqual([1, 4])
  })

  it('moves what lies there after a while, once, and uses the file again', async () => {
    const { disk, clock, moves, journal, add } = setup()
    for (let round = 0; round < 4; round++) {
      add(new Write(round))
      await turns()
      expect(moves.waiting).toBe(0)
      clock.advance(MOVE_AFTER_MS)
      expect(moves.waiting).toBe(1)
      expect(counters(journal)).toEqual([round])
      moves.end()
      await turns()
      expect(counters(journal)).toEqual([])
    }
    expect(moves.moved.map(({ lastSeq }) => lastSeq)).toEqual([1, 2, 3, 4])
    expect(new Set(disk.writes.map(({ file }) => file))).toEqual(new Set([0]))
  })

  it('refuses while nothing can be moved, tries again, and goes on', async () => {
    const { clock, moves, journal, add } = setup()
    add(new Write(1))
    await turns()
    clock.advance(MOVE_AFTER_MS)
    moves.end(diskError('ENOSPC', 28))
    await turns()
    const refused = add(new Write(2))
    await turns()
    expect(states(refused)).toEqual(['failed'])
    expect(counters(journal)).toEqual([1])
    clock.advance(MOVE_AFTER_MS)
    moves.end()
    await turns()
    const later = add(new Write(3))
    await turns()
    expect(states(later)).toEqual(['settled'])
  })

  it('lets appends wait while every file is in use, and writes them when one is free', async () => {
    const { disk, moves, add } = setup()
    const large = Array.from({ length: GENERATIONS_MAX + 1 }, (_, index) => new Write(index, GENERATION_BYTES - RECORD_HEADER_BYTES))
    for (const write of large) {
      add(write)
      await turns()
    }
    expect(states(large).filter((state) => state === 'settled')).toHaveLength(GENERATIONS_MAX)
    expect(states(large).at(-1)).toBe('waiting')
    moves.end()
    await turns()
    expect(states(large).at(-1)).toBe('settled')
    expect(disk.writes.at(-1)?.file).toBe(0)
  })

  it('is moved when somebody waits for that, and hears when it cannot be', async () => {
    const { moves, journal, add } = setup()
    await journal.moved()
    add(new Write(1))
    await turns()
    const moved = journal.moved()
    await turns()
    moves.end()
    await moved
    add(new Write(2))
    await turns()
    const failed = journal.moved()
    moves.end(new Error('LMDB is dead'))
    await expect(failed).rejects.toThrow('LMDB is dead')
  })

  it('writes and moves what waits when it is closed, and refuses what comes after', async () => {
    const { disk, moves, journal, add } = setup()
    const waiting = add(new Write(1))
    const closed = journal.close()
    const late = add(new Write(2))
    await turns()
    expect(states([...waiting, ...late])).toEqual(['settled', 'failed'])
    expect(disk.isClosed).toBe(false)
    moves.end()
    await closed
    expect(disk.isClosed).toBe(true)
  })
})
