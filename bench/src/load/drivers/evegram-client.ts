import { randomBytes } from 'node:crypto'
import {
  ACK_BYTES, CHANNEL_KEY_BYTES, channelSaltOf, concatBytes, decodeChannelHead, decodeChannelPage, decodeFailure, decodeFrames, decodeOpened, decodeSynced, draftChannel, draftGroup, encodeFrame, encodeListen, encodeOpen,
  encodeReadChannel, encodeSignal, FRAME_HEADER_BYTES, FRAME_TYPE, LIMITS, membershipEntryHash, PROTOCOL_VERSION, sealMembershipEntry, SIGNAL_KIND, type Frame, type FrameType,
  type LogActor, type MembershipDraft,
} from '@evegram/protocol'
import { RawConnection } from '../../raw/raw-connection.js'
import type { RawDevice } from '../../raw/raw-device.js'
import type { ConversationKind } from '../plan/cast.js'
import type { ClientEvents, DriverClient, DriverConversation, Handle, SendEvents } from './driver.js'
import { EvegramChannelAuthor } from './evegram-channel.js'
import { channelHandle, envelopeHandle, readAddress, readChannelHandle, readEnvelopeHandle } from './evegram-handles.js'
import { EvegramEnvelopes } from './evegram-envelopes.js'
import { FollowedPosts } from './followed-posts.js'
import { InFlightSends } from './in-flight-sends.js'

/** Deliveries that are acknowledged together. */
const DEVICE_ACK_EVERY = 64
const ANSWER_MS = 15_000
/** Where the header of a frame has the length of its body. */
const LENGTH_OFFSET = 4
/** Others that the entry which makes a group can name. */
const GROUP_OTHERS_MAX = 128

/** How a client is connected. */
export interface EvegramClientOptions {
  readonly device: RawDevice
  readonly ws: string
  readonly origin: string
  readonly localAddress?: string
  readonly payloadBytes: number
  readonly events: ClientEvents
  /** A connection ended, also one that was put off before the next try. */
  readonly onClosed: (client: EvegramClient) => void
  /** The cursor of a device that was here before: what it missed comes first. */
  readonly sinceMs?: number
  /** A payload that came with the catch-up. The bytes are valid during the call alone. */
  readonly onMissed?: (payload: Uint8Array) => void
  /** A signal of another member came; with this the client asks to be sent them. */
  readonly onSignal?: () => void
}

/** One device on an authenticated socket. */
export class EvegramClient implements DriverClient {
  readonly #options: EvegramClientOptions
  #connection: RawConnection | undefined
  #correlation = 0
  #unacknowledged = 0
  #isEnded = false
  #lastFailure = ''
  #cursorMs: number | undefined
  readonly #inFlight = new InFlightSends()
  readonly #answers = new Map<number, { readonly type: FrameType; readonly resolve: (body: Uint8Array) => void; readonly reject: (error: Error) => void }>()
  readonly #requests: Uint8Array[] = []
  readonly #posts: FollowedPosts

