import { accountIdOf, parseChannelLink, type AccountId } from '@evegram/protocol'
import type { Channel, Client } from '@evegram/sdk'
import type { Observer } from '../audit/observer.js'
import type { Person, SimDevice } from '../device/device.js'
import type { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { Pace } from './pace.js'

/** What a {@link ChannelWorkload} acts on. */
export interface ChannelWorkloadParts {
  readonly run: Run
  readonly observer: Pick<Observer, 'channelFounded' | 'posted'>
  readonly people: readonly Person[]
  readonly devices: readonly SimDevice[]
  /** The server lies: about channels too, where there are some. */
  readonly malicious: boolean
  /** An action was refused: with a code a program of a user would show it, anything else is a fault. */
  readonly failed: (action: string, failure: unknown) => void
}

/** Worlds with a channel, and those among the worlds with a server that lies. */
const WORLDS = 0.4
const LYING_WORLDS = 0.8
/** Time between two actions, in ms. */
const PACE_MS = [50, 2_000] as const
/** Posts that one device writes together. */
const BURST = [1, 3] as const

type Action = 'post' | 'race' | 'follow' | 'leave' | 'add' | 'remove' | 'read'
const ACTIONS: readonly Action[] = ['post', 'race', 'follow', 'leave', 'add', 'remove', 'read']
/** How often each action comes, relative to the others. */
const WEIGHTS: Readonly<Record<Action, number>> = { post: 34, race: 10, follow: 34, leave: 4, add: 8, remove: 6, read: 4 }
const WEIGHT = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0)

/** What people do with the one channel of a world. All choices are drawn from one stream of its own, when an action begins. */
export class ChannelWorkload {
  readonly #parts: ChannelWorkloadParts
  readonly #random: SimRandom
  readonly #pace: Pace
  readonly #wanted: boolean
  /** The link of the channel, passed on by word of mouth. */
  #link: string | undefined
  /** The program that founds it. */
  #founding: SimProcess | undefined
  #said = 0

  constructor(parts: ChannelWorkloadParts) {
    this.#parts = parts
    this.#random = parts.run.random('channels')
    this.#pace = new Pace(parts.run, this.#random, PACE_MS)
    this.#wanted = this.#random.chance(parts.malicious ? LYING_WORLDS : WORLDS)
  }

  /** Acts from now on, until {@link stop}. */
  start(): void {
    if (this.#wanted) this.#pace.start(() => { this.#act() })
  }

  /** No more actions. */
  stop(): void {
    this.#pace.stop()
  }

  #act(): void {
    const running = this.#parts.devices.filter(({ state }) => state === 'on')
    if (running.length === 0) return
    const action = this.#random.kind(ACTIONS, WEIGHTS, 'post', WEIGHT)
    const device = this.#random.pick(running)
    const [whom, many] = [this.#random.unit(), this.#random.between(...BURST)]
    if (this.#link === undefined) return this.#found(device)
    // Several devices at the same moment: authors get in each other's way.
    for (const one of action === 'race' ? running : [device]) this.#do(action, one, this.#link, whom, many)
  }

  #found(device: SimDevice): void {
    const { run, observer, failed } = this.#parts
    // A program that ended meanwhile has told nobody of what it founded.
    if (this.#founding?.alive === true || device.client === undefined) return
    this.#founding = device.process
    const authors = this.#accounts().filter((account) => account !== device.account && this.#random.chance(0.5))
    run.coverage.count('workload/channel found')
    run.note(device.name, `founds a channel with ${authors.length} other authors`)
    const made = device.client.createChannel({ name: 'news', authors })
    made.then((channel) => {
      this.#link = channel.link
      observer.channelFounded(parseChannelLink(channel.link).key)
    }).catch((failure: unknown) => { failed('channel found', failure) }).finally(() => { this.#founding = undefined })
  }

  #do(action: Action, device: SimDevice, link: string, whom: number, many: number): void {
    const { client } = device
    if (client === undefined) return
    this.#open(client, device, action, link).then(async (channel) => {
      if (channel !== undefined) await this.#actIn(action, device, channel, whom, many)
    }).catch((failure: unknown) => { this.#parts.failed(`channel ${action}`, failure) })
  }

  /** The channel on this device; who does not follow it does so, or nothing. */
  async #open(client: Client, device: SimDevice, action: Action, link: string): Promise<Channel | undefined> {
    const known = await client.channel(parseChannelLink(link).channel)
    if (known !== undefined || action === 'race' || action === 'leave') return known
    this.#note(device, 'follow', 'follows')
    return client.followChannel(link)
  }

  /** Does what the device, by what it knows, is allowed to do; reads or posts where it is not. */
  async #actIn(action: Action, device: SimDevice, channel: Channel, whom: number, many: number): Promise<void> {
    const [role, authors] = [await channel.role(), await channel.authors()]
    const mayManage = role === 'owner' || role === 'admin'
    const others = authors.filter(({ account }) => account !== device.account)
    const absent = this.#accounts().filter((account) => !authors.some((author) => author.account === account))
    switch (action) {
      case 'leave':
        this.#note(device, 'leave', 'leaves')
        return channel.leave()
      case 'add': {
        const account = absent[Math.floor(whom * absent.length)]
        if (!mayManage || account === undefined) return undefined
        this.#note(device, 'add', `adds author ${this.#nameOf(account)}`)
        return channel.addAuthor(account)
      }
      case 'remove': {
        const other = others[Math.floor(whom * others.length)]
        if (other === undefined || (role !== 'owner' && (role !== 'admin' || other.role !== 'member'))) return undefined
        this.#note(device, 'remove', `removes author ${this.#nameOf(other.account)}`)
        return channel.removeAuthor(other.account)
      }
      case 'read': {
        this.#parts.run.coverage.count('workload/channel read')
        await channel.refresh()
        await channel.posts({ limit: 10 })
        return undefined
      }
      case 'follow': return undefined
      case 'post':
      case 'race':
        // Who is no author tries as well now and then: it is refused.
        if (role === undefined && whom > 0.1) return undefined
        for (let left = many; left > 0; left--) this.#post(device, channel)
        return undefined
      default: return action satisfies never
    }
  }

  #post(device: SimDevice, channel: Channel): void {
    const { run, observer, failed } = this.#parts
    run.coverage.count('workload/channel post')
    const text = `§evg-c${++this.#said}§`
    channel.post(text).then(({ seq }) => { observer.posted(device.name, channel.id, text, seq) }, (failure: unknown) => { failed('channel post', failure) })
  }

  #note(device: SimDevice, action: string, what: string): void {
    this.#parts.run.coverage.count(`workload/channel ${action}`)
    this.#parts.run.note(device.name, `${what} (channel)`)
  }

  #accounts(): AccountId[] {
    return this.#parts.people.map(({ wallet }) => accountIdOf(wallet.walletId))
  }

  #nameOf(account: AccountId): string {
    return this.#parts.people.find(({ wallet }) => accountIdOf(wallet.walletId) === account)?.name ?? 'nobody'
  }
}
