import type { Clock } from '@evegram/protocol'
import { expect, it } from 'vitest'
import { ANSWER_SILENCE_MS } from './connection.js'
import { Liveness } from './liveness.js'

it('does not look again and again for what is left of a clock with fractions', () => {
  let nowMs = 1_000
  const delays: number[] = []
  let doubt = (): void => undefined
  const clock: Clock = {
    now: () => nowMs, monotonicMs: () => nowMs,
    after: (delayMs, task) => {
      delays.push(delayMs)
      doubt = task
      return { cancel: () => undefined }
    },
    every: () => ({ cancel: () => undefined }),
  }
  const liveness = new Liveness({ clock, heartbeatMs: 25_000, ping: () => undefined, isOwed: () => true, onDead: () => undefined })
  liveness.asked()
  // The timer came a hair too early, as timers on another clock do.
  nowMs += ANSWER_SILENCE_MS - 2e-10
  doubt()
  expect(delays).toEqual([ANSWER_SILENCE_MS, 1])
})