  private constructor(options: EvegramClientOptions) {
    this.#options = options
    this.#posts = new FollowedPosts({
      payloadBytes: options.payloadBytes, delivered: (body) => { options.events.delivered(body) },
      read: async (channel, after) => decodeChannelPage(await this.#request(FRAME_TYPE.readChannel, encodeReadChannel({ channel, after }), FRAME_TYPE.channelPage)),
    })
  }

  /** Connects, says hello, catches up. Rejects when the server refuses. */
  static async open(options: EvegramClientOptions): Promise<EvegramClient> {
    const client = new EvegramClient(options)
    client.#connection = await RawConnection.open(options.device, {
      ws: options.ws, origin: options.origin, ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      ...(options.sinceMs === undefined ? {} : { sinceMs: options.sinceMs }),
      onPage: ({ deliveries }) => { for (const { envelope } of deliveries) options.onMissed?.(client.#payloadOf(envelope)) },
      onCaughtUp: (cursorMs) => { client.#cursorMs = cursorMs },
      onMessage: (message) => { client.#onMessage(message) },
      onClose: (code, reason) => { client.#onClose(code, reason) },
    })
    if (options.onSignal !== undefined) client.#connection.send(encodeFrame(FRAME_TYPE.listen, 0, encodeListen(true)))
    return client
  }

  async found(kind: ConversationKind, others: readonly Handle[]): Promise<Handle> {
    const { device } = this.#options
    const members = others.map(readAddress)
    switch (kind) {
      case 'direct': {
        const [partner] = members
        if (partner === undefined || members.length !== 1) throw new RangeError('a direct conversation is with one other')
        return envelopeHandle(decodeOpened(await this.#request(FRAME_TYPE.open, encodeOpen({ peer: partner.account }), FRAME_TYPE.opened)), [device, partner])
      }
      case 'group': {
        if (members.length > GROUP_OTHERS_MAX) throw new RangeError(`a group is made with at most ${String(GROUP_OTHERS_MAX)} others`)
        const { opened } = await this.#change(draftGroup(randomSalt(), members.map(({ account }) => account), this.#actor, Date.now()))
        return envelopeHandle(opened, [])
      }
      case 'channel': {
        const { opened, head } = await this.#change(draftChannel(channelSaltOf(new Uint8Array(randomBytes(CHANNEL_KEY_BYTES))), [], this.#actor, Date.now()))
        return channelHandle({ channel: opened.conversation, members: { seq: opened.membershipVersion, head }, author: device.device })
      }
      default: return kind satisfies never
    }
  }

  async join(kind: ConversationKind, handle: Handle, events: SendEvents): Promise<DriverConversation> {
    const { device } = this.#options
    if (kind !== 'channel') return new EvegramEnvelopes(device, readEnvelopeHandle(handle), (token, correlation, frame) => { this.#send(token, correlation, frame, events) }, () => ++this.#correlation)
    const { channel, members, author } = readChannelHandle(handle)
    if (author !== device.device) {
      const { seq } = decodeChannelPage(await this.#request(FRAME_TYPE.follow, encodeReadChannel({ channel, after: Number.MAX_SAFE_INTEGER }), FRAME_TYPE.channelPage))
      this.#posts.follow(channel, seq)
      return { send: (_payload, token) => { events.refused(token, 'a follower does not post') } }
    }
    return new EvegramChannelAuthor({
      channel, members, actor: this.#actor, sign: (bytes) => device.signer.sign(bytes), events,
      post: async (post) => { await this.#request(FRAME_TYPE.post, post, FRAME_TYPE.channelHead) },
      // Behind the last number there are no posts: the page names the head alone.
      head: async () => decodeChannelPage(await this.#request(FRAME_TYPE.readChannel, encodeReadChannel({ channel, after: Number.MAX_SAFE_INTEGER }), FRAME_TYPE.channelPage)),
    })
  }

  close(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#connection?.close()
    this.#onEnded()
  }

  /** Up to here everything came; undefined before the first catch-up. */
  get cursorMs(): number | undefined {
    return this.#cursorMs
  }

  /** Reads nothing any more, as a device whose network or program hangs; {@link read} goes on. */
  pause(): void {
    this.#connection?.pause()
  }

  /** Reads again. */
  read(): void {
    this.#connection?.resume()
  }

  /** Sends a whole frame that was made before: a message once more, after a connection ended before its acknowledgement. */
  sendAgain(token: number, message: { readonly correlation: number; readonly frame: Uint8Array }, events: SendEvents): void {
    this.#send(token, message.correlation, message.frame, events)
  }

  /** Tells the other members of a conversation that somebody types here. Nobody answers. */
  signalTyping(handle: Handle): void {
    const { conversation } = readEnvelopeHandle(handle)
    this.#connection?.send(encodeFrame(FRAME_TYPE.signal, 0, encodeSignal({ kind: SIGNAL_KIND.typingStarted, conversation })))
  }

  /** Shows the server that somebody is there. */
  ping(): void {
    this.#connection?.send(encodeFrame(FRAME_TYPE.ping, 0, new Uint8Array(0)))
  }

  /** Tells the server what arrived. */
  acknowledge(): void {
    if (this.#unacknowledged > 0) this.#connection?.acknowledge(this.#unacknowledged)
    this.#unacknowledged = 0
  }

  get #actor(): LogActor {
    const { account, device, log } = this.#options.device
    return { account, device, log }
  }

  async #change(draft: MembershipDraft): Promise<{ readonly opened: ReturnType<typeof decodeOpened>; readonly head: Uint8Array }> {
    const sealed = sealMembershipEntry(draft, this.#options.device.signer.sign(membershipEntryHash(draft)))
    return { opened: decodeOpened(await this.#request(FRAME_TYPE.changeGroup, sealed.bytes, FRAME_TYPE.opened)), head: sealed.head }
  }

  #send(token: number, correlation: number, frame: Uint8Array, events: SendEvents): void {
    if (this.#connection === undefined || this.#isEnded) {
      events.refused(token, 'closed')
      return
    }
    this.#inFlight.add(correlation, token, events)
    this.#connection.send(frame)
  }

  #request(type: FrameType, body: Uint8Array, answer: FrameType): Promise<Uint8Array> {
    const correlation = ++this.#correlation
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#answers.get(correlation)?.reject(new Error(`no answer to a request of type ${String(type)}`)), ANSWER_MS)
      const settle = (): void => {
        clearTimeout(timer)
        this.#answers.delete(correlation)
      }
      this.#answers.set(correlation, {
        type: answer, resolve: (bytes) => { settle(); resolve(bytes) }, reject: (error) => { settle(); reject(error) },
      })
      this.#sendSoon(encodeFrame(type, correlation, body))
    })
  }

  /** Requests of one turn leave as one message. */
  #sendSoon(frame: Uint8Array): void {
    if (this.#requests.push(frame) > 1) return
    queueMicrotask(() => {
      const frames = this.#requests.splice(0)
      for (let from = 0, to = 0; from < frames.length; from = to) {
        for (let bytes = 0; to < frames.length && (to === from || bytes + (frames[to]?.length ?? 0) <= LIMITS.frameBytesMax); to++) bytes += frames[to]?.length ?? 0
        this.#connection?.send(concatBytes(...frames.slice(from, to)))
      }
    })
  }

  /** Deliveries, posts and acknowledgements are all but a few of the frames: those are read where they lie. */
  #onMessage(message: Buffer): void {
    for (let at = 0; at < message.length;) {
      const end = at + FRAME_HEADER_BYTES + (at + FRAME_HEADER_BYTES <= message.length ? message.readUInt32BE(at + LENGTH_OFFSET) : 0)
      if (end > message.length) throw new RangeError('a frame that is not whole')
      const type = message[at + 1]
      if (message[at] === PROTOCOL_VERSION && type === FRAME_TYPE.deliver) this.#onDelivery(message, end)
      else if (message[at] === PROTOCOL_VERSION && type === FRAME_TYPE.ack) this.#onAcks(message, at + FRAME_HEADER_BYTES, end)
      else if (message[at] === PROTOCOL_VERSION && type === FRAME_TYPE.posted) this.#posts.pushed(message.subarray(at + FRAME_HEADER_BYTES, end))
      else for (const frame of decodeFrames(message.subarray(at, end))) this.#onFrame(frame)
      at = end
    }
  }

  /** At the end of an envelope, and of the frame that delivers it, is the one body for this device. */
  #onDelivery(message: Buffer, end: number): void {
    this.#options.events.delivered(message.subarray(end - this.#options.payloadBytes, end))
    if (++this.#unacknowledged >= DEVICE_ACK_EVERY) this.acknowledge()
  }

  #onFrame(frame: Frame): void {
    switch (frame.type) {
      case FRAME_TYPE.channelHead:
        // The answer to a post is one too, under the correlation of it.
        if (frame.correlation === 0) {
          const { channel, seq } = decodeChannelHead(frame.body)
          this.#posts.told(channel, seq)
        } else this.#onAnswer(frame)
        return
      case FRAME_TYPE.synced:
        this.#cursorMs = decodeSynced(frame.body)
        return
      case FRAME_TYPE.signalled:
        this.#options.onSignal?.()
        return
      case FRAME_TYPE.failure:
        this.#onFailure(frame)
        return
      default:
        this.#onAnswer(frame)
    }
  }

  #onAnswer({ type, correlation, body }: Frame): void {
    const waiting = this.#answers.get(correlation)
    if (waiting?.type === type) waiting.resolve(body.slice())
  }

  /** At the end of an envelope, and of the frame that delivers it, is the one body for this device. */
  #payloadOf(envelope: Uint8Array): Uint8Array {
    return envelope.subarray(Math.max(0, envelope.length - this.#options.payloadBytes))
  }

  #onAcks(message: Buffer, from: number, to: number): void {
    for (let at = from; at + ACK_BYTES <= to; at += ACK_BYTES) this.#inFlight.acknowledged(message.readUInt32BE(at))
  }

  #onFailure({ correlation, body }: Frame): void {
    const { code, message } = decodeFailure(body)
    this.#lastFailure = code
    this.#inFlight.refused(correlation, code)
    this.#answers.get(correlation)?.reject(new Error(`${code}: ${message}`))
  }

  #onClose(code: number, reason: string): void {
    this.#onEnded()
    if (!this.#isEnded && this.#connection !== undefined) this.#options.events.closed([`close ${String(code)}`, reason, this.#lastFailure].filter((text) => text !== '').join(' '))
    this.#isEnded = true
  }

  #onEnded(): void {
    this.#options.onClosed(this)
    for (const { reject } of this.#answers.values()) reject(new Error('the connection ended'))
  }
}

function randomSalt(): Uint8Array {
  return new Uint8Array(randomBytes(16))
}
