import { EvegramError, LIMITS, type AccountId, type DeviceId, type Page } from '@evegram/protocol'
import { asEvegramError } from '../../core/background.js'
import type { Connection, ConnectionEnd, ConnectionEvent, SendOutcome } from '../../transport/connection.js'
import type { Link, LinkEvents, LinkState } from '../../transport/link.js'
import type { FakeServer } from './fake-server.js'

/** A link to a {@link FakeServer}: connects at once, goes down and up when the test says so. */
export class FakeLink implements Link {
  readonly device: DeviceId
  readonly #account: AccountId
  readonly #server: FakeServer
  readonly #events: LinkEvents
  readonly #cursorMs: () => number
  #state: LinkState = { status: 'connecting', attempt: 0 }
  #connection: FakeConnection | undefined
  #closed = false
  /** Failures of the consumer: the connection ended because of them. */
  readonly failures: EvegramError[] = []

  constructor(server: FakeServer, account: AccountId, device: DeviceId, events: LinkEvents, cursorMs: () => number) {
    this.#server = server
    this.#account = account
    this.device = device
    this.#events = events
    this.#cursorMs = cursorMs
  }

  get state(): LinkState {
    return this.#state
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  get cursorMs(): number {
    return this.#cursorMs()
  }

  get isLive(): boolean {
    return this.#connection?.isLive === true
  }

  wake(): void {
    if (this.#connection === undefined) this.up()
  }

  /** Connects. */
  up(): void {
    if (this.#closed || this.#connection !== undefined) return
    this.#enter({ status: 'connecting', attempt: 0 })
    const connection = new FakeConnection(this.#server, this.#account, this.device, this.#events, (error) => {
      this.failures.push(error)
      this.down()
    })
    this.#connection = connection
    this.#server.attach(this)
    this.#enter({ status: 'open', connection })
    connection.start()
  }

  /** Loses the connection. */
  down(): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    this.#server.detach(this)
    connection.end('unavailable.server')
    this.#enter({ status: 'waiting', attempt: 1, delayMs: 0, error: new EvegramError('unavailable.server', { operation: 'hold connection' }) })
  }

  /** The server closes the connection for good. */
  revoke(): void {
    this.#connection?.end('unavailable.server')
    this.#connection = undefined
    this.#closed = true
    this.#server.detach(this)
    this.#enter({ status: 'stopped', error: new EvegramError('auth.token_revoked', { operation: 'hold connection' }) })
  }

  push(event: ConnectionEvent): void {
    this.#connection?.push(event)
  }

  async close(): Promise<void> {
    this.#closed = true
    const connection = this.#connection
    this.#connection = undefined
    this.#server.detach(this)
    connection?.end('client.closed')
    await connection?.drained()
    this.#enter({ status: 'stopped', error: new EvegramError('client.closed', { operation: 'hold connection' }) })
  }

  #enter(state: LinkState): void {
    this.#state = state
    this.#events.onState(state)
  }
}

class FakeConnection implements Connection {
  readonly welcome = { serverTimeMs: 0, connection: 'fake', heartbeatMs: LIMITS.heartbeatMs, retentionMs: LIMITS.retentionMs }
  readonly ended: Promise<ConnectionEnd>
  readonly #server: FakeServer
  readonly #account: AccountId
  readonly #device: DeviceId
  readonly #events: LinkEvents
  readonly #onFailure: (error: EvegramError) => void
  readonly #waiting = new Set<(error: EvegramError) => void>()
  #queue: Promise<void> = Promise.resolve()
  #over = false
  isLive = false
  #resolveEnded: (end: ConnectionEnd) => void = () => undefined

