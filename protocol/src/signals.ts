import { hexOf } from './bytes.js'
import { EvegramError } from './errors.js'
import { ID_BYTES, idBytes, parseAccountId, parseConversationId, parseDeviceId, type AccountId, type ConversationId, type DeviceId } from './ids.js'

/** What a signal says: something that is of no use a few seconds later. Wire values are fixed for ever. */
export const SIGNAL_KIND = {
  /** Somebody writes; said again every few seconds while it goes on. */
  typingStarted: 1,
  /** And does so no more. */
  typingStopped: 2,
  /** Somebody would like to know whether the other side is there; said again now and then while they would. Of direct conversations. */
  presenceAsked: 3,
  /** The person is at this device: the answer to who asked, and told to them when it begins. */
  presenceHere: 4,
  /** And is not any more. */
  presenceAway: 5,
} as const
/** Wire value of a kind of signal. */
export type SignalKind = (typeof SIGNAL_KIND)[keyof typeof SIGNAL_KIND]

const KNOWN_KINDS: ReadonlySet<number> = new Set(Object.values(SIGNAL_KIND))

/** `signal`: to the other members of a conversation, as far as they are connected and listen. Never answered, never stored, lost at any time. */
export interface MemberSignal {
  readonly kind: SignalKind
  readonly conversation: ConversationId
}

/** `signalled`: a signal of another member, as the server says: nobody signed it. */
export interface Signalled extends MemberSignal {
  readonly account: AccountId
  readonly device: DeviceId
}

/** Bytes of the body of `signal`: kind (u8), conversation (16). */
export const SIGNAL_BYTES = 1 + ID_BYTES
/** Bytes of the body of `signalled`: those of `signal`, then account (16) and device (16) of the sender. */
export const SIGNALLED_BYTES = SIGNAL_BYTES + 2 * ID_BYTES

/** Body of `signal`. */
export function encodeSignal(value: MemberSignal): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIGNAL_BYTES)
  bytes[0] = value.kind
  bytes.set(idBytes(value.conversation), 1)
  return bytes
}
/** `undefined` for kinds of newer clients, which are ignored. Throws `invalid.frame` for another length. */
export function decodeSignal(body: Uint8Array): MemberSignal | undefined {
  if (body.length !== SIGNAL_BYTES) throw new EvegramError('invalid.frame', { operation: 'decode signal' })
  return signalAt(body)
}

/** Body of `signalled`. */
export function encodeSignalled(value: Signalled): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIGNALLED_BYTES)
  bytes.set(encodeSignal(value))
  bytes.set(idBytes(value.account), SIGNAL_BYTES)
  bytes.set(idBytes(value.device), SIGNAL_BYTES + ID_BYTES)
  return bytes
}
/** `undefined` for kinds of newer servers, which are ignored. Throws `invalid.frame` for another length. */
export function decodeSignalled(body: Uint8Array): Signalled | undefined {
  if (body.length !== SIGNALLED_BYTES) throw new EvegramError('invalid.frame', { operation: 'decode signalled' })
  const signal = signalAt(body)
  if (signal === undefined) return undefined
  return {
    ...signal, account: parseAccountId(hexOf(body, SIGNAL_BYTES, SIGNAL_BYTES + ID_BYTES)),
    device: parseDeviceId(hexOf(body, SIGNAL_BYTES + ID_BYTES, SIGNALLED_BYTES)),
  }
}

/** Body of `listen`: 1 to be sent signals on this connection, 0 not to be any more. */
export function encodeListen(listens: boolean): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(listens ? 1 : 0)
}
/** Throws `invalid.frame`. */
export function decodeListen(body: Uint8Array): boolean {
  const [value = 2] = body
  if (body.length !== 1 || value > 1) throw new EvegramError('invalid.frame', { operation: 'decode listen' })
  return value === 1
}

function signalAt(body: Uint8Array): MemberSignal | undefined {
  const [kind = 0] = body
  if (!KNOWN_KINDS.has(kind)) return undefined
  // Membership in KNOWN_KINDS was checked, which the compiler cannot see.
  return { kind: kind as SignalKind, conversation: parseConversationId(hexOf(body, 1, SIGNAL_BYTES)) }
}
