// A whole cluster on this machine: stores and broker, two auth processes behind one address, engines that share one port.
import { setTimeout as delay } from 'node:timers/promises'
import { isFree } from '../services/free-port.mjs'
import { removeHeaderless } from '../services/cassandra.mjs'
import { natsLeader } from '../services/nats.mjs'
import { checkHealth } from '../services/health.mjs'
import { detachReplicas, redisPrimary, replicationBehind } from '../services/redis.mjs'
import { isRunning } from '../services/process-identity.mjs'
import { findService, killService, signalService, startService } from '../services/restart.mjs'
import { readState } from '../services/state.mjs'
import { down } from '../services/down.mjs'
import { DEFAULT_SETTINGS, up } from '../services/up.mjs'
import { startEdge } from './edge.mjs'
import { loadKeys } from './keys.mjs'
import { authRecipe, blobsRecipe, engineRecipe, planPorts, publicUrls, wallyRecipe } from './plan.mjs'
import { prepareRig } from './rig.mjs'
import { Supervised } from './supervised.mjs'
import { prepareWally, WALLY_KINDS } from './wally.mjs'

/** The services that a cluster uses. */
const CLUSTER_KINDS = ['cassandra', 'nats', 'redis']
/** What files need beside them. */
const FILES_KINDS = ['s3']
/** Time for one of our processes to become ready: the first one makes the tables, which takes Cassandra about a second each. */
const READY_MS_MAX = 120_000
const SERVICE_RESTART_MS = 1_000
const SERVICE_READY_MS_MAX = 180_000
/** Sentinels have to miss the primary for three seconds, agree, and try again when a vote failed. */
const FAILOVER_MS_MAX = 60_000
/** A service that cannot start yet, for want of what it needs, is tried again after this. */
const SERVICE_RETRY_MS = 3_000
const LOOK_MS = 200
const WATCH_MS = 500

/**
 * Starts services (unless they run in `servicesDir`), auth, engines, `wallys` wallet bridges, `blobs` services of files and the edge. Resolves when all are ready, with `{url, ws, list, kill, pause, roll,
 * restart, failover, cut, fill, skew, leader, primary, rigs, stop}`; `rigs` (some of RIGS) are prepared for what needs more than signals. `say(line)` hears what happens; `abort` ends a start that is under way.
 */
export async function startCluster({ root, dir, servicesDir, nodes, engines, auths, wallys = 0, blobs = 0, rigs, httpPort, wsPort, say, abort, environment = process.env }) {
  await requireFreePort('EVEGRAM_HTTP_PORT', httpPort)
  // Engines share their port, and would share it with a server that runs here as well.
  await requireFreePort('EVEGRAM_WS_PORT', wsPort)
  const wasUp = readState(servicesDir)?.processes.some((noted) => noted.container !== undefined || isRunning(noted)) === true
  if (wasUp && rigs.length > 0) throw new Error(`services run in ${servicesDir}, and a rig is part of their start: use another folder (--dir)`)
  const rig = await prepareRig({ wanted: rigs, nodes, dir, servicesDir, say, environment })
  let cluster
  try {
    const { hosts, enclose } = rig
    const { env: services } = await up({
      nodes, dir: servicesDir, kinds: [...CLUSTER_KINDS, ...(wallys === 0 ? [] : WALLY_KINDS), ...(blobs === 0 ? [] : FILES_KINDS)], settings: DEFAULT_SETTINGS, say, abort, native: rigs.length > 0, enclose, ...(hosts === undefined ? {} : { hosts }),
    })
    cluster = new Cluster({ root, dir, servicesDir, nodes, keepsServices: wasUp, engines, auths, wallys, blobs, say, services, environment, rig })
    await cluster.start({ httpPort, wsPort, abort })
    return cluster
  } catch (error) {
    await (cluster === undefined ? rig.remove() : cluster.stop())
    throw error
  }
}

async function requireFreePort(variable, port) {
  if (port !== 0 && !(await isFree(port))) throw new Error(`port ${port} is taken: end what listens there, or set another (${variable}, 0 for any)`)
}

class Cluster {
  /** @type {Supervised[]} */
  auths = []
  /** @type {Supervised[]} */
  engines = []
  /** @type {Supervised[]} */
  wallys = []
  /** @type {Supervised[]} */
  blobs = []
  edge
  /** Services that were killed here and are being started again, by name. */
  returning = new Map()
  /** Services whose disk is full: none of them is started before there is room. */
  withoutRoom = new Set()
  watch
  stopping
  rolling = false