  constructor(server: FakeServer, account: AccountId, device: DeviceId, events: LinkEvents, onFailure: (error: EvegramError) => void) {
    this.#server = server
    this.#account = account
    this.#device = device
    this.#events = events
    this.#onFailure = onFailure
    this.ended = new Promise((resolve) => { this.#resolveEnded = resolve })
  }

  start(): void {
    this.#queue = this.#queue.then(() => (this.#over ? undefined : this.#events.onOpen(this)))
  }

  push(event: ConnectionEvent): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#over) return
      try {
        await this.#events.consume(event, this)
      } catch (cause) {
        this.#onFailure(asEvegramError(cause, 'consume'))
      }
    })
  }

  async drained(): Promise<void> {
    await this.#queue
  }

  end(code: 'unavailable.server' | 'client.closed'): void {
    if (this.#over) return
    this.#over = true
    this.isLive = false
    const error = new EvegramError(code, { operation: 'hold connection' })
    for (const reject of this.#waiting) reject(error)
    this.#resolveEnded({ code: 1006, advice: 'reconnect', error })
  }

  async send(envelope: Uint8Array, refusals: number): Promise<SendOutcome> {
    await Promise.resolve()
    if (this.#over) throw new EvegramError('unavailable.server', { operation: 'send' })
    const outcome = this.#server.send(this.#device, envelope.slice(), refusals)
    if (outcome !== 'lost') return outcome
    return new Promise((_resolve, reject) => { this.#waiting.add(reject) })
  }

  async open(peer: AccountId): ReturnType<Connection['open']> {
    await Promise.resolve()
    if (this.#over) throw new EvegramError('unavailable.server', { operation: 'open' })
    return this.#server.open(this.#account, peer)
  }

  async read(request: Parameters<Connection['read']>[0]): Promise<Page> {
    await Promise.resolve()
    if (this.#over) throw new EvegramError('unavailable.server', { operation: 'read' })
    return this.#server.read(this.#device, request)
  }

  async changeGroup(entry: Uint8Array): ReturnType<Connection['changeGroup']> {
    await Promise.resolve()
    if (this.#over) throw new EvegramError('unavailable.server', { operation: 'change group' })
    return this.#server.changeGroup(this.#device, entry.slice())
  }

  async readGroup(request: Parameters<Connection['readGroup']>[0]): ReturnType<Connection['readGroup']> {
    await Promise.resolve()
    if (this.#over) throw new EvegramError('unavailable.server', { operation: 'read group' })
    return this.#server.readGroup(this.#account, this.#device, request)
  }

  async post(post: Uint8Array): ReturnType<Connection['post']> {
    await this.#reach('post')
    const answer = this.#server.channels.post(this.#device, post.slice())
    if (answer !== 'lost') return answer
    return new Promise((_resolve, reject) => { this.#waiting.add(reject) })
  }

  async follow(request: Parameters<Connection['follow']>[0]): ReturnType<Connection['follow']> {
    await this.#reach('follow')
    return this.#server.channels.follow(this.#device, request)
  }

  async unfollow(channel: Parameters<Connection['unfollow']>[0]): ReturnType<Connection['unfollow']> {
    await this.#reach('unfollow')
    return this.#server.channels.unfollow(this.#device, channel)
  }

  async readChannel(request: Parameters<Connection['readChannel']>[0]): ReturnType<Connection['readChannel']> {
    await this.#reach('read channel')
    return this.#server.channels.read(this.#device, request)
  }

  async #reach(operation: string): Promise<void> {
    await Promise.resolve()
    if (this.#over) throw new EvegramError('unavailable.server', { operation })
  }

  catchUp(request: Parameters<Connection['catchUp']>[0]): void {
    const page = this.#server.catchUp(this.#device, request)
    this.push({ type: 'page', page })
    if (page.more) return
    this.isLive = true
    this.push({ type: 'synced', cursorMs: Math.max(0, this.#server.clock.now() - LIMITS.overlapMs) })
  }

  signal(signal: Parameters<Connection['signal']>[0]): boolean {
    if (!this.#over) this.#server.signal(this.#account, this.#device, signal)
    return !this.#over
  }

  listen(listens: boolean): void {
    this.#server.listen(this.#device, listens && !this.#over)
  }

  ping(): Promise<number> {
    return Promise.resolve(0)
  }

  probe(): void {
    // The fake network is up or down, never doubtful.
  }

  close(): void {
    this.end('unavailable.server')
  }
}
