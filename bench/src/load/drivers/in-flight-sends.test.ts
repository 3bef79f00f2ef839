import { LIMITS } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { InFlightSends } from './in-flight-sends.js'

function watched(): { readonly told: string[]; readonly events: { acknowledged(token: number): void; refused(token: number, reason: string): void } } {
  const told: string[] = []
  return { told, events: { acknowledged: (token) => { told.push(`acknowledged ${String(token)}`) }, refused: (token, reason) => { told.push(`refused ${String(token)} ${reason}`) } } }
}

describe('sends in flight', () => {
  it('hear of their own answers, once, in whatever order these come, however many wait', () => {
    const { told, events } = watched()
    const sends = new InFlightSends()
    const count = LIMITS.sendsInFlightMax * 3 + 5
    for (let correlation = 1; correlation <= count; correlation++) sends.add(correlation, correlation * 10, events)
    const expected: string[] = []
    for (let correlation = count; correlation >= 1; correlation--) {
      if (correlation % 3 === 0) sends.refused(correlation, 'limited')
      else sends.acknowledged(correlation)
      expected.push(correlation % 3 === 0 ? `refused ${String(correlation * 10)} limited` : `acknowledged ${String(correlation * 10)}`)
    }
    expect(told).toEqual(expected)
    for (let correlation = 0; correlation <= count + 1; correlation++) {
      sends.acknowledged(correlation)
      sends.refused(correlation, 'again')
    }
    expect(told).toHaveLength(count)
  })

  it('that are sent once more under the same correlation wait once', () => {
    const { told, events } = watched()
    const sends = new InFlightSends()
    sends.add(7, 1, events)
    sends.add(7, 2, events)
    sends.acknowledged(7)
    sends.acknowledged(7)
    expect(told).toEqual(['acknowledged 2'])
  })
})
