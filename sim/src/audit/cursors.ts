import { LIMITS, type MessageId } from '@evegram/protocol'
import { isReadable, short, type AuditContext, type DeviceRecord, type MessageRecord, type StoredCopy } from './ledger.js'

/**
 * P5, P6: a cursor T means that everything acknowledged for this device at log times up to T is durable on it. Looked at from both sides: when a
 * cursor is committed, and when something below a committed cursor is acknowledged.
 */
export class Cursors {
  readonly #context: AuditContext

  constructor(context: AuditContext) {
    this.#context = context
  }

  /** A numbered message was acknowledged with this copy. */
  acked(message: MessageRecord, copy: StoredCopy): void {
    const { ledger, run, malicious } = this.#context
    const { position } = copy
    if (!message.numbered) return
    for (const [id, body] of ledger.bodiesOf(copy)) {
      const device = ledger.device(id)
      if (device === undefined || id === message.device || !isReadable(body) || device.hasTaken(message.id)) continue
      run.coverage.count('audit/cursor owes')
      device.owed.set(message.id, Math.min(device.owed.get(message.id) ?? position.timeMs, position.timeMs))
      if (!malicious && device.cursorMs >= position.timeMs && !this.#excused(device, message, position.timeMs)) {
        this.#broken(device, message, position.timeMs, 'acknowledged below its cursor')
      }
    }
  }

  /** The device has handled the message durably, or noted that it has to be had again. */
  taken(device: DeviceRecord, message: MessageId): void {
    device.owed.delete(message)
  }

  /** The cursor of a device is durable. */
  moved(device: DeviceRecord, cursorMs: number): void {
    const { ledger, run, malicious } = this.#context
    if (cursorMs < device.cursorMs) run.broken('P5', `the cursor of ${device.name} went back from ${device.cursorMs} to ${cursorMs}`)
    device.cursorMs = cursorMs
    if (malicious) return
    run.coverage.count('audit/cursor moved')
    for (const [id, timeMs] of device.owed) {
      if (timeMs > cursorMs) continue
      const message = ledger.messages.get(id)
      if (message === undefined) continue
      if (!this.#excused(device, message, timeMs)) return this.#broken(device, message, timeMs, 'passed by its cursor')
      device.owed.delete(id)
    }
  }

  /**
   * A device whose disk is lost or that was revoked gets nothing more; messages of a device that was revoked since are refused by those that
   * know of it; and nothing is kept beyond the retention.
   */
  #excused(device: DeviceRecord, message: MessageRecord, timeMs: number): boolean {
    const { ledger, run } = this.#context
    return !ledger.isExpected(device) || !ledger.isOwed(message, device.account) || ledger.activity(message.device)?.untilMs !== undefined || run.trueTimeMs - timeMs > LIMITS.retentionMs
  }

  #broken(device: DeviceRecord, message: MessageRecord, timeMs: number, how: string): void {
    const { run, ledger } = this.#context
    if (device.replays.has(message.id)) {
      run.broken('P2', `${device.name} refused message ${short(message.id)} as replayed and never handled it: the ratchet moved without it`)
      return
    }
    run.broken('P5', `message ${short(message.id)} of ${ledger.nameOf(message.device)} (log time ${timeMs}) was ${how} on ${device.name} `
      + `(cursor ${device.cursorMs}) and is not handled there`)
  }
}
