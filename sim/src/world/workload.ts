import { accountIdOf, directConversationIdOf, isEvegramError, type AccountId, type ConversationId, type MessageId } from '@evegram/protocol'
import type { Conversation, Message, Wallet } from '@evegram/sdk'
import type { Observer } from '../audit/observer.js'
import type { SimDevice, Person } from '../device/device.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { ChangeWorkload } from './change-workload.js'
import { ChannelWorkload } from './channel-workload.js'
import { GroupWorkload } from './group-workload.js'
import { Pace } from './pace.js'
import { ReceiptWorkload } from './receipt-workload.js'

/** What a {@link Workload} acts on. */
export interface WorkloadParts {
  readonly run: Run
  readonly observer: Observer
  readonly people: readonly Person[]
  /** The server lies. */
  readonly malicious: boolean
  /** All devices, those to come included. */
  readonly devices: SimDevice[]
  /** A further device of a person. */
  readonly addDevice: (person: Person) => SimDevice
  /** A wallet that nobody has used. */
  readonly freshWallet: () => Wallet
  /** Traffic of somebody who does not keep to the protocol, towards some node. */
  readonly nonsense: () => void
  /** Somebody takes prekeys of a device without using them. */
  readonly takePrekeys: (of: SimDevice) => void
  /** People tell each other what they received and read. */
  readonly receipts: boolean
  /** People edit, react, delete and let messages disappear. */
  readonly changes: boolean
  /** Groups of more members than this are wide. */
  readonly wideOver: number
}

/** Devices that one person may have at a time in a run. */
const DEVICES_PER_PERSON_MAX = 3
/** Messages of one burst. */
const BURST = [3, 12] as const
/** Time between two actions, in ms. */
const PACE_MS = [10, 2_500] as const

type Action = 'say' | 'burst' | 'large' | 'note' | 'history' | 'rest' | 'add' | 'revoke' | 'link' | 'nonsense' | 'prekeys'

/** How often each action comes, relative to the others. */
const WEIGHTS: Readonly<Record<Action, number>> = {
  say: 60, burst: 5, large: 2, note: 3, history: 3, rest: 5, add: 3, revoke: 1.5, link: 0.7, nonsense: 4, prekeys: 2,
}

// The keys of a record that is written out above.
const ACTIONS = Object.keys(WEIGHTS) as readonly Action[]
const WEIGHT = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0)

/** What people (and others) do: valid and invalid traffic whose outcome is known. */
export class Workload {
  readonly #parts: WorkloadParts
  readonly #random: SimRandom
  readonly #pace: Pace
  /** Own messages by id, told before `send` resolved. */
  readonly #own = new Map<MessageId, Message>()
  readonly #linked = new Set<AccountId>()
  readonly #groups: GroupWorkload
  readonly #channels: ChannelWorkload
  readonly #receipts: ReceiptWorkload | undefined
  readonly #changes: ChangeWorkload | undefined
  #said = 0

