import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { textArray } from './text-array.js'

describe('textArray', () => {
  it.each([['a,b'], [''], [',']])('refuses %j, which would become another list', (value) => {
    expect(() => textArray(['x', value, 'y'])).toThrow(expect.toSatisfy((failure) => isEvegramError(failure, 'internal')) as Error)
  })
})
