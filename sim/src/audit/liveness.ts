import { LIMITS } from '@evegram/protocol'
import { short, type AuditContext, type DeviceRecord, type MessageRecord } from './ledger.js'

/** For how long senders answer requests for a message (identity.md section 6). */
const HEALING_MS = 7 * 24 * 3_600_000

/** Whether everything that was said has come where it must, or what has not. */
export type Quiet = { readonly ok: true } | { readonly ok: false; readonly missing: string }

/**
 * P10: once faults end, everything that was said is stored, and everything that was stored is shown: on the devices that it was encrypted for,
 * and on those that were active long enough for every sender to know.
 */
export class Liveness {
  readonly #context: AuditContext

  constructor(context: AuditContext) {
    this.#context = context
  }

  /** Looks at everything; cheap enough to be called every few virtual seconds. */
  quiet(): Quiet {
    const { ledger } = this.#context
    for (const device of ledger.devices) {
      if (!ledger.isExpected(device)) continue
      // What was refused in a group that its account was not in goes with the next message once it is in it again.
      const waiting = [...device.waiting.values()].find(({ conversation, parked }) => !parked || !ledger.groups.isGroup(conversation))
      if (waiting !== undefined) {
        const row = `${waiting.kind} ${this.#about(waiting.messageId)}`
        return { ok: false, missing: `${device.name} waits to send ${row}; ${device.waiting.size} in its outbox` }
      }
    }
    for (const message of ledger.messages.values()) {
      const missing = message.own === undefined ? undefined : this.#missing(message, message.own)
      if (missing !== undefined) return { ok: false, missing }
    }
    return { ok: true }
  }

  #missing(message: MessageRecord, own: NonNullable<MessageRecord['own']>): string | undefined {
    const { run, ledger } = this.#context
    const sender = ledger.device(message.device)
    const isSenderThere = sender !== undefined && ledger.isExpected(sender)
    // What has disappeared where it was said is no row any more that says how far it came; that nothing waits is looked at above.
    if (isSenderThere && own.state !== 'sent' && !ledger.takenBack.has(message.id) && this.#couldBeSent(message, sender)) return `${own.name} has not sent message ${this.#about(message.id)}: it is ${own.state}`
    // What is stored under the number of a message that was given up in a group says nothing.
    if (own.state === 'failed') return undefined
    // Who knows that the sender was revoked refuses what it said before.
    if (!message.acked || ledger.activity(message.device)?.untilMs !== undefined) return undefined
    for (const id of message.wantedBy) {
      const device = ledger.device(id)
      if (device === undefined || !ledger.isExpected(device)) continue
      run.coverage.count('audit/delivered')
      if (!ledger.isOwed(message, device.account) || this.#isBeyondReach(message, device, isSenderThere)) continue
      if (!device.shown.has(message.id)) return `${device.name} does not show message ${this.#about(message.id)}: ${stateOn(device, message)}`
    }
    return undefined
  }

  /** Whether a device has to have taken a message of another one by the end. */
  isOwedTo(message: MessageRecord, device: DeviceRecord): boolean {
    const { ledger } = this.#context
    const sender = ledger.device(message.device)
    if (!message.acked || !message.wantedBy.has(device.device) || ledger.activity(message.device)?.untilMs !== undefined || !ledger.isExpected(device)) return false
    return ledger.isOwed(message, device.account) && !this.#isBeyondReach(message, device, sender !== undefined && ledger.isExpected(sender))
  }

  /** In a group, what was said by somebody who was taken out of it before it was stored is refused, and shown so. */
  #couldBeSent({ id, conversation }: MessageRecord, sender: DeviceRecord): boolean {
    const { groups } = this.#context.ledger
    if (!groups.isGroup(conversation)) return true
    const version = (sender.envelopes.get(id) ?? []).reduce((first, { membershipVersion }) => Math.min(first, membershipVersion), Infinity)
    return groups.isMemberSince(conversation, sender.account, version)
  }

  /** What the log no longer holds cannot come from it; what needs its sender comes only while that device exists, and as long as senders answer. */
  #isBeyondReach(message: MessageRecord, device: DeviceRecord, isSenderThere: boolean): boolean {
    const lastMs = message.copies.reduce((last, { position }) => Math.max(last, position.timeMs), 0)
    const ageMs = this.#context.run.trueTimeMs - lastMs
    // In a group the one body is for all; who lacks the key has the message among the unread ones.
    const hasBody = message.meantFor.has(device.device) || this.#context.ledger.groups.isGroup(message.conversation)
    const needsSender = device.unread.has(message.id) || !hasBody
    const isKept = isSenderThere && !this.#context.ledger.takenBack.has(message.id)
    return ageMs > LIMITS.retentionMs || (needsSender && (!isKept || ageMs > HEALING_MS))
  }

  #about(id: MessageRecord['id']): string {
    const { ledger } = this.#context
    const message = ledger.messages.get(id)
    if (message === undefined) return `${short(id)} (no node ever saw it)`
    const stored = message.copies.map(({ position }) => position.timeMs).join(', ')
    return `${short(id)} of ${ledger.nameOf(message.device)}, number ${message.number} in ${short(message.conversation)} `
      + `(${stored === '' ? 'not stored' : `stored at ${stored}`}, ${message.acked ? 'acknowledged' : 'not acknowledged'})`
  }
}

function stateOn(device: DeviceRecord, { id, deliveredTo, meantFor }: MessageRecord): string {
  const facts = [
    meantFor.has(device.device) ? 'it has a body' : 'it has no body',
    deliveredTo.has(device.device) ? 'a node sent it there' : 'no node sent it there',
    `cursor ${device.cursorMs}`,
  ]
  if (device.unread.has(id)) facts.push('it waits to be read')
  else if (device.handled.has(id)) facts.push('it is handled and not shown')
  if (device.replays.has(id)) facts.push('it was refused as replayed')
  return facts.join(', ')
}
