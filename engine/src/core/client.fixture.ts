import { createHash } from 'node:crypto'
import {
  BODY_TYPE, decodeAcks, decodeChallenge, decodeChannelHead, decodeChannelPage, decodeChannelPost, decodeDelivery, decodeFailure, decodeFrames, decodeGroupPage, decodeNotice, decodeOpened, decodePage, decodeSignalled, decodeSynced, encodeCatchUp,
  encodeDeviceAck, encodeEnvelope, encodeFrame, encodeHello, encodeOpen, encodeRead, ENVELOPE_KIND, FRAME_TYPE, helloBytes, positionAtTime, viewEnvelope,
  CLOSE_CODES,
  type AccountId, type Ack, type BodyType, type ChannelHead, type ChannelPage, type CloseReason, type ConversationId, type Delivery, type DeviceId, type Failure, type Frame, type FrameType, type GroupPage,
  type Notice, type Opened, type Page, type Position, type AccountVersion, type EnvelopeKind, type Signalled,
} from '@evegram/protocol'
import { Topics } from '../adapters/topics.js'
import type { Socket } from '../ports/socket-server.js'
import { settle, testSignature, type TestCluster, type TestNode } from './cluster.fixture.js'
import { signingKeyOf } from './directory.fixture.js'

let sockets = 0

/** A socket without a network: what the node sends is kept. */
export class FakeSocket implements Socket {
  readonly id = ++sockets
  readonly remoteAddress = '127.0.0.1'
  readonly messages: Uint8Array[] = []
  buffered = 0
  closedBy: CloseReason | undefined
  /** The peer is gone: nothing is sent, and nobody said so yet. */
  dead = false
  onClose: (code: number) => void = () => undefined
  /** The next message finds the socket full. */
  full = false
  readonly #topics: Topics<FakeSocket>

  /** `topics`: those of the node that the socket belongs to. */
  constructor(topics = new Topics<FakeSocket>()) {
    this.#topics = topics
  }

  send(message: Uint8Array): 'sent' | 'closed' {
    if (this.full) this.close('slowConsumer')
    if (this.closedBy !== undefined) return 'closed'
    if (!this.dead) this.messages.push(message.slice())
    return 'sent'
  }

  bufferedBytes(): number {
    return this.buffered
  }

  subscribe(topic: string): void {
    if (this.closedBy === undefined) this.#topics.subscribe(this, topic)
  }

  unsubscribe(topic: string): void {
    this.#topics.unsubscribe(this, topic)
  }

  cork(task: () => void): void {
    task()
  }

  close(reason: CloseReason): void {
    if (this.closedBy !== undefined) return
    this.closedBy = reason
    this.#topics.forget(this)
    this.onClose(CLOSE_CODES[reason].code)
  }
}

/** What a test message is made of. */
export interface MessageFields {
  readonly conversation: ConversationId
  readonly number: number
  readonly bodies: readonly { readonly device: DeviceId; readonly type?: BodyType; readonly text?: string }[]
  readonly versions?: readonly AccountVersion[]
  readonly kind?: EnvelopeKind
  readonly orderMs?: number
  readonly membershipVersion?: number
  readonly as?: { readonly account: AccountId; readonly device: DeviceId }
}

/** A client of a test: one device that connects, sends and notes what it gets. */
export class TestClient {
  readonly account: AccountId
  readonly device: DeviceId
  readonly acks: Ack[] = []
  readonly failures: (Failure & { readonly correlation: number })[] = []
  readonly deliveries: Delivery[] = []
  readonly pages: Page[] = []
  readonly synced: number[] = []
  readonly notices: Notice[] = []
  readonly opened: Opened[] = []
  readonly groups: GroupPage[] = []
  /** Answers to `follow` and `readChannel`; heads, answered and pushed; posts that were pushed, by number. */
  readonly channelPages: ChannelPage[] = []
  readonly heads: (ChannelHead & { readonly correlation: number })[] = []
  readonly posted: number[] = []
  readonly signalled: Signalled[] = []
  /** Types of all frames in the order in which they came. */
  readonly order: FrameType[] = []
  socket = new FakeSocket()
  welcomed = false
  node: TestNode | undefined
  readonly #cluster: TestCluster
  #correlation = 0
  #read = 0

  constructor(cluster: TestCluster, account: AccountId, device: DeviceId) {
    this.#cluster = cluster
    this.account = account
    this.device = device
  }

  /** Opens a socket without saying hello. */
  open(node: TestNode): void {
    this.node = node
    this.socket = new FakeSocket(node.topics)
    this.#read = 0
    this.welcomed = false
    const { socket } = this
    socket.onClose = (code) => { queueMicrotask(() => { node.node.handlers.closed(socket, code) }) }
    node.node.handlers.opened(socket)
  }

  /** Connects and says hello. */
  async connect(node: TestNode, options: { readonly token?: string; readonly sign?: (message: Uint8Array) => Uint8Array } = {}): Promise<void> {
    this.open(node)
    await settle()
    const [challenge] = this.#take()
    if (challenge?.type !== FRAME_TYPE.challenge) throw new Error('no challenge')
    const token = options.token ?? this.#cluster.directory.tokenOf(this.account, this.device)
    const clientNonce = new Uint8Array(32).fill(7)
    const message = helloBytes({
      origin: this.#cluster.origin, serverNonce: decodeChallenge(challenge.body).nonce, clientNonce, account: this.account, device: this.device,
      tokenHash: createHash('sha256').update(token).digest(),
    })
    const signature = (options.sign ?? ((bytes) => testSignature(signingKeyOf(this.device), bytes)))(message)
    this.request(FRAME_TYPE.hello, encodeHello({ account: this.account, device: this.device, token, clientNonce, signature, agent: 'test' }))
    await this.read()
  }

