import {
  CLOSE_CODES, decodeAcks, decodeChannelHead, decodeChannelPage, decodeDelivery, decodeFailure, decodeGroupPage, decodeNotice, decodeOpened, decodePage, decodeSignalled, decodeSynced, encodeCatchUp,
  encodeDeviceAck, encodeFrame, encodeListen, encodeOpen, encodeRead, encodeReadChannel, encodeReadGroup, encodeSignal, encodeUnfollow, EvegramError, FRAME_TYPE, isEvegramError,
  LIMITS,
  type AccountId, type CatchUp, type ChannelHead, type ChannelPage, type Clock, type ConversationId, type Failure, type Frame, type FrameType,
  type GroupPage, type MemberSignal, type Opened, type Page, type Read, type ReadChannel, type ReadGroup, type Timer, type Welcome,
} from '@evegram/protocol'
import {
  OUTBOUND_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX, SIGNAL_OUTBOUND_BYTES_MAX, type Connection, type ConnectionConsumer, type ConnectionEnd, type ConnectionEvent,
  type SendOutcome,
} from './connection.js'
import { DeviceAcks } from './device-acks.js'
import { InboundQueue } from './inbound-queue.js'
import { Liveness } from './liveness.js'
import { Correlations, PendingRequests, type RegisteredRequest } from './pending-requests.js'
import type { Socket } from './socket.js'

/** What a {@link LiveConnection} starts from: a socket on which `welcome` arrived. */
export interface LiveConnectionOptions {
  readonly socket: Socket
  readonly welcome: Welcome
  readonly clock: Clock
  readonly cursorMs: number
  readonly consume: ConnectionConsumer
  /** Runs before the first event is handed over. A rejection ends the connection. */
  onOpen(connection: Connection): Promise<void>
}

/** WebSocket close code of a client that has no complaint (RFC 6455 section 7.4.1). */
const NORMAL_CLOSE = 1000
/** Code that stands for a connection lost without one. */
const ABNORMAL_CLOSE = 1006

/** The requests whose answers are frames of their own type. */
type Answered =
  | { readonly type: 'opened'; readonly opened: Opened }
  | { readonly type: 'page'; readonly page: Page }
  | { readonly type: 'group'; readonly group: GroupPage }
  | { readonly type: 'channel_page'; readonly page: ChannelPage }
  | { readonly type: 'channel_head'; readonly head: ChannelHead }
  | { readonly type: 'pong' }

/** A connection from `welcome` to its end: see {@link Connection}. Whoever owns the socket passes on its frames and its close. */
export class LiveConnection implements Connection {
  readonly welcome: Welcome
  readonly ended: Promise<ConnectionEnd>
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #correlations = new Correlations()
  readonly #sends: PendingRequests<SendOutcome>
  readonly #requests: PendingRequests<Answered>
  readonly #inbound: InboundQueue
  readonly #acks: DeviceAcks
  readonly #liveness: Liveness
  readonly #consume: ConnectionConsumer
  #catchUp: { readonly correlation: number; readonly timer: Timer } | undefined
  #lastFailure: Failure | undefined
  #end: ConnectionEnd | undefined
  #settleEnd: (end: ConnectionEnd) => void = () => undefined

