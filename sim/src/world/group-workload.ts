import { accountIdOf, type AccountId, type ConversationId } from '@evegram/protocol'
import type { Client, Group, Member } from '@evegram/sdk'
import type { Person, SimDevice } from '../device/device.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { Pace } from './pace.js'

/** What a {@link GroupWorkload} acts on. */
export interface GroupWorkloadParts {
  readonly run: Run
  readonly people: readonly Person[]
  readonly devices: readonly SimDevice[]
  /** Groups of more members than this are wide. */
  readonly wideOver: number
  /** Says something, of which the rest of the workload keeps account. */
  readonly say: (device: SimDevice, id: ConversationId, opened: () => Promise<Pick<Group, 'send'>>) => void
  /** An action was refused: with a code a program of a user would show it, anything else is a fault. */
  readonly failed: (action: string, failure: unknown) => void
}

/** Worlds with groups; the others are as they were before there were any. */
const WORLDS = 0.5
/** Groups that people found in one world. */
const GROUPS_MAX = 2
/** Where groups can be wide, so many are founded with no more members than a group has that is not: these cross the limit when somebody is added. */
const FOUNDED_SMALL = 0.5
/** Time between two actions, in ms. */
const PACE_MS = [50, 2_000] as const
/** Messages that are said together. */
const BURST = [1, 4] as const

type Action = 'say' | 'found' | 'add' | 'remove' | 'leave' | 'promote' | 'rename'

/** How often each action comes, relative to the others. */
const WEIGHTS: Readonly<Record<Action, number>> = { say: 40, found: 8, add: 16, remove: 11, leave: 5, promote: 9, rename: 3 }

/** What people do in groups. All choices are drawn from one stream of its own, when an action begins. */
export class GroupWorkload {
  readonly #parts: GroupWorkloadParts
  readonly #random: SimRandom
  readonly #sizes: SimRandom
  readonly #pace: Pace
  readonly #wanted: boolean
  #founded = 0
  #renamed = 0

  constructor(parts: GroupWorkloadParts) {
    this.#parts = parts
    this.#random = parts.run.random('groups')
    this.#sizes = parts.run.random('group sizes')
    this.#pace = new Pace(parts.run, this.#random, PACE_MS)
    this.#wanted = this.#random.chance(WORLDS)
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
    const device = running.length === 0 ? undefined : this.#random.pick(running)
    const { client } = device ?? {}
    if (device === undefined || client === undefined) return
    const action = this.#founded === 0 ? 'found' : this.#draw()
    if (action === 'found') return this.#found(device, client)
    // Drawn now: what comes of them is known only once the client answered.
    const [which, whom, many] = [this.#random.unit(), this.#random.unit(), this.#random.between(...BURST)]
    client.groups().then(async (groups) => {
      const group = groups[Math.floor(which * groups.length)]
      if (group !== undefined) await this.#actIn(action, device, group, whom, many)
    }).catch((failure: unknown) => { this.#parts.failed(`group ${action}`, failure) })
  }

  #draw(): Action {
    const total = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0)
    let drawn = this.#random.unit() * total
    for (const [action, weight] of Object.entries(WEIGHTS) as [Action, number][]) {
      drawn -= weight
      if (drawn < 0) return action
    }
    return 'say'
  }

  #found(device: SimDevice, client: Client): void {
    const { run, failed, wideOver } = this.#parts
    if (this.#founded >= GROUPS_MAX) return
    this.#founded++
    const drawn = this.#accounts().filter((account) => account !== device.account && this.#random.chance(0.7))
    const members = this.#sizes.chance(FOUNDED_SMALL) ? drawn.slice(0, wideOver - 1) : drawn
    run.coverage.count('workload/group found')
    run.note(device.name, `founds a group with ${members.length} others`)
    client.createGroup(`group ${this.#founded}`, members).catch((failure: unknown) => {
      // Nothing may have come of it, and somebody else shall found one.
      this.#founded--
      failed('group found', failure)
    })
  }

  /** Does what the device, by what it knows, is allowed to do; says something where it is not. */
  async #actIn(action: Exclude<Action, 'found'>, device: SimDevice, group: Group, whom: number, many: number): Promise<void> {
    const { run, say } = this.#parts
    const members = await group.members()
    const role = members.find(({ account }) => account === device.account)?.role
    const others = members.filter(({ account }) => account !== device.account)
    const other = others[Math.floor(whom * others.length)]
    const absent = this.#accounts().filter((account) => !members.some((member) => member.account === account))
    const mayManage = role === 'owner' || role === 'admin'
    const note = (what: string): void => {
      run.coverage.count(`workload/group ${action}`)
      run.note(device.name, `${what} in group ${group.id.slice(0, 8)}`)
    }
    if (action === 'add' && mayManage && absent.length > 0) {
      const account = absent[Math.floor(whom * absent.length)]
      note(`adds ${this.#nameOf(account)}`)
      return group.add(account === undefined ? [] : [account])
    }
    if (action === 'remove' && other !== undefined && mayRemove(role, other)) {
      note(`removes ${this.#nameOf(other.account)}`)
      return group.remove([other.account])
    }
    if (action === 'promote' && other !== undefined && role === 'owner') {
      const next = other.role === 'member' ? 'admin' : other.role === 'admin' ? 'owner' : 'member'
      note(`makes ${this.#nameOf(other.account)} ${next}`)
      return group.setRole(other.account, next)
    }
    if (action === 'leave' && role !== undefined && others.length > 0) {
      note('leaves')
      return group.leave()
    }
    if (action === 'rename' && mayManage) {
      note('names it anew')
      return group.rename(`name ${++this.#renamed}`)
    }
    // Who is no member any more tries as well now and then: it is refused.
    if (role === undefined && whom > 0.2) return
    for (let left = many; left > 0; left--) {
      run.coverage.count('workload/group say')
      say(device, group.id, () => Promise.resolve(group))
    }
  }

  #accounts(): AccountId[] {
    return this.#parts.people.map(({ wallet }) => accountIdOf(wallet.walletId))
  }

  #nameOf(account: AccountId | undefined): string {
    return this.#parts.people.find(({ wallet }) => accountIdOf(wallet.walletId) === account)?.name ?? 'nobody'
  }
}

function mayRemove(role: Member['role'] | undefined, other: Member): boolean {
  return role === 'owner' || (role === 'admin' && other.role === 'member')
}
