import {
  changeOf, memoryAuthData, MemoryAccounts, memoryAuthStores, PREKEY_RULES,
  type AppendOutcome, type AppendRequest, type AuthStores, type MemoryNonces,
} from '@evegram/auth/core'
import type { AccountDirectory } from '@evegram/engine'
import { LIMITS, type AccountId, type DeviceId } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import type { AuthApi, DiscoveredServer, ServerClock } from '@evegram/sdk/parts'
import type { Observer } from '../audit/observer.js'
import type { SimProcess } from '../kernel/process.js'
import type { Run } from '../kernel/run.js'
import { simLogger } from '../kernel/sim-logger.js'
import { Service, type CrashPoint, type ServiceFaults, type ServiceTimes } from '../kernel/service.js'
import { DeviceAuthApi } from './auth/device-api.js'
import { Exchange, type ExchangeFaults } from './auth/exchange.js'
import { ChangeFeed } from './auth/feed.js'
import { AuthInstance, type AuthSecrets } from './auth/instance.js'
import type { AuthMeddler } from './auth/meddler.js'
import { NodeDirectory } from './auth/node-directory.js'

/** Machines of auth. */
export const AUTH_MACHINES = ['auth1', 'auth2'] as const
/** One machine of auth. */
export type AuthMachine = (typeof AUTH_MACHINES)[number]

/** What {@link SimAuth} is made of. */
export interface SimAuthOptions {
  readonly run: Run
  readonly observer: Pick<Observer, 'entryStored' | 'nonceAccepted' | 'seenByAuth'>
  /** What discovery tells devices; its domain, origin and network are the configuration of auth. */
  readonly server: DiscoveredServer
  /** Starts a process on a machine. */
  readonly start: (machine: AuthMachine) => SimProcess
  /** Whether what a process sends arrives at a machine, or (from an instance) at the service `auth-store`. */
  readonly reaches: (process: SimProcess, to: string) => boolean
  readonly crashPoint: CrashPoint
  /** Of the stores, of what devices ask and of what nodes ask; each looked at for every call. */
  readonly faults: {
    readonly store: () => ServiceFaults
    readonly device: () => ExchangeFaults
    readonly node: () => ExchangeFaults
  }
  readonly primitives: ProofPrimitives
  /** Whether `owner` has accepted `other`. */
  readonly isContact: (owner: AccountId, other: AccountId) => boolean
  readonly meddler?: AuthMeddler | undefined
  /** Life of an access token; that of the product when absent. */
  readonly tokenLifeMs?: number
  /** The stores as the instance on a machine sees them: for tests that plant a fault there. */
  readonly storesOf?: (shared: AuthStores, machine: AuthMachine) => AuthStores
}

const STORE_TIMES: ServiceTimes = { latencyMs: [0.2, 8], timeoutMs: [1_000, 3_000], slowMs: [50, 2_000], lateMs: [10, 3_000] }
const DEVICE_LATENCY_MS = [2, 250] as const
const NODE_LATENCY_MS = [0.3, 20] as const
/** A node waits less long than a person. */
const NODE_TIMEOUT_MS = 2_000
const SECRET_BYTES = 32

/**
 * Auth as a cluster of two: each instance runs the real core (accounts, challenges, sessions, prekeys) over stores that both share, where
 * every operation is one atomic effect with the faults of a store.
 *
 * What is not the real thing: HTTP and its rates by address; access tokens, which are text with a keyed hash in the place of JWTs; DPoP,
 * of which only "the request comes from the holder of this key" is left, so that a repeated request is refused by nonces and
 * generations alone. Nodes hear of a log change from the moment in which the store has it, as from a change feed of the store: the
 * instance that wrote it may be gone before it can tell anybody. Sweeping does not run.
 */
export class SimAuth {
  readonly #options: SimAuthOptions
  readonly #secrets: AuthSecrets
  readonly #store: Service
  readonly #data: ReturnType<typeof memoryAuthData>
  readonly #feed: ChangeFeed
  readonly #devices: Exchange
  readonly #nodes: Exchange
  readonly #instances = new Map<AuthMachine, AuthInstance>()