  constructor(options) {
    this.options = options
    this.nextEngine = 1
    this.generation = 0
  }

  async start({ httpPort, wsPort, abort }) {
    const { root, dir, engines, auths, wallys, blobs, services, environment, say } = this.options
    const ports = await planPorts({ engines, auths, wallys, blobs, httpPort, wsPort })
    this.context = { root, dir, ports, keys: loadKeys(dir), services, environment }
    Object.assign(this, publicUrls(ports))
    const aborted = new Promise((_, reject) => {
      if (abort.aborted) reject(abort.reason)
      abort.addEventListener('abort', () => reject(abort.reason), { once: true })
    })
    // The first process alone makes the tables; the others find them.
    this.auths = ports.auth.map((_, place) => this.supervised(authRecipe(this.context, place)))
    this.engines = this.newEngines()
    if (wallys > 0) {
      const settings = await prepareWally(this.context)
      this.wallys = ports.wally.map((_, place) => this.supervised(wallyRecipe(this.context, place, settings)))
    }
    this.blobs = ports.blobs.map((_, place) => this.supervised(blobsRecipe(this.context, place)))
    for (const batch of [this.auths.slice(0, 1), this.auths.slice(1), this.engines.slice(0, 1), this.engines.slice(1), this.wallys, this.blobs]) {
      for (const process of batch) process.start()
      await Promise.race([aborted, Promise.all(batch.map((process) => process.ready(READY_MS_MAX)))])
      for (const { name, pid } of batch) say(`${name} is up (process ${pid})`)
    }
    this.watchServices()
    this.edge = await startEdge({
      port: ports.http,
      targets: (path) => this.thoseFor(path).filter(({ isReady }) => isReady).map(({ recipe }) => ({ host: '127.0.0.1', port: recipe.ports.http })),
    })
  }

  /** The processes that answer a path. */
  thoseFor(path) {
    if (this.wallys.length > 0 && path.startsWith('/v1/wally')) return this.wallys
    return this.blobs.length > 0 && path.startsWith('/v1/blobs') ? this.blobs : this.auths
  }

  supervised(recipe) {
    const { say } = this.options
    return new Supervised({
      ...recipe,
      onEnd: (how, willRestart) => say(willRestart ? `${recipe.name} ended (${how}); starting it again` : `${recipe.name} cannot run, see ${recipe.log}`),
    })
  }

  /** As many engines as wanted, in the half of the places that the last ones do not use. */
  newEngines() {
    const { engines } = this.options
    const from = (this.generation++ % 2) * engines
    return Array.from({ length: engines }, (_, index) => {
      const recipe = engineRecipe(this.context, from + index, this.nextEngine++)
      return this.supervised({ ...recipe, env: { ...recipe.env, ...this.options.rig.environmentOf(recipe.name) } })
    })
  }

  own() {
    return [...this.auths, ...this.engines, ...this.wallys, ...this.blobs]
  }

  /** Everything that runs: `{name, kind, pid, admin?}`. */
  list() {
    const services = readState(this.options.servicesDir)?.processes ?? []
    return [
      ...this.own().filter(({ pid }) => pid !== undefined)
        .map(({ name, kind, pid, recipe }) => ({ name, kind, pid, admin: `http://127.0.0.1:${recipe.ports.admin}` })),
      ...services.filter((noted) => noted.container !== undefined || isRunning(noted)).map(({ name, kind, pid }) => ({ name, kind, pid })),
    ]
  }

  /** Kills a process (SIGKILL). Resolves when its successor is ready. */
  async kill(name) {
    const process = this.own().find((other) => other.name === name)
    if (process !== undefined) {
      await this.endsAndReturns(process, 'SIGKILL')
      return
    }
    findService(this.options.servicesDir, name)
    if (this.returning.has(name)) throw new Error(`${name} is being started again`)
    await this.bringBack(name, () => killService(this.options.servicesDir, name))
  }

  /** Brings back services that end by themselves, or by somebody's hand. */
  watchServices() {
    this.watch = setInterval(() => {
      for (const noted of readState(this.options.servicesDir)?.processes ?? []) {
        if (noted.container !== undefined || isRunning(noted) || this.returning.has(noted.name)) continue
        this.bringBack(noted.name, async () => {}).catch((error) => this.options.say(error.message))
      }
    }, WATCH_MS)
  }

