import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Time for a cluster to come up: three JVMs on a small machine take their time. */
const START_TIMEOUT_MS = 420_000
/** Time for one order, the return of what was killed included. */
const ORDER_TIMEOUT_MS = 240_000
const STOP_TIMEOUT_MS = 60_000
const MAIN = fileURLToPath(new URL('../../tools/cluster.mjs', import.meta.url))

/** One process of a cluster. */
export interface ClusterMember {
  readonly name: string
  readonly kind: 'engine' | 'auth' | 'edge' | 'cassandra' | 'nats' | 'redis' | 'sentinel'
  readonly pid: number
  /** Base URL of its metrics and health, for processes of ours. */
  readonly admin?: string
}

/** Something to do to a cluster. */
export type ClusterOrder =
  /** SIGKILL; done = its successor works. */
  | { readonly kind: 'kill'; readonly name: string }
  /** SIGSTOP for `ms`, then SIGCONT; done = it was let go on. */
  | { readonly kind: 'pause'; readonly name: string; readonly ms: number }
  /** New engines beside the old ones, then the old ones drain; done = they are gone. */
  | { readonly kind: 'roll' }
  /**
   * SIGKILL of the Redis server that is written to, which stays down until the sentinels made its replica the primary; done = it is back as a replica, and
   * the answer names the new primary. With `ms` the replica was detached for so long before, and lacks what was written then.
   */
  | { readonly kind: 'failover'; readonly ms?: number }
  /** Cuts a Cassandra node off from everybody for `ms` (rig `cable`); done = it works with the others again. */
  | { readonly kind: 'cut'; readonly name: string; readonly ms: number }
  /** Fills the disk of a Cassandra node's commit log for `ms` (rig `disk`); done = the node works again. */
  | { readonly kind: 'fill'; readonly name: string; readonly ms: number }
  /** Sets the wall clock of an engine wrong for `ms` (rig `clocks`), and kills it then when it `restarts`; done = it is ready by the right clock. */
  | { readonly kind: 'skew'; readonly name: string; readonly ms: number; readonly aheadMs: number; readonly restarts: boolean }
  /** The Redis server that is written to; the answer names it. */
  | { readonly kind: 'primary' }
  /** The NATS server that leads; the answer names it. */
  | { readonly kind: 'leader' }
  | { readonly kind: 'list' }

/** Something that a cluster may be prepared for and that needs more of the machine than signals. */
export type RigName = 'cable' | 'disk' | 'clocks'
/** What came of it: the process that it can be used on (or the kind of it), or why this machine does not allow it. */
export type RigState = { readonly name: RigName } & ({ readonly on: string } | { readonly missing: string })

type FromCluster =
  | { readonly kind: 'ready'; readonly url: string; readonly ws: string; readonly processes: readonly ClusterMember[]; readonly rigs: readonly RigState[] }
  | { readonly kind: 'done'; readonly id: number; readonly processes?: readonly ClusterMember[]; readonly name?: string; readonly error?: string }

/** A cluster of its own for one run, started as a person would start it: `npm run cluster`. */
export class ClusterProcess {
  readonly #dir = mkdtempSync(join(tmpdir(), 'evegram-cluster-'))
  readonly #settings: Readonly<Record<string, string>>
  readonly #waiting = new Map<number, (answer: Extract<FromCluster, { kind: 'done' }>) => void>()
  #child: ChildProcess | undefined
  #orders = 0
  #url: string | undefined
  #ws: string | undefined
  /** What came of the rigs that were asked for. */
  rigs: readonly RigState[] = []
  /** Told when the cluster's supervisor ends by itself. */
  onEnd: (how: string) => void = () => undefined

  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.#settings = settings
  }

  /** `http://localhost:<port>`: sign-in and API. */
  get url(): string {
    if (this.#url === undefined) throw new Error('the cluster was not started')
    return this.#url
  }

  /** Address of the socket tier. */
  get ws(): string {
    if (this.#ws === undefined) throw new Error('the cluster was not started')
    return this.#ws
  }

  /** Starts `engines` engines and `auths` auth processes on `nodes` nodes of each store and broker, with `rigs`. Resolves with the time that took, in ms. */
  async start(nodes: number, engines = nodes, auths = 2, rigs: readonly RigName[] = []): Promise<number> {
    const startedAt = performance.now()
    const child = fork(MAIN, [
      '--nodes', String(nodes), '--engines', String(engines), '--auths', String(auths), '--rig', rigs.join(','), '--json', '--dir', this.#dir, '--http-port', '0', '--ws-port', '0',
    ], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: { ...process.env, ...this.#settings },
    })
    this.#child = child
    await new Promise<void>((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error('the cluster did not start in time')), START_TIMEOUT_MS)
      child.once('exit', (code, signal) => {
        clearTimeout(timeout)
        const how = `the cluster ended with ${signal ?? `code ${String(code)}`}`
        reject(new Error(how))
        if (this.#child === child) this.onEnd(how)
      })
      child.on('message', (message: FromCluster) => {
        if (message.kind === 'ready') {
          clearTimeout(timeout)
          this.#url = message.url
          this.#ws = message.ws
          this.rigs = message.rigs
          resolve()
        } else this.#waiting.get(message.id)?.(message)
      })
    })
    return performance.now() - startedAt
  }

  /** Gives an order and waits until it is done. Rejects when the cluster says that it could not, or does not answer in time. */
  async order(order: ClusterOrder): Promise<{ readonly processes: readonly ClusterMember[]; readonly name?: string }> {
    const id = ++this.#orders
    try {
      return await new Promise((resolve, reject) => {
        const timeout = setTimeout(() => reject(new Error(`${order.kind} was not done in time`)), ORDER_TIMEOUT_MS)
        this.#waiting.set(id, ({ processes = [], name, error }) => {
          clearTimeout(timeout)
          if (error !== undefined) reject(new Error(`${order.kind}: ${error}`))
          else resolve(name === undefined ? { processes } : { processes, name })
        })
        this.#child?.send({ ...order, id })
      })
    } finally {
      this.#waiting.delete(id)
    }
  }

  /** Everything that runs now. */
  async members(): Promise<readonly ClusterMember[]> {
    return (await this.order({ kind: 'list' })).processes
  }

  /** Ends everything and removes its data. Safe to call at any time. */
  async dispose(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => child.kill('SIGTERM'), STOP_TIMEOUT_MS)
        child.once('exit', () => {
          clearTimeout(force)
          resolve()
        })
        if (child.connected) child.send({ kind: 'stop' })
        else child.kill('SIGTERM')
      })
    }
    rmSync(this.#dir, { recursive: true, force: true })
  }
}