  constructor(options: SimAuthOptions) {
    const { run, reaches, crashPoint, faults, observer } = options
    this.#options = options
    const random = run.random('auth-secrets')
    this.#secrets = { challengeKey: random.bytes(SECRET_BYTES), refreshKey: random.bytes(SECRET_BYTES), tokenKey: random.bytes(SECRET_BYTES) }
    this.#store = new Service(run, {
      name: 'auth-store', failure: 'unavailable.store', times: STORE_TIMES, faults: faults.store, crashPoint, reaches,
    })
    const instances = (): AuthInstance[] => [...this.#instances.values()].filter(({ process }) => process.alive)
    this.#feed = new ChangeFeed(run, (node) => instances().every(({ process }) => !reaches(process, node.machine)))
    const data = memoryAuthData()
    this.#data = {
      ...data, accounts: new WatchedAccounts(data.nonces, ({ before, after }) => {
        run.note('auth-store', `entry ${String(after.seq)} of ${after.account.slice(0, 8)} stored`)
        observer.entryStored(after)
        this.#feed.emit({ kind: 'log', ...changeOf(before, after) })
      }),
    }
    this.#devices = new Exchange(run, {
      name: 'auth-api', instances, reaches, faults: faults.device, latencyMs: DEVICE_LATENCY_MS, timeoutMs: LIMITS.requestTimeoutMs,
    })
    this.#nodes = new Exchange(run, {
      name: 'auth-directory', instances, reaches, faults: faults.node, latencyMs: NODE_LATENCY_MS, timeoutMs: NODE_TIMEOUT_MS,
    })
    for (const machine of AUTH_MACHINES) this.restart(machine)
  }

  /** The process that runs (or ran last) on a machine, to be killed or suspended. */
  processOn(machine: AuthMachine): SimProcess | undefined {
    return this.#instances.get(machine)?.process
  }

  /** Starts the instance of a machine, killing the one that runs there. */
  restart(machine: AuthMachine): void {
    this.#instances.get(machine)?.process.kill()
    const { run, start, server, primitives, isContact, observer, storesOf } = this.#options
    const process = start(machine)
    const shared = memoryAuthStores(this.#data, (operation, effect) => this.#store.call(process, operation, effect))
    const { domain, origin, network } = server
    this.#instances.set(machine, new AuthInstance({
      process, config: { domain, origin, network }, stores: storesOf?.(shared, machine) ?? shared, secrets: this.#secrets, tokenLifeMs: this.#options.tokenLifeMs ?? LIMITS.accessTokenMs, primitives, isContact,
      feed: this.#feed, observer, log: simLogger(run, () => process.name, false),
    }))
  }

  /** The auth API for a device. A lost answer is a `timeout` 10 s after the request, by the clock of the device. */
  apiFor(process: SimProcess): AuthApi {
    const { server, meddler } = this.#options
    return new DeviceAuthApi({ process, exchange: this.#devices, domain: server.domain, meddler })
  }

  /** Discovery, from which alone (and from the welcome of a node) a device learns the server's time. Rejects as the API does. */
  async discover(process: SimProcess, serverClock: ServerClock): Promise<DiscoveredServer> {
    const { value, serverTimeMs, sentAtMs, answeredAtMs } = await this.#devices.call(process, 'discover server', async () => this.#options.server)
    serverClock.observe(serverTimeMs, sentAtMs, answeredAtMs)
    return value
  }

  /** Others take up to `count` one-time prekeys of a device, at this moment; it is told when few are left. */
  takePrekeys(account: AccountId, device: DeviceId, count: number): void {
    for (let left = count; left > 0; left--) {
      const remaining = this.#data.prekeys.take(account, device, 0)?.oneTimeRemaining
      if (remaining === undefined) return
      if (remaining <= PREKEY_RULES.keptForContacts) this.#feed.emit({ kind: 'prekeys_low', account, device, remaining })
      if (remaining === 0) return
    }
  }

  /** What a node knows of accounts. Its listeners end with the node. */
  directoryFor(node: SimProcess): AccountDirectory {
    return new NodeDirectory(node, this.#nodes, this.#feed)
  }
}

/** Says what it has appended, at the moment in which it has. */
class WatchedAccounts extends MemoryAccounts {
  readonly #stored: (request: AppendRequest) => void

  constructor(nonces: MemoryNonces, stored: (request: AppendRequest) => void) {
    super(nonces)
    this.#stored = stored
  }

  override append(request: AppendRequest): AppendOutcome {
    const outcome = super.append(request)
    if (outcome.status === 'appended') this.#stored(request)
    return outcome
  }
}
