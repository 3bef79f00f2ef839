import { accountIdOf, deviceIdOf, isEvegramError, type AccountId, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { Client, ClientEvents, Conversation, Message, StoreChange, Wallet } from '@evegram/sdk'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import { MESSAGE_PREFIX, messageRowKey, openProfile, ServerClock, type AuthApi, type DiscoveredServer, type Signal } from '@evegram/sdk/parts'
import { nodeSigner } from '@evegram/sdk/node'
import type { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import type { Observer } from '../audit/observer.js'
import type { ReceiptHabits } from '../audit/receipts.js'
import { SimDisk, type DiskOptions } from './disk.js'

/** A person of the workload: one wallet, one account. */
export interface Person {
  readonly name: string
  readonly wallet: Wallet
  /** What their devices tell of receipts; absent where nobody tells any, and strangers are taken as anybody. */
  readonly habits?: ReceiptHabits
}

type System = Parameters<typeof openProfile>[0]['system']

/** What a {@link SimDevice} is placed in. */
export interface DeviceSurroundings {
  readonly run: Run
  readonly observer: Observer
  readonly server: DiscoveredServer
  /** Whether anybody turns devices on at the moment. */
  readonly isDark: () => boolean
  /** Starts a program on the machine of the device. */
  readonly start: (machine: string) => SimProcess
  readonly api: (process: SimProcess) => AuthApi
  readonly discover: (process: SimProcess, serverClock: ServerClock) => Promise<DiscoveredServer>
  readonly sockets: (process: SimProcess) => System['sockets']
  readonly signal: (random: SimRandom) => Promise<Signal>
  readonly disk: Pick<DiskOptions, 'faults' | 'crashPoint'>
  /** What verifies the signatures of wallets and devices. */
  readonly primitives: ProofPrimitives
  /** An own message was shown on the device that sent it. */
  readonly onOwnMessage: (message: Message) => void
}

/** Where a device stands: `gone` for good ones (revoked, disk lost and given up). */
export type DeviceState = 'off' | 'starting' | 'on' | 'gone'

/** Time before a client that could not be opened is started again, in ms. */
const RESTART_MS = [500, 5_000] as const
/** Offset of the device's and signing keys in the row `signal/device` of the table `meta`. */
const DEVICE_ROW = { identity: [3, 36], signing: [68, 100] } as const

const TOLD: readonly (keyof ClientEvents)[] = [
  'message', 'message-request', 'message-state', 'device-added', 'device-revoked', 'identity-changed', 'gap', 'account-alarm', 'state', 'security', 'session-healed', 'fault',
  'group-changed', 'group-alarm', 'channel-post', 'channel-gap', 'channel-alarm', 'channel-post-failed',
]

/** One device of a person: a disk that survives, and the programs that run on it one after the other. */
export class SimDevice {
  readonly name: string
  readonly person: Person
  readonly disk: SimDisk
  readonly account: AccountId
  /** Largest order key that was shown, by conversation. */
  readonly shownUpTo = new Map<ConversationId, bigint>()
  /** Keys of the messages that ever were durable here. */
  readonly #messageKeys = new Set<string>()
  state: DeviceState = 'off'
  device: DeviceId | undefined
  client: Client | undefined
  process: SimProcess | undefined
  /** Why it ended for good, in the words of the client. */
  gone: string | undefined
  readonly #around: DeviceSurroundings
  readonly #random: SimRandom
  #wanted = false
  readonly #conversations = new Map<AccountId, Conversation>()

  constructor(name: string, person: Person, around: DeviceSurroundings) {
    this.name = name
    this.person = person
    this.account = accountIdOf(person.wallet.walletId)
    this.#around = around
    this.#random = around.run.random(`device/${name}`)
    this.disk = new SimDisk(around.run, { ...around.disk, name, onCommitted: (changes) => { this.#committed(changes) } })
  }

  /** Whether its client is live. */
  get live(): boolean {
    return this.client?.state === 'live'
  }

  /** Whether a message that its client shows is durable: one that was just said may not be yet. */
  isDurable(message: Message): boolean {
    return this.#messageKeys.has(messageRowKey(message))
  }

  /** Turns it on: opens the profile, with the wallet while it has no device yet; tries again until it is turned off. */
  start(): void {
    if (this.state !== 'off' || this.#around.isDark()) return
    this.#wanted = true
    this.#open()
  }

  /** Its program ends without a word. With `again` it is started anew after a while. */
  crash(again: boolean): void {
    this.#around.run.note(this.name, 'crash')
    this.process?.kill()
    this.#ended()
    if (again) this.#openLater()
    else this.#wanted = false
  }

  /** Its program ends as it should: what is under way is finished first. */
  async stop(): Promise<void> {
    this.#wanted = false
    const { process, client } = this
    if (client !== undefined) await client.close()
    if (this.process !== process) return
    process?.kill()
    this.#ended()
  }

  /** The disk is lost with the device on it; what is started next is a new device of the same person. */
  loseDisk(): void {
    this.process?.kill()
    this.#ended()
    this.disk.lose()
    this.shownUpTo.clear()
    this.#messageKeys.clear()
    this.device = undefined
    this.#around.observer.diskLost(this.name)
  }

  /** The conversation with `peer` on the running client. */
  async conversation(peer: AccountId): Promise<Conversation> {
    const { client } = this
    if (client === undefined) throw new Error('the device is not running')
    const known = this.#conversations.get(peer)
    if (known !== undefined) return known
    const opened = await client.conversation(peer)
    if (this.client === client) this.#conversations.set(peer, opened)
    return opened
  }

  #open(): void {
    const { run, start, api, sockets, signal, primitives } = this.#around
    const process = start(this.name)
    this.process = process
    this.state = 'starting'
    process.onKilled(() => { if (this.process === process) this.#died() })
    const serverClock = new ServerClock(process.clock)
    const opening = Promise.all([signal(process.random.fork('signal')), this.#discover(process, serverClock)]).then(([loaded, server]) => openProfile({
      ...(this.person.habits === undefined ? {} : { receipts: this.person.habits.silent ? 'none' as const : 'tell' as const, requests: this.person.habits.asks ? 'ask' as const : 'accept-all' as const }),
      store: this.disk.open(process), wallet: this.person.wallet, server, auth: api(process), signal: loaded, primitives, loadSigner: nodeSigner,
      system: { clock: process.clock, random: process.random, sockets: sockets(process), hints: { subscribe: () => () => undefined }, serverClock },
    }))
    opening.then((client) => {
      if (this.process !== process || !process.alive) return
      this.client = client
      this.state = 'on'
      run.note(process.name, 'opened')
      for (const name of TOLD) client.on(name, (event) => { if (process.alive) this.#tell(name, event) })
    }, (error: unknown) => {
      if (this.process !== process || !process.alive) return
      this.#couldNotOpen(process, error)
    })
  }

  /** As `createClient` does: a profile that was here before opens without network. */
  async #discover(process: SimProcess, serverClock: ServerClock): Promise<DiscoveredServer> {
    const { discover, server } = this.#around
    try {
      return await discover(process, serverClock)
    } catch (error) {
      if (this.device === undefined) throw error
      return server
    }
  }

  #couldNotOpen(process: SimProcess, error: unknown): void {
    const { run } = this.#around
    const code = isEvegramError(error) ? error.code : 'unknown'
    run.note(process.name, `could not open: ${code}`)
    run.coverage.count(`branch/open refused ${code}`)
    process.kill()
    this.#ended()
    if (!isEvegramError(error) || error.code === 'internal') {
      run.broken('program', `${this.name} could not open its profile: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
    } else if (FINAL_CODES.has(error.code)) this.#goFor(error.code)
    else this.#openLater()
  }

  #openLater(): void {
    const [from, to] = RESTART_MS
    this.#around.run.scheduler.after(this.#random.skewed(from, to), () => { if (this.#wanted && this.state === 'off' && !this.#around.isDark()) this.#open() })
  }

  /** Killed from outside of this object, at a crash point. */
  #died(): void {
    if (this.state === 'gone') return
    const wanted = this.#wanted
    this.#ended()
    if (wanted) this.#openLater()
  }

  #ended(): void {
    if (this.state === 'gone') return
    this.state = 'off'
    this.process = undefined
    this.client = undefined
    this.#conversations.clear()
  }

  #goFor(reason: string): void {
    this.gone = reason
    this.#wanted = false
    this.#ended()
    this.state = 'gone'
  }

  #tell<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    this.#around.observer.told(this.name, name, event)
    // The name says which event it is.
    if (name === 'message') this.#noteOwn(event as Message)
    if (name !== 'state') return
    // The name says which event it is.
    const { state, error } = event as ClientEvents['state']
    this.#around.run.note(this.name, `${state}${error === undefined ? '' : ` ${error.code}`}`)
    if (state === 'closed' && error !== undefined && this.state !== 'gone') {
      const { process } = this
      // The program shows the reason and ends; what it still does in this moment belongs to it.
      process?.turn.defer(() => {
        process.kill()
        if (FINAL_CODES.has(error.code)) this.#goFor(error.code)
      })
    }
  }

  #noteOwn(message: Message): void {
    if (message.fromDevice === this.device) this.#around.onOwnMessage(message)
  }

  #committed(changes: readonly StoreChange[]): void {
    const { observer } = this.#around
    for (const { table, key, value } of changes) {
      if (value === undefined) continue
      if (table === 'meta' && key === 'signal/device') this.#made(value)
      else if (table === 'messages' && key.startsWith(MESSAGE_PREFIX)) {
        this.#messageKeys.add(key)
        this.#shown(key)
      }
    }
    observer.committed(this.name, changes)
  }

  #made(row: Uint8Array): void {
    const { identity, signing } = DEVICE_ROW
    this.device = deviceIdOf(row.slice(...identity), row.slice(...signing))
    this.#around.observer.deviceMade(this.name, this.account, this.device)
  }

  /** Keys of messages are `m/<conversation>/<order, 16 hex digits>/...`. */
  #shown(key: string): void {
    const [, conversation, order] = key.split('/')
    if (conversation === undefined || order === undefined) return
    const shown = BigInt(`0x${order}`)
    // Branded by the code that wrote the row.
    const id = conversation as ConversationId
    if (shown > (this.shownUpTo.get(id) ?? 0n)) this.shownUpTo.set(id, shown)
  }
}

/** Codes after which a device is not started again. */
const FINAL_CODES: ReadonlySet<string> = new Set(['client.revoked', 'account.closed', 'account.device_revoked', 'account.device_unknown', 'account.policy', 'account.device_limit'])
