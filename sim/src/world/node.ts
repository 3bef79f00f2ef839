import { createEngine, engineConfig, type AccountDirectory, type Ed25519Verify, type Engine, type EngineOptions, type SocketServer } from '@evegram/engine'
import type { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { simLogger } from '../kernel/sim-logger.js'

/** The ports of a node onto the shared stores and the broker. */
export type StorePorts = Pick<EngineOptions, 'log' | 'marks' | 'membership' | 'channelLog' | 'presence' | 'interest' | 'registry' | 'bus'>

/** What a {@link SimNode} is placed in. */
export interface NodeSurroundings {
  readonly run: Run
  readonly origin: string
  readonly start: (machine: string) => SimProcess
  readonly stores: (process: SimProcess) => StorePorts
  readonly directory: (process: SimProcess) => AccountDirectory
  readonly sockets: (process: SimProcess) => SocketServer
  readonly ed25519Verify: Ed25519Verify
  /** Groups of more members than this are wide. */
  readonly wideOver: number
}

/** Time until a node that died is started again, in ms. */
const RESTART_MS = [200, 8_000] as const
/** Time over which a node that leaves spreads its clients, in ms. */
const DRAIN_SPREAD_MS = 2_000

/** One node of the engine: the machine, and the programs that run on it one after the other. */
export class SimNode {
  readonly machine: string
  process: SimProcess | undefined
  engine: Engine | undefined
  state: 'off' | 'starting' | 'on' | 'draining' = 'off'
  readonly #around: NodeSurroundings
  readonly #random: SimRandom
  #wanted = false

  constructor(machine: string, around: NodeSurroundings) {
    this.machine = machine
    this.#around = around
    this.#random = around.run.random(`node/${machine}`)
  }

  /** Whether a load balancer sends clients here. */
  get ready(): boolean {
    return this.state === 'on' && this.engine?.ready().ok === true
  }

  /** Starts it, and again whenever it dies, until it is stopped. */
  start(): void {
    this.#wanted = true
    if (this.state === 'off') this.#boot()
  }

  /** Ends its program without a word; it is started again after a while, if it is wanted. */
  crash(): void {
    if (this.process === undefined) return
    this.#around.run.note(this.process.name, 'crash')
    this.process.kill()
  }

  /** Ends it for good without a word. */
  halt(): void {
    this.#wanted = false
    this.process?.kill()
  }

  /** Leaves as in a deploy: drains its clients, says goodbye, ends. Resolves when it is gone, also when it died on the way. */
  async leave(): Promise<void> {
    const { engine, process } = this
    this.#wanted = false
    if (engine === undefined || process === undefined || this.state !== 'on') {
      process?.kill()
      return
    }
    this.state = 'draining'
    this.#around.run.note(process.name, 'drains')
    const died = new Promise<void>((resolve) => { process.onKilled(resolve) })
    const left = engine.drain().then(() => engine.stop()).catch((failure: unknown) => {
      this.#around.run.coverage.count(`branch/leave failed ${failure instanceof Error ? failure.name : 'unknown'}`)
    })
    await Promise.race([left, died])
    this.#around.run.note(process.name, 'left')
    process.kill()
  }

  #boot(): void {
    const { run, origin, start, stores, directory, sockets, ed25519Verify, wideOver } = this.#around
    const process = start(this.machine)
    this.process = process
    this.state = 'starting'
    process.onKilled(() => { if (this.process === process) this.#died() })
    const engine = createEngine({
      config: engineConfig({ origin, drainSpreadMs: DRAIN_SPREAD_MS }), clock: process.clock, random: process.random, turn: process.turn,
      logger: simLogger(run, () => process.name, true), ...stores(process), directory: directory(process), sockets: sockets(process), ed25519Verify, wideOver,
    })
    engine.start().then(() => {
      if (!process.alive) return
      this.engine = engine
      this.state = 'on'
      run.note(process.name, 'started')
    }, (failure: unknown) => {
      if (!process.alive) return
      run.note(process.name, `could not start: ${failure instanceof Error ? failure.message : 'unknown'}`)
      run.coverage.count('branch/node could not start')
      process.kill()
    })
  }

  #died(): void {
    this.process = undefined
    this.engine = undefined
    this.state = 'off'
    if (!this.#wanted) return
    const [from, to] = RESTART_MS
    this.#around.run.scheduler.after(this.#random.skewed(from, to), () => { if (this.#wanted && this.state === 'off') this.#boot() })
  }
}
