import { accountIdOf, LIMITS } from '@evegram/protocol'
import { createLocalWallet, type Wallet } from '@evegram/sdk'
import type { DiscoveredServer } from '@evegram/sdk/parts'
import { Auditor } from '../audit/auditor.js'
import { SimDevice, type Person } from '../device/device.js'
import { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { Liar } from '../malice/liar.js'
import { SimNetwork } from '../network/network.js'
import { AUTH_MACHINES, SimAuth } from '../services/auth.js'
import { SimEngineStores } from '../services/engine/stores.js'
import { cryptoOf, type WorldCrypto } from './crypto.js'
import { Intruder } from './intruder.js'
import { calmOf, drawMix, type FaultMix } from './mix.js'
import { Nemesis } from './nemesis.js'
import { SimNode } from './node.js'
import { Partition } from './partition.js'
import type { WorldProfile } from './profiles.js'
import { ReceiptRound } from './receipt-round.js'
import { Workload } from './workload.js'

/** The server that every device of every world is configured with. */
const SERVER: DiscoveredServer = {
  domain: 'chat.example', origin: 'https://chat.example', serverId: '5e'.repeat(16), network: 'mainnet', protocol: { min: 1, max: 1 },
  wsUrl: 'wss://chat.example/v1/socket', authUrl: 'https://chat.example', limits: {},
}
/** How many people meet. */
const PEOPLE = [2, 2, 2, 2, 3, 3, 4] as const
const NAMES = ['alice', 'bob', 'carol', 'dave'] as const
/** Worlds with wide groups: with more members than one of these. A group of one becomes wide with the second, so that crossing is common. */
const WIDE_WORLDS = 0.5
const WIDE_OVER = [1, 1, 2, 2, 3] as const
/** Everybody is signed in and live within this time, before anything fails. */
const SETUP_MS_MAX = 60_000
/** How long faults and traffic go on. */
const CHAOS_MS = [6_000, 34_000] as const
/** After the faults stopped a world goes on for this long at least: cursors pass what was sent. */
const CALM_MS_MIN = 75_000
/** After the faults stopped everything is delivered within this time. */
const LIVENESS_MS_MAX = 30 * 60_000
/** Time until an instance of auth that died is started again. */
const AUTH_DOWN_MS = [500, 10_000] as const
/** Interval of looks whether all is quiet. */
const LOOK_MS = 500
/** Interval at which what is down is started again. */
const TIDY_MS = 5_000
/** Clocks of auth are off by up to this. */
const AUTH_SKEW_MS_MAX = 300_000
/** Clocks of machines run up to this much fast or slow. */
const CLOCK_DRIFT_MAX = 0.000_1
/** After everything came, receipts of what is said then are with everybody within this time, in this many rounds at most: each makes up for what was lost before. */
const RECEIPTS_MS = 15_000
const RECEIPT_ROUNDS_MAX = 3
/** How often people tell nobody what they received and read, and how often they decide about strangers. */
const SILENT = 0.15
const ASKS = 0.5
/** How long a world is dark. */
const DARK_MS = [600_000, 40 * 24 * 3_600_000] as const

/** One world: nodes, auth, people with their devices, what strikes them, and who watches. Lives for one run. */
export class World {
  readonly #run: Run
  readonly #random: SimRandom
  readonly #mix: FaultMix
  readonly #partition: Partition
  readonly #auditor: Auditor
  readonly #network: SimNetwork
  readonly #stores: SimEngineStores
  readonly #auth: SimAuth
  readonly #liar: Liar | undefined
  readonly #nodes: SimNode[] = []
  readonly #devices: SimDevice[] = []
  readonly #people: Person[] = []
  readonly #intruder: Intruder
  readonly #workload: Workload
  readonly #nemesis: Nemesis
  readonly #crypto: WorldCrypto
  readonly #wideOver: number
  readonly #habits: SimRandom | undefined
  readonly #hasChanges: boolean
  readonly #starts = new Map<string, number>()
  #faults: FaultMix
  #isDark = false
  #nodeNumber = 0
  #walletNumber = 0
  readonly #balancer: SimRandom

  constructor(run: Run, options: { readonly profile: WorldProfile; readonly crypto: 'stand-in' | 'real' }) {
    this.#run = run
    this.#random = run.random('world')
    this.#balancer = run.random('balancer')
    this.#crypto = cryptoOf(options.crypto)
    this.#hasChanges = options.profile === 'changes'
    this.#habits = options.profile === 'receipts' ? run.random('habits') : undefined
    const wide = run.random('wide')
    this.#wideOver = wide.chance(WIDE_WORLDS) ? wide.pick(WIDE_OVER) : Infinity
    this.#mix = drawMix(options.profile, run.random('mix'))
    this.#faults = calmOf(this.#mix)
    this.#partition = new Partition(run)
    this.#auditor = new Auditor(run, { malicious: this.#mix.malicious, changes: options.profile === 'changes' })
    const reaches = (from: string, to: string): boolean => this.#partition.reaches(from, to)
    const serviceReaches = (process: SimProcess, service: string): boolean => reaches(process.machine, service)
    this.#nemesis = new Nemesis({
      run, observer: this.#auditor, mix: this.#mix, partition: this.#partition, nodes: this.#nodes, devices: this.#devices, authMachines: AUTH_MACHINES,
      crashAuth: () => { this.#crashAuth() },
      replacement: () => this.#addNode(),
      forgetPresence: () => { this.#stores.forgetPresence() },
    })
    const { crashPoint } = this.#nemesis
    this.#liar = this.#mix.malicious ? new Liar(run, {
      server: SERVER, signal: (random) => this.#crypto.signal(random), inject: (device, bytes) => { this.#network.inject(device, bytes) },
      forked: (device, post) => { this.#auditor.forked(device, post) },
      withheld: (device, channel, seq, connection) => { this.#auditor.withheld(device, channel, seq, connection) },
      asked: (device, channel, connection) => { this.#auditor.asked(device, channel, connection) },
    }) : undefined
    this.#network = new SimNetwork(run, {
      observer: this.#auditor, faults: () => this.#faults.network, reaches, outboundBytesMax: this.#mix.outboundBytesMax, windowBytes: this.#mix.windowBytes,
      ...(this.#liar === undefined ? {} : { meddler: this.#liar.network }),
    })
    this.#stores = new SimEngineStores(run, {
      personality: this.#mix.personality, faults: () => this.#faults.engine, crashPoint, reaches: serviceReaches, observer: this.#auditor,
    })
    this.#auth = new SimAuth({
      run, observer: this.#auditor, server: SERVER, start: (machine) => this.#startProcess(machine), reaches: serviceReaches, crashPoint,
      faults: { store: () => this.#faults.authStore, device: () => this.#faults.requests, node: () => this.#faults.directory },
      primitives: this.#crypto.primitives, tokenLifeMs: this.#mix.tokenLifeMs,
      isContact: (owner, other) => this.#people.some(({ wallet }) => accountIdOf(wallet.walletId) === owner) && owner !== other,
      ...(this.#liar === undefined ? {} : { meddler: this.#liar.auth }),
    })
    this.#intruder = new Intruder(run, this.#network, this.#startProcess('mallory'))
    this.#workload = new Workload({
      run, observer: this.#auditor, people: this.#people, devices: this.#devices, malicious: this.#mix.malicious,
      addDevice: (person) => this.#addDevice(person),
      freshWallet: () => this.#freshWallet(),
      nonsense: () => { this.#nonsense() },
      takePrekeys: (device) => { this.#takePrekeys(device) },
      receipts: this.#habits !== undefined, changes: this.#hasChanges, wideOver: this.#wideOver,
    })
  }

  /** Lives from the first start to the end: everybody meets, everything fails, everything calms down and is delivered. */
  async play(): Promise<void> {
    await this.#meet()
    if (this.#run.violation === undefined) await this.#fail()
    if (this.#run.violation === undefined) await this.#calmDown()
    if (this.#run.violation === undefined && this.#habits !== undefined) await this.#compareReceipts()
    if (this.#run.violation === undefined && this.#hasChanges) await this.#compareChanges()
    if (this.#run.violation === undefined) this.#auditor.finish()
  }

  async #meet(): Promise<void> {
    const random = this.#random
    for (const name of NAMES.slice(0, random.pick(PEOPLE))) {
      const habits = this.#habits === undefined ? undefined : { silent: this.#habits.chance(SILENT), asks: this.#habits.chance(ASKS) }
      const person: Person = { name, wallet: this.#freshWallet(), ...(habits === undefined ? {} : { habits }) }
      if (habits !== undefined) this.#auditor.habits(accountIdOf(person.wallet.walletId), habits)
      this.#people.push(person)
      this.#auditor.personMade(name, accountIdOf(person.wallet.walletId))
    }
    for (let left = random.between(1, 3); left > 0; left--) this.#nodes.push(this.#addNode())
    for (const node of this.#nodes) node.start()
    for (const person of this.#people) for (let left = random.pick([1, 1, 2]); left > 0; left--) this.#addDevice(person).start()
    await this.#until(() => this.#devices.every(({ live }) => live), SETUP_MS_MAX)
    if (!this.#devices.every(({ live }) => live)) this.#run.broken('liveness', 'not everybody could sign in although nothing failed')
  }

  async #fail(): Promise<void> {
    this.#run.note('world', 'faults begin')
    if (this.#mix.tokenLifeMs < LIMITS.accessTokenMs) this.#run.coverage.count('fault/short tokens')
    this.#faults = this.#mix
    const [from, to] = CHAOS_MS
    const chaosMs = this.#random.between(from, to)
    this.#liar?.begin(chaosMs, this.#devices.map(({ name }) => name))
    const darkAfterMs = this.#mix.dark ? chaosMs * this.#random.unit() : undefined
    await this.#trouble(darkAfterMs ?? chaosMs)
    if (darkAfterMs === undefined || this.#run.violation !== undefined) return
    await this.#dark()
    await this.#trouble(chaosMs - darkAfterMs)
  }

  /** Traffic and faults for a while. */
  async #trouble(forMs: number): Promise<void> {
    this.#workload.start()
    this.#nemesis.start()
    await this.#go(forMs)
    this.#workload.stop()
    this.#nemesis.stop()
  }

  /** Everything stops, and is started again after minutes or weeks. */
  async #dark(): Promise<void> {
    const run = this.#run
    const forMs = this.#random.skewed(...DARK_MS)
    run.coverage.count('fault/dark')
    run.note('world', `dark for ${forMs.toFixed(0)} ms`)
    this.#isDark = true
    for (const node of this.#nodes) node.halt()
    for (const device of this.#devices) device.crash(false)
    for (const machine of AUTH_MACHINES) this.#auth.processOn(machine)?.kill()
    await this.#go(forMs)
    run.note('world', 'light again')
    this.#isDark = false
    this.#tidy()
  }

  async #calmDown(): Promise<void> {
    this.#run.note('world', 'faults end')
    this.#auditor.faultsEnded()
    const startedMs = this.#run.nowMs
    this.#faults = calmOf(this.#mix)
    this.#partition.heal()
    this.#liar?.end()
    this.#tidy()
    let missing = ''
    let tidiedMs = startedMs
    const quiet = (): boolean => {
      if (this.#run.nowMs - tidiedMs >= TIDY_MS) {
        tidiedMs = this.#run.nowMs
        this.#tidy()
      }
      if (this.#run.nowMs - startedMs < CALM_MS_MIN) return false
      // What sleepers do when they wake is looked at too.
      if ([...this.#nodes, ...this.#devices].some(({ process }) => process?.suspended === true)) return false
      const looked = this.#mix.malicious ? this.#auditor.quiet((name) => this.#isRuined(name)) : this.#quiet()
      missing = looked.ok ? '' : looked.missing
      return looked.ok
    }
    await this.#until(quiet, LIVENESS_MS_MAX)
    if (missing !== '' && this.#run.violation === undefined) this.#run.broken('liveness', missing)
  }

  /** Everything was said and came: what everybody is told of it must be the same on all devices of who said it. */
  async #compareReceipts(): Promise<void> {
    const round = new ReceiptRound({
      run: this.#run, people: this.#people, devices: this.#devices, say: (device, peer) => this.#workload.sayTo(device, peer),
      reading: (account, conversation, order) => { this.#auditor.reading(account, conversation, order) },
    })
    let missing: string | undefined
    for (let rounds = 0; rounds < RECEIPT_ROUNDS_MAX; rounds++) {
      await this.#let(round.say())
      await this.#until(() => this.#quiet().ok, LIVENESS_MS_MAX)
      await this.#let(round.read())
      await this.#go(RECEIPTS_MS)
      missing = await this.#let(round.missing())
      if (missing === undefined || this.#run.violation !== undefined) return
      this.#run.coverage.count('branch/receipts made up by another round')
    }
    if (missing !== undefined) this.#run.broken('liveness', missing)
  }

  /** Everybody reads everything, and what disappears does: in the end all devices show the same, and hold nothing that is gone. */
  async #compareChanges(): Promise<void> {
    const round = new ReceiptRound({
      run: this.#run, people: this.#people, devices: this.#devices, say: (device, peer) => this.#workload.sayTo(device, peer), reading: () => undefined,
    })
    await this.#let(round.read())
    let missing: string | undefined
    await this.#until(() => {
      missing = this.#quiet().ok ? this.#auditor.changesMissing() : 'something is on its way'
      return missing === undefined
    }, LIVENESS_MS_MAX)
    if (missing !== undefined) this.#run.broken('liveness', missing)
  }

  /** Lets time pass until `work` is done; what it rejects with is a fault of the program. */
  async #let<Result>(work: Promise<Result>): Promise<Result | undefined> {
    let result: Result | undefined
    let isDone = false
    work.then((value) => { result = value }, (failure: unknown) => {
      this.#run.broken('program', `${failure instanceof Error ? failure.stack ?? failure.message : String(failure)}`)
    }).finally(() => { isDone = true })
    await this.#until(() => isDone, LIVENESS_MS_MAX)
    return result
  }

  /** A victim that is not signed in, or that pinned a history of an account that nobody else has, can be out of reach for good. */
  #isRuined(name: string): boolean {
    return this.#liar?.pinned.has(name) === true || this.#devices.find((device) => device.name === name)?.live !== true
  }

  #quiet(): ReturnType<Auditor['quiet']> {
    const off = this.#devices.find((device) => device.state !== 'gone' && !device.live)
    if (off !== undefined) return { ok: false, missing: `${off.name} is ${off.state}, its client ${off.client?.state ?? 'not open'}` }
    return this.#auditor.quiet()
  }

  /** What an operator and people would do when the trouble is over: clocks are set, nodes that are not ready are started again, devices turned on. */
  #tidy(): void {
    if (this.#nodes.length === 0) this.#nodes.push(this.#addNode())
    for (const node of this.#nodes) {
      if (node.process !== undefined) node.process.faults.wallAheadMs = 0
      if (node.state === 'on' && !node.ready && node.process?.suspended === false) node.crash()
      node.start()
    }
    for (const machine of AUTH_MACHINES) if (this.#auth.processOn(machine)?.alive !== true) this.#auth.restart(machine)
    for (const device of this.#devices) device.start()
  }

  /** One of the two instances dies and is started again. */
  #crashAuth(): void {
    const machine = this.#random.pick(AUTH_MACHINES)
    this.#run.note(machine, 'crash')
    this.#auth.processOn(machine)?.kill()
    const [from, to] = AUTH_DOWN_MS
    this.#run.scheduler.after(this.#random.skewed(from, to), () => { if (this.#auth.processOn(machine)?.alive !== true) this.#auth.restart(machine) })
  }

  /** Contacts take one-time prekeys of a device and never write to it. */
  #takePrekeys({ account, device, name }: SimDevice): void {
    if (device === undefined) return
    const count = this.#random.between(1, 60)
    this.#run.note(name, `${count} prekeys of ${device.slice(0, 8)} taken`)
    this.#auth.takePrekeys(account, device, count)
  }

  #nonsense(): void {
    const known = this.#devices.filter(({ device }) => device !== undefined)
    const machine = this.#chooseNode()
    if (known.length === 0 || machine === undefined) return
    const { account, device } = this.#random.pick(known)
    if (device !== undefined) this.#intruder.approach(machine, { account, device })
  }

  #addNode(): SimNode {
    const machine = `n${++this.#nodeNumber}`
    return new SimNode(machine, {
      run: this.#run, origin: SERVER.origin, wideOver: this.#wideOver,
      start: (name) => this.#startProcess(name),
      stores: (process) => this.#stores.portsFor(process),
      directory: (process) => this.#auth.directoryFor(process),
      sockets: (process) => this.#network.serverFor(process),
      ed25519Verify: (publicKey, message, signature) => this.#crypto.primitives.ed25519Verify(publicKey, message, signature),
    })
  }

  #addDevice(person: Person): SimDevice {
    const number = this.#devices.filter((device) => device.person === person).length + 1
    const device = new SimDevice(`${person.name}-${number}`, person, {
      run: this.#run, observer: this.#auditor, server: SERVER, primitives: this.#crypto.primitives,
      isDark: () => this.#isDark,
      start: (machine) => this.#startProcess(machine),
      api: (process) => this.#auth.apiFor(process),
      discover: (process, serverClock) => this.#auth.discover(process, serverClock),
      sockets: (process) => this.#network.socketsFor(process, () => this.#chooseNode()),
      signal: (random) => this.#crypto.signal(random),
      onOwnMessage: (message) => { this.#workload.ownMessage(message) },
      disk: { faults: () => this.#faults.disk, crashPoint: this.#nemesis.crashPoint },
    })
    this.#devices.push(device)
    return device
  }

  /** Programs on one machine follow each other; each draws its own randomness and keeps the clock of its machine. */
  #startProcess(machine: string): SimProcess {
    const start = (this.#starts.get(machine) ?? 0) + 1
    this.#starts.set(machine, start)
    const random = this.#run.random(`process/${machine}/${start}`)
    const clock = this.#run.random(`clock/${machine}`)
    // Peers refuse attestations from more than ten minutes ahead, so that a clock of auth that is further off stops sign-in: that is known, and not looked for.
    const skewMs = machine.startsWith('auth') ? Math.min(AUTH_SKEW_MS_MAX, this.#mix.wallSkewMs) : this.#mix.wallSkewMs
    return new SimProcess({
      machine, start, scheduler: this.#run.scheduler, random, startEpochMs: this.#run.startEpochMs,
      faults: { wallAheadMs: this.#faults === this.#mix ? (clock.unit() * 2 - 1) * skewMs : 0, rate: 1 + (clock.unit() * 2 - 1) * CLOCK_DRIFT_MAX },
    })
  }

  /** The load balancer: a ready node mostly; sometimes it has not noticed yet that one is gone. */
  #chooseNode(): string | undefined {
    const balancer = this.#balancer
    const ready = this.#nodes.filter((node) => node.ready)
    const stale = balancer.chance(0.05)
    const candidates = ready.length > 0 && !stale ? ready : this.#nodes
    return candidates.length === 0 ? undefined : balancer.pick(candidates).machine
  }

  #freshWallet(): Wallet {
    const seed = this.#run.random(`wallet/${++this.#walletNumber}`)
    return createLocalWallet(seed.pick(['solana', 'solana', 'solana', 'ton', 'terra'] as const), seed.bytes(32))
  }

  /** Lets time pass. */
  #go(ms: number): Promise<void> {
    return this.#run.scheduler.run(this.#run.nowMs + ms, () => undefined)
  }

  /** Lets time pass until `reached`, looked at from time to time, or until `limitMs` have passed. */
  async #until(reached: () => boolean, limitMs: number): Promise<void> {
    const endMs = this.#run.nowMs + limitMs
    while (!reached() && this.#run.nowMs < endMs && this.#run.violation === undefined) await this.#go(LOOK_MS)
  }
}
