import { describe, expect, it } from 'vitest'
import { settle } from './cluster.fixture.js'
import { Gate } from './gate.js'

describe('Gate', () => {
  it('runs a bounded number of tasks at once, the others in order', async () => {
    const gate = new Gate({ atOnce: 2, waitingMax: 10 })
    const order: number[] = []
    const open: (() => void)[] = []
    const runs = Array.from({ length: 5 }, (_, index) => gate.run(async () => {
      order.push(index)
      await new Promise<void>((resolve) => { open.push(resolve) })
      return index
    }))
    await settle()
    expect(order).toEqual([0, 1])
    for (let step = 0; step < 5; step++) {
      open[step]?.()
      await settle()
    }
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4])
    expect(order).toEqual([0, 1, 2, 3, 4])
  })

  it('gives the place on when a task fails, and refuses when too many wait', async () => {
    const gate = new Gate({ atOnce: 1, waitingMax: 1 })
    let fail = (): void => undefined
    const first = gate.run(() => new Promise<void>((_, reject) => { fail = () => { reject(new Error('no')) } }))
    const second = gate.run(async () => 2)
    await expect(gate.run(async () => 3)).rejects.toMatchObject({ code: 'limited.queue' })
    fail()
    await expect(first).rejects.toThrow('no')
    expect(await second).toBe(2)
    expect(await gate.run(async () => 4)).toBe(4)
  })
})
