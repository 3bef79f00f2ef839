import {
  decodeChannelPage, decodeDeviceAck, decodeFrames, decodeHello, decodeReadChannel, encodeDeviceAck, EvegramError, FRAME_HEADER_BYTES, FRAME_TYPE,
  type AccountId, type ConversationId, type Frame,
} from '@evegram/protocol'
import type { Signal } from '@evegram/sdk/parts'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import type { Meddler } from '../network/meddler.js'
import type { AuthMeddler } from '../services/auth/meddler.js'
import { AuthLiar } from './auth-liar.js'
import type { ServerNames } from './shown-log.js'
import { DeliveryCount } from './delivery-count.js'
import { deliverFrame, frameBytes, isOfSession, lieAboutDeliveries, messageKeyHex, type ActiveLie, type LieTools, type Victim } from './lie.js'
import { LiarKeys } from './liar-keys.js'
import { LIES } from './lies.js'
import { drawChannelPlan, drawGroupPlan, drawPlan, type LiarPlan, type PlannedLie } from './plan.js'

/** What a {@link Liar} works on. */
export interface LiarOptions {
  /** What every client is configured with: the liar plays this server. */
  readonly server: ServerNames
  /** The encryption library of the run, with the liar's own randomness. */
  readonly signal: (random: SimRandom) => Promise<Signal> | Signal
  /** Sends a message to a device as if the server had. */
  readonly inject: (device: string, bytes: Uint8Array) => void
  /** A device is shown a post, signed by its author, that is in no store. */
  readonly forked?: (device: string, post: Uint8Array) => void
  /** A lied-to device is shown that a channel goes on behind what it asked for, and nothing of it. */
  readonly withheld?: (device: string, channel: ConversationId, seq: number, connection: number) => void
  /** A lied-to device asks about a channel, or posts there. */
  readonly asked?: (device: string, channel: ConversationId, connection: number) => void
  /** Lies in place of drawn ones, for tests and for repeating one. */
  readonly plan?: LiarPlan
  /** Kinds of lies that are not drawn. */
  readonly omit?: ReadonlySet<string>
}

/** A device as the liar sees it: what it counts of everybody, so that it can begin to lie at any time. */
interface Watched extends Victim {
  readonly count: DeliveryCount
  /** The last hello, not read before it is needed. */
  hello: Uint8Array | undefined
  /** A lie lasts. */
  isLied: boolean
}

/** One planned lie of the run; `lie` once it started. */
interface Running {
  readonly planned: PlannedLie
  readonly tools: LieTools
  lie: ActiveLie | undefined
}

/** Time after which an injected answer arrives: that of a quick server. */
const ANSWER_MS = [1, 40] as const
const NO_LIES: readonly ActiveLie[] = []

/**
 * A malicious server between honest services and devices. It may do everything that a server can, and holds no key of a person. Everything
 * passes until {@link begin}; devices that are nobody's victim are never decoded.
 */
export class Liar {
  /** For the network: applied to each message between node and client. */
  readonly network: Meddler
  /** For auth: applied to each answer. */
  readonly auth: AuthMeddler
  /** Messages that were acknowledged and never stored, by {@link messageKeyHex}: nobody can detect what nobody saw. */
  readonly lostToLyingAck = new Set<string>()
  /** By device: accounts of which it was shown a history that nobody else has. It pins that and can never believe the true one. */
  readonly pinned = new Map<string, Set<AccountId>>()
  readonly #run: Run
  readonly #options: LiarOptions
  readonly #watched = new Map<string, Watched>()
  readonly #auth: AuthLiar
  readonly #keys: LiarKeys
  readonly #victims = new Set<string>()
  #running: readonly Running[] = []
  #plan: LiarPlan = []
  #begunMs: number | undefined

