import { describe, expect, it } from 'vitest'
import { runUndecryptable } from './testing/undecryptable-run.js'

describe('messages that cannot be read at first', () => {
  it('are healed or named, and none is lost or told twice, whatever becomes of devices, sessions and deliveries', async () => {
    const result = await runUndecryptable({ messages: 30, seed: 'in npm test' })
    expect(result.faults).toEqual([])
    const { outcomes, did } = result
    expect([outcomes.lost, outcomes.doubled, did.messages]).toEqual([0, 0, 30])
    expect(outcomes.shown + outcomes.archived).toBeGreaterThan(75)
    expect(did.deliveriesChanged + did.deliveriesDropped + did.sessionsLost).toBeGreaterThan(0)
  }, 240_000)
})
