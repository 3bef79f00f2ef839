import { createLogger, createMetrics, ManualClock } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { Alarm } from './alarm.js'
import { Alarms } from './alarms.js'
import { parseChainName } from './chain/chain-adapter.js'
import { MemoryAlarmStore } from './memory-alarm-store.js'
import { ALARMS_ADDED_MAX, type AlarmStore } from './ports/alarm-store.js'

const ton = parseChainName('ton')
const silent = createLogger({ level: 'silent', name: 'test' })
const topUp = { kind: 'top_up', chain: ton, subject: 'ton/ton', reason: undefined } as const

/** A store that can be away. */
class FailingStore implements AlarmStore {
  readonly kept = new MemoryAlarmStore()
  isAway = false
  asked = 0

  async add(raised: readonly Alarm[], nowMs: number): Promise<void> {
    this.asked++
    if (this.isAway) throw new EvegramError('unavailable.store', { operation: 'add alarms' })
    await this.kept.add(raised, nowMs)
  }

  async list(nowMs: number): Promise<readonly Alarm[]> {
    return this.kept.list(nowMs)
  }
}

describe('alarms', () => {
  it('are in the log, counted, and written down with how often they came, the newest first', async () => {
    const [clock, metrics, store, lines] = [new ManualClock(), createMetrics(), new MemoryAlarmStore(), [] as string[]]
    const alarms = new Alarms({ store, clock, metrics, log: createLogger({ level: 'info', name: 'test', to: { write: (line) => { lines.push(line) } } }) })
    const beginMs = clock.now()
    alarms.raise(topUp)
    clock.advance(5)
    alarms.raise({ kind: 'drift', chain: undefined, subject: undefined, reason: undefined })
    alarms.raise(topUp)
    const expected = [
      { ...topUp, firstMs: beginMs, lastMs: beginMs + 5, times: 2 },
      { kind: 'drift', chain: undefined, subject: undefined, reason: undefined, firstMs: beginMs + 5, lastMs: beginMs + 5, times: 1 },
    ]
    const listed = await alarms.list()
    expect(listed).toHaveLength(2)
    expect(listed).toEqual(expect.arrayContaining(expected))
    expect(lines).toHaveLength(3)
    expect(await metrics.text()).toContain('wally_alarms_total{kind="top_up",chain="ton"} 2')
  })

  it('of one process are seen by another one, also after it has ended', async () => {
    const [clock, store] = [new ManualClock(), new MemoryAlarmStore()]
    const open = (): Alarms => new Alarms({ store, clock, metrics: createMetrics(), log: silent })
    const first = open()
    first.raise(topUp)
    await first.write()
    expect(await open().list()).toMatchObject([{ kind: 'top_up', times: 1 }])
  })

  it('wait while the store is away, within a bound, and are written once when it is back', async () => {
    const [clock, store] = [new ManualClock(), new FailingStore()]
    const alarms = new Alarms({ store, clock, metrics: createMetrics(), log: silent })
    store.isAway = true
    for (let count = 0; count <= ALARMS_ADDED_MAX; count++) alarms.raise({ ...topUp, subject: String(count % 20) })
    alarms.raise({ ...topUp, kind: 'needs_operator' })
    await expect(alarms.write()).rejects.toMatchObject({ code: 'unavailable.store' })
    await expect(alarms.list()).rejects.toMatchObject({ code: 'unavailable.store' })
    store.isAway = false
    const listed = await alarms.list()
    expect(listed.filter(({ kind }) => kind === 'top_up').map(({ times }) => times).reduce((sum, times) => sum + times, 0)).toBe(ALARMS_ADDED_MAX + 1)
    expect(listed.filter(({ kind }) => kind === 'needs_operator')).toMatchObject([{ times: 1 }])
    const { asked } = store
    await alarms.write()
    expect(store.asked).toBe(asked)
  })

  it('that nobody can write down are forgotten beyond the bound, the oldest first', async () => {
    const [clock, store] = [new ManualClock(), new FailingStore()]
    const alarms = new Alarms({ store, clock, metrics: createMetrics(), log: silent })
    store.isAway = true
    for (let count = 0; count <= ALARMS_ADDED_MAX; count++) {
      clock.advance(1)
      alarms.raise({ ...topUp, subject: String(count) })
    }
    await expect(alarms.write()).rejects.toMatchObject({ code: 'unavailable.store' })
    let written: readonly Alarm[] = []
    store.kept.add = async (raised) => { written = raised }
    store.isAway = false
    await alarms.write()
    expect([written.length, written[0]?.subject, written.at(-1)?.subject]).toEqual([ALARMS_ADDED_MAX, '1', String(ALARMS_ADDED_MAX)])
  })
})
