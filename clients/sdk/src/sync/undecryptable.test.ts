import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { HEALING_LIMITS } from './allowance.js'
import { HEALING_BOUNDS, runUndecryptable } from './testing/undecryptable-run.js'

describe('messages that cannot be read at first', () => {
  it('are healed or named, and none is lost or told twice, whatever becomes of devices, sessions and deliveries', async () => {
    const result = await runUndecryptable({ messages: 30, seed: 'in npm test' })
    expect(result.faults).toEqual([])
    const { outcomes, did } = result
    expect([outcomes.lost, outcomes.doubled, outcomes.unanswered, did.messages]).toEqual([0, 0, 0, 30])
    expect(outcomes.shown + outcomes.archived).toBeGreaterThan(75)
    expect(did.deliveriesChanged + did.deliveriesDropped + did.sessionsLost).toBeGreaterThan(0)
  }, 240_000)

  it('are so too where devices are revoked and added all the time', async () => {
    const result = await runUndecryptable({ messages: 60, seed: 'r8', churn: 15 })
    const { outcomes, did } = result
    expect([result.faults, outcomes.lost, outcomes.doubled, outcomes.unanswered, did.messages]).toEqual([[], 0, 0, 0, 60])
    // What came behind the revocation of its sender: some was had from another device, and some is named.
    expect(did.devicesRevoked).toBeGreaterThan(0)
    expect([Object.keys(result.healedWithin), Object.keys(outcomes.named)]).toEqual([expect.arrayContaining(['e2ee.untrusted_identity']), ['sender_revoked']])
    expect(outcomes.bounds).toEqual({ sender_gone: outcomes.named['sender_revoked'] })
  }, 240_000)

  it('stay away only for what the document of the encryption names', () => {
    const text = readFileSync(new URL('../../../../docs/e2ee.md', import.meta.url), 'utf8')
    const section = text.slice(text.indexOf('## What is healed'), text.indexOf('## Envelopes'))
    expect([...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)).toEqual(HEALING_BOUNDS)
    const { perMessage, perHour, resetsPerHour, keptMs } = HEALING_LIMITS
    expect(section).toContain(`${String(perMessage)} requests`)
    for (const limit of [`${String(perHour)} an hour`, `${String(resetsPerHour)} new sessions an hour`, `${String(keptMs / 86_400_000)} days`]) expect(section).toContain(limit)
  })
})
