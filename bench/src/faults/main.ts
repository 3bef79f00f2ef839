import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClusterProcess } from '../cluster-process.js'
import { audit, type ClassResult, type DeviceView } from '../crash/audit.js'
import { conversationName, planClients, type ClientPlan } from '../crash/plan.js'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { Progress } from '../progress.js'
import { ClientHost } from './client-host.js'
import type { DeviceReport } from './client-protocol.js'
import { measureWindows, type Window, type WindowResult } from './gaps.js'
import { faultText, parseTargets, planFaults, TARGETS, type Fault, type PlannedFault } from './schedule.js'

const CHAINS = ['solana', 'ton', 'terra'] as const
const DEVICES_PER_HOST = 10
/** Devices that sign in at a time. */
const SIGN_INS_AT_ONCE = 6
/** Load after a fault is over, so that what it left behind shows. */
const AFTER_FAULT_MS = 6_000
/** Time without an acknowledgement after which a run is given up: what is missing then is reported as missing. */
const STALL_MS = 90_000
const POLL_MS = 200

const { numbers, texts, flags, json } = readRunOptions(
  'npm run faults -- [--nodes 3] [--clients 50] [--messages 20000] [--kill engine,cassandra,nats,redis] [--pause engine] [--roll] [--seed N]\n\n' +
    'A whole cluster (engines, auth, Cassandra, NATS, Redis) on this machine, clients of three chains with two devices an account that chat, and\n' +
    'faults: kill -9 of one process of each kind (of NATS the leader; Redis comes back empty), SIGSTOP, a rolling deploy. In the end every device\n' +
    'of both sides must show every acknowledged message once, in one order.',
  {
    nodes: { default: 3, min: 1, max: 3, help: 'engines, and nodes of Cassandra and NATS: 1 or 3' },
    clients: { default: 50, min: 2, max: 200, help: 'devices' },
    messages: { default: 20_000, min: 1, max: 1_000_000, help: 'messages at least; more are sent while faults go on' },
    pace: { default: 400, min: 1, max: 60_000, help: 'time between two messages of one device while faults go on, in ms' },
    pauseMs: { default: 20_000, min: 100, max: 60_000, help: 'length of a pause in ms' },
  },
  {
    kill: `killed with -9, each once: any of ${TARGETS.join(',')}, or none (default engine,cassandra,nats,redis)`,
    pause: 'stopped with SIGSTOP, each once (default engine)',
    seed: 'decides the order of the faults, their moments and whom they hit (default: from the time)',
  },
  { roll: 'a rolling deploy of all engines' },
)
const seed = texts['seed'] ?? String(Date.now() % 1_000_000)
const faults = planFaults(askedFaults(), seed)

/** The faults that were asked for; ends with 2 for one that is none. */
function askedFaults(): readonly Fault[] {
  const [kills, pauses] = [parseTargets(texts['kill'] ?? 'engine,cassandra,nats,redis'), parseTargets(texts['pause'] ?? 'engine')]
  if (kills === undefined || pauses === undefined || ![1, 3].includes(numbers.nodes)) {
    console.error(`--kill and --pause take ${TARGETS.join(',')} or none, --nodes 1 or 3. See npm run faults -- --help`)
    process.exit(2)
  }
  return [
    ...kills.map((target): Fault => ({ kind: 'kill', target })), ...pauses.map((target): Fault => ({ kind: 'pause', target, ms: numbers.pauseMs })),
    ...(flags.has('roll') ? [{ kind: 'roll' } as const] : []),
  ]
}

const nowMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const say = (text: string): void => { if (!json) console.error(text) }

/** Everything that a run knows of its clients. */
class Crowd {
  readonly plans: readonly ClientPlan[] = planClients(numbers.clients, numbers.messages)
  readonly failures: string[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'evegram-faults-'))
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

/** Does one fault to the process that the seed picks; done when it is over. */
async function inflict(cluster: ClusterProcess, { fault, pick }: PlannedFault): Promise<string> {
  if (fault.kind === 'roll') {
    await cluster.order(fault)
    return 'all engines'
  }
  const candidates = (await cluster.members()).filter(({ kind }) => kind === fault.target)
  const leader = fault.target === 'nats' && candidates.length > 1 ? (await cluster.order({ kind: 'leader' })).name : undefined
  const name = leader ?? candidates[pick % Math.max(1, candidates.length)]?.name
  if (name === undefined) throw new Error(`there is no ${fault.target} to ${fault.kind}`)
  await cluster.order(fault.kind === 'kill' ? { kind: 'kill', name } : { kind: 'pause', name, ms: fault.ms })
  return name
}

