import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClusterProcess, type RigName } from '../cluster-process.js'
import { audit, type ClassResult, type DeviceView } from '../crash/audit.js'
import { conversationName, planClients, type ClientPlan } from '../crash/plan.js'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { Progress } from '../progress.js'
import { ClientHost } from './client-host.js'
import type { DeviceReport } from './client-protocol.js'
import { measureWindows, toldTwice, type Window, type WindowResult } from './gaps.js'
import { faultText, goalMsOf, parseTargets, planFaults, rigOf, seededNumber, TARGETS, type Fault, type PlannedFault, type Target } from './schedule.js'

const CHAINS = ['solana', 'ton', 'terra'] as const
const DEVICES_PER_HOST = 10
/** In memory where the system has such a folder: the clients live through the run, and their syncs would compete with those of the stores under test. */
const PROFILES_IN = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
/** Devices that sign in at a time. */
const SIGN_INS_AT_ONCE = 6
/** Load after a fault is over, so that what it left behind shows. */
const AFTER_FAULT_MS = 6_000
/** Time in which everybody must be under way: sessions are made, the first messages are through. */
const WARM_UP_MS_MAX = 180_000
/** Load that this machine bears: so many stretches of time in a row in which no message took longer, to its ack or to being shown. */
const CALM = { windows: 3, windowMs: 6_000, slowestMs: 1_500, msMax: 120_000 } as const
/** Where it is more than that, devices send less often, by this factor a stretch, up to this pace. */
const SLOWER = { factor: 1.5, paceMsMax: 10_000 } as const
/** Time without an acknowledgement after which a run is given up: what is missing then is reported as missing. */
const STALL_MS = 90_000
const POLL_MS = 200
/** Processes of auth, as `npm run cluster` has them. */
const AUTHS = 2
const EXIT_INTERRUPTED = 130
const NAME_WIDTH = 48

const { numbers, texts, flags, json } = readRunOptions(
  'npm run faults -- [--nodes 3] [--clients 50] [--messages 20000] [--kill engine,cassandra,nats,redis] [--pause engine] [--roll]\n' +
    '                  [--failover redis] [--partition cassandra] [--full cassandra] [--skew engine] [--seed N] [--json]\n\n' +
    'A whole cluster (engines, auth, Cassandra, NATS, Redis) on this machine, clients of three chains with two devices an account that chat, and\n' +
    'faults: kill -9 of one process of each kind (of NATS the leader; the primary of Redis, which comes back empty), SIGSTOP, a rolling deploy, and on\n' +
    'request a Redis failover to a replica that was detached before, a partition, a full disk, wrong clocks. In the end every device of both sides\n' +
    'must show every acknowledged message once, in one order. What this machine does not allow is named as SKIPPED.',
  {
    nodes: { default: 3, min: 1, max: 3, help: 'engines, and nodes of Cassandra and NATS: 1 or 3' },
    clients: { default: 50, min: 2, max: 200, help: 'devices' },
    messages: { default: 20_000, min: 1, max: 1_000_000, help: 'messages at least; more are sent while faults go on' },
    pace: { default: 2_500, min: 1, max: 10_000, help: 'time between two messages of one device while faults go on, in ms; more where the machine does not bear that' },
    pauseMs: { default: 20_000, min: 100, max: 60_000, help: 'length of a pause in ms' },
    detachedMs: { default: 5_000, min: 1_000, max: 20_000, help: 'how long the replica is detached before a failover, in ms' },
    partitionMs: { default: 20_000, min: 100, max: 60_000, help: 'length of a partition in ms' },
    fullMs: { default: 20_000, min: 100, max: 60_000, help: 'how long the disk is full, in ms' },
    skewMs: { default: 20_000, min: 2_000, max: 60_000, help: 'how long a clock is wrong, in ms' },
    skewByMs: { default: 30_000, min: 1, max: 86_400_000, help: 'by how much, in ms; ahead or behind' },
  },
  {
    kill: `killed with -9, each once: any of ${TARGETS.join(',')}, or none (default engine,cassandra,nats,redis)`,
    pause: 'stopped with SIGSTOP, each once (default engine)',
    failover: 'redis: its primary is killed, and a replica that lacks the last writes takes over (default none)',
    partition: 'cassandra: a node is cut off from all others and from the engines, by a network namespace; needs root on Linux (default none)',
    full: 'cassandra: the disk of the commit log of a node is filled, a small mount; needs root on Linux (default none)',
    skew: 'engine: its wall clock is wrong, then it starts by a wrong clock, by libfaketime; needs that or apt-get (default none)',
    seed: 'decides the order of the faults, their moments and whom they hit (default: from the time)',
  },
  { roll: 'a rolling deploy of all engines' },
)
const seed = texts['seed'] ?? String(Date.now() % 1_000_000)
const planned = planFaults(askedFaults(), seed)

