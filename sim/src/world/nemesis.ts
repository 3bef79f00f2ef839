import { LIMITS } from '@evegram/protocol'
import type { Observer } from '../audit/observer.js'
import type { SimDevice } from '../device/device.js'
import type { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import type { FaultMix, StrikeRates } from './mix.js'
import type { SimNode } from './node.js'
import type { Partition } from './partition.js'

/** What a {@link Nemesis} may strike. */
export interface NemesisParts {
  readonly run: Run
  readonly observer: Pick<Observer, 'suspended'>
  readonly mix: FaultMix
  readonly partition: Partition
  readonly nodes: SimNode[]
  readonly devices: readonly SimDevice[]
  readonly authMachines: readonly string[]
  readonly crashAuth: () => void
  /** A node that takes the place of one that leaves. */
  readonly replacement: () => SimNode
  readonly forgetPresence: () => void
}

/** Services that a partition may take from a machine. */
const SERVICES = ['log', 'marks', 'membership', 'presence', 'registry', 'broker', 'directory'] as const
/** Time of the first strikes: everybody has met by then. */
const MINUTE_MS = 60_000

/** Strikes the world from outside at seeded times, at the rates of its mix, until it is stopped. */
export class Nemesis {
  readonly #parts: NemesisParts
  readonly #random: SimRandom
  readonly #crashRandom: SimRandom
  readonly #postCrashRandom: SimRandom
  #active = false

  constructor(parts: NemesisParts) {
    this.#parts = parts
    this.#random = parts.run.random('nemesis')
    this.#crashRandom = parts.run.random('crash points')
    this.#postCrashRandom = parts.run.random('crash points/posts')
  }

  /** Strikes from now on. */
  start(): void {
    this.#active = true
    for (const [strike, perMinute] of Object.entries(this.#parts.mix.strikes) as [keyof StrikeRates, number][]) if (perMinute > 0) this.#plan(strike, perMinute)
  }

  /** No more strikes. */
  stop(): void {
    this.#active = false
  }

  /** Whether a process is to die around a call. */
  readonly crashPoint = (process: SimProcess, service: string, _operation: string): 'before' | 'after' | undefined => {
    const { mix } = this.#parts
    if (!this.#active || mix.crashPoint === 0 || service === 'registry') return undefined
    // Commits of devices are fewer than calls of nodes, and each is a place where something can be lost.
    const rate = service === 'disk' ? mix.crashPoint * 8 : mix.crashPoint
    const random = service === 'posts' ? this.#postCrashRandom : this.#crashRandom
    if (!process.alive || !random.chance(rate)) return undefined
    return random.chance(0.5) ? 'before' : 'after'
  }

  #plan(strike: keyof StrikeRates, perMinute: number): void {
    const { run } = this.#parts
    const meanMs = MINUTE_MS / perMinute
    run.scheduler.after(meanMs * 2 * this.#random.unit(), () => {
      if (!this.#active) return
      this.#strike(strike)
      this.#plan(strike, perMinute)
    })
  }

  #strike(strike: keyof StrikeRates): void {
    const { run, nodes, devices, forgetPresence, crashAuth } = this.#parts
    const node = nodes.length === 0 ? undefined : this.#random.pick(nodes)
    const running = devices.filter(({ process }) => process !== undefined)
    const device = running.length === 0 ? undefined : this.#random.pick(running)
    switch (strike) {
      case 'nodeCrash':
        run.coverage.count('fault/node crash')
        node?.crash()
        return
      case 'deploy': return this.#deploy()
      case 'nodePause': return this.#pause(node?.process, 'fault/node pause', true)
      case 'nodeSleep': return this.#pause(node?.process, 'fault/node sleep', false)
      case 'wallStep': return this.#step(this.#random.chance(0.7) ? node?.process : device?.process)
      case 'deviceCrash':
        run.coverage.count('fault/device crash')
        device?.crash(true)
        return
      case 'devicePause': return this.#pause(device?.process, 'fault/device pause', this.#random.chance(0.7))
      case 'authCrash':
        run.coverage.count('fault/auth crash')
        crashAuth()
        return
      case 'presenceForget':
        run.coverage.count('fault/presence forgets')
        run.note('world', 'presence forgets everything')
        forgetPresence()
        return
      case 'partition': return this.#cut()
      case 'diskLost': return this.#loseDisk(device)
      default: strike satisfies never
    }
  }

  /** A replacement is started, and when it had a while to become ready the old node leaves. */
  #deploy(): void {
    const { run, nodes, replacement } = this.#parts
    const candidates = nodes.filter(({ state }) => state === 'on')
    if (candidates.length === 0) return
    run.coverage.count('fault/deploy')
    const old = this.#random.pick(candidates)
    const fresh = replacement()
    run.note('world', `deploy: ${fresh.machine} takes the place of ${old.machine}`)
    nodes.push(fresh)
    fresh.start()
    run.scheduler.after(this.#random.skewed(500, 8_000), () => {
      old.leave().then(() => {
        const index = nodes.indexOf(old)
        if (index >= 0) nodes.splice(index, 1)
      }, (failure: unknown) => { run.broken('program', `a node could not leave: ${String(failure)}`) })
    })
  }

  #pause(process: SimProcess | undefined, name: string, countsTime: boolean): void {
    const { run, observer } = this.#parts
    if (process === undefined || process.suspended) return
    // Every third one is longer than the time by which cursors stay behind.
    const forMs = this.#random.chance(0.3) ? LIMITS.overlapMs + this.#random.unit() * 90_000 : this.#random.skewed(300, LIMITS.overlapMs)
    run.coverage.count(name)
    run.note(process.name, `${countsTime ? 'paused' : 'asleep, monotonic clock included,'} for ${forMs.toFixed(0)} ms`)
    observer.suspended(process, forMs)
    process.suspend(forMs, countsTime)
  }

  #step(process: SimProcess | undefined): void {
    const { run } = this.#parts
    if (process === undefined) return
    // Mostly what time servers correct; sometimes an operator who mistypes the month.
    const size = this.#random.chance(0.15) ? 2 * LIMITS.retentionMs : this.#random.skewed(10, 7_200_000)
    const byMs = size * (this.#random.chance(0.5) ? 1 : -1)
    run.coverage.count('fault/wall step')
    run.note(process.name, `wall clock stepped by ${byMs.toFixed(0)} ms`)
    process.faults.wallAheadMs += byMs
  }

  #cut(): void {
    const { nodes, devices, partition, authMachines } = this.#parts
    const some = <One>(all: readonly One[]): One[] => all.filter(() => this.#random.chance(0.4))
    const ones = some([...nodes.map(({ machine }) => machine), ...devices.map(({ name }) => name)])
    const others = some([...SERVICES, ...nodes.map(({ machine }) => machine), ...authMachines])
    if (ones.length === 0 || others.length === 0) return
    partition.cut(ones, others, this.#random.skewed(500, 60_000), this.#random.chance(0.7))
  }

  /** The person gets another device afterwards: the lost one stays in the account log, with nobody behind it. */
  #loseDisk(device: SimDevice | undefined): void {
    if (device === undefined || device.device === undefined) return
    const { run } = this.#parts
    run.coverage.count('fault/disk lost')
    run.note(device.name, 'disk lost')
    device.loseDisk()
    run.scheduler.after(this.#random.skewed(1_000, 20_000), () => { device.start() })
  }
}