  /** Ends a process in order (SIGTERM). Resolves when its successor is ready. */
  async restart(name) {
    const process = this.own().find((other) => other.name === name)
    if (process === undefined) throw new Error(`no process of ours is called ${name}`)
    await this.endsAndReturns(process, 'SIGTERM')
  }

  async endsAndReturns(process, signalName) {
    const { pid } = process
    if (!process.signal(signalName)) throw new Error(`${process.name} does not run`)
    if (!(await process.becomes(() => process.pid !== pid, READY_MS_MAX))) throw new Error(`${process.name} does not end`)
    await process.ready(READY_MS_MAX)
  }

  /** Starts a service again after `end()`. Resolves when it is healthy. */
  bringBack(name, end) {
    const { servicesDir, nodes, say } = this.options
    const work = (async () => {
      await end()
      say(`${name} ended; starting it again`)
      do await delay(SERVICE_RESTART_MS)
      while (this.withoutRoom.has(name) && this.stopping === undefined)
      if (this.stopping !== undefined) return
      let noted = await startService(servicesDir, name)
      const deadline = performance.now() + SERVICE_READY_MS_MAX
      let retryAt = performance.now() + SERVICE_RETRY_MS
      for (;;) {
        if (noted.container === undefined && !isRunning(noted) && this.stopping === undefined && performance.now() > retryAt) {
          noted = await startService(servicesDir, name)
          retryAt = performance.now() + SERVICE_RETRY_MS
        }
        try {
          await checkHealth(noted, nodes)
          say(`${name} is back (process ${noted.pid ?? noted.container})`)
          return
        } catch (error) {
          if (this.stopping !== undefined) return
          if (performance.now() > deadline) throw new Error(`${name} did not come back within ${SERVICE_READY_MS_MAX / 1000} s: ${error.message}`)
        }
        await delay(LOOK_MS)
      }
    })().finally(() => this.returning.delete(name))
    this.returning.set(name, work)
    return work
  }

  /** Stops a process (SIGSTOP) for `ms`, then lets it go on. Resolves when it goes on. */
  async pause(name, ms) {
    const send = async (signalName) => {
      const process = this.own().find((other) => other.name === name)
      if (process === undefined) await signalService(this.options.servicesDir, name, signalName)
      else if (!process.signal(signalName)) throw new Error(`${name} does not run`)
    }
    await send('SIGSTOP')
    await delay(ms)
    await send('SIGCONT')
  }

  /** Replaces all engines: new ones are ready first, then the old ones drain together. Resolves when these are gone. */
  async roll() {
    if (this.rolling) throw new Error('a roll is under way')
    this.rolling = true
    try {
      const old = this.engines
      const fresh = this.newEngines()
      this.engines = [...old, ...fresh]
      for (const process of fresh) process.start()
      try {
        await Promise.all(fresh.map((process) => process.ready(READY_MS_MAX)))
      } catch (error) {
        // The old ones still serve everybody: the roll is off, nothing else changed.
        this.engines = old
        this.generation--
        await Promise.all(fresh.map((process) => process.stop()))
        throw error
      }
      this.options.say(`${fresh.map(({ name }) => name).join(', ')} are ready; ${old.map(({ name }) => name).join(', ')} drain`)
      await Promise.all(old.map((process) => process.stop()))
      this.engines = fresh
    } finally {
      this.rolling = false
    }
  }

  services(wanted) {
    return (readState(this.options.servicesDir)?.processes ?? []).filter(({ kind }) => kind === wanted)
  }

  /** Name of the Redis server that is written to. */
  async primary() {
    const [servers, sentinels] = [this.services('redis'), this.services('sentinel')]
    const address = sentinels.length === 0 ? servers[0]?.address : await redisPrimary(sentinels.map((noted) => noted.address))
    const found = servers.find((noted) => noted.address === address)
    if (found === undefined) throw new Error('the primary of Redis is not known')
    return found.name
  }

  /**
   * Kills the primary of Redis and leaves it down until the sentinels have made the replica the primary. With `detachedMs` the replica was cut off for so long
   * before, and lacks what was written meanwhile. Resolves with the new one's name when the old one is back, as a replica.
   */
  async failover(detachedMs = 0) {
    if (this.services('sentinel').length === 0) throw new Error('this cluster has no sentinels, so its Redis cannot fail over')
    const old = await this.primary()
    if (this.returning.has(old)) throw new Error(`${old} is being started again`)
    if (detachedMs > 0) await this.leaveBehind(old, detachedMs)
    await this.bringBack(old, async () => {
      await killService(this.options.servicesDir, old)
      const deadline = performance.now() + FAILOVER_MS_MAX
      while ((await this.primary()) === old) {
        if (performance.now() > deadline) throw new Error(`nobody took over from ${old} within ${FAILOVER_MS_MAX / 1000} s`)
        if (this.stopping !== undefined) return
        await delay(LOOK_MS)
      }
    })
    return this.primary()
  }

