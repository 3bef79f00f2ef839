import { expect, it } from 'vitest'
import { tallyWrites } from './tally.js'

it('tells lost, doubled and unknown writes apart', () => {
  const found = new Map([['a', 1], ['b', 2], ['d', 1], ['foreign', 1]])
  expect(tallyWrites(new Set(['a', 'b', 'c']), new Set(['d', 'e']), found)).toEqual({ acked: 3, lost: 1, twice: 1, unknown: 2, unknownThere: 1 })
})
