import { EvegramError } from '@evegram/protocol'
import { addedAlarm, alarmKeyOf, type Alarm } from './alarm.js'
import { ALARMS_ADDED_MAX, keptAlarms, type AlarmStore } from './ports/alarm-store.js'

/** Alarms in memory: for tests. */
export class MemoryAlarmStore implements AlarmStore {
  #kept: readonly Alarm[] = []

  async add(raised: readonly Alarm[], nowMs: number): Promise<void> {
    if (raised.length > ALARMS_ADDED_MAX) throw new EvegramError('invalid.argument', { operation: 'add alarms' })
    const byKey = new Map(keptAlarms(this.#kept, nowMs).map((alarm) => [alarmKeyOf(alarm), alarm]))
    for (const alarm of raised) byKey.set(alarmKeyOf(alarm), addedAlarm(byKey.get(alarmKeyOf(alarm)), alarm))
    this.#kept = keptAlarms([...byKey.values()], nowMs)
  }

  async list(nowMs: number): Promise<readonly Alarm[]> {
    return keptAlarms(this.#kept, nowMs)
  }
}