/** The faults that were asked for; ends with 2 for one that is none. */
function askedFaults(): readonly Fault[] {
  const asked = <Name extends string>(option: string, allowed: readonly Name[], unasked = 'none'): readonly Name[] => {
    const targets = parseTargets(texts[option] ?? unasked, allowed)
    if (targets !== undefined) return targets
    console.error(`--${option} takes ${allowed.join(',')} or none. See npm run faults -- --help`)
    return process.exit(2)
  }
  if (![1, 3].includes(numbers.nodes)) {
    console.error('--nodes is 1 or 3. See npm run faults -- --help')
    process.exit(2)
  }
  const aheadMs = seededNumber(seed, 'ahead or behind') % 2 === 0 ? numbers.skewByMs : -numbers.skewByMs
  return [
    ...asked('kill', TARGETS, 'engine,cassandra,nats,redis').map((target): Fault => ({ kind: 'kill', target })),
    ...asked('pause', TARGETS, 'engine').map((target): Fault => ({ kind: 'pause', target, ms: numbers.pauseMs })),
    ...(flags.has('roll') ? [{ kind: 'roll' } as const] : []),
    ...asked('failover', ['redis']).map((): Fault => ({ kind: 'failover', detachedMs: numbers.detachedMs })),
    ...asked('partition', ['cassandra']).map((): Fault => ({ kind: 'partition', ms: numbers.partitionMs })),
    ...asked('full', ['cassandra']).map((): Fault => ({ kind: 'full', ms: numbers.fullMs })),
    ...asked('skew', ['engine']).flatMap(() => [false, true].map((restarts): Fault => ({ kind: 'skew', ms: numbers.skewMs, aheadMs, restarts }))),
  ]
}

const nowMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const say = (text: string): void => { if (!json) console.error(text) }
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Everything that a run knows of its clients. */
class Crowd {
  readonly plans: readonly ClientPlan[] = planClients(numbers.clients, numbers.messages)
  readonly failures: string[] = []
  readonly #folder = mkdtempSync(join(PROFILES_IN, 'evegram-faults-'))
  readonly #hosts: readonly ClientHost[]
  readonly #addresses = new Map<string, string>()

