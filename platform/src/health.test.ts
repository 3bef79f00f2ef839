import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { HEALTH_CHECK_TIMEOUT_MS, HealthChecks } from './health.js'
import { ManualClock } from './manual-clock.js'

describe('HealthChecks', () => {
  it('reports each check of a kind, and is well when there is none', async () => {
    const health = new HealthChecks(new ManualClock())
    health.add('ready', 'bus', () => ({ ok: true }))
    const remove = health.add('ready', 'store', async () => ({ ok: false, reason: 'no answer' }))
    expect(await health.report('live')).toEqual({ ok: true, checks: [] })
    expect(await health.report('ready')).toEqual(
      { ok: false, checks: [{ name: 'bus', ok: true }, { name: 'store', ok: false, reason: 'no answer' }] }
    )
    remove()
    expect((await health.report('ready')).ok).toBe(true)
  })

  it('counts a check that throws or takes too long as failed', async () => {
    const clock = new ManualClock()
    const health = new HealthChecks(clock)
    health.add('live', 'throws', () => { throw new Error('planted') })
    health.add('live', 'hangs', () => new Promise(() => undefined))
    const report = health.report('live')
    await turn()
    clock.advance(HEALTH_CHECK_TIMEOUT_MS)
    expect((await report).checks).toMatchObject([{ name: 'throws', ok: false, reason: 'planted' }, { name: 'hangs', ok: false }])
  })

  it('refuses a name that is taken', () => {
    const health = new HealthChecks(new ManualClock())
    health.add('live', 'loop', () => ({ ok: true }))
    expect(() => health.add('ready', 'loop', () => ({ ok: true }))).toThrow('invalid.argument')
  })
})