  /** Cuts the replica off from `primary` and lets it fall behind; rejects when nothing was written meanwhile. */
  async leaveBehind(primary, ms) {
    const addressOf = (name) => findService(this.options.servicesDir, name).address
    const [replica] = this.services('redis').filter(({ name }) => name !== primary)
    await detachReplicas(addressOf(primary))
    await delay(ms)
    const bytes = await replicationBehind(addressOf(primary), replica.address)
    if (!(bytes > 0)) throw new Error(`${replica.name} did not fall behind ${primary}`)
    this.options.say(`${replica.name} was detached for ${ms / 1000} s and lacks ${bytes} bytes of what ${primary} holds`)
  }

  /** What of the wanted rigs can be used on whom, and why the others cannot: see `prepareRig`. */
  get rigs() {
    return this.options.rig.states
  }

  /** Cuts a node of Cassandra off from everybody for `ms`. Resolves when it works with the others again. */
  async cut(name, ms) {
    await this.options.rig.cut(name)
    try {
      await delay(ms)
    } finally {
      await this.options.rig.mend(name)
    }
    await this.healthy(name)
  }

  /**
   * Fills the disk of a node's commit log for `ms`. Resolves when there is room again and the node works; one that ended is started when there is room, after
   * what somebody would do by hand: see `removeHeaderless`.
   */
  async fill(name, ms) {
    const { rig, say, servicesDir } = this.options
    const { bytes, folder } = rig.fill(name)
    this.withoutRoom.add(name)
    try {
      say(`the disk of ${name} is full (${bytes} bytes of ballast)`)
      await delay(ms)
    } finally {
      rig.clear(name)
      if (!isRunning(findService(servicesDir, name))) {
        for (const segment of removeHeaderless(folder)) say(`${name} left ${segment} without a header; removed`)
      }
      this.withoutRoom.delete(name)
    }
    await this.healthy(name)
  }

  /**
   * Sets the wall clock of an engine `aheadMs` ahead (or behind, when negative) for `ms`; with `restarts` the engine is killed then and starts by that clock.
   * Resolves when the clock is right and the engine ready.
   */
  async skew(name, { ms, aheadMs, restarts }) {
    const engine = this.engines.find((other) => other.name === name)
    if (engine === undefined) throw new Error(`no engine is called ${name}`)
    this.options.rig.setClock(name, aheadMs)
    try {
      if (restarts) engine.signal('SIGKILL')
      await delay(ms)
    } finally {
      this.options.rig.setClock(name, 0)
    }
    await engine.ready(READY_MS_MAX)
  }

  /** Waits until a service works, also when it has to be started again first. */
  async healthy(name) {
    const deadline = performance.now() + SERVICE_READY_MS_MAX
    for (;;) {
      await this.returning.get(name)
      try {
        await checkHealth(findService(this.options.servicesDir, name), this.options.nodes)
        return
      } catch (error) {
        if (performance.now() > deadline) throw new Error(`${name} does not work ${SERVICE_READY_MS_MAX / 1000} s after the fault: ${error.message}`)
      }
      await delay(LOOK_MS)
    }
  }

  /** Name of the NATS server that leads JetStream; rejects while there is none. */
  async leader() {
    const name = await natsLeader(this.services('nats').map(({ monitor }) => monitor))
    if (name === undefined) throw new Error('JetStream has no leader now')
    return name
  }

  /** Ends everything that this cluster started; services too unless they ran before. Safe to call twice. */
  stop() {
    this.stopping ??= this.stopAll()
    return this.stopping
  }

  async stopAll() {
    const { servicesDir, keepsServices, say, rig } = this.options
    clearInterval(this.watch)
    await Promise.all([this.edge?.close(), ...this.own().map((process) => process.stop())])
    await Promise.allSettled(this.returning.values())
    try {
      if (!keepsServices) await down({ dir: servicesDir, say })
    } finally {
      await rig.remove()
    }
  }
}
