import { ManualClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { hedged, type HedgeRules } from './hedged.js'
import { RecentLatency } from './recent-latency.js'

const RULES: HedgeRules = {
  afterMs: 100, pauseMs: (asked) => 10 * asked, asksMax: 3, giveUpMs: 1_000, isWorthAnother: (failure) => String(failure) !== 'Error: final',
}

interface Ask {
  readonly atMs: number
  readonly answer: (text: string) => void
  readonly fail: (text: string) => void
}

function start(rules: Partial<HedgeRules> = {}): { readonly clock: ManualClock; readonly asks: Ask[]; readonly answer: Promise<string>; readonly pass: (ms: number) => Promise<void> } {
  const clock = new ManualClock()
  const asks: Ask[] = []
  const answer = hedged(clock, { ...RULES, ...rules }, () => new Promise<string>((resolve, reject) => {
    asks.push({ atMs: clock.monotonicMs(), answer: resolve, fail: (text) => { reject(new Error(text)) } })
  }))
  const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
  return {
    clock, asks, answer,
    pass: async (ms) => {
      await settle()
      clock.advance(ms)
      await settle()
    },
  }
}

describe('hedged', () => {
  it('asks once when the answer comes in time, and again beside when nothing is heard', async () => {
    const prompt = start()
    prompt.asks[0]?.answer('first')
    expect(await prompt.answer).toBe('first')
    await prompt.pass(1_000)
    expect(prompt.asks).toHaveLength(1)

    const silent = start()
    await silent.pass(100)
    expect(silent.asks.map(({ atMs }) => atMs)).toEqual([0, 100])
    silent.asks[1]?.answer('second')
    expect(await silent.answer).toBe('second')
    silent.asks[0]?.fail('late')
    await silent.pass(1_000)
    expect(silent.asks).toHaveLength(2)
  })

  it('asks again behind a failure, up to its bound, and rejects with the last one', async () => {
    const { asks, answer, pass } = start()
    const failure = answer.catch(String)
    asks[0]?.fail('one')
    await pass(10)
    asks[1]?.fail('two')
    await pass(20)
    expect(asks.map(({ atMs }) => atMs)).toEqual([0, 10, 30])
    await pass(500)
    expect(asks).toHaveLength(3)
    asks[2]?.fail('three')
    expect(await failure).toBe('Error: three')
  })

  it('waits for the one that still runs when another failed for the last time, and gives up at once where no other try helps', async () => {
    const waiting = start({ asksMax: 2 })
    await waiting.pass(100)
    waiting.asks[1]?.fail('two')
    await waiting.pass(1)
    waiting.asks[0]?.answer('one after all')
    expect(await waiting.answer).toBe('one after all')

    const final = start()
    final.asks[0]?.fail('final')
    await expect(final.answer).rejects.toThrow('final')
    await final.pass(1_000)
    expect(final.asks).toHaveLength(1)
  })

  it('asks no more once its time is over', async () => {
    const { asks, answer, pass } = start({ asksMax: 100, giveUpMs: 250 })
    const failure = answer.catch(String)
    await pass(100)
    await pass(200)
    await pass(5_000)
    // Planned before the end, and twice as far from the one before.
    expect(asks.map(({ atMs }) => atMs)).toEqual([0, 100, 300])
    for (const ask of asks) ask.fail('lost')
    expect(await failure).toBe('Error: lost')
  })
})

describe('RecentLatency', () => {
  it('is the middle of the latest answers, whatever a third of them takes', () => {
    const latency = new RecentLatency()
    expect(latency.medianMs).toBe(0)
    latency.add(20)
    expect(latency.medianMs).toBe(20)
    for (let index = 0; index < 300; index++) latency.add(index % 3 === 0 ? 5_000 : 20)
    expect(latency.medianMs).toBe(20)
    for (let index = 0; index < 64; index++) latency.add(700)
    expect(latency.medianMs).toBe(700)
  })
})
