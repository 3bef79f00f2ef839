import { ALL_DEVICES, isEvegramError, LIMITS, messageIdOf, type ErrorCode } from '@evegram/protocol'
import type { ClientEvents, GapEvent, SecurityEvent } from '@evegram/sdk'
import { decodeChain, decodeHandled, RECEIVED_CHAIN_PREFIX } from '@evegram/sdk/parts'
import { isReadable, short, type AuditContext, type DeviceRecord, type MessageRecord } from './ledger.js'

/** What a refusal says about an honest server and honest peers. */
type Verdict =
  /** It happens among honest parts; that nothing is lost by it, cursors and liveness find out. */
  | 'tolerable'
  /** It is fine for a message that was handled already, and a loss for any other. */
  | 'repeated'

/** Refusals that honest parts can cause. Every other one accuses somebody. */
const TOLERABLE: Readonly<Partial<Record<ErrorCode, Verdict>>> = {
  // At least once: a copy of a message whose key was used up by the first.
  'e2ee.replayed': 'repeated',
  // A device that was revoked after it sent, or added in the moment before: its log decides.
  'e2ee.untrusted_identity': 'tolerable',
  // The sender did not know the device, or knows it no more, and says so with a skip.
  'account.attestation_expired': 'tolerable',
  // Sessions of disks that were lost, and one-time keys that somebody else used up: healing asks for a new copy.
  'e2ee.undecryptable': 'tolerable',
  'e2ee.session_missing': 'tolerable',
  // What healing may ask for has limits, and what it asks for may be too old.
  'e2ee.resend_refused': 'tolerable',
  // Members come and go while messages are on their way; that nothing is lost to those who stay, cursors and liveness find out.
  'denied.not_member': 'tolerable',
  'group.role': 'tolerable',
  // Room for messages that wait to be read is bounded.
  'limited.queue': 'tolerable',
}
/** The one refusal of a resend request that speaks of a forged one. */
const FORGED_REQUEST = 'signature'
/** The one refusal of what is said in a group that no change of its members explains. */
const STRANGER = 'the sender was no member'
/** A gap event names ranges; past this many numbers the rest is not looked at. */
const NUMBERS_LOOKED_AT = 512
/** Retention is cut by whole hours. */
const RETENTION_SLACK_MS = 2 * 3_600_000

/**
 * P4: against an honest server nothing is accused and nothing is called withheld that the device could have read; against a lying one every
 * message that is missing before one that is shown has a name, or waits to be had again.
 */
export class Accusations {
  readonly #context: AuditContext

  constructor(context: AuditContext) {
    this.#context = context
  }

  told<Name extends keyof ClientEvents>(device: DeviceRecord, event: Name, value: ClientEvents[Name]): void {
    // `event` names the type of `value` in each case.
    switch (event) {
      case 'gap': return this.#gap(device, value as GapEvent)
      case 'security': return this.#security(device, value as SecurityEvent)
      case 'account-alarm': return this.#alarm(device, value as ClientEvents['account-alarm'])
      case 'group-alarm': return this.#groupAlarm(device, value as ClientEvents['group-alarm'])
      case 'fault': return this.#fault(device, value as ClientEvents['fault'])
      default:
    }
  }

