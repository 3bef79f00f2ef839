import { ManualClock } from '@evegram/platform'
import { expect, it } from 'vitest'
import { keptFacts, type OperatorFacts } from './operator-facts.js'

it('facts for operators are read once for all who ask within three seconds, and a failure is not kept', async () => {
  const clock = new ManualClock()
  let [reads, isDown] = [0, false]
  const read = async (): Promise<OperatorFacts> => {
    reads++
    if (isDown) throw new Error('down')
    return { nowMs: clock.now(), events: reads, assets: [], isWhole: true, chains: [], lags: { statements: 0, notices: 0, relay: 0 }, alarms: [] }
  }
  const facts = keptFacts(read, clock)
  const events = async (): Promise<number> => (await facts()).events
  expect(await Promise.all([events(), events()])).toEqual([1, 1])
  clock.advance(2_999)
  expect(await events()).toBe(1)
  isDown = true
  clock.advance(1)
  await expect(Promise.all([facts(), facts()])).rejects.toThrow('down')
  isDown = false
  expect(await events()).toBe(3)
})
