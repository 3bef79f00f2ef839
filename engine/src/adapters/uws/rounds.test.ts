import { systemClock } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { restThread, ROUND_MS, Rounds, ROUNDS_FROM_PER_MS } from './rounds.js'

/** An event loop on a time of its own: every turn `perMs` messages for each ms since the last one are heard, and a turn takes `turnMs` of work. */
class Loop {
  nowMs = 1_000
  readonly rests: number[] = []
  turns = 0
  readonly #rounds: Rounds
  #planned: (() => void)[] = []
  #heardUntilMs = 1_000

  constructor() {
    // Only the monotonic reading is asked for.
    const clock = { monotonicMs: () => this.nowMs } as Clock
    this.#rounds = new Rounds({
      clock, nextTurn: (round) => { this.#planned.push(round) },
      rest: (ms) => {
        this.rests.push(ms)
        this.nowMs += ms
      },
    })
  }

  run(forMs: number, perMs: number, turnMs: number): void {
    this.#heardUntilMs = this.nowMs
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs;) {
      this.turns++
      for (; this.#heardUntilMs + 1 / perMs <= this.nowMs; this.#heardUntilMs += 1 / perMs) this.#rounds.heard()
      this.nowMs += turnMs
      for (const round of this.#planned.splice(0)) round()
    }
  }

  get isPlanned(): boolean {
    return this.#planned.length > 0
  }
}

describe('rounds of a busy socket tier', () => {
  it('never rests while few messages come, nor for a hundred at once after silence', () => {
    const loop = new Loop()
    loop.run(500, ROUNDS_FROM_PER_MS * 0.8, 0.1)
    loop.run(50, 0.001, 0.1)
    loop.run(0.5, 200, 0.1)
    loop.run(50, 0.001, 0.1)
    expect(loop.rests).toEqual([])
  })

  it('turns about once a millisecond while many come, and rests no longer than that', () => {
    const loop = new Loop()
    loop.run(50, ROUNDS_FROM_PER_MS * 2, 0.1)
    loop.turns = 0
    loop.run(100, ROUNDS_FROM_PER_MS * 2, 0.1)
    expect(loop.turns).toBeLessThanOrEqual(100 / ROUND_MS + 10)
    expect(Math.max(...loop.rests)).toBeLessThanOrEqual(ROUND_MS)
  })

  it('does not rest when the work of a turn takes as long as a round', () => {
    const loop = new Loop()
    loop.run(200, ROUNDS_FROM_PER_MS * 4, ROUND_MS * 1.2)
    expect(loop.rests).toEqual([])
  })

  it('ends soon after it became quiet, and plans nothing more', () => {
    const loop = new Loop()
    loop.run(100, ROUNDS_FROM_PER_MS * 2, 0.1)
    expect(loop.rests.length).toBeGreaterThan(20)
    loop.run(40, 0.001, 0.1)
    const rests = loop.rests.length
    loop.run(100, 0.001, 0.1)
    expect(loop.rests.length).toBe(rests)
    expect(loop.isPlanned).toBe(false)
  })
})

describe('restThread', () => {
  it('holds the thread for about the time that it is asked', () => {
    const clock = systemClock()
    const beganMs = clock.monotonicMs()
    for (let rest = 0; rest < 20; rest++) restThread(1)
    expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(19)
  })
})
