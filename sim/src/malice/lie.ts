import {
  decodeDelivery, decodePage, encodeDelivery, encodeFrame, encodePage, ENVELOPE_KIND, ENVELOPE_OFFSETS, FRAME_TYPE, hexOf, LIMITS,
  type AccountId, type ConversationId, type Delivery, type DeviceId, type Frame, type FrameType, type Page,
} from '@evegram/protocol'
import type { SimRandom } from '../kernel/random.js'
import type { AuthLie, AuthTools } from './auth-lie.js'

/** What the liar knows of a device that it lies to: no more than any server learns. */
export interface Victim {
  /** Machine name, `alice-1`. */
  readonly name: string
  /** Known once it said hello. */
  account: AccountId | undefined
  device: DeviceId | undefined
  /** Counts the connections, so that nothing made for one reaches the next. */
  connection: number
  /** Keys of the messages that passed on the way to it while it was lied to, withheld ones too: see {@link messageKeyHex}. */
  readonly seen: Set<string>
  /** Since when it is lied to, ms since 1970: what is stored at an earlier position may have passed before. */
  sinceMs: number
  /** Frames that go with the next frame of the server that a live client takes. */
  readonly queue: Frame[]
}

/** Tools that a lie works with. */
export interface LieTools extends AuthTools {
  /** A stream of its own. */
  readonly random: SimRandom
  /** Names of the devices that are lied to: the first is the one that the lie is about. */
  readonly victims: readonly string[]
  /** True time in whole ms since 1970. */
  nowMs(): number
  /** The lie changed something just now: counted, and noted with these words. */
  changed(what: string): void
  /** Sends a frame to the victim as if the server had, after a moment, on the connection that it has now. */
  inject(victim: Victim, frame: Frame): void
  /** Sends a frame to another victim together with the next frame that it gets. */
  enqueue(name: string, frame: Frame): void
  /** A send was answered with an ack and thrown away. */
  lost(key: string): void
  /** A device is shown a post, signed by its author, that is in no store: whoever takes it can never take what others have in its place. */
  forked(device: string, post: Uint8Array): void
}

/** One lie while it lasts. A hook that is absent passes on; one that changes nothing returns the very object that it was given, alone. */
export interface ActiveLie extends AuthLie {
  /**
   * What takes the place of a delivery, be it live, in catch-up or in history: the same message gets the same answer everywhere. `isNew`: this
   * message never passed before on the way to this victim.
   */
  readonly delivery?: (delivery: Delivery, victim: Victim, isNew: boolean) => readonly Delivery[]
  /** What takes the place of the deliveries of a page, after {@link delivery}. */
  readonly page?: (deliveries: readonly Delivery[], victim: Victim) => readonly Delivery[]
  /** What takes the place of a frame of the server, after the other two. */
  readonly fromServer?: (frame: Frame, victim: Victim) => readonly Frame[]
  /** What takes the place of a frame of the victim. */
  readonly fromClient?: (frame: Frame, victim: Victim) => readonly Frame[]
  /** The lie is over: what was held back and is let go. */
  readonly end?: () => readonly Delivery[]
}

/** What a lie touches. */
export type LiePlace = 'deliveries' | 'stream' | 'answers' | 'accounts' | 'bundles' | 'groups' | 'channels'

/** One kind of lie, as the documents name it. */
export interface LieKind {
  readonly name: string
  readonly place: LiePlace
  /** What the server does. */
  readonly what: string
  /** What the victim must do about it: refuse, name a gap, alarm, or nothing, where nothing can be seen. */
  readonly must: string
  /** How many devices it takes. */
  readonly victims: 1 | 2
  /** Starts the lie; variants are drawn from the tools' randomness. */
  start(tools: LieTools): ActiveLie
}

const KEY_BYTES = 44
const key = new Uint8Array(KEY_BYTES)

/** What makes a message in an encoded envelope, in hex: conversation, device, epoch and number; 88 digits. */
export function messageKeyHex(envelope: Uint8Array): string {
  key.set(envelope.subarray(ENVELOPE_OFFSETS.conversation, ENVELOPE_OFFSETS.account), 0)
  key.set(envelope.subarray(ENVELOPE_OFFSETS.epoch, ENVELOPE_OFFSETS.order), 32)
  return hexOf(key, 0, KEY_BYTES)
}

