import { describe, expect, it } from 'vitest'
import { audit, type DeviceView } from './audit.js'
import { conversationName, planClients } from './plan.js'

const plans = planClients(4, 8)
const all = plans.flatMap((plan) => Array.from({ length: plan.messages }, (_, index) => `${plan.name}:${String(index + 1)}`))
const viewsOf = (change: (texts: string[], viewer: string) => string[]): DeviceView[] =>
  plans.map((plan) => ({ plan, conversations: new Map([[conversationName(plan.account, plan.peer), change([...all], plan.name)]]) }))
const totals = (views: DeviceView[]): { duplicate: number; missing: number; reordered: number } => {
  const results = audit(new Set(all), plans, views)
  const sum = (field: 'duplicate' | 'missing' | 'reordered'): number => results.reduce((total, result) => total + result[field], 0)
  return { duplicate: sum('duplicate'), missing: sum('missing'), reordered: sum('reordered') }
}

describe('the audit of a crash run', () => {
  it('finds nothing where every device shows every message once in one order', () => {
    expect(totals(viewsOf((texts) => texts))).toEqual({ duplicate: 0, missing: 0, reordered: 0 })
  })

  it('finds a message that one device misses', () => {
    expect(totals(viewsOf((texts, viewer) => (viewer === 'a1.1' ? texts.slice(1) : texts))).missing).toBe(1)
  })

  it('finds a message that is shown twice', () => {
    expect(totals(viewsOf((texts, viewer) => (viewer === 'a0.1' ? [...texts, texts[0] ?? ''] : texts))).duplicate).toBe(1)
  })

  it('finds two messages of one sender in the wrong order, on all devices alike', () => {
    const swapped = totals(viewsOf((texts) => [texts[1] ?? '', texts[0] ?? '', ...texts.slice(2)]))
    expect(swapped.reordered).toBe(4)
  })

  it('finds devices that disagree on the order of two senders', () => {
    const disagreeing = totals(viewsOf((texts, viewer) => (viewer === 'a1.0' ? [...texts.slice(2), ...texts.slice(0, 2)] : texts)))
    expect(disagreeing.reordered).toBeGreaterThan(0)
  })
})
