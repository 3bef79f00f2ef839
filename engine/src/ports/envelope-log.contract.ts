import { LIMITS, positionAtTime, type ConversationId, type Position } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXISTS_WITHIN_MS, type AppendResult, type BatchedAppend, type BatchedResult, type EnvelopeLog, type StoredEnvelope } from './envelope-log.js'
import { MARK_HOUR_MS } from './marks.js'
import { sampleConversation, sampleDevice, sampleEnvelope, sampleAccount } from './sample-envelope.contract.js'

/**
 * What an adapter may declare that it does not do: `exists` never answers `exists`; `reopen` keeps nothing when the process ends; `trim` deletes
 * nothing, as copies expire by themselves, and only hides what is too old.
 */
export type EnvelopeLogGap = 'exists' | 'reopen' | 'trim'

/** One log under test. */
export interface EnvelopeLogSubject {
  readonly log: EnvelopeLog
  /** Ends this instance and opens the same data again; absent with the gap `reopen`. */
  readonly reopen?: () => Promise<EnvelopeLog>
  close(): Promise<void>
}

const ACCOUNTS = [sampleAccount(1), sampleAccount(2)]
const START = positionAtTime(0)
/** A whole hour in 2026, so that hours of marks and buckets begin where the tests say. */
const T0 = Math.floor(1_780_000_000_000 / MARK_HOUR_MS) * MARK_HOUR_MS

/** Position `counter` at `offsetMs` behind the first of the suite. */
function at(offsetMs: number, counter = 0): Position {
  return { timeMs: T0 + offsetMs, incarnation: 3, counter }
}

async function readAll(log: EnvelopeLog, conversation: ConversationId, limit = 256): Promise<StoredEnvelope[]> {
  const all: StoredEnvelope[] = []
  for (let after = START; ;) {
    const page = await log.read(conversation, after, limit)
    all.push(...page)
    const last = page.at(-1)
    if (last === undefined) return all
    after = last.position
  }
}