  #gap(device: DeviceRecord, gap: GapEvent): void {
    const { run, ledger, malicious } = this.#context
    run.coverage.count(`audit/gap ${gap.reason}`)
    const { conversation, device: sender, epoch, from, to } = gap
    if (conversation === undefined || sender === undefined || epoch === undefined || from === undefined || to === undefined) {
      const sinceMs = gap.sinceMs ?? 0
      if (!malicious && sinceMs > 0 && run.trueTimeMs - sinceMs < LIMITS.retentionMs - RETENTION_SLACK_MS) {
        run.broken('P5', `${device.name} was told that everything since ${sinceMs} is gone, within the retention`)
      }
      return
    }
    device.toldGaps.push({ conversation, device: sender, epoch, from, to })
    if (malicious) return
    if (gap.reason === 'erased') run.broken('P4', `${device.name} calls messages of ${ledger.nameOf(sender)} erased, which nobody did`)
    if (gap.reason !== 'withheld') return
    for (let number = from; number <= to && number < from + NUMBERS_LOOKED_AT; number++) {
      const id = messageIdOf({ conversation, device: sender, epoch, number })
      const message = ledger.messages.get(id)
      // Without a body for it there was nothing to read: a supplement follows, or the sender gave the number up.
      if (message?.copies.some((copy) => isReadable(ledger.bodiesOf(copy).get(device.device))) !== true || device.hasTaken(id)) continue
      if (!ledger.isOwed(message, device.account)) continue
      run.broken('P4', `${device.name} calls message ${short(id)} (number ${number} of ${ledger.nameOf(sender)}) withheld by an honest server`)
    }
  }

  #security(device: DeviceRecord, { code, messageId, detail, account, device: from }: SecurityEvent): void {
    const { run, ledger, malicious } = this.#context
    run.coverage.count(`audit/security ${code}`)
    const source = from === undefined ? short(account ?? 'nobody') : ledger.nameOf(from)
    run.note(device.name, `refuses ${code} (${detail ?? 'no detail'}) ${messageId === undefined ? '' : short(messageId)}`)
    const what = `${device.name} refused ${code} (${detail ?? 'no detail'}) from ${source}`
    if (code === 'internal') run.broken('program', what)
    if (malicious) return
    const verdict = TOLERABLE[code]
    const isForged = (code === 'e2ee.resend_refused' && detail === FORGED_REQUEST) || (code === 'denied.not_member' && detail === STRANGER)
    if (verdict === undefined || isForged) run.broken('P4', `${what}, where everybody is honest`)
    else if (verdict === 'repeated' && messageId !== undefined && !device.handled.has(messageId)) device.replays.add(messageId)
  }

  #alarm(device: DeviceRecord, { account, code, error }: ClientEvents['account-alarm']): void {
    const { run, malicious } = this.#context
    run.coverage.count(`audit/alarm ${code}`)
    // A revocation told end to end counts at once; when the server could not be asked just then, the alarm carries that failure.
    const couldNotAsk = isEvegramError(error.cause) && !error.cause.code.startsWith('account.')
    if (!malicious && !couldNotAsk) run.broken('P4', `${device.name} raised ${code} for account ${short(account)}, whose log is shown as it is`)
  }

  #groupAlarm(device: DeviceRecord, { conversation, code, reason }: ClientEvents['group-alarm']): void {
    const { run, malicious } = this.#context
    run.coverage.count(`audit/group alarm ${code}`)
    if (!malicious) run.broken('P4', `${device.name} raised ${code} for group ${short(conversation)} (${reason}), whose log is shown as it is`)
  }

  #fault(device: DeviceRecord, { operation, error }: ClientEvents['fault']): void {
    const { run } = this.#context
    run.coverage.count('audit/fault')
    if (error.code !== 'internal' || !(error.cause instanceof Error) || isEvegramError(error.cause)) return
    run.broken('program', `${operation} failed on ${device.name}: ${error.cause.stack ?? error.cause.message}`)
  }

  /** At the end: what was refused as replayed was handled, and with a lying server what is missing has a name. */
  finish(): void {
    const { ledger, malicious } = this.#context
    for (const device of ledger.devices) {
      if (!ledger.isExpected(device)) continue
      if (malicious) this.#checkNames(device)
      else this.#checkReplays(device)
    }
  }

  #checkReplays(device: DeviceRecord): void {
    const { run, ledger } = this.#context
    for (const id of device.replays) {
      const message = ledger.messages.get(id)
      if (device.hasTaken(id) || message === undefined || ledger.activity(message.device)?.untilMs !== undefined) continue
      run.broken('P2', `${device.name} refused message ${short(id)} as replayed and never handled it: the ratchet moved without it`)
    }
  }

  /** Every number before the newest message that is shown of a chain. */
  #checkNames(device: DeviceRecord): void {
    const { run, ledger } = this.#context
    for (const [key, row] of device.chains) {
      const chain = decodeChain(row)
      const conversation = key.slice(RECEIVED_CHAIN_PREFIX.length).split('/')[0]
      const newest = chain.ahead.at(-1)?.number ?? chain.head.number
      const gaps = [
        ...chain.gaps,
        ...device.toldGaps.filter((gap) => gap.conversation === conversation && gap.device === chain.device && gap.epoch === chain.epoch),
      ]
      const waits = device.openGaps.has(key.slice(RECEIVED_CHAIN_PREFIX.length))
      for (const message of ledger.messages.values()) {
        const { id, number } = message
        const isOfChain = message.device === chain.device && message.epoch === chain.epoch && message.conversation === conversation
        if (!isOfChain || number > newest || !this.#isMeantFor(message, device) || isDone(device, id)) continue
        run.coverage.count('audit/missing is named')
        const isNamed = gaps.some(({ from, to }) => from <= number && number <= to) || (chain.joinedAt !== undefined && number < chain.joinedAt)
        if (isNamed || device.unread.has(id) || (waits && number > chain.head.number)) continue
        run.broken('P4', `${device.name} shows number ${newest} of ${ledger.nameOf(chain.device)} and says nothing of number ${number}, `
          + `message ${short(id)}`)
      }
    }
  }

  /** Whether there is a body for the device, or one for all in a group that it is in. */
  #isMeantFor(message: MessageRecord, { account, device }: DeviceRecord): boolean {
    const { ledger } = this.#context
    if (message.meantFor.has(device)) return true
    return message.acked && ledger.isOwed(message, account) && message.copies.some((copy) => copy.bodies.has(ALL_DEVICES) && ledger.bodiesOf(copy).has(device))
  }
}

/** Whether the message is shown, or stands for nothing. */
function isDone(device: DeviceRecord, message: Parameters<DeviceRecord['hasTaken']>[0]): boolean {
  const row = device.handled.get(message)
  if (device.shown.has(message)) return true
  if (row === undefined) return false
  const { status, rowKey } = decodeHandled(row)
  // What own devices tell each other of the state takes a number, and shows nothing.
  return status === 'void' || (status === 'shown' && rowKey === undefined)
}
