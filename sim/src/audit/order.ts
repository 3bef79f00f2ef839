import { LIMITS } from '@evegram/protocol'
import type { Message } from '@evegram/sdk'
import type { DiskCommit } from './disk-commit.js'
import { short, type AuditContext, type DeviceRecord, type MessageRecord, type StoredCopy } from './ledger.js'

/** A shown order key further ahead than this need not be exceeded by the next own message: see the SDK's order clock. */
const AHEAD_MS = LIMITS.orderAheadMsMax + 5_000

/**
 * P3: a message has one order key, made by its sender, on every device and for ever; it rises with the number in a chain, and stands above what
 * the sender had seen. Only a message that was never stored may get another.
 */
export class Order {
  readonly #context: AuditContext
  /** Order keys of own messages by chain and number. */
  readonly #chains = new Map<string, Map<number, bigint>>()

  constructor(context: AuditContext) {
    this.#context = context
  }

  /** Rows became durable; after {@link Messages.committed}, before which the sender's word is not known. */
  committed(device: DeviceRecord, commit: DiskCommit): void {
    const own: Message[] = []
    for (const { message } of commit.messages) {
      const known = device.orders.get(message.messageId)
      if (message.fromDevice === device.device) {
        if (known !== message.order) own.push(message)
        this.#checkOwn(device, message, known)
      } else this.#checkOther(device, message, known)
      device.orders.set(message.messageId, message.order)
      if (message.order > BigInt(message.receivedAtMs + AHEAD_MS) << 16n) device.aheadOrders.add(message.order)
    }
    for (const message of own) this.#chainOf(message).set(message.number, message.order)
    for (const message of own) this.#checkNeighbours(device, message)
  }

  /** A copy is durable in the log: all copies of a message have one order key. */
  stored(message: MessageRecord, copy: StoredCopy): void {
    const { run, malicious } = this.#context
    const [first] = message.copies
    if (malicious || first === undefined || first.envelope.order === copy.envelope.order) return
    run.broken('P3', `message ${short(message.id)} is stored with two order keys`)
  }

  #checkOwn(device: DeviceRecord, message: Message, before: bigint | undefined): void {
    const { run, ledger, malicious } = this.#context
    const record = ledger.messages.get(message.messageId)
    const what = `the order key of message ${short(message.messageId)}`
    if (before !== undefined && before !== message.order && record !== undefined && record.copies.length > 0 && !malicious) {
      run.broken('P3', `${what} changed on ${device.name} after it was stored`)
    }
    // An order key that was given up stands above nothing any more.
    if (before !== undefined && before !== message.order) device.aheadOrders.add(before)
    const above = record?.own?.above ?? 0n
    if (before !== undefined || above === 0n || device.aheadOrders.has(above)) return
    run.coverage.count('audit/order above what was shown')
    if (message.order <= above) run.broken('P3', `${what} on ${device.name} is not above what that device had shown`)
  }

  #checkOther(device: DeviceRecord, message: Message, before: bigint | undefined): void {
    const { run, ledger } = this.#context
    const own = ledger.messages.get(message.messageId)?.own
    run.coverage.count('audit/order as the sender made it')
    if (before !== undefined && before !== message.order) {
      run.broken('P3', `the order key of message ${short(message.messageId)} changed on ${device.name}`)
    } else if (own !== undefined && own.order !== message.order) {
      run.broken('P3', `message ${short(message.messageId)} has another order key on ${device.name} than on ${own.name}`)
    }
  }

  #checkNeighbours(device: DeviceRecord, { conversation, epoch, number, order, messageId }: Message): void {
    const { run } = this.#context
    const chain = this.#chainOf({ fromDevice: device.device, conversation, epoch })
    const [below, above] = [chain.get(number - 1), chain.get(number + 1)]
    if ((below !== undefined && below >= order) || (above !== undefined && above <= order)) {
      run.broken('P3', `the order key of message ${short(messageId)} of ${device.name} does not rise with its number ${number}`)
    }
  }

  #chainOf({ fromDevice, conversation, epoch }: Pick<Message, 'fromDevice' | 'conversation' | 'epoch'>): Map<number, bigint> {
    const key = `${fromDevice}/${conversation}/${epoch}`
    const chain = this.#chains.get(key) ?? new Map<number, bigint>()
    this.#chains.set(key, chain)
    return chain
  }
}
