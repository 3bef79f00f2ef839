import { isEvegramError } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { RequestGate } from './request-gate.js'

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

describe('RequestGate', () => {
  let gate: RequestGate
  let refusals: number
  let running: { readonly name: number; end: (failure?: Error) => void }[]
  let outcomes: string[]
  beforeEach(() => {
    refusals = 0
    running = []
    outcomes = []
    gate = new RequestGate({ inFlightMax: 2, queuedMax: 3, operation: 'test', onRefused: () => { refusals++ } })
  })
  const ask = (name: number): void => {
    const request = (): Promise<void> => new Promise((resolve, reject) => {
      running.push({ name, end: (failure) => { if (failure === undefined) resolve(); else reject(failure) } })
    })
    gate.run(request).then(() => outcomes.push(`${name} done`), (failure: unknown) =>
      outcomes.push(`${name} ${isEvegramError(failure) ? failure.code : 'failed'}`))
  }
  const end = async (name: number, failure?: Error): Promise<void> => {
    running.splice(running.findIndex((request) => request.name === name), 1)[0]?.end(failure)
    await turn()
  }

  it('runs so many, queues so many, and refuses the rest', async () => {
    for (const name of [1, 2, 3, 4, 5, 6, 7]) ask(name)
    await turn()
    expect(running.map(({ name }) => name)).toEqual([1, 2])
    expect([gate.inFlight, gate.queued, refusals]).toEqual([2, 3, 2])
    expect(outcomes).toEqual(['6 limited.queue', '7 limited.queue'])
  })

  it('hands a slot to the one that waits longest, also after a failure', async () => {
    for (const name of [1, 2, 3, 4]) ask(name)
    await turn()
    await end(1, new Error('no'))
    expect(running.map(({ name }) => name)).toEqual([2, 3])
    await end(3)
    expect(running.map(({ name }) => name)).toEqual([2, 4])
    await end(2)
    await end(4)
    expect(outcomes).toEqual(['1 failed', '3 done', '2 done', '4 done'])
    expect([gate.inFlight, gate.queued]).toEqual([0, 0])
  })

  it('loses no slot over many requests', async () => {
    const wide = new RequestGate({ inFlightMax: 3, queuedMax: 10_000, operation: 'test' })
    let most = 0
    await Promise.all(Array.from({ length: 5_000 }, (_, index) => wide.run(async () => {
      most = Math.max(most, wide.inFlight)
      if (index % 3 === 0) await turn()
    })))
    expect([most, wide.inFlight, wide.queued]).toEqual([3, 0, 0])
  })
})