  constructor(parts: WorkloadParts) {
    this.#parts = parts
    this.#random = parts.run.random('workload')
    this.#pace = new Pace(parts.run, this.#random, PACE_MS)
    this.#groups = new GroupWorkload({
      run: parts.run, people: parts.people, devices: parts.devices, wideOver: parts.wideOver,
      say: (device, id, opened) => { this.#utter(device, id, 0, opened) },
      failed: (action, failure) => { this.#failed(action, failure) },
    })
    this.#receipts = parts.receipts ? new ReceiptWorkload({
      run: parts.run, people: parts.people, devices: parts.devices, reading: (account, conversation, order) => { parts.observer.reading(account, conversation, order) },
      failed: (action, failure) => { this.#failed(action, failure) },
    }) : undefined
    this.#changes = parts.changes ? new ChangeWorkload({
      run: parts.run, observer: parts.observer, people: parts.people, devices: parts.devices, freshText: () => this.#freshText(),
      failed: (action, failure) => { this.#failed(action, failure) },
    }) : undefined
    this.#channels = new ChannelWorkload({
      run: parts.run, observer: parts.observer, people: parts.people, devices: parts.devices, malicious: parts.malicious,
      failed: (action, failure) => { this.#failed(action, failure) },
    })
  }

  /** One message from `device` to somebody. Resolves with its id when it is durable there; rejects as `send` does. */
  async sayTo(device: SimDevice, peer: AccountId): Promise<MessageId> {
    return this.#say(device, directConversationIdOf(device.account, peer), 0, () => device.conversation(peer))
  }

  /** Texts that were given to clients so far. */
  get said(): number {
    return this.#said
  }

  /** Acts from now on, until {@link stop}. */
  start(): void {
    this.#pace.start(() => { this.#act(this.#draw()) })
    this.#groups.start()
    this.#channels.start()
    this.#receipts?.start()
    this.#changes?.start()
  }

  /** No more actions. */
  stop(): void {
    this.#pace.stop()
    this.#groups.stop()
    this.#channels.stop()
    this.#receipts?.stop()
    this.#changes?.stop()
  }

  /** An own message was shown on `device`. */
  ownMessage(message: Message): void {
    this.#own.set(message.messageId, message)
  }

  /** One message from `device` to somebody. */
  say(device: SimDevice, peer: AccountId = this.#peerOf(device), bytes = this.#random.chance(0.9) ? 0 : this.#random.between(1, 2_000)): void {
    this.#parts.run.coverage.count('workload/say')
    this.#utter(device, directConversationIdOf(device.account, peer), bytes, () => device.conversation(peer))
  }

  #utter(device: SimDevice, id: ConversationId, bytes: number, opened: () => Promise<Pick<Conversation, 'send'>>): void {
    this.#say(device, id, bytes, opened).catch((failure: unknown) => { this.#failed('say', failure) })
  }

  /** A text that was never said before, in the conversation that `opened` leads to. */
  #say(device: SimDevice, id: ConversationId, bytes: number, opened: () => Promise<Pick<Conversation, 'send'>>): Promise<MessageId> {
    const { observer } = this.#parts
    const text = `${this.#freshText()}${'x'.repeat(bytes)}`
    const { name } = device
    return opened().then((conversation) => {
      observer.saying(name, id, text, device.shownUpTo.get(id) ?? 0n)
      return conversation.send(text)
    }).then(({ messageId }) => {
      const message = this.#own.get(messageId)
      this.#own.delete(messageId)
      if (message !== undefined) observer.said(name, message)
      return messageId
    })
  }

  /** What a text begins with: no two have the same. */
  #freshText(): string {
    return `§evg-${++this.#said}§`
  }

  #draw(): Action {
    return this.#random.kind(ACTIONS, WEIGHTS, 'say', WEIGHT)
  }

  #act(action: Action): void {
    const { run, devices, nonsense, takePrekeys } = this.#parts
    const running = devices.filter(({ state }) => state === 'on')
    const [device] = running.length === 0 ? [] : [this.#random.pick(running)]
    if (device === undefined) return
    switch (action) {
      case 'say': return this.say(device)
      case 'burst': {
        run.coverage.count('workload/burst')
        const peer = this.#peerOf(device)
        for (let left = this.#random.between(...BURST); left > 0; left--) this.say(device, peer)
        return
      }
      case 'large':
        run.coverage.count('workload/large')
        return this.say(device, this.#peerOf(device), this.#random.between(10_000, 31_000))
      case 'note':
        run.coverage.count('workload/note to oneself')
        return this.say(device, device.account)
      case 'history': return this.#history(device)
      case 'rest': return this.#rest(device)
      case 'add': return this.#add()
      case 'revoke': return this.#revoke(device)
      case 'link': return this.#link(device)
      case 'nonsense': return nonsense()
      case 'prekeys': return takePrekeys(device)
      default: return action satisfies never
    }
  }

  #peerOf(device: SimDevice): AccountId {
    const others = this.#parts.people.map(({ wallet }) => accountIdOf(wallet.walletId)).filter((account) => account !== device.account)
    return this.#random.pick(others)
  }

  #history(device: SimDevice): void {
    this.#parts.run.coverage.count('workload/history')
    device.conversation(this.#peerOf(device)).then((conversation) => conversation.history(50)).catch((failure: unknown) => { this.#failed('history', failure) })
  }

  /** Closes the client, and opens it again after a while. */
  #rest(device: SimDevice): void {
    const { run } = this.#parts
    run.coverage.count('workload/rest')
    const restMs = this.#random.skewed(500, 60_000)
    device.stop().catch((failure: unknown) => { this.#failed('stop', failure) })
    run.scheduler.after(restMs, () => { device.start() })
  }

  #add(): void {
    const { run, people, devices, addDevice } = this.#parts
    const person = this.#random.pick(people)
    if (devices.filter((device) => device.person === person && device.state !== 'gone').length >= DEVICES_PER_PERSON_MAX) return
    run.coverage.count('workload/add device')
    addDevice(person).start()
  }

  /** Revokes another device of the same person with the wallet, or itself with its own key. */
  #revoke(by: SimDevice): void {
    const { run, devices, observer } = this.#parts
    const own = devices.filter((device) => device.person === by.person && device.state !== 'gone' && device.device !== undefined)
    if (own.length < 2) return
    const target = this.#random.pick(own)
    const { device } = target
    if (device === undefined || by.client === undefined) return
    run.coverage.count(target === by ? 'workload/revoke itself' : 'workload/revoke another')
    run.note(by.name, `revokes ${target.name} ${device.slice(0, 8)}`)
    by.client.revokeDevice(device, target === by ? undefined : by.person.wallet).then(
      () => { observer.revoked(by.account, device) },
      (failure: unknown) => { this.#failed('revoke', failure) },
    )
  }

  #link(device: SimDevice): void {
    const { run, freshWallet } = this.#parts
    if (device.client === undefined || this.#linked.has(device.account)) return
    this.#linked.add(device.account)
    run.coverage.count('workload/link wallet')
    device.client.linkWallet(device.person.wallet, freshWallet()).catch((failure: unknown) => { this.#failed('link', failure) })
  }

  /** Refusals with a code are what a program of a user would show; anything else is a fault. */
  #failed(action: string, failure: unknown): void {
    const { run } = this.#parts
    const code = isEvegramError(failure) ? failure.code : 'none'
    run.coverage.count(`branch/${action} refused ${code}`)
    if (code === 'none' || code === 'internal') {
      const text = failure instanceof Error ? failure.stack ?? failure.message : String(failure)
      if (text.includes('the device is not running')) return
      run.broken('program', `${action} failed: ${text}`)
    }
  }
}
