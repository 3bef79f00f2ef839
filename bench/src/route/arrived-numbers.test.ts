import { describe, expect, it } from 'vitest'
import { ArrivedNumbers } from './arrived-numbers.js'

function arrivals(...numbers: readonly number[]): string[] {
  const arrived = new ArrivedNumbers()
  return numbers.map((number) => arrived.take(number))
}

describe('the numbers of one sender', () => {
  it('are new while they rise', () => {
    expect(arrivals(1, 2, 5)).toEqual(['newest', 'newest', 'newest'])
  })

  it('are late, not doubled, when they come behind a later one', () => {
    expect(arrivals(1, 4, 2, 3, 5)).toEqual(['newest', 'newest', 'late', 'late', 'newest'])
  })

  it('are doubled when they came before, in order or late', () => {
    expect(arrivals(1, 3, 3, 2, 2, 1)).toEqual(['newest', 'newest', 'again', 'late', 'again', 'again'])
  })
})
