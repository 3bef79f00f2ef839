import { ManualClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import type { PushOutcome } from '../ports/push-sender.js'
import { settle } from './cluster.fixture.js'
import { PUSH_AGE_MS_MAX, PUSH_RETRY_MS, PUSH_TRIES_MAX, PushQueue, PUSHES_AT_ONCE, PUSHES_OF_SERVICE_MAX } from './push-queue.js'
import { device } from './scene.fixture.js'

/** A queue before push services that answer when a test says so. */
function scene() {
  const clock = new ManualClock()
  const asked: string[] = []
  const answers: ((outcome: PushOutcome) => void)[] = []
  const ended: string[] = []
  const queue = new PushQueue({
    clock, ended: ({ endpoint }, end) => { ended.push(`${endpoint} ${end}`) },
    sender: {
      accepts: () => undefined, close: () => undefined,
      send: (endpoint) => {
        asked.push(endpoint)
        return new Promise((resolve) => { answers.push(resolve) })
      },
    },
  })
  return { clock, asked, answers, ended, queue }
}

describe('the queue of pushes', () => {
  it('sends so many at once to one push service, and does not let another wait for it', async () => {
    const { queue, asked, answers } = scene()
    for (let number = 0; number < PUSHES_AT_ONCE + 3; number++) queue.add(device(number), `slow ${String(number)}`, 'slow')
    queue.add(device(100), 'quick', 'quick')
    expect(asked).toHaveLength(PUSHES_AT_ONCE + 1)
    expect(asked.at(-1)).toBe('quick')
    answers[0]?.({ status: 'accepted' })
    await settle()
    expect(asked.at(-1)).toBe(`slow ${String(PUSHES_AT_ONCE)}`)
  })

  it('tries again later and later, then gives up', async () => {
    const { queue, clock, asked, answers, ended } = scene()
    queue.add(device(1), 'one', 'service')
    for (let tried = 1; tried <= PUSH_TRIES_MAX; tried++) {
      expect(asked).toHaveLength(tried)
      answers[tried - 1]?.({ status: 'later' })
      await settle()
      clock.advance(PUSH_RETRY_MS * 3 ** (tried - 1) - 1)
      expect(asked).toHaveLength(tried)
      clock.advance(1)
      await settle()
    }
    expect([ended, queue.size]).toEqual([['one given_up'], 0])
  })

  it('waits as long as the push service asks for', async () => {
    const { queue, clock, asked, answers } = scene()
    queue.add(device(1), 'one', 'service')
    answers[0]?.({ status: 'later', afterMs: 40_000 })
    await settle()
    clock.advance(39_999)
    expect(asked).toHaveLength(1)
    clock.advance(1)
    expect(asked).toHaveLength(2)
  })

  it('gives up what has waited too long for its turn', async () => {
    const { queue, clock, asked, answers, ended } = scene()
    for (let number = 0; number <= PUSHES_AT_ONCE; number++) queue.add(device(number), String(number), 'service')
    clock.advance(PUSH_AGE_MS_MAX + 1)
    answers[0]?.({ status: 'accepted' })
    await settle()
    expect([asked.length, ended]).toEqual([PUSHES_AT_ONCE, ['0 accepted', `${String(PUSHES_AT_ONCE)} given_up`]])
  })

  it('does not send again for a device that connected, but says that its subscription ended', async () => {
    const { queue, clock, asked, answers, ended } = scene()
    for (const name of ['one', 'two', 'three']) queue.add(device(name.length), name, 'service')
    queue.add(device(1), 'first', 'service')
    queue.cancel(device(1))
    answers[3]?.({ status: 'later' })
    queue.cancel(device(5))
    answers[2]?.({ status: 'gone' })
    await settle()
    clock.advance(1_000_000)
    expect([asked.length, ended]).toEqual([4, ['three gone']])
  })

  it('is bounded for each push service, says when it is full, and takes no room from another', () => {
    const { queue, asked } = scene()
    for (let number = 0; number < PUSHES_OF_SERVICE_MAX; number++) expect(queue.add(device(number), 'x', 'slow')).toBe('queued')
    const late = PUSHES_OF_SERVICE_MAX
    expect(queue.add(device(late), 'x', 'slow')).toBe('full')
    expect(queue.add(device(late), 'y', 'quick')).toBe('queued')
    expect(asked.at(-1)).toBe('y')
    queue.cancel(device(7))
    expect(queue.add(device(late + 1), 'x', 'slow')).toBe('queued')
    expect(queue.add(device(late + 2), 'x', 'slow')).toBe('full')
  })

  it('keeps nothing of devices that connected while a push service hangs, however often they are missed again', () => {
    const { queue } = scene()
    for (let number = 0; number < PUSHES_AT_ONCE; number++) queue.add(device(1_000 + number), 'x', 'service')
    for (let round = 0; round < 50; round++) {
      for (let number = 0; number < 10; number++) queue.add(device(number), 'x', 'service')
      for (let number = 0; number < 10; number++) queue.cancel(device(number))
    }
    expect([queue.size, queue.waiting]).toEqual([PUSHES_AT_ONCE, 0])
  })

  it('sends nothing any more once it was stopped', async () => {
    const { queue, asked, answers } = scene()
    for (let number = 0; number < PUSHES_AT_ONCE + 3; number++) queue.add(device(number), 'x', 'service')
    queue.stop()
    answers[0]?.({ status: 'accepted' })
    await settle()
    expect(asked).toHaveLength(PUSHES_AT_ONCE)
  })
})
