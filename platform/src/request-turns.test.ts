import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { REQUESTS_PER_TURN, REQUESTS_WAITING_MAX, RequestTurns } from './request-turns.js'

/** Turns that end when told. */
function turns(): { readonly requests: RequestTurns; readonly end: () => Promise<void> } {
  const tasks: (() => void)[] = []
  return {
    requests: new RequestTurns((task) => { tasks.push(task) }),
    end: async () => {
      for (const task of tasks.splice(0)) task()
      await Promise.resolve()
    },
  }
}

describe('turns of requests', () => {
  it('begin the first ones of a turn at once, and as many again in each turn after it, in order', async () => {
    const burst = turns()
    const begun: number[] = []
    for (let index = 0; index < REQUESTS_PER_TURN * 3; index++) {
      const turn = burst.requests.take()
      if (turn === undefined) begun.push(index)
      else void turn.then(() => begun.push(index))
    }
    expect(begun).toHaveLength(REQUESTS_PER_TURN)
    await burst.end()
    expect(begun).toHaveLength(REQUESTS_PER_TURN * 2)
    expect(burst.requests.take()).toBeDefined()
    await burst.end()
    expect(begun).toEqual(Array.from({ length: REQUESTS_PER_TURN * 3 }, (_, index) => index))
  })

  it('hold nobody up once the burst is over', async () => {
    const burst = turns()
    for (let index = 0; index < REQUESTS_PER_TURN + 1; index++) void burst.requests.take()
    await burst.end()
    await burst.end()
    expect(burst.requests.take()).toBeUndefined()
  })

  it('refuse what the queue cannot hold', () => {
    const burst = turns()
    for (let index = 0; index < REQUESTS_PER_TURN + REQUESTS_WAITING_MAX; index++) void burst.requests.take()
    let refusal: unknown
    try {
      void burst.requests.take()
    } catch (error) {
      refusal = error
    }
    expect(isEvegramError(refusal, 'limited.queue')).toBe(true)
  })
})