/** The promises of {@link EnvelopeLog}, run by every adapter. `setup` gives a fresh, empty log. */
export function describeEnvelopeLog(adapter: {
  readonly name: string
  readonly setup: () => Promise<EnvelopeLogSubject>
  readonly gaps?: readonly EnvelopeLogGap[]
}): void {
  const gaps = adapter.gaps ?? []
  const one = sampleConversation(1)

  describe(`EnvelopeLog: ${adapter.name}${gaps.length === 0 ? '' : ` (gaps: ${gaps.join(', ')})`}`, () => {
    let subject: EnvelopeLogSubject
    let log: EnvelopeLog
    beforeEach(async () => {
      subject = await adapter.setup()
      log = subject.log
    })
    afterEach(async () => {
      await subject.close()
    })

    const append = (number: number, position: Position, conversation = one): Promise<AppendResult> =>
      log.append({ conversation, envelope: sampleEnvelope({ conversation, number }), position }, ACCOUNTS)

    /** Appends together; resolves when each has ended, with what became of it, and fails when one is told twice or before the call returned. */
    const appendTogether = (appends: readonly BatchedAppend[]): Promise<readonly BatchedResult[]> => new Promise((resolve, reject) => {
      const results = new Map<number, BatchedResult>()
      let hasReturned = false
      log.appendAll(appends, (index, result) => {
        if (!hasReturned) reject(new Error(`append ${String(index)} ended before the call returned`))
        if (results.has(index)) reject(new Error(`append ${String(index)} ended twice`))
        results.set(index, result)
        // Later than all others: one that is told twice shows.
        if (results.size === appends.length) setTimeout(() => { resolve(appends.map((_, at) => results.get(at) ?? { status: 'failed', failure: undefined })) }, 5)
      })
      hasReturned = true
    })
    const batched = (number: number, position: Position, conversation = one): BatchedAppend =>
      ({ conversation, envelope: sampleEnvelope({ conversation, number }), position, inboxes: ACCOUNTS })

    it('stores many that are given together as it stores each alone, and tells each by its place', async () => {
      const appends = Array.from({ length: 2_500 }, (_, index) => batched(index, at(0, index), sampleConversation(index % 7)))
      expect(await appendTogether(appends)).toEqual(appends.map(({ position }) => ({ status: 'stored', position })))
      for (let number = 0; number < 7; number++) {
        const counters = (await readAll(log, sampleConversation(number))).map((copy) => copy.position.counter)
        expect(counters).toEqual(appends.map(({ position }) => position.counter).filter((counter) => counter % 7 === number))
      }
    })

    it('ends appends in the order in which they were asked for, where it says so', async () => {
      if (log.keepsOrder !== true) return
      const [order, ended]: [number[], number[]] = [[], []]
      await Promise.all(Array.from({ length: 30 }, async (_, call) => {
        if (call % 3 === 0) await new Promise((resolve) => { setImmediate(resolve) })
        const asked = Array.from({ length: 20 }, (__, index) => batched(call * 20 + index, at(call, index), sampleConversation(index % 3)))
        order.push(...asked.map(({ position }) => position.timeMs * 100 + position.counter))
        await new Promise<void>((resolve) => {
          log.appendAll(asked, (index) => {
            ended.push((asked[index]?.position.timeMs ?? 0) * 100 + index)
            if (index === asked.length - 1) resolve()
          })
        })
      }))
      expect(ended).toEqual(order)
    })

    it('has each of many stored as soon as that one is told', async () => {
      const appends = Array.from({ length: 40 }, (_, index) => batched(index, at(index)))
      const seen: Promise<boolean>[] = []
      await new Promise<void>((resolve) => {
        log.appendAll(appends, (index) => {
          seen.push(log.read(one, START, 100).then((copies) => copies.some(({ position }) => position.timeMs === at(index).timeMs)))
          if (seen.length === appends.length) resolve()
        })
      })
      expect(await Promise.all(seen)).toEqual(appends.map(() => true))
    })

    it('answers a retry among many with the copy that stands, where it does so for one', async () => {
      await append(1, at(1))
      const [retried, fresh] = await appendTogether([batched(1, at(2)), batched(2, at(3))])
      expect(retried).toEqual(gaps.includes('exists') ? { status: 'stored', position: at(2) } : { status: 'exists', position: at(1) })
      expect(fresh).toEqual({ status: 'stored', position: at(3) })
    })

    it('stores at the asked position and reads the same bytes back', async () => {
      const envelope = sampleEnvelope({ conversation: one, number: 1 })
      expect(await log.append({ conversation: one, envelope, position: at(5, 9) }, ACCOUNTS)).toEqual({ status: 'stored', position: at(5, 9) })
      const [stored, ...rest] = await log.read(one, START, 10)
      expect(rest).toEqual([])
      expect(stored?.position).toEqual(at(5, 9))
      expect(Buffer.from(stored?.envelope ?? []).equals(envelope)).toBe(true)
    })

    it('reads nothing from a conversation that has nothing', async () => {
      await append(1, at(1))
      expect(await log.read(sampleConversation(2), START, 10)).toEqual([])
    })

    it('reads in position order, whatever the order of appends', async () => {
      await Promise.all([append(1, at(30)), append(2, at(10, 2)), append(3, at(10, 1)), append(4, at(20))])
      const inOtherIncarnation = { ...at(10, 0), incarnation: 4 }
      await append(5, inOtherIncarnation)
      expect((await readAll(log, one)).map((copy) => copy.position)).toEqual([at(10, 1), at(10, 2), inOtherIncarnation, at(20), at(30)])
    })

    it('reads behind `after`, at most `limit`, so that pages join without gap or overlap', async () => {
      await Promise.all(Array.from({ length: 25 }, (_, index) => append(index, at(index))))
      expect((await log.read(one, at(3), 2)).map((copy) => copy.position)).toEqual([at(4), at(5)])
      expect((await log.read(one, at(24), 2))).toEqual([])
      expect((await readAll(log, one, 7)).map((copy) => copy.position)).toEqual(Array.from({ length: 25 }, (_, index) => at(index)))
    })

    it('keeps neighbouring conversations apart', async () => {
      await Promise.all([254, 255, 256].map((number) => append(number, at(number), sampleConversation(number))))
      for (const number of [254, 255, 256]) {
        expect((await readAll(log, sampleConversation(number))).map((copy) => copy.position)).toEqual([at(number)])
      }
    })

    it('sees an append as soon as it resolved', async () => {
      for (let number = 1; number <= 20; number++) {
        await append(number, at(number))
        expect((await log.read(one, at(number - 1), 10)).map((copy) => copy.position)).toEqual([at(number)])
      }
    })

    it('resolves a thousand appends of one tick, each at its own position', async () => {
      const results = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) => append(index, at(0, index), sampleConversation(index % 50))),
      )
      expect(results.every((result, index) => result.status === 'stored' && result.position.counter === index)).toBe(true)
      for (let number = 0; number < 50; number++) {
        const counters = (await readAll(log, sampleConversation(number))).map((copy) => copy.position.counter)
        expect(counters).toEqual(Array.from({ length: 20 }, (_, round) => round * 50 + number))
      }
    })

    it('keeps two messages that claim the same position', async () => {
      await Promise.all([append(1, at(1)), append(2, at(1))])
      expect(await log.read(one, START, 10)).toHaveLength(2)
    })

    it('keeps two messages of one number by different devices', async () => {
      const send = (device: number, position: Position): Promise<AppendResult> =>
        log.append({ conversation: one, envelope: sampleEnvelope({ conversation: one, device: sampleDevice(device), number: 1 }), position }, ACCOUNTS)
      expect((await send(1, at(1))).status).toBe('stored')
      expect((await send(2, at(2))).status).toBe('stored')
      expect(await log.read(one, START, 10)).toHaveLength(2)
    })

    it(gaps.includes('exists')
      ? 'stores a byte-identical retry again'
      : 'answers a byte-identical retry with the copy that stands', async () => {
      await append(1, at(1))
      await append(2, at(2))
      const retried = await append(1, at(3))
      if (gaps.includes('exists')) expect(retried).toEqual({ status: 'stored', position: at(3) })
      else {
        expect(retried).toEqual({ status: 'exists', position: at(1) })
        expect((await readAll(log, one)).map((copy) => copy.position)).toEqual([at(1), at(2)])
      }
    })

    it('stores a retry again when the copy that stands lies so far back that cursors may have passed it', async () => {
      await append(1, at(1))
      await append(2, at(2))
      expect(await append(1, at(EXISTS_WITHIN_MS + 2))).toEqual({ status: 'stored', position: at(EXISTS_WITHIN_MS + 2) })
      const again = await append(1, at(EXISTS_WITHIN_MS + 3))
      if (!gaps.includes('exists')) expect(again).toEqual({ status: 'exists', position: at(EXISTS_WITHIN_MS + 2) })
    })

    /** Sends of four devices to one conversation over an hour and a half, some of them by nodes that know that it is wide. */
    const appendWide = async (count: number, isWide: (index: number) => boolean): Promise<readonly Position[]> => {
      const positions = Array.from({ length: count }, (_, index) => at(index * 40_000, index))
      await Promise.all(positions.map((position, index) => {
        const envelope = sampleEnvelope({ conversation: one, device: sampleDevice(index % 4), number: index })
        return log.append({ conversation: one, envelope, position, wide: isWide(index) }, [one])
      }))
      return positions
    }

    it.each([
      ['of a wide conversation', () => true], ['of a conversation that becomes wide', (index: number) => index >= 60],
      ['of a conversation of which some nodes do not know yet that it is wide', (index: number) => index % 3 !== 0],
    ])('reads all %s in one order, whatever the length of a page', async (_, isWide) => {
      const positions = await appendWide(135, isWide)
      for (const limit of [1, 7, 64, 256]) expect((await readAll(log, one, limit)).map((copy) => copy.position)).toEqual(positions)
      expect((await log.read(one, at(50 * 40_000, 50), 20)).map((copy) => copy.position)).toEqual(positions.slice(51, 71))
    })

    it('sees an append to a wide conversation as soon as it resolved, behind the last one', async () => {
      for (let number = 1; number <= 20; number++) {
        await log.append({ conversation: one, envelope: sampleEnvelope({ conversation: one, number }), position: at(number), wide: number % 2 === 0 }, [one])
        expect((await log.read(one, at(number - 1), 10)).map((copy) => copy.position)).toEqual([at(number)])
      }
    })

    it.skipIf(gaps.includes('reopen'))('has all of a wide conversation after it was closed and opened again, and takes more of it', async () => {
      const positions = await appendWide(60, () => true)
      if (subject.reopen === undefined) throw new Error('an adapter without the gap "reopen" gives a reopen function')
      log = await subject.reopen()
      expect((await readAll(log, one, 7)).map((copy) => copy.position)).toEqual(positions)
      const later = at(59 * 40_000, 60)
      await log.append({ conversation: one, envelope: sampleEnvelope({ conversation: one, number: 60 }), position: later, wide: true }, [one])
      expect((await readAll(log, one, 7)).map((copy) => copy.position)).toEqual([...positions, later])
    })

    it('stores a retry that came while the first try was on its way at least once', async () => {
      const results = await Promise.all([append(1, at(1)), append(1, at(2))])
      const positions = (await readAll(log, one)).map((copy) => copy.position)
      for (const result of results) expect(positions).toContainEqual(result.position)
    })

    it('stores a copy of the same message with other or more bodies as another copy', async () => {
      const copy = (fields: { fill?: number; bodies?: number }, position: Position): Promise<AppendResult> =>
        log.append({ conversation: one, envelope: sampleEnvelope({ conversation: one, number: 1, ...fields }), position }, ACCOUNTS)
      await copy({}, at(1))
      expect(await copy({ bodies: 2 }, at(2))).toEqual({ status: 'stored', position: at(2) })
      expect(await copy({ fill: 9 }, at(3))).toEqual({ status: 'stored', position: at(3) })
      expect(await log.read(one, START, 10)).toHaveLength(3)
    })

    it('takes numbers of a chain in any order, and control traffic with random numbers', async () => {
      const send = (epoch: number, number: number, position: Position): Promise<AppendResult> =>
        log.append({ conversation: one, envelope: sampleEnvelope({ conversation: one, epoch, number }), position }, ACCOUNTS)
      const chain: readonly (readonly [number, number])[] = [[1, 5], [1, 3], [2, 1], [1, 4], [0, 2 ** 52 + 1], [0, 17], [2, 2]]
      for (const [index, [epoch, number]] of chain.entries()) expect((await send(epoch, number, at(index))).status).toBe('stored')
      expect(await readAll(log, one)).toHaveLength(chain.length)
    })

    it('keeps the largest envelope', async () => {
      const envelope = sampleEnvelope({ conversation: one, number: 1, bodies: 3, bodyBytes: 65_000 })
      expect(envelope.length).toBeGreaterThan(LIMITS.envelopeBytesMax - 2_000)
      await log.append({ conversation: one, envelope, position: at(1) }, ACCOUNTS)
      expect(Buffer.from((await log.read(one, START, 1))[0]?.envelope ?? []).equals(envelope)).toBe(true)
    })

    it(gaps.includes('trim')
      ? 'hides the hours before, nothing younger than asked for, and says that nothing was deleted'
      : 'trims the hours before, nothing younger than asked for, in steps that say how much went', async () => {
      const hours = [0, 1, 2]
      await Promise.all(hours.flatMap((hour) =>
        Array.from({ length: 700 }, (_, index) => append(hour * 1_000 + index, at(hour * MARK_HOUR_MS + index), sampleConversation(index % 3)))))
      const beforeMs = T0 + 2 * MARK_HOUR_MS + 100
      let trimmed = 0
      for (let step = await log.trim(beforeMs); step > 0; step = await log.trim(beforeMs)) trimmed += step
      const left = (await Promise.all([0, 1, 2].map((number) => readAll(log, sampleConversation(number))))).flat()
      if (gaps.includes('trim')) expect([trimmed, left.length]).toEqual([0, 700])
      else expect(left).toHaveLength(2_100 - trimmed)
      expect(left.filter((copy) => copy.position.timeMs >= beforeMs)).toHaveLength(600)
      expect(left.filter((copy) => copy.position.timeMs < T0 + 2 * MARK_HOUR_MS)).toEqual([])
    })

    it('takes a message again whose copy was trimmed', async () => {
      await append(1, at(1))
      while (await log.trim(T0 + MARK_HOUR_MS) > 0);
      expect(await append(1, at(2 * MARK_HOUR_MS))).toEqual({ status: 'stored', position: at(2 * MARK_HOUR_MS) })
      expect(await readAll(log, one)).toHaveLength(1)
    })

    it.skipIf(gaps.includes('reopen'))('has everything that resolved after it was closed and opened again', async () => {
      await Promise.all(Array.from({ length: 300 }, (_, index) => append(index, at(index))))
      if (subject.reopen === undefined) throw new Error('an adapter without the gap "reopen" gives a reopen function')
      log = await subject.reopen()
      expect(await readAll(log, one)).toHaveLength(300)
      const retried = await append(290, at(400))
      if (!gaps.includes('exists')) expect(retried).toEqual({ status: 'exists', position: at(290) })
    })
  })
}
