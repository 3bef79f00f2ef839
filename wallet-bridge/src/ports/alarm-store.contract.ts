import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Alarm } from '../alarm.js'
import { parseChainName } from '../chain/chain-adapter.js'
import { ALARM_KEPT_MS, ALARMS_ADDED_MAX, ALARMS_OF_KIND_MAX, type AlarmStore } from './alarm-store.js'

/** Alarms under test, as two processes see them. */
export interface AlarmsSubject {
  readonly one: AlarmStore
  readonly other: AlarmStore
  close(): Promise<void>
}

/** The promises of {@link AlarmStore}, run by every adapter. `setup` gives an empty store. */
export function describeAlarmStore(adapter: { readonly name: string; readonly setup: () => Promise<AlarmsSubject> }): void {
  const ton = parseChainName('ton')
  const raised = (changes: Partial<Alarm> = {}): Alarm => ({ kind: 'top_up', chain: ton, subject: 'ton/ton', reason: undefined, firstMs: 100, lastMs: 100, times: 1, ...changes })

  describe(`AlarmStore: ${adapter.name}`, () => {
    let subject: AlarmsSubject
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })

    it('keeps the same once, whoever adds it, with the first and the last time', async () => {
      const { one, other } = subject
      const odd = raised({ kind: 'deposit', chain: undefined, subject: 'd:ton:a,b"c:0', reason: 'conflict', lastMs: 120 })
      await one.add([raised({ firstMs: 100, lastMs: 150, times: 3 }), odd], 150)
      await other.add([raised({ firstMs: 90, lastMs: 140, times: 2 }), raised({ reason: 'other', lastMs: 110 })], 150)
      for (const store of [one, other]) {
        expect(await store.list(150)).toEqual([raised({ firstMs: 90, lastMs: 150, times: 5 }), odd, raised({ reason: 'other', lastMs: 110 })])
      }
    })

    it('adds up what several processes add at once', async () => {
      const { one, other } = subject
      await Promise.all([one, other, one, other].map((store, index) => store.add([raised(), raised({ subject: String(index % 2) })], 100)))
      expect((await one.list(100)).map(({ subject: about, times }) => [about, times]).sort()).toEqual([['0', 2], ['1', 2], ['ton/ton', 4]])
    })

    it('of one kind forgets the oldest beyond a bound, and hides no other kind', async () => {
      const { one, other } = subject
      await one.add([raised({ kind: 'needs_operator', subject: 'once', lastMs: 100 })], 1_000)
      for (let count = 0; count <= ALARMS_OF_KIND_MAX; count++) await (count % 2 === 0 ? one : other).add([raised({ kind: 'deposit', subject: String(count), lastMs: 200 + count })], 1_000)
      const kept = (await other.list(1_000)).map(({ subject: about }) => about)
      expect([kept.length, kept[0], kept.at(-2), kept.at(-1)]).toEqual([ALARMS_OF_KIND_MAX + 1, String(ALARMS_OF_KIND_MAX), '1', 'once'])
    })

    it('forgets after its time what does not come again, and begins anew', async () => {
      const { one } = subject
      await one.add([raised({ lastMs: 100, times: 7 })], 100)
      expect(await one.list(99 + ALARM_KEPT_MS)).toHaveLength(1)
      expect(await one.list(100 + ALARM_KEPT_MS)).toEqual([])
      const laterMs = 200 + ALARM_KEPT_MS
      await one.add([raised({ firstMs: laterMs, lastMs: laterMs })], laterMs)
      expect(await one.list(laterMs)).toEqual([raised({ firstMs: laterMs, lastMs: laterMs })])
    })

    it('takes a bounded number at once, and none', async () => {
      await subject.one.add([], 100)
      const many = Array.from({ length: ALARMS_ADDED_MAX + 1 }, (_, index) => raised({ subject: String(index) }))
      await expect(subject.one.add(many, 100)).rejects.toMatchObject({ code: 'invalid.argument' })
      await subject.one.add(many.slice(1), 100)
      expect(await subject.one.list(100)).toHaveLength(ALARMS_OF_KIND_MAX)
    })
  })
}
