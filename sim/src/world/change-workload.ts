import { accountIdOf, type AccountId } from '@evegram/protocol'
import type { Conversation, Message } from '@evegram/sdk'
import type { Observer } from '../audit/observer.js'
import type { Person, SimDevice } from '../device/device.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { Pace } from './pace.js'
import { readOn } from './receipt-round.js'

/** What a {@link ChangeWorkload} acts on. */
export interface ChangeWorkloadParts {
  readonly run: Run
  readonly observer: Pick<Observer, 'changing' | 'changed'>
  readonly people: readonly Person[]
  readonly devices: readonly SimDevice[]
  /** A text that was never said before. */
  readonly freshText: () => string
  readonly failed: (action: string, failure: unknown) => void
}

/** Time between two actions, in ms. */
const PACE_MS = [20, 1_500] as const
/** Messages that are looked at for one to say something about: the newest, of which more is on its way. */
const LOOKED_AT = 12
/** Seconds after which messages disappear, as people set it; 0: they stay. */
const TIMERS = [0, 0, 5, 20, 60] as const
const EMOJI = ['👍', '😂', '❤️', ''] as const

type Action = 'react' | 'edit' | 'delete' | 'timer' | 'read'
const WEIGHTS: Readonly<Record<Action, number>> = { react: 30, edit: 30, delete: 14, timer: 4, read: 16 }
// The keys of a record that is written out above.
const ACTIONS = Object.keys(WEIGHTS) as readonly Action[]
const WEIGHT = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0)

/** What people say about messages of direct conversations: several of them at the same moment, on several devices. */
export class ChangeWorkload {
  readonly #parts: ChangeWorkloadParts
  readonly #random: SimRandom
  readonly #pace: Pace
  #tokens = 0

  constructor(parts: ChangeWorkloadParts) {
    this.#parts = parts
    this.#random = parts.run.random('changes workload')
    this.#pace = new Pace(parts.run, this.#random, PACE_MS)
  }

  /** Acts from now on, until {@link stop}. */
  start(): void {
    this.#pace.start(() => { this.#act() })
  }

  /** No more actions. */
  stop(): void {
    this.#pace.stop()
  }

  #act(): void {
    const running = this.#parts.devices.filter(({ state }) => state === 'on')
    if (running.length === 0) return
    const device = this.#random.pick(running)
    const action = this.#random.kind(ACTIONS, WEIGHTS, 'react', WEIGHT)
    const peer = this.#random.pick(this.#parts.people.map(({ wallet }) => accountIdOf(wallet.walletId)).filter((account) => account !== device.account))
    // Drawn now: what there is to say something about is known only once the client answered.
    const [which, what] = [this.#random.unit(), this.#random.unit()]
    this.#do(action, device, peer, which, what).catch((failure: unknown) => { this.#parts.failed(`change ${action}`, failure) })
  }

  async #do(action: Action, device: SimDevice, peer: AccountId, which: number, what: number): Promise<void> {
    const { coverage } = this.#parts.run
    if (action === 'read') {
      coverage.count('workload/read')
      return readOn(device, peer, () => undefined)
    }
    const conversation = await device.conversation(peer)
    if (action === 'timer') {
      coverage.count('workload/set a timer')
      await conversation.setTimer(oneOf(TIMERS, what))
      return
    }
    const history = await conversation.history(LOOKED_AT)
    const standing = history.filter(({ deleted, state }) => deleted !== true && state !== 'failed')
    // What is not durable yet has no text of its own for the auditor before it is edited.
    const changeable = action === 'react' ? standing : standing.filter((message) => message.fromAccount === device.account && device.isDurable(message))
    const message = changeable[Math.floor(which * changeable.length)]
    if (message !== undefined) await this.#change(action, device, conversation, message, what)
  }

  async #change(action: 'react' | 'edit' | 'delete', device: SimDevice, conversation: Conversation, { messageId }: Message, what: number): Promise<void> {
    const { run, observer, freshText } = this.#parts
    const token = ++this.#tokens
    run.coverage.count(`workload/${action}`)
    run.note(device.name, `${action} ${messageId.slice(0, 8)}`)
    const by = device.account
    switch (action) {
      case 'react': {
        const emoji = oneOf(EMOJI, what)
        observer.changing(token, { message: messageId, by, what: { kind: 'reaction', emoji } })
        return observer.changed(token, (await conversation.react(messageId, emoji)).messageId)
      }
      case 'edit': {
        const text = freshText()
        observer.changing(token, { message: messageId, by, what: { kind: 'edit', text } })
        return observer.changed(token, (await conversation.edit(messageId, text)).messageId)
      }
      case 'delete':
        observer.changing(token, { message: messageId, by, what: { kind: 'delete' } })
        return observer.changed(token, (await conversation.deleteForEveryone(messageId)).messageId)
      default: return action satisfies never
    }
  }
}

function oneOf<Value>(values: readonly [Value, ...Value[]], unit: number): Value {
  return values[Math.floor(unit * values.length)] ?? values[0]
}
