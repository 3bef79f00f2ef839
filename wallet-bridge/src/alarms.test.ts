import { createLogger, createMetrics, ManualClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { parseChainName } from './chain/chain-adapter.js'
import { Alarms, ALARMS_OF_KIND_MAX } from './alarms.js'

describe('alarms', () => {
  it('are in the log, counted, and kept with how often they came, the newest first', async () => {
    const [clock, metrics, lines] = [new ManualClock(), createMetrics(), [] as string[]]
    const alarms = new Alarms({ clock, metrics, log: createLogger({ level: 'info', name: 'test', to: { write: (line) => { lines.push(line) } } }) })
    const ton = parseChainName('ton')
    const beginMs = clock.now()
    alarms.raise({ kind: 'top_up', chain: ton, subject: 'ton/ton', reason: undefined })
    clock.advance(5)
    alarms.raise({ kind: 'drift', chain: undefined, subject: undefined, reason: undefined })
    alarms.raise({ kind: 'top_up', chain: ton, subject: 'ton/ton', reason: undefined })
    expect(alarms.list()).toEqual([
      { kind: 'top_up', chain: ton, subject: 'ton/ton', reason: undefined, firstMs: beginMs, lastMs: beginMs + 5, times: 2 },
      { kind: 'drift', chain: undefined, subject: undefined, reason: undefined, firstMs: beginMs + 5, lastMs: beginMs + 5, times: 1 },
    ])
    expect(lines).toHaveLength(3)
    expect(await metrics.text()).toContain('wally_alarms_total{kind="top_up",chain="ton"} 2')
  })

  it('of one kind are forgotten beyond a bound, the oldest first, and hide no other kind', () => {
    const clock = new ManualClock()
    const alarms = new Alarms({ clock, metrics: createMetrics(), log: createLogger({ level: 'silent', name: 'test' }) })
    alarms.raise({ kind: 'needs_operator', chain: undefined, subject: 'once', reason: undefined })
    for (let count = 0; count <= ALARMS_OF_KIND_MAX; count++) {
      clock.advance(1)
      alarms.raise({ kind: 'deposit', chain: undefined, subject: String(count), reason: undefined })
    }
    const kept = alarms.list().map(({ subject }) => subject)
    expect([kept.length, kept[0], kept.at(-2), kept.at(-1)]).toEqual([ALARMS_OF_KIND_MAX + 1, String(ALARMS_OF_KIND_MAX), '1', 'once'])
  })
})