  constructor(run: Run, options: LiarOptions) {
    this.#run = run
    this.#options = options
    const random = run.random('malice/keys')
    let signal: Promise<Signal> | undefined
    this.#keys = new LiarKeys({
      random, server: options.server, nowMs: () => Math.floor(run.trueTimeMs),
      signal: () => (signal ??= Promise.resolve(options.signal(random.fork('signal')))),
    })
    this.#auth = new AuthLiar((device) => this.#liesTo(device))
    this.auth = this.#auth
    this.network = { toClient: (device, bytes) => this.#toClient(device, bytes), toServer: (device, bytes) => this.#toServer(device, bytes) }
  }

  /** What it does: empty before {@link begin}. */
  get plan(): LiarPlan {
    return this.#plan
  }

  /** Begins to lie, for about `forMs`. `devices`: machine names of possible victims; by default all that were heard of, in that order. */
  begin(forMs: number, devices: readonly string[] = [...this.#watched.keys()]): void {
    const { plan, omit } = this.#options
    this.#plan = plan ?? [
      ...drawPlan(this.#run.random('malice'), devices, forMs, omit), ...drawGroupPlan(this.#run.random('malice/groups'), devices, forMs, omit),
      ...drawChannelPlan(this.#run.random('malice/channels'), devices, forMs, omit),
    ]
    this.#begunMs = this.#run.nowMs
    this.#running = this.#plan.map((planned, index) => ({ planned, lie: undefined, tools: this.#toolsOf(planned, index) }))
    for (const { name, victims, fromMs, untilMs } of this.#plan) {
      for (const victim of victims) this.#victims.add(victim)
      this.#run.note('liar', `plans ${name} to ${victims.join(' and ')} from ${fromMs.toFixed(0)} until ${untilMs.toFixed(0)} ms`)
    }
  }

  /** Tells the truth from now on. What was withheld stays missing until somebody asks for it. */
  end(): void {
    this.#begunMs = undefined
    for (const device of this.#watched.values()) this.#liesTo(device.name)
  }

  #toolsOf(planned: PlannedLie, index: number): LieTools {
    const run = this.#run
    const [first = ''] = planned.victims
    const inject = (victim: Victim, frame: Frame): void => {
      const { connection } = victim
      run.scheduler.after(random.between(...ANSWER_MS), () => {
        if (victim.connection === connection) this.#options.inject(victim.name, frameBytes(frame))
      })
    }
    const random = run.random(`malice/${index}/${planned.name}`)
    return {
      random, server: this.#options.server, keys: this.#keys, victims: planned.victims, inject,
      nowMs: () => Math.floor(run.trueTimeMs),
      changed: (what) => {
        run.coverage.count(`lie/${planned.name}`)
        run.note('liar', `${planned.name} to ${first}: ${what}`)
      },
      enqueue: (name, frame) => { this.#watch(name).queue.push(frame) },
      lost: (key) => { this.lostToLyingAck.add(key) },
      forked: (device, post) => { this.#options.forked?.(device, post) },
      firstBundle: (target) => this.#auth.firstBundle(target),
      shownSeq: (device, account) => this.#auth.shownSeq(device, account),
      pinned: (device, account) => { this.pinned.set(device, (this.pinned.get(device) ?? new Set()).add(account)) },
    }
  }

  #watch(name: string): Watched {
    const known = this.#watched.get(name)
    if (known !== undefined) return known
    const device: Watched = {
      name, account: undefined, device: undefined, connection: 0, seen: new Set(), sinceMs: 0, queue: [], count: new DeliveryCount(),
      hello: undefined, isLied: false,
    }
    this.#watched.set(name, device)
    return device
  }

  /** The lies to a device that last now. Starts those that are due, and lets go what those held back that are over. */
  #liesTo(name: string): readonly ActiveLie[] {
    if (!this.#victims.has(name)) return NO_LIES
    const sinceMs = this.#begunMs === undefined ? undefined : this.#run.nowMs - this.#begunMs
    const device = this.#watch(name)
    const active: ActiveLie[] = []
    for (const running of this.#running) {
      const { planned: { victims, fromMs, untilMs } } = running
      if (!victims.includes(name)) continue
      if (sinceMs !== undefined && sinceMs >= fromMs && sinceMs < untilMs) active.push(running.lie ??= this.#start(running))
      else if (running.lie?.end !== undefined) {
        device.queue.push(...running.lie.end().map(deliverFrame))
        running.lie = { ...running.lie, end: () => [] }
      }
    }
    if (active.length > 0 && !device.isLied) {
      device.sinceMs = Math.floor(this.#run.trueTimeMs)
      this.#readHello(device)
    }
    device.isLied = active.length > 0
    return active
  }

  #start({ planned, tools }: Running): ActiveLie {
    const kind = LIES.find(({ name }) => name === planned.name)
    if (kind === undefined) throw new EvegramError('invalid.argument', { operation: 'start a lie', details: { name: planned.name } })
    this.#run.note('liar', `begins: ${planned.name}`)
    return kind.start(tools)
  }

  #readHello(device: Watched): void {
    if (device.hello === undefined) return
    const hello = decodeHello(device.hello)
    device.account = hello.account
    device.device = hello.device
    device.hello = undefined
  }

  #toClient(name: string, bytes: Uint8Array): readonly Uint8Array[] {
    const device = this.#watch(name)
    const lies = this.#liesTo(name)
    if (lies.length === 0 && device.queue.length === 0) {
      const { deliveries, isChallenge } = scan(bytes)
      if (isChallenge) this.#connected(device)
      device.count.add(deliveries, deliveries)
      return [bytes]
    }
    const told: Uint8Array[] = []
    let isChanged = false
    for (const frame of decodeFrames(bytes)) {
      if (frame.type === FRAME_TYPE.challenge) this.#connected(device)
      const answers = this.#throughLies(frame, device, lies)
      isChanged ||= answers.length !== 1 || answers[0] !== frame
      device.count.add(countOf([frame]), countOf(answers))
      for (const answer of answers) told.push(frameBytes(answer))
    }
    return isChanged ? told : [bytes]
  }

  #throughLies(frame: Frame, device: Watched, lies: readonly ActiveLie[]): readonly Frame[] {
    let frames = lieAboutDeliveries(frame, device, lies)
    for (const lie of lies) {
      const { fromServer } = lie
      if (fromServer !== undefined) frames = frames.flatMap((one) => fromServer(one, device))
    }
    if (lies.length > 0) for (const one of frames) this.#tellWithheld(one, device)
    return device.queue.length > 0 && isOfSession(frame) ? [...frames, ...device.queue.splice(0)] : frames
  }

  /** Tells who looks on of pages that name posts and have none. */
  #tellWithheld({ type, body }: Frame, { name, connection }: Watched): void {
    if (type !== FRAME_TYPE.channelPage) return
    const { channel, seq, posts } = decodeChannelPage(body)
    if (posts.length === 0) this.#options.withheld?.(name, channel, seq, connection)
  }

  #connected(device: Watched): void {
    device.connection++
    device.count.reset()
  }

  #toServer(name: string, bytes: Uint8Array): readonly Uint8Array[] {
    const device = this.#watch(name)
    // A hello comes alone, and is the first that comes on a connection.
    if (bytes[TYPE_OFFSET] === FRAME_TYPE.hello) {
      device.hello = bytes.slice(FRAME_HEADER_BYTES)
      if (device.isLied) this.#readHello(device)
    }
    const lies = this.#liesTo(name)
    if (!device.count.differs && !this.#victims.has(name)) return [bytes]
    const told: Uint8Array[] = []
    let isChanged = false
    for (const frame of decodeFrames(bytes)) {
      const answers = this.#fromClient(frame, device, lies)
      isChanged ||= answers.length !== 1 || answers[0] !== frame
      for (const answer of answers) {
        if (answer.type === FRAME_TYPE.send) this.lostToLyingAck.delete(messageKeyHex(answer.body))
        told.push(frameBytes(answer))
      }
    }
    return isChanged ? told : [bytes]
  }

  #fromClient(frame: Frame, device: Watched, lies: readonly ActiveLie[]): readonly Frame[] {
    if (frame.type === FRAME_TYPE.deviceAck && device.count.differs) {
      const { committed, cursorMs } = decodeDeviceAck(frame.body)
      return [{ ...frame, body: encodeDeviceAck({ committed: device.count.trueCount(committed), cursorMs }) }]
    }
    let frames: readonly Frame[] = [frame]
    if (frame.type === FRAME_TYPE.readChannel) this.#options.asked?.(device.name, decodeReadChannel(frame.body).channel, device.connection)
    for (const lie of lies) {
      const { fromClient } = lie
      if (fromClient !== undefined) frames = frames.flatMap((one) => fromClient(one, device))
    }
    return frames
  }
}

/** Offset of the type in a frame header. */
const TYPE_OFFSET = 1
/** Offset of the length of the body in a frame header. */
const LENGTH_OFFSET = 4

/** What must be counted of everybody, from the frame headers alone. */
function scan(bytes: Uint8Array): { readonly deliveries: number; readonly isChallenge: boolean } {
  let deliveries = 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let offset = 0; offset + FRAME_HEADER_BYTES <= bytes.length; offset += FRAME_HEADER_BYTES + view.getUint32(offset + LENGTH_OFFSET)) {
    if (bytes[offset + TYPE_OFFSET] === FRAME_TYPE.deliver) deliveries++
  }
  return { deliveries, isChallenge: bytes[TYPE_OFFSET] === FRAME_TYPE.challenge }
}

function countOf(frames: readonly Frame[]): number {
  let deliveries = 0
  for (const { type } of frames) if (type === FRAME_TYPE.deliver) deliveries++
  return deliveries
}
