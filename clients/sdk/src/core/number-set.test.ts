import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasNumber, NO_NUMBERS, numberSet, sameNumbers, unite, type NumberSet } from './number-set.js'

const TOP = 24
const ranges = fc.array(fc.record({ from: fc.integer({ min: 1, max: TOP }), more: fc.nat(5) }).map(({ from, more }) => ({ from, to: from + more })), { maxLength: 6 })
const sets = fc.tuple(fc.nat(TOP), ranges).map(([upTo, missing]) => numberSet(upTo, missing))
const membersOf = (set: NumberSet): number[] => Array.from({ length: TOP + 10 }, (_, at) => at).filter((number) => hasNumber(set, number))

describe('a set of numbers of a chain', () => {
  it('holds what it was made of, in one form', () => {
    fc.assert(fc.property(fc.nat(TOP), ranges, (upTo, missing) => {
      const set = numberSet(upTo, missing)
      const expected = Array.from({ length: upTo }, (_, at) => at + 1).filter((number) => !missing.some(({ from, to }) => from <= number && number <= to))
      expect(membersOf(set)).toEqual(expected)
      expect(numberSet(set.upTo, [...set.missing].reverse())).toEqual(set)
      expect(set.upTo).toBe(expected.at(-1) ?? 0)
    }), { numRuns: 500 })
  })

  it('united with another holds what is in either, whatever the order, and the same again changes nothing', () => {
    fc.assert(fc.property(sets, sets, sets, (one, other, third) => {
      const both = unite(one, other)
      expect(membersOf(both)).toEqual([...new Set([...membersOf(one), ...membersOf(other)])].sort((left, right) => left - right))
      expect(unite(other, one)).toEqual(both)
      expect(unite(unite(one, other), third)).toEqual(unite(one, unite(other, third)))
      expect(unite(both, one)).toEqual(both)
      expect(unite(one, NO_NUMBERS)).toEqual(one)
    }), { numRuns: 500 })
  })

  it('is the same as another with the same numbers alone', () => {
    fc.assert(fc.property(sets, sets, (one, other) => {
      expect(sameNumbers(one, other)).toBe(membersOf(one).join() === membersOf(other).join())
    }), { numRuns: 500 })
  })
})
