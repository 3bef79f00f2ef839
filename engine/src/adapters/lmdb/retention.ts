import { MARK_HOUR_MS } from '../../ports/marks.js'
import { positionAtTime } from '@evegram/protocol'
import { copiesUnder } from './bundle.js'
import type { Databases } from './databases.js'
import { KEY_OFFSETS, logKeyAt, sameBytes, uint32At } from './keys.js'

const HOURS = KEY_OFFSETS.hours
/** Entries of the hours database that one step looks at: conversations whose copies went already. */
const HOUR_ENTRIES_MAX = 4_096

/**
 * Removes the copies, marks and hour entries of whole hours before `beforeHour`, oldest first, until `copiesMax` copies went (a bundle goes as a whole). Runs inside a commit.
 * Returns the copies that went. What to remove is found by the hour entries, so that no append pays for a time index of its own.
 */
export function removeHours(databases: Databases, beforeHour: number, copiesMax: number): number {
  const end = new Uint8Array(HOURS.conversation)
  new DataView(end.buffer).setUint32(0, Math.max(0, beforeHour))
  let copies = 0
  let last: Uint8Array | undefined
  for (const key of databases.hours.getKeys({ end, limit: HOUR_ENTRIES_MAX })) {
    // Entries of one hour and conversation stand together, one for each account: the first of them removes the copies.
    if (last === undefined || !sameBytes(last, 0, key, 0, HOURS.account)) {
      if (copies >= copiesMax) return copies
      const removed = removeCopies(databases, key, copiesMax - copies)
      copies += removed.copies
      // The entries stay until the last copy went, in another step.
      if (!removed.complete) return copies
    }
    removeEntry(databases, key)
    last = key
  }
  return copies
}

function removeCopies({ log }: Databases, hourKey: Uint8Array, copiesMax: number): { readonly copies: number; readonly complete: boolean } {
  const conversation = hourKey.subarray(HOURS.conversation, HOURS.account)
  const hour = uint32At(hourKey, HOURS.hour)
  const range = { start: logKeyAt(conversation, positionAtTime(hour * MARK_HOUR_MS)), end: logKeyAt(conversation, positionAtTime((hour + 1) * MARK_HOUR_MS)) }
  let copies = 0
  for (const key of log.getKeys(range)) {
    void log.remove(key)
    copies += copiesUnder(key)
    if (copies >= copiesMax) return { copies, complete: false }
  }
  return { copies, complete: true }
}

function removeEntry({ hours, marks }: Databases, hourKey: Uint8Array): void {
  const markKey = new Uint8Array(KEY_OFFSETS.marks.end)
  markKey.set(hourKey.subarray(HOURS.account), KEY_OFFSETS.marks.account)
  markKey.set(hourKey.subarray(HOURS.hour, HOURS.conversation), KEY_OFFSETS.marks.hour)
  markKey.set(hourKey.subarray(HOURS.conversation, HOURS.account), KEY_OFFSETS.marks.conversation)
  void marks.remove(markKey)
  void hours.remove(hourKey)
}