/** The conversation of an encoded envelope. */
export function conversationIn(envelope: Uint8Array): ConversationId {
  // 16 bytes of an envelope that a node wrote: a conversation id by definition.
  return hexOf(envelope, ENVELOPE_OFFSETS.conversation, ENVELOPE_OFFSETS.device) as ConversationId
}

/** The sending device of an encoded envelope. */
export function senderIn(envelope: Uint8Array): DeviceId {
  // As above.
  return hexOf(envelope, ENVELOPE_OFFSETS.device, ENVELOPE_OFFSETS.account) as DeviceId
}

/** The sending account of an encoded envelope. */
export function accountIn(envelope: Uint8Array): AccountId {
  // As above.
  return hexOf(envelope, ENVELOPE_OFFSETS.account, ENVELOPE_OFFSETS.epoch) as AccountId
}

/** Whether an encoded envelope is a numbered message of a chain. */
export function isNumbered(envelope: Uint8Array): boolean {
  return envelope[ENVELOPE_OFFSETS.kind] === ENVELOPE_KIND.message
}

/** Whether a delivered envelope holds something to read: its own copies come to a sender without. */
export function hasBody(envelope: Uint8Array): boolean {
  return (envelope[ENVELOPE_OFFSETS.bodyCount + 1] ?? 0) > 0
}

/** A frame of the server. */
export function frameOf(type: FrameType, body: Uint8Array, correlation = 0): Frame {
  return { type, flags: 0, correlation, body }
}

/** A `deliver` frame. */
export function deliverFrame(delivery: Delivery): Frame {
  return frameOf(FRAME_TYPE.deliver, encodeDelivery(delivery))
}

/** A delivery whose bytes are its own: those of a frame are views that pass away. */
export function keptDelivery({ position, envelope }: Delivery): Delivery {
  return { position, envelope: envelope.slice() }
}

/** The bytes of a frame. */
export function frameBytes(frame: Frame): Uint8Array {
  return encodeFrame(frame.type, frame.correlation, frame.body, frame.flags)
}

/** Whether a client that gets this frame is past `welcome` and takes deliveries. */
export function isOfSession({ type }: Frame): boolean {
  return type === FRAME_TYPE.deliver || type === FRAME_TYPE.page || type === FRAME_TYPE.synced || type === FRAME_TYPE.pong || type === FRAME_TYPE.ack
}

/** Tells whether a message never passed before, and notes it. */
function isFirst(victim: Victim, { envelope, position }: Delivery): boolean {
  const { size } = victim.seen
  victim.seen.add(messageKeyHex(envelope))
  return victim.seen.size > size && position.timeMs >= victim.sinceMs
}

/** Takes a frame of the server through the lies about deliveries; the frame itself when they leave it alone. */
export function lieAboutDeliveries(frame: Frame, victim: Victim, lies: readonly ActiveLie[]): readonly Frame[] {
  if (frame.type === FRAME_TYPE.deliver) {
    const delivery = decodeDelivery(frame.body)
    const told = throughLies(delivery, victim, lies)
    return isUnchanged([delivery], told) ? [frame] : told.map(deliverFrame)
  }
  if (frame.type !== FRAME_TYPE.page) return [frame]
  const page = decodePage(frame.body)
  let told: readonly Delivery[] = page.deliveries.flatMap((delivery) => throughLies(delivery, victim, lies))
  for (const lie of lies) told = lie.page?.(told, victim) ?? told
  return isUnchanged(page.deliveries, told) ? [frame] : [{ ...frame, body: encodeFittingPage(page, told) }]
}

function throughLies(delivery: Delivery, victim: Victim, lies: readonly ActiveLie[]): readonly Delivery[] {
  const isNew = isFirst(victim, delivery)
  let told: readonly Delivery[] = [delivery]
  for (const lie of lies) {
    const { delivery: change } = lie
    if (change !== undefined) told = told.flatMap((one) => change(one, victim, isNew))
  }
  return told
}

function isUnchanged(before: readonly Delivery[], after: readonly Delivery[]): boolean {
  return before.length === after.length && before.every((delivery, index) => delivery === after[index])
}

/** A page that is too large is no lie but an error of the frame: what does not fit is left out. */
function encodeFittingPage(page: Page, deliveries: readonly Delivery[]): Uint8Array {
  let bytes = 0
  const fitting = deliveries.slice(0, LIMITS.pageEnvelopesMax).filter(({ envelope }) => {
    bytes += envelope.length
    return bytes <= LIMITS.pageBytesMax
  })
  return encodePage({ ...page, deliveries: fitting })
}