/** Goes through the faults under load. Returns the stretches of the run. */
async function inflictAll(cluster: ClusterProcess, crowd: Crowd): Promise<readonly Window[]> {
  const windows: Window[] = []
  let startMs = nowMs()
  for (const planned of faults) {
    await sleep(planned.quietMs)
    windows.push({ name: windows.length === 0 ? 'before any fault' : 'between', startMs, endMs: nowMs() })
    startMs = nowMs()
    const what = faultText(planned.fault)
    const whom = await inflict(cluster, planned)
    const tookMs = nowMs() - startMs
    await sleep(AFTER_FAULT_MS)
    windows.push({ name: `${what} (${whom})`, startMs, endMs: nowMs() })
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
  try {
    say(`starting a cluster of ${String(numbers.nodes)} (seed ${seed})`)
    say(`it runs after ${((await cluster.start(numbers.nodes)) / 1_000).toFixed(0)} s`)
    crowd = new Crowd(cluster.url)
    const { failures } = crowd
    cluster.onEnd = (how) => { failures.push(how) }
    await crowd.open()
    crowd.send()
    const windows = await inflictAll(cluster, crowd)
    if (faults.length > 0) crowd.finish()
    await finishLoad(crowd)
    const { reports, results } = await crowd.settle()
    const acked = ackedTexts(reports).size
    const held = failures.length === 0 && acked >= numbers.messages && crowd.finished &&
      results.every(({ duplicate, missing, reordered }) => duplicate + missing + reordered === 0)
    print({ results, acked, failures, held, windows: measureWindows(windows, reports), counters: totals(reports), seconds: (nowMs() - startedAt) / 1_000 })
    return held
  } finally {
    await crowd?.stop()
    await cluster.dispose()
  }
}

/** Waits until every device has sent everything, or nothing is acknowledged any more. */
async function finishLoad(crowd: Crowd): Promise<void> {
  const progress = new Progress('acknowledged', numbers.messages, { silent: json })
  let [lastAcked, stalledSinceMs] = [-1, nowMs()]
  if (faults.length === 0) {
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
  readonly acked: number
  readonly counters: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly seconds: number
  readonly held: boolean
}

function print({ results, windows, acked, counters, failures, seconds, held }: Outcome): void {
  if (json) {
    console.log(JSON.stringify({ seed, ...numbers, acked, classes: results, windows, counters, failures, held, seconds: Number(seconds.toFixed(1)), machine: machineFacts() }))
    return
  }
  const machine = machineFacts()
  console.log(`${String(numbers.nodes)} nodes, ${String(numbers.clients)} devices, ${String(acked)} messages acknowledged, ${seconds.toFixed(0)} s, seed ${seed}`)
  console.log(`${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.commit}; everything on this one machine`)
  console.log('\ndevice class                    acked    shown  duplicate  missing  reordered')
  for (const { deviceClass, acked: due, shown, duplicate, missing, reordered } of results) {
    const cells = [[due, 8], [shown, 9], [duplicate, 11], [missing, 9], [reordered, 11]] as const
    console.log(deviceClass.padEnd(29) + cells.map(([value, width]) => String(value).padStart(width)).join(''))
  }
  console.log('\nstretch (ms)                           sent  ack silence  longest ack wait  longest delivery  delivery p50    p99  reconnects  of one')
  for (const row of windows) {
    const cells = [
      [row.sent, 7], [row.ackSilenceMs, 13], [row.ackWaitMs, 18], [row.deliveryMs, 18], [row.deliveryP50Ms, 14], [row.deliveryP99Ms, 7],
      [row.reconnects, 12], [row.reconnectsOfOneMax, 8],
    ] as const
    console.log(row.name.padEnd(36) + cells.map(([value, width]) => String(Math.round(value)).padStart(width)).join(''))
  }
  console.log('ack silence: nobody got an acknowledgement. Waits are counted in every stretch that they lasted into.')
  for (const [name, value] of Object.entries(counters)) console.log(`${name}: ${String(value)}`)
  for (const failure of failures) console.log(`failure: ${failure}`)
  if (acked < numbers.messages) console.log(`only ${String(acked)} of ${String(numbers.messages)} messages were acknowledged`)
  console.log(held ? '\nheld: nothing acknowledged is missing, doubled or out of order' : `\nNOT HELD (seed ${seed})`)
}

process.exitCode = (await run()) ? 0 : 1
