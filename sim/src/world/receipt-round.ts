import { directConversationIdOf, type AccountId, type MessageId } from '@evegram/protocol'
import type { SimDevice, Person } from '../device/device.js'
import type { Run } from '../kernel/run.js'

/** What a {@link ReceiptRound} acts on. */
export interface ReceiptRoundParts {
  readonly run: Run
  readonly people: readonly Person[]
  readonly devices: readonly SimDevice[]
  /** Says something on a device, to somebody. Resolves with the message. */
  readonly say: (device: SimDevice, peer: AccountId) => Promise<MessageId>
  /** Notes that somebody marks a conversation as read up to an order key. */
  readonly reading: (account: AccountId, conversation: ReturnType<typeof directConversationIdOf>, order: bigint) => void
}

/** A message of the round. */
interface Sent {
  readonly by: SimDevice
  readonly to: SimDevice['person']
  readonly peer: AccountId
  readonly messageId: MessageId
}

/**
 * One message from every device to everybody, which somebody then reads on one device: the receipts that follow say all that those before them said, so that what was
 * lost is made up, and every device of a sender must show the same.
 */
export class ReceiptRound {
  readonly #parts: ReceiptRoundParts
  readonly #accounts: ReadonlyMap<Person, AccountId>
  #sent: Sent[] = []

  constructor(parts: ReceiptRoundParts) {
    this.#parts = parts
    this.#accounts = new Map(parts.devices.map(({ person, account }) => [person, account]))
  }

  /** Everybody says something to everybody on each device, and takes whom they had not accepted. */
  async say(): Promise<void> {
    this.#sent = []
    const { people, say } = this.#parts
    for (const by of this.#live()) {
      for (const to of people) {
        const peer = this.#accounts.get(to)
        if (peer === undefined || peer === by.account) continue
        this.#sent.push({ by, to, peer, messageId: await say(by, peer) })
      }
    }
  }

  /** Everybody reads all of it, on one device. */
  async read(): Promise<void> {
    for (const person of this.#parts.people) {
      const device = this.#live().find((live) => live.person === person)
      if (device === undefined) continue
      for (const [other, peer] of this.#accounts) if (other !== person) await readOn(device, peer, this.#parts.reading)
    }
  }

  /** What is shown of receipts that must not be, or undefined. */
  async missing(): Promise<string | undefined> {
    for (const { by, to, peer, messageId } of this.#sent) {
      const wanted = to.habits?.silent === true ? 0 : 1
      for (const device of this.#live().filter(({ person }) => person === by.person)) {
        const history = await (await device.conversation(peer)).history(200)
        const receipts = history.find((message) => message.messageId === messageId)?.receipts
        const shown = receipts === undefined ? 'nothing' : `${String(receipts.deliveredTo)} received and ${String(receipts.readBy)} read of ${String(receipts.of)}`
        this.#parts.run.coverage.count('audit/receipts compared')
        if (receipts?.of !== 1 || receipts.deliveredTo !== wanted || receipts.readBy !== wanted) {
          return `${device.name} shows of message ${messageId.slice(0, 8)} of ${by.name} to ${to.name}: ${shown}, and not ${String(wanted)} of each`
        }
      }
    }
    return undefined
  }

  #live(): SimDevice[] {
    return this.#parts.devices.filter(({ live, client }) => live && client !== undefined)
  }
}

/** Marks what a device shows of a conversation as read, as its user would who has it before their eyes. */
export async function readOn(device: SimDevice, peer: AccountId, reading: ReceiptRoundParts['reading']): Promise<void> {
  const conversation = await device.conversation(peer)
  const [newest] = await conversation.history(1)
  if (newest === undefined) return
  reading(device.account, directConversationIdOf(device.account, peer), newest.order)
  await conversation.markRead(newest.messageId)
}
