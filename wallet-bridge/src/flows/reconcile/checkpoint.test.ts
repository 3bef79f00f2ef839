import { describe, expect, it } from 'vitest'
import { describeCheckpoints } from './checkpoint.contract.js'
import { decodeCheckpoint } from './checkpoint.js'
import { MemoryCheckpoints } from './memory-checkpoints.js'

describeCheckpoints({ name: 'memory', setup: async () => ({ checkpoints: new MemoryCheckpoints(), close: async () => undefined }) })

describe('the text of a checkpoint', () => {
  it('of another version is none, and every other text an error', () => {
    expect(decodeCheckpoint('{"v":2,"anything":1}')).toBeUndefined()
    for (const text of ['', '{}', '{"v":1}', '[1]']) expect(() => decodeCheckpoint(text), text).toThrowError(expect.objectContaining({ code: 'internal' }))
  })
})
