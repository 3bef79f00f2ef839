import { ENVELOPE_KIND, type ConversationId } from '@evegram/protocol'
import type { Message } from '@evegram/sdk'
import { RECEIVED_CHAIN_PREFIX } from '@evegram/sdk/parts'
import type { Changes } from './changes.js'
import type { DiskCommit } from './disk-commit.js'
import { short, type AuditContext, type DeviceRecord, type MessageRecord } from './ledger.js'
import { envelopeIn } from './wire.js'

/** What the workload asked a client to send. */
interface Saying {
  readonly name: string
  readonly conversation: ConversationId
  readonly above: bigint
}

/**
 * P2: every arrival shows a message that this disk never showed, as its sender said it, together with everything that keeps it from being shown
 * again. P7: nobody else's name stands on it, and no third person sees it.
 */
export class Messages {
  readonly #context: AuditContext
  readonly #changes: Pick<Changes, 'mayShow'>
  /** By text, which is said once. */
  readonly #sayings = new Map<string, Saying>()

  constructor(context: AuditContext, changes: Pick<Changes, 'mayShow'>) {
    this.#context = context
    this.#changes = changes
  }

  saying(name: string, conversation: ConversationId, text: string, above: bigint): void {
    this.#sayings.set(text, { name, conversation, above })
  }

  /** `send` resolved: the message must be durable, as it was asked for. */
  said(name: string, message: Message): void {
    const { run, ledger } = this.#context
    run.coverage.count('audit/said')
    const own = ledger.messages.get(message.messageId)?.own
    if (own === undefined) run.broken('P1', `${name} was told that message ${short(message.messageId)} is durable, and it is not`)
    else if (own.text !== message.text || own.name !== name) {
      run.broken('P2', `${name} said something else in message ${short(message.messageId)} than is on its disk`)
    }
  }

  /** A client told its program of a message: it must be durable, and be told once. */
  told(device: DeviceRecord, message: Message): void {
    const { run } = this.#context
    if (!device.shown.has(message.messageId)) run.broken('P2', `${device.name} told of message ${short(message.messageId)} before it was durable`)
    if (device.told.has(message.messageId)) run.broken('P2', `${device.name} told of message ${short(message.messageId)} twice`)
    device.told.add(message.messageId)
  }

  /** Rows of messages and arrivals became durable. */
  committed(device: DeviceRecord, commit: DiskCommit): void {
    const { run } = this.#context
    for (const { key, message } of commit.messages) device.rows.set(key, message)
    for (const { key, rowKey } of commit.arrivals) {
      const message = device.rows.get(rowKey)
      const before = device.arrivals.get(key)
      if (message === undefined) run.broken('P2', `${device.name} has an arrival without its message`)
      else if (before === undefined) this.#arrived(device, commit, key, message)
      else if (before !== message.messageId) {
        run.broken('P2', `${device.name} shows message ${short(message.messageId)} in the place of ${short(before)}`)
      }
    }
    for (const { message } of commit.messages) if (message.fromDevice === device.device) this.#follow(device, message)
  }

  #arrived(device: DeviceRecord, commit: DiskCommit, key: string, message: Message): void {
    const { run, ledger } = this.#context
    const id = message.messageId
    const what = `${device.name} shows message ${short(id)} of ${ledger.nameOf(message.fromDevice)}`
    run.coverage.count('audit/shown')
    if (device.shown.has(id)) run.broken('P2', `${what} a second time`)
    device.arrivals.set(key, id)
    device.shown.add(id)
    if (!device.handled.has(id)) run.broken('P2', `${what} without noting that it is handled`)
    // A message may have been made anew for another membership: it is for everybody who was in one that it was made for.
    const isOwn = message.fromDevice === device.device
    const sent = isOwn ? commit.outbox.flatMap(({ messageId, envelope }) => (messageId === id ? [envelopeIn(envelope)] : [])) : ledger.device(message.fromDevice)?.envelopes.get(id)
    // An own one without its envelope breaks another promise, see below; a direct conversation has version 1 alone.
    const versions = sent === undefined || sent.length === 0 ? [1] : sent.map((envelope) => envelope?.membershipVersion ?? 0)
    const isFor = versions.some((version) => ledger.members(message.conversation, version)?.includes(device.account))
    if (!isFor) run.broken('P7', `${what}, which is not in a conversation of its account`)
    const isFrom = versions.some((version) => ledger.members(message.conversation, version)?.includes(message.fromAccount))
    if (!isFrom) run.broken('P7', `${what} from an account outside of the conversation`)
    if (ledger.device(message.fromDevice)?.account !== message.fromAccount) {
      run.broken('P7', `${what} as of an account that the device does not belong to`)
    }
    if (message.fromDevice === device.device) this.#arrivedOwn(device, commit, what, message)
    else this.#arrivedOther(commit, what, message)
  }

  #arrivedOwn(device: DeviceRecord, commit: DiskCommit, what: string, message: Message): void {
    const { run } = this.#context
    const saying = this.#sayings.get(message.text)
    if (saying === undefined) run.broken('P2', `${what}, a text that nobody asked for`)
    else if (saying.name !== device.name || saying.conversation !== message.conversation) {
      run.broken('P2', `${what}, which ${saying.name} was asked to say elsewhere`)
    }
    if (!commit.outbox.some(({ messageId }) => messageId === message.messageId)) {
      run.broken('P2', `${what} without its place in the outbox`)
    }
    this.#recordOf(message).own = {
      name: device.name, text: message.text, from: message.from, order: message.order, state: message.state, above: saying?.above ?? 0n,
    }
  }

  #arrivedOther(commit: DiskCommit, what: string, message: Message): void {
    const { run, ledger } = this.#context
    const own = ledger.messages.get(message.messageId)?.own
    if (own === undefined) run.broken('P7', `${what}, which that device never said`)
    else if (!this.#changes.mayShow(message, own.text) || message.kind !== 'text') run.broken('P2', `${what} with another text than was said`)
    else if (own.from !== message.from) run.broken('P7', `${what} under another address than the sender's own`)
    if (!commit.session) run.broken('P2', `${what} without the ratchet step that decrypted it`)
    const chain = `${RECEIVED_CHAIN_PREFIX}${message.conversation}/${message.fromDevice}/`
    if (![...commit.chains].some((key) => key.startsWith(chain))) run.broken('P2', `${what} without its place in the chain`)
  }

  /** An own message moved on: it is stored, was given up, or has another order key. */
  #follow(device: DeviceRecord, message: Message): void {
    const { run, malicious } = this.#context
    const record = this.#recordOf(message)
    if (record.own === undefined) return
    const isSent = message.state === 'sent' && record.own.state !== 'sent'
    record.own = { ...record.own, state: message.state, order: message.order }
    if (!isSent || malicious) return
    run.coverage.count('audit/sent is stored')
    if (record.copies.length === 0) run.broken('P1', `${device.name} takes message ${short(record.id)} for sent, and no copy is durable`)
  }

  #recordOf({ conversation, fromDevice, fromAccount, epoch, number, messageId }: Message): MessageRecord {
    const kind = ENVELOPE_KIND.message
    return this.#context.ledger.messageOf(messageId, { kind, conversation, device: fromDevice, account: fromAccount, epoch, number })
  }
}