  constructor(options: LiveConnectionOptions) {
    this.welcome = options.welcome
    this.#socket = options.socket
    this.#clock = options.clock
    this.#consume = options.consume
    this.#sends = new PendingRequests(options.clock, LIMITS.sendsInFlightMax, 'send envelope')
    this.#requests = new PendingRequests(options.clock, REQUESTS_IN_FLIGHT_MAX, 'ask server')
    this.ended = new Promise((resolve) => {
      this.#settleEnd = resolve
    })
    this.#acks = new DeviceAcks(options.clock, options.cursorMs, (ack) => { this.#write(FRAME_TYPE.deviceAck, 0, encodeDeviceAck(ack)) })
    this.#inbound = new InboundQueue((event) => this.#handOver(event), (cause) => { this.#fault('consume events', cause) })
    this.#liveness = new Liveness({
      clock: options.clock, heartbeatMs: options.welcome.heartbeatMs,
      ping: () => { this.#write(FRAME_TYPE.ping, 0, new Uint8Array(0)) },
      isOwed: () => this.#sends.size + this.#requests.size > 0 || this.#catchUp !== undefined,
      onDead: () => { this.#finish(ABNORMAL_CLOSE, 'reconnect', new EvegramError('timeout', { operation: 'hear from server' })) },
    })
    options.onOpen(this).then(() => { this.#inbound.start() }, (cause: unknown) => { this.#fault('open connection', cause) })
  }

  async send(envelope: Uint8Array, refusals: number): Promise<SendOutcome> {
    const { correlation, answer } = this.#register(this.#sends)
    this.#write(FRAME_TYPE.send, correlation, envelope, refusals)
    return answer
  }

  async open(peer: AccountId): Promise<Opened> {
    const answer = await this.#request(FRAME_TYPE.open, encodeOpen({ peer }))
    return answer.type === 'opened' ? answer.opened : this.#wrongAnswer()
  }

  async changeGroup(entry: Uint8Array): Promise<Opened> {
    const answer = await this.#request(FRAME_TYPE.changeGroup, entry)
    return answer.type === 'opened' ? answer.opened : this.#wrongAnswer()
  }

  async readGroup(request: ReadGroup): Promise<GroupPage> {
    const answer = await this.#request(FRAME_TYPE.readGroup, encodeReadGroup(request))
    return answer.type === 'group' ? answer.group : this.#wrongAnswer()
  }

  async post(post: Uint8Array): Promise<ChannelHead> {
    const answer = await this.#request(FRAME_TYPE.post, post)
    return answer.type === 'channel_head' ? answer.head : this.#wrongAnswer()
  }

  async follow(request: ReadChannel): Promise<ChannelPage> {
    const answer = await this.#request(FRAME_TYPE.follow, encodeReadChannel(request))
    return answer.type === 'channel_page' ? answer.page : this.#wrongAnswer()
  }

  async unfollow(channel: ConversationId): Promise<ChannelHead> {
    const answer = await this.#request(FRAME_TYPE.unfollow, encodeUnfollow({ channel }))
    return answer.type === 'channel_head' ? answer.head : this.#wrongAnswer()
  }

  async readChannel(request: ReadChannel): Promise<ChannelPage> {
    const answer = await this.#request(FRAME_TYPE.readChannel, encodeReadChannel(request))
    return answer.type === 'channel_page' ? answer.page : this.#wrongAnswer()
  }

  signal(signal: MemberSignal): boolean {
    const isOpen = this.#end === undefined && this.welcome.signals === true && this.#socket.bufferedBytes <= SIGNAL_OUTBOUND_BYTES_MAX
    if (isOpen) this.#write(FRAME_TYPE.signal, 0, encodeSignal(signal))
    return isOpen
  }

  listen(listens: boolean): void {
    if (this.welcome.signals === true) this.#write(FRAME_TYPE.listen, 0, encodeListen(listens))
  }

  async read(request: Read): Promise<Page> {
    const answer = await this.#request(FRAME_TYPE.read, encodeRead(request))
    return answer.type === 'page' ? answer.page : this.#wrongAnswer()
  }

  catchUp(request: CatchUp): void {
    if (this.#end !== undefined) return
    if (this.#catchUp !== undefined) throw new EvegramError('conflict.in_flight', { operation: 'catch up' })
    const correlation = this.#nextCorrelation()
    const timer = this.#clock.after(LIMITS.requestTimeoutMs, () => {
      this.#finish(ABNORMAL_CLOSE, 'reconnect', new EvegramError('timeout', { operation: 'catch up' }))
    })
    this.#catchUp = { correlation, timer }
    this.#liveness.asked()
    this.#write(FRAME_TYPE.catchUp, correlation, encodeCatchUp(request))
  }

  async ping(): Promise<number> {
    const sentAtMs = this.#clock.monotonicMs()
    const answer = await this.#request(FRAME_TYPE.ping, new Uint8Array(0))
    return answer.type === 'pong' ? this.#clock.monotonicMs() - sentAtMs : this.#wrongAnswer()
  }

  probe(): void {
    if (this.#end === undefined) this.#liveness.probe()
  }

  close(): void {
    this.#finish(NORMAL_CLOSE, 'stop', new EvegramError('client.closed', { operation: 'close connection' }))
  }

  /** Takes the frames of one message, in order. A frame that is no part of the protocol ends the connection. */
  receive(frames: readonly Frame[]): void {
    if (this.#end !== undefined) return
    this.#liveness.heard()
    try {
      for (const frame of frames) this.#dispatch(frame)
    } catch (cause) {
      if (isEvegramError(cause, 'limited.queue')) this.#finish(CLOSE_CODES.slowConsumer.code, 'reconnect', cause)
      else this.#fault('read frame', cause)
    }
  }

  /** The peer, the network or the bytes themselves ended the connection with WebSocket close `code`. */
  socketEnded(end: (lastFailure: Failure | undefined) => ConnectionEnd): void {
    const { code, advice, error, retryAfterMs } = end(this.#lastFailure)
    this.#finish(code, advice, error, retryAfterMs)
  }

  #dispatch({ type, correlation, body }: Frame): void {
    switch (type) {
      case FRAME_TYPE.ack:
        for (const ack of decodeAcks(body)) this.#sends.resolve(ack.correlation, { status: 'stored', position: ack.position })
        return
      case FRAME_TYPE.deliver:
        return this.#inbound.push({ type: 'deliver', delivery: decodeDelivery(body) }, body.length)
      case FRAME_TYPE.synced:
        return this.#inbound.push({ type: 'synced', cursorMs: decodeSynced(body) }, body.length)
      case FRAME_TYPE.notice: {
        const notice = decodeNotice(body)
        return notice === undefined ? undefined : this.#inbound.push({ type: 'notice', notice }, body.length)
      }
      case FRAME_TYPE.page:
        return this.#takePage(correlation, body)
      case FRAME_TYPE.opened:
        return void this.#requests.resolve(correlation, { type: 'opened', opened: decodeOpened(body) })
      case FRAME_TYPE.group:
        return void this.#requests.resolve(correlation, { type: 'group', group: decodeGroupPage(body) })
      case FRAME_TYPE.channelPage:
        return void this.#requests.resolve(correlation, { type: 'channel_page', page: decodeChannelPage(body) })
      case FRAME_TYPE.channelHead: {
        const head = decodeChannelHead(body)
        if (correlation === 0) return this.#inbound.push({ type: 'channel_head', head }, body.length)
        return void this.#requests.resolve(correlation, { type: 'channel_head', head })
      }
      case FRAME_TYPE.posted:
        // A copy: the body is a view into a message with other frames.
        return this.#inbound.push({ type: 'posted', post: body.slice() }, body.length)
      case FRAME_TYPE.signalled: {
        const signalled = decodeSignalled(body)
        return signalled === undefined ? undefined : this.#inbound.offer({ type: 'signalled', signalled }, body.length)
      }
      case FRAME_TYPE.pong:
        return void this.#requests.resolve(correlation, { type: 'pong' })
      case FRAME_TYPE.failure:
        return this.#takeFailure(correlation, decodeFailure(body))
      default:
        throw new EvegramError('invalid.frame_type', { operation: 'read frame', details: { type } })
    }
  }

  #takePage(correlation: number, body: Uint8Array): void {
    const page = decodePage(body)
    if (this.#catchUp?.correlation !== correlation) {
      this.#requests.resolve(correlation, { type: 'page', page })
      return
    }
    this.#endCatchUp()
    this.#inbound.push({ type: 'page', page }, body.length)
  }

  #takeFailure(correlation: number, failure: Failure): void {
    if (correlation === 0) {
      this.#lastFailure = failure
      return
    }
    const error = errorOfFailure(failure, 'ask server')
    if (this.#catchUp?.correlation === correlation) this.#finish(NORMAL_CLOSE, 'reconnect_later', error, failure.retryAfterMs)
    else if (!this.#sends.resolve(correlation, { status: 'refused', failure })) this.#requests.reject(correlation, error)
  }

  /** One event to the consumer; once it resolved the server may be told that it is committed. */
  async #handOver(event: ConnectionEvent): Promise<void> {
    await this.#consume(event, this)
    if (this.#end !== undefined) return
    if (event.type === 'deliver') this.#acks.delivered(event.deliveries.length)
    if (event.type === 'synced') this.#acks.synced(event.cursorMs)
  }

  async #request(type: FrameType, body: Uint8Array): Promise<Answered> {
    const { correlation, answer } = this.#register(this.#requests)
    this.#write(type, correlation, body)
    return answer
  }

  #register<Answer>(requests: PendingRequests<Answer>): RegisteredRequest<Answer> {
    if (this.#end !== undefined) throw goneError(this.#end.error)
    if (this.#socket.bufferedBytes > OUTBOUND_BYTES_MAX) {
      throw new EvegramError('limited.queue', { operation: 'queue frame', details: { bytesMax: OUTBOUND_BYTES_MAX } })
    }
    this.#liveness.asked()
    return requests.register(this.#nextCorrelation())
  }

  #nextCorrelation(): number {
    return this.#correlations.next((used) => this.#sends.has(used) || this.#requests.has(used) || this.#catchUp?.correlation === used)
  }

  #write(type: FrameType, correlation: number, body: Uint8Array, flags = 0): void {
    if (this.#end !== undefined) return
    this.#liveness.sent()
    this.#socket.send(encodeFrame(type, correlation, body, flags))
  }

  #endCatchUp(): void {
    this.#catchUp?.timer.cancel()
    this.#catchUp = undefined
  }

  #wrongAnswer(): never {
    const error = new EvegramError('invalid.frame_type', { operation: 'read answer' })
    this.#fault('read answer', error)
    throw error
  }

  /** Ends the connection for a fault that a later one may not have. */
  #fault(operation: string, cause: unknown): void {
    const advice = 'A fault in the client: please report it.'
    const error = isEvegramError(cause) ? cause : new EvegramError('internal', { operation, cause, advice })
    this.#finish(NORMAL_CLOSE, 'reconnect_later', error)
  }

  #finish(code: number, advice: ConnectionEnd['advice'], error: EvegramError, retryAfterMs?: number): void {
    if (this.#end !== undefined) return
    const end = { code, advice, error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
    this.#end = end
    this.#endCatchUp()
    this.#acks.close()
    this.#liveness.close()
    this.#socket.close(code >= 4000 ? code : NORMAL_CLOSE)
    this.#sends.rejectAll(goneError(error))
    this.#requests.rejectAll(goneError(error))
    // Ended means that the consumer is done too: two connections never feed it at once. `close` of the queue does not reject.
    void this.#inbound.close().then(() => { this.#settleEnd(end) })
  }
}

function goneError(cause: EvegramError): EvegramError {
  return cause.code === 'client.closed' ? cause : new EvegramError('unavailable.server', { operation: 'use connection', cause })
}

/** A refusal of the server as an error; its prose is dropped. */
export function errorOfFailure(failure: Failure, operation: string): EvegramError {
  const { code, retryAfterMs } = failure
  return new EvegramError(code, { operation, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}
