import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../testing/manual-clock.js'
import { LEDGER_START_MS_MAX, whileLedgerStarts } from './while-ledger-starts.js'

const starting = (retryAfterMs?: number): EvegramError => new EvegramError('unavailable.ledger_starting', retryAfterMs === undefined ? {} : { retryAfterMs })

describe('a request to a ledger that is starting', () => {
  it('is made again after the pause that the server names, and tells once that it waits', async () => {
    const clock = new ManualClock(1_790_000_000_000)
    const [askedMs, told]: [number[], string[]] = [[], []]
    const answer = whileLedgerStarts(async () => {
      askedMs.push(clock.monotonicMs())
      if (askedMs.length < 4) throw starting(1_000)
      return 'done'
    }, { clock, starting: () => { told.push('waits') } })
    await clock.advance(4_000)
    expect(await answer).toBe('done')
    expect(askedMs.map((ms) => ms - (askedMs[0] ?? 0))).toEqual([0, 1_000, 2_000, 3_000])
    expect(told).toEqual(['waits'])
  })

  it('is not made without a pause, whatever the server says, and is given up at its bound', async () => {
    const clock = new ManualClock(1_790_000_000_000)
    let asked = 0
    const answer = expect(whileLedgerStarts(async () => {
      asked++
      throw starting()
    }, { clock })).rejects.toMatchObject({ code: 'unavailable.ledger_starting' })
    await clock.advance(LEDGER_START_MS_MAX + 1_000)
    await answer
    expect(asked).toBeGreaterThan(100)
    expect(asked).toBeLessThanOrEqual(LEDGER_START_MS_MAX / 250 + 1)
  })

  it('that fails in any other way is made once', async () => {
    let asked = 0
    await expect(whileLedgerStarts(async () => {
      asked++
      throw new EvegramError('unavailable.store')
    }, { clock: new ManualClock(0) })).rejects.toMatchObject({ code: 'unavailable.store' })
    expect(asked).toBe(1)
  })
})
