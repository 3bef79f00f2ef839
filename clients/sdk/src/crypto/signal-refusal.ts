/**
 * Why a Signal message or key was refused:
 * `malformed` it does not parse, or a key in it is not written canonically; `low_order_key` a public key keeps no secret;
 * `bad_mac` it was changed, or belongs to a session that is gone; `untrusted_identity` the key is not the attested one;
 * `replayed` the key of its counter is gone (used, or dropped as too old); `too_far_ahead` more than 2000 messages are missing before it;
 * `no_session` there is no session; `missing_prekey` it was encrypted to a prekey that is used up or too old;
 * `bad_signature` the signed prekey is not signed by its identity; `undecryptable` anything else.
 */
export type RefusalKind =
  | 'malformed'
  | 'low_order_key'
  | 'bad_mac'
  | 'untrusted_identity'
  | 'replayed'
  | 'too_far_ahead'
  | 'no_session'
  | 'missing_prekey'
  | 'bad_signature'
  | 'undecryptable'

/** Thrown inside the Signal code; turned into an outcome at its edge. Holds no key and no text. */
export class SignalRefusal extends Error {
  // The library walks through its archived sessions after any other error name: a used counter must end that walk.
  override readonly name: string
  readonly kind: RefusalKind

  constructor(kind: RefusalKind, cause?: unknown) {
    super(`refused: ${kind}`, { cause })
    this.name = kind === 'replayed' ? 'MessageCounterError' : 'SignalRefusal'
    this.kind = kind
  }
}

/** What the library's own errors mean. Its texts are API here: a test pins each of them. */
const LIBRARY_TEXTS: readonly (readonly [RegExp, RefusalKind])[] = [
  [/^(Identity key changed|Unknown identity key)/, 'untrusted_identity'],
  [/^Over 2000 messages into the future/, 'too_far_ahead'],
  [/^(No record for|No session to encrypt)/, 'no_session'],
  [/^Missing Signed PreKey|^unable to find session for base key/, 'missing_prekey'],
  [/^Invalid signature/, 'bad_signature'],
  [/^Bad MAC/, 'bad_mac'],
  [/^Message key not found/, 'replayed'],
  [/^Got invalid request to extend chain/, 'undecryptable'],
]

/** The refusal that `error` means, or undefined when it is a fault (of the store, or of this program) and must be thrown on. */
export function refusalOf(error: unknown): RefusalKind | undefined {
  if (error instanceof SignalRefusal) return error.kind
  if (!(error instanceof Error)) return undefined
  return LIBRARY_TEXTS.find(([pattern]) => pattern.test(error.message))?.[1]
}