  /** Connects, catches up from `sinceMs` and is live. */
  async goLive(node: TestNode, sinceMs = this.#cluster.clock.now()): Promise<void> {
    await this.connect(node)
    await this.catchUp(sinceMs)
  }

  /** Pulls pages until there are no more. */
  async catchUp(sinceMs: number): Promise<void> {
    this.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs }))
    await this.read()
    for (let page = this.pages.at(-1); page?.more === true && page.token !== undefined; page = this.pages.at(-1)) {
      this.request(FRAME_TYPE.catchUp, encodeCatchUp({ token: page.token }))
      await this.read()
    }
  }

  /** Sends one request; returns its correlation. */
  request(type: FrameType, body: Uint8Array, flags = 0): number {
    const correlation = ++this.#correlation
    this.raw(encodeFrame(type, correlation, body, flags))
    return correlation
  }

  /** Sends any bytes. */
  raw(bytes: Uint8Array): void {
    this.node?.node.handlers.message(this.socket, bytes)
  }

  /** Opens the conversation with `peer`. */
  async conversationWith(peer: AccountId): Promise<ConversationId> {
    this.request(FRAME_TYPE.open, encodeOpen({ peer }))
    await this.read()
    const opened = this.opened.at(-1)
    if (opened === undefined) throw new Error('the conversation was not opened')
    return opened.conversation
  }

  /** The encoded envelope of a message. */
  envelope(fields: MessageFields): Uint8Array {
    const kind = fields.kind ?? ENVELOPE_KIND.message
    return encodeEnvelope({
      kind, conversation: fields.conversation, device: fields.as?.device ?? this.device, account: fields.as?.account ?? this.account,
      epoch: kind === ENVELOPE_KIND.control ? 0 : 1, number: fields.number,
      order: BigInt(fields.orderMs ?? this.#cluster.clock.now()) << 16n, membershipVersion: fields.membershipVersion ?? 1,
      accounts: fields.versions ?? [],
      bodies: fields.bodies.map(({ device, type = BODY_TYPE.opaque, text = `message ${fields.number}` }) =>
        ({ device, type, bytes: type === BODY_TYPE.skip ? new Uint8Array(0) : Buffer.from(text) })),
    })
  }

  /** Sends a message; returns its correlation. */
  send(fields: MessageFields, refusals = 0): number {
    return this.request(FRAME_TYPE.send, this.envelope(fields), refusals)
  }

  /** Says how many deliveries were committed on this connection. */
  acknowledge(committed: number, cursorMs = 0): void {
    this.raw(encodeFrame(FRAME_TYPE.deviceAck, 0, encodeDeviceAck({ committed, cursorMs })))
  }

  /** Asks for history. */
  async history(conversation: ConversationId, after: Position = positionAtTime(0), limit = 100): Promise<Page | undefined> {
    this.request(FRAME_TYPE.read, encodeRead({ conversation, after, limit }))
    await this.read()
    return this.pages.at(-1)
  }

  /** Notes everything that came until now. */
  async read(): Promise<void> {
    await settle()
    for (const frame of this.#take()) this.#note(frame)
  }

  /** Texts of everything that was delivered or came in pages, in order of arrival. */
  get texts(): string[] {
    return this.received.map(({ text }) => text)
  }

  /** Everything that was delivered or came in pages. */
  get received(): { readonly number: number; readonly text: string; readonly position: Position }[] {
    return [...this.pages.flatMap((page) => page.deliveries), ...this.deliveries].map(({ envelope, position }) => {
      const view = viewEnvelope(envelope)
      const [body] = view.bodies
      return { number: view.number, text: body === undefined ? '' : Buffer.from(envelope.subarray(body.start + 24, body.end)).toString(), position }
    })
  }

  /** Numbers of the messages received, each once, sorted. */
  get numbers(): number[] {
    return [...new Set(this.received.map(({ number }) => number))].sort((one, other) => one - other)
  }

  #take(): Frame[] {
    const messages = this.socket.messages.slice(this.#read)
    this.#read = this.socket.messages.length
    return messages.flatMap((message) => decodeFrames(message))
  }

  #note(frame: Frame): void {
    this.order.push(frame.type)
    switch (frame.type) {
      case FRAME_TYPE.welcome:
        this.welcomed = true
        break
      case FRAME_TYPE.ack:
        this.acks.push(...decodeAcks(frame.body))
        break
      case FRAME_TYPE.failure:
        this.failures.push({ ...decodeFailure(frame.body), correlation: frame.correlation })
        break
      case FRAME_TYPE.deliver:
        this.deliveries.push(decodeDelivery(frame.body))
        break
      case FRAME_TYPE.page:
        this.pages.push(decodePage(frame.body))
        break
      case FRAME_TYPE.synced:
        this.synced.push(decodeSynced(frame.body))
        break
      case FRAME_TYPE.opened:
        this.opened.push(decodeOpened(frame.body))
        break
      case FRAME_TYPE.group:
        this.groups.push(decodeGroupPage(frame.body))
        break
      case FRAME_TYPE.channelPage:
        this.channelPages.push(decodeChannelPage(frame.body))
        break
      case FRAME_TYPE.channelHead:
        this.heads.push({ ...decodeChannelHead(frame.body), correlation: frame.correlation })
        break
      case FRAME_TYPE.posted:
        this.posted.push(decodeChannelPost(frame.body).seq)
        break
      case FRAME_TYPE.signalled: {
        const signalled = decodeSignalled(frame.body)
        if (signalled !== undefined) this.signalled.push(signalled)
        break
      }
      case FRAME_TYPE.notice: {
        const notice = decodeNotice(frame.body)
        if (notice !== undefined) this.notices.push(notice)
        break
      }
      default:
    }
  }
}