  constructor(url: string) {
    this.#hosts = Array.from({ length: Math.ceil(this.plans.length / DEVICES_PER_HOST) }, () => {
      const host = new ClientHost({ url, paceMs: numbers.pace })
      host.onFailure = (message) => { this.failures.push(message) }
      return host
    })
  }

  get acked(): number {
    return this.#hosts.reduce((sum, { acked }) => sum + acked, 0)
  }

  /** Waits until every device is under way, then slows them down until the machine bears it, or until that takes too long. Resolves with the pace in ms. */
  async warmUp(): Promise<number> {
    const settledBy = nowMs() + WARM_UP_MS_MAX
    while (nowMs() < settledBy && this.failures.length === 0 && !this.#hosts.every(({ settled }) => settled)) await sleep(POLL_MS)
    if (nowMs() >= settledBy) say('not every device is under way after the warm-up: waits of the first stretch are those of the start')
    const calmBy = nowMs() + CALM.msMax
    let [paceMs, calmWindows] = [numbers.pace, 0]
    for (const host of this.#hosts) host.takeSlowestMs()
    while (nowMs() < calmBy && this.failures.length === 0 && calmWindows < CALM.windows) {
      await sleep(CALM.windowMs)
      const slowestMs = Math.max(...this.#hosts.map((host) => host.takeSlowestMs()))
      calmWindows = slowestMs <= CALM.slowestMs ? calmWindows + 1 : 0
      if (calmWindows > 0 || paceMs >= SLOWER.paceMsMax) continue
      paceMs = Math.min(SLOWER.paceMsMax, Math.round(paceMs * SLOWER.factor))
      for (const host of this.#hosts) host.tell({ kind: 'pace', paceMs })
      for (const host of this.#hosts) host.takeSlowestMs()
      say(`a message took ${(slowestMs / 1_000).toFixed(1)} s without any fault: each device sends every ${(paceMs / 1_000).toFixed(1)} s`)
    }
    return paceMs
  }

  get finished(): boolean {
    return this.#hosts.every(({ finished }) => finished)
  }

  /** Signs every device in: those that found an account first. */
  async open(): Promise<void> {
    const seeds = this.plans.map(() => randomBytes(32).toString('base64url'))
    const progress = new Progress('signed in', this.plans.length, { silent: json })
    for (const device of [0, 1]) {
      const waiting = this.plans.filter((plan) => plan.device === device)
      const signIn = async (): Promise<void> => {
        for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
          await this.#openOne(plan, seeds[plan.account] ?? '')
          progress.update(this.#addresses.size)
        }
      }
      await Promise.all(Array.from({ length: SIGN_INS_AT_ONCE }, signIn))
    }
    progress.stop()
  }

  async #openOne(plan: ClientPlan, walletSeed: string): Promise<void> {
    const profile = join(this.#folder, plan.name)
    mkdirSync(profile, { recursive: true })
    const host = this.#hosts[this.plans.indexOf(plan) % this.#hosts.length]
    const address = await host?.open({
      name: plan.name, profile, seed: walletSeed, chain: CHAINS[plan.account % CHAINS.length] ?? 'solana', messages: plan.messages,
    })
    this.#addresses.set(plan.name, address ?? '')
  }

  /** Lets every device send to the account of its plan. */
  send(): void {
    const addressOf = new Map(this.plans.map(({ name, account }) => [account, this.#addresses.get(name) ?? '']))
    const peers = Object.fromEntries(this.plans.map(({ name, peer }) => [name, addressOf.get(peer) ?? '']))
    for (const host of this.#hosts) host.tell({ kind: 'send', peers })
  }

  finish(): void {
    for (const host of this.#hosts) host.tell({ kind: 'finish' })
  }

  async reports(): Promise<readonly DeviceReport[]> {
    return (await Promise.all(this.#hosts.map((host) => host.report()))).flat()
  }

  /** Asks until every acknowledged message is shown everywhere, or nothing changes any more. */
  async settle(): Promise<{ readonly reports: readonly DeviceReport[]; readonly results: readonly ClassResult[] }> {
    let [lastShown, stalledSinceMs] = [-1, nowMs()]
    for (;;) {
      const reports = await this.reports()
      const results = audit(ackedTexts(reports), this.plans, this.#views(reports))
      const shown = results.reduce((sum, result) => sum + result.shown, 0)
      if (shown > lastShown) stalledSinceMs = nowMs()
      lastShown = shown
      if (results.every(({ missing }) => missing === 0) || nowMs() - stalledSinceMs > STALL_MS) return { reports, results }
      await sleep(1_000)
    }
  }

  #views(reports: readonly DeviceReport[]): readonly DeviceView[] {
    const accountOf = new Map(this.plans.map(({ name, account }) => [this.#addresses.get(name), account]))
    return this.plans.map((plan) => {
      const conversations = new Map<string, readonly string[]>([[conversationName(plan.account, plan.peer), []]])
      for (const { peerAddress, texts: lines } of reports.find(({ name }) => name === plan.name)?.conversations ?? []) {
        const peer = accountOf.get(peerAddress)
        if (peer !== undefined) conversations.set(conversationName(plan.account, peer), lines)
      }
      return { plan, conversations }
    })
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#hosts.map((host) => host.stop()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function ackedTexts(reports: readonly DeviceReport[]): ReadonlySet<string> {
  return new Set(reports.flatMap(({ name, acks }) => acks.map(([number]) => `${name}:${String(number)}`)))
}

/** A fault that this machine does not allow. */
interface Skipped {
  readonly fault: string
  readonly why: string
}

/** Parts the faults that can be done to this cluster from those that cannot, and says loudly which these are. */
async function sortOut(cluster: ClusterProcess): Promise<{ readonly faults: readonly PlannedFault[]; readonly skipped: readonly Skipped[] }> {
  const hasSentinels = (await cluster.members()).some(({ kind }) => kind === 'sentinel')
  const whyNot = (fault: Fault): string | undefined => {
    if (fault.kind === 'failover') return hasSentinels ? undefined : 'this cluster has no sentinels: one node, or containers'
    const state = cluster.rigs.find(({ name }) => name === rigOf(fault))
    return state !== undefined && 'missing' in state ? state.missing : undefined
  }
  const faults = planned.filter(({ fault }) => whyNot(fault) === undefined)
  const skipped = planned.flatMap(({ fault }) => {
    const why = whyNot(fault)
    return why === undefined ? [] : [{ fault: faultText(fault), why }]
  })
  for (const { fault, why } of skipped) console.error(`SKIPPED ${fault}: ${why}`)
  return { faults, skipped }
}

/** One of the processes of a kind: of NATS the one that leads, of Redis the one that is written to, of others the one that the seed picks. */
async function nameOf(cluster: ClusterProcess, target: Target, pick: number): Promise<string> {
  const candidates = (await cluster.members()).filter(({ kind }) => kind === target)
  if (target === 'nats' && candidates.length > 1) return (await cluster.order({ kind: 'leader' })).name ?? ''
  if (target === 'redis') return (await cluster.order({ kind: 'primary' })).name ?? ''
  const name = candidates[pick % Math.max(1, candidates.length)]?.name
  if (name === undefined) throw new Error(`there is no ${target} now`)
  return name
}

/** Does one fault; done when it is over. Resolves with whom it hit. */
async function inflict(cluster: ClusterProcess, { fault, pick }: PlannedFault): Promise<string> {
  const rig = cluster.rigs.find(({ name }) => name === rigOf(fault))
  const rigged = rig !== undefined && 'on' in rig ? rig.on : ''
  switch (fault.kind) {
    case 'roll':
      await cluster.order(fault)
      return 'all engines'
    case 'failover':
      return `to ${(await cluster.order({ kind: 'failover', ms: fault.detachedMs })).name ?? ''}`
    case 'partition':
      await cluster.order({ kind: 'cut', name: rigged, ms: fault.ms })
      return rigged
    case 'full':
      await cluster.order({ kind: 'fill', name: rigged, ms: fault.ms })
      return rigged
    default: {
      const name = await nameOf(cluster, fault.kind === 'skew' ? 'engine' : fault.target, pick)
      await cluster.order({ ...fault, name })
      return name
    }
  }
}

/** Goes through the faults under load. Returns the stretches of the run. */
async function inflictAll(cluster: ClusterProcess, crowd: Crowd, faults: readonly PlannedFault[]): Promise<readonly Window[]> {
  const windows: Window[] = []
  let startMs = nowMs()
  for (const next of faults) {
    await sleep(next.quietMs)
    windows.push({ name: windows.length === 0 ? 'before any fault' : 'between', startMs, endMs: nowMs() })
    startMs = nowMs()
    const what = faultText(next.fault)
    let whom = ''
    try {
      whom = await inflict(cluster, next)
    } catch (error) {
      // What was promised holds all the same: the history is checked, and the run fails.
      crowd.failures.push(`${what}: ${messageOf(error)}`)
    }
    const tookMs = nowMs() - startMs
    await sleep(AFTER_FAULT_MS)
    const goalMs = goalMsOf(next.fault)
    windows.push({ name: `${what} (${whom})`, startMs, endMs: nowMs(), ...(goalMs === undefined ? {} : { goalMs }) })
    startMs = nowMs()
    say(`${what} (${whom}): over after ${(tookMs / 1_000).toFixed(1)} s, ${String(crowd.acked)} messages acknowledged so far`)
    if (crowd.failures.length > 0) break
  }
  if (windows.length === 0) windows.push({ name: 'no fault', startMs, endMs: nowMs() + numbers.pace * Math.ceil(numbers.messages / numbers.clients) })
  return windows
}

async function run(): Promise<boolean> {
  const startedAt = nowMs()
  const cluster = new ClusterProcess({ EVEGRAM_RATE_FACTOR: '1000' })
  let crowd: Crowd | undefined
  const endAll = async (): Promise<void> => {
    await crowd?.stop()
    await cluster.dispose()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      say(`interrupted by ${name}: ending everything`)
      void endAll().finally(() => process.exit(EXIT_INTERRUPTED))
    })
  }
  try {
    say(`starting a cluster of ${String(numbers.nodes)} (seed ${seed})`)
    const rigs = new Set(planned.map(({ fault }) => rigOf(fault)).filter((name): name is RigName => name !== undefined))
    say(`it runs after ${((await cluster.start(numbers.nodes, numbers.nodes, AUTHS, [...rigs])) / 1_000).toFixed(0)} s`)
    const { faults, skipped } = await sortOut(cluster)
    crowd = new Crowd(cluster.url)
    const { failures } = crowd
    cluster.onEnd = (how) => { failures.push(how) }
    await crowd.open()
    crowd.send()
    const paceMs = await crowd.warmUp()
    const windows = await inflictAll(cluster, crowd, faults)
    if (faults.length > 0) crowd.finish()
    await finishLoad(crowd, faults.length > 0)
    const { reports, results } = await crowd.settle()
    const acked = ackedTexts(reports).size
    const twice = toldTwice(reports)
    if (twice > 0) failures.push(`${String(twice)} times a device told of a message that it had told of before`)
    const held = failures.length === 0 && acked >= numbers.messages && crowd.finished &&
      results.every(({ duplicate, missing, reordered }) => duplicate + missing + reordered === 0)
    const seconds = (nowMs() - startedAt) / 1_000
    print({ results, acked, failures, held, skipped, paceMs, windows: measureWindows(windows, reports), counters: totals(reports), seconds })
    return held
  } finally {
    await endAll()
  }
}

/** Waits until every device has sent everything, or nothing is acknowledged any more. */
async function finishLoad(crowd: Crowd, isFinishing: boolean): Promise<void> {
  const progress = new Progress('acknowledged', numbers.messages, { silent: json })
  let [lastAcked, stalledSinceMs] = [-1, nowMs()]
  if (!isFinishing) {
    while (crowd.acked < numbers.messages && nowMs() - stalledSinceMs < STALL_MS) {
      if (crowd.acked > lastAcked) [lastAcked, stalledSinceMs] = [crowd.acked, nowMs()]
      progress.update(Math.min(crowd.acked, numbers.messages))
      await sleep(POLL_MS)
    }
    crowd.finish()
  }
  while (!crowd.finished && crowd.failures.length === 0 && nowMs() - stalledSinceMs < STALL_MS) {
    if (crowd.acked > lastAcked) [lastAcked, stalledSinceMs] = [crowd.acked, nowMs()]
    progress.update(Math.min(crowd.acked, numbers.messages))
    await sleep(POLL_MS)
  }
  progress.stop()
}

function totals(reports: readonly DeviceReport[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { counters } of reports) for (const [name, value] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + value
  return sums
}

interface Outcome {
  readonly results: readonly ClassResult[]
  readonly windows: readonly WindowResult[]
  readonly skipped: readonly Skipped[]
  /** Time between two messages of one device while faults went on, in ms. */
  readonly paceMs: number
  readonly acked: number
  readonly counters: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly seconds: number
  readonly held: boolean
}

function print({ results, windows, skipped, paceMs, acked, counters, failures, seconds, held }: Outcome): void {
  if (json) {
    console.log(JSON.stringify({ seed, ...numbers, paceMs, skipped, acked, classes: results, windows, counters, failures, held, seconds: Number(seconds.toFixed(1)), machine: machineFacts() }))
    return
  }
  const machine = machineFacts()
  console.log(`${String(numbers.nodes)} nodes, ${String(numbers.clients)} devices, ${String(acked)} messages acknowledged, ${seconds.toFixed(0)} s, seed ${seed}`)
  console.log(`while faults went on each device sent every ${(paceMs / 1_000).toFixed(1)} s`)
  console.log(`${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.commit}; everything on this one machine`)
  console.log('\ndevice class                    acked    shown  duplicate  missing  reordered')
  for (const { deviceClass, acked: due, shown, duplicate, missing, reordered } of results) {
    const cells = [[due, 8], [shown, 9], [duplicate, 11], [missing, 9], [reordered, 11]] as const
    console.log(deviceClass.padEnd(29) + cells.map(([value, width]) => String(value).padStart(width)).join(''))
  }
  console.log(`\n${'stretch (ms)'.padEnd(NAME_WIDTH)}   sent  ack silence  longest ack wait  longest delivery  delivery p50    p99  reconnects  of one  goal`)
  for (const row of windows) {
    const cells = [
      [row.sent, 7], [row.ackSilenceMs, 13], [row.ackWaitMs, 18], [row.deliveryMs, 18], [row.deliveryP50Ms, 14], [row.deliveryP99Ms, 7],
      [row.reconnects, 12], [row.reconnectsOfOneMax, 8],
    ] as const
    const goal = row.goalMs === undefined ? '' : `  ${String(row.goalMs)} ${row.withinGoal === true ? 'met' : 'missed'}`
    console.log(row.name.padEnd(NAME_WIDTH) + cells.map(([value, width]) => String(Math.round(value)).padStart(width)).join('') + goal)
  }
  console.log('ack silence: nobody got an acknowledgement. Waits are counted in every stretch that they lasted into.')
  for (const [name, value] of Object.entries(counters)) console.log(`${name}: ${String(value)}`)
  for (const { fault, why } of skipped) console.log(`SKIPPED ${fault}: ${why}`)
  for (const failure of failures) console.log(`failure: ${failure}`)
  if (acked < numbers.messages) console.log(`only ${String(acked)} of ${String(numbers.messages)} messages were acknowledged`)
  console.log(held ? '\nheld: nothing acknowledged is missing, doubled or out of order' : `\nNOT HELD (seed ${seed})`)
}

process.exitCode = (await run()) ? 0 : 1
