import { emptyHead } from './account-log-entry.js'
import type { LogHead } from './account-log-extends.js'
import type { LogRefusal } from './account-log-proofs.js'
import { equalBytes, hexOf } from './bytes.js'
import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { channelHeadOf, channelPostHashOf, decodeChannelPost, encodeChannelPost, type ChannelPost, type ChannelPostDraft } from './channel-post.js'
import { isEvegramError } from './errors.js'
import { ID_BYTES, idBytes, parseAccountId, parseConversationId, type AccountId, type ConversationId } from './ids.js'
import { LIMITS } from './limits.js'
import { checkActor, type LogActor } from './log-actor.js'
import type { ProofPrimitives } from './proof/primitives.js'

/** What the posts of a channel say up to post `seq`. Immutable: every post gives a new state. */
export interface ChannelState {
  readonly channel: ConversationId
  /** Number of the last post, 0 without posts. */
  readonly seq: number
  /** Head behind that post, 32 bytes; zeros without posts. */
  readonly head: Uint8Array
  /** The newest state of the membership log that a post named; number 0 and zeros without posts. */
  readonly members: LogHead
  /** The newest state of its account log that each author named when it posted: it never names an older one again. */
  readonly authorLogs: ReadonlyMap<AccountId, LogHead>
}

/** The state of a channel before its first post. */
export function emptyChannelState(channel: ConversationId): ChannelState {
  return { channel, seq: 0, head: emptyHead(), members: { seq: 0, head: emptyHead() }, authorLogs: new Map() }
}

/**
 * The state in which somebody who knows the channel up to `known` (the empty state: nothing) goes on with `first`, when what lies between is gone: the
 * number of `first` and the hash that it names are taken as they are. What posts named before is kept, so that nobody who was removed or revoked since
 * comes back through the gap. A `first` that leaves no gap changes nothing: it has to follow `known`. Whether there may be a gap is the caller's to judge.
 */
export function channelStateBefore(known: ChannelState, first: ChannelPost): ChannelState {
  return first.seq > known.seq + 1 ? { ...known, seq: first.seq - 1, head: first.prev } : known
}

/** What the rules of a channel need to know beside its posts. */
export interface ChannelContext {
  readonly primitives: ProofPrimitives
  /**
   * The signing key (Ed25519, 32 bytes) of the author's device, if the account's log, verified up to `author.log.seq` with exactly that head, shows it
   * as active; undefined otherwise. A server, which does not replay logs, answers from the state that it has now.
   */
  signingKeyOf(author: LogActor): Uint8Array | undefined
  /** Whether the account is a member in the state of the channel's membership log that is named, head included. */
  isAuthor(account: AccountId, members: LogHead): boolean
  /** Ms since 1970. */
  readonly nowMs: number
  /** `server`: the post is new. `peer`: it was accepted some time ago. */
  readonly mode: 'server' | 'peer'
}

/** Answer of {@link applyChannelPost}: the new state, or the first rule that the post breaks. */
export type ApplyChannelPostResult =
  | { readonly status: 'applied'; readonly state: ChannelState; readonly post: ChannelPost }
  | ({ readonly status: 'refused' } & LogRefusal)

/**
 * Applies one encoded post to the state before it. All rules are here, in this order: bytes, place behind the head, time, membership (an author never
 * names an older membership than a post before it did), the author, the number of authors, its device and its signature; the first that fails gives
 * the code.
 * Never throws, whatever the bytes.
 */
export function applyChannelPost(state: ChannelState, encodedPost: Uint8Array, context: ChannelContext): ApplyChannelPostResult {
  const post = readPost(encodedPost)
  return 'code' in post ? { status: 'refused', ...post } : applyDecodedPost(state, post, encodedPost, context)
}

/** {@link applyChannelPost} for whoever read the post before: `post` is what `decodeChannelPost` gave for exactly these bytes. */
export function applyDecodedPost(state: ChannelState, post: ChannelPost, encodedPost: Uint8Array, context: ChannelContext): ApplyChannelPostResult {
  const refusal = checkPlace(state, post, context) ?? checkTime(post, context) ?? checkAuthor(state, { post, encodedPost }, context)
  if (refusal !== undefined) return { status: 'refused', ...refusal }
  return { status: 'applied', post, state: channelStateAfter(state, post, encodedPost, context.primitives.sha256) }
}

/** The state behind a post that was judged before, as when it was stored: nothing is checked. `encodedPost`: the bytes of `post`; `hash`: SHA-256, where the caller has a faster one. */
export function channelStateAfter(state: ChannelState, post: ChannelPost, encodedPost: Uint8Array, hash?: (input: Uint8Array) => Uint8Array): ChannelState {
  return {
    channel: state.channel, seq: post.seq, head: channelHeadOf(encodedPost, hash), members: post.members,
    authorLogs: new Map(state.authorLogs).set(post.author.account, post.author.log),
  }
}

/** A post that follows `state`, still without its signature: the author's device signs its `channelPostHash`. */
export function draftChannelPost(
  state: Pick<ChannelState, 'channel' | 'seq' | 'head'>, fields: Pick<ChannelPostDraft, 'author' | 'members' | 'atMs' | 'body'>,
): ChannelPostDraft {
  return { v: 1, channel: state.channel, seq: state.seq + 1, prev: state.head, ...fields }
}

/** Puts the signature under a draft: the bytes for the server. Throws as `encodeChannelPost`. */
export function sealChannelPost(draft: ChannelPostDraft, signature: Uint8Array): Uint8Array<ArrayBuffer> {
  return encodeChannelPost({ ...draft, signature })
}

function readPost(bytes: Uint8Array): ChannelPost | LogRefusal {
  try {
    return decodeChannelPost(bytes)
  } catch (cause) {
    if (isEvegramError(cause)) return { code: cause.code, reason: 'the post does not parse' }
    throw cause
  }
}

const invalid = (reason: string): LogRefusal => ({ code: 'channel.log_invalid', reason })

function checkPlace(state: ChannelState, post: ChannelPost, context: ChannelContext): LogRefusal | undefined {
  if (post.channel !== state.channel) return invalid('the post belongs to another channel')
  if (post.seq === state.seq + 1 && equalBytes(post.prev, state.head)) return undefined
  // A server is told about a race with another author; a follower that gets such a post was shown another history before.
  return context.mode === 'server'
    ? { code: 'conflict.channel_head', reason: 'the post does not follow the head of the channel' }
    : invalid('the post does not follow the head of the channel')
}

function checkTime(post: ChannelPost, context: ChannelContext): LogRefusal | undefined {
  if (post.atMs > context.nowMs + LIMITS.challengeMs) return { code: 'proof.not_yet_valid', reason: 'the post is from the future' }
  if (context.mode === 'server' && post.atMs < context.nowMs - LIMITS.challengeMs) return { code: 'proof.expired', reason: 'the post is too old' }
  return undefined
}

function checkAuthor(
  state: ChannelState, { post, encodedPost }: { readonly post: ChannelPost; readonly encodedPost: Uint8Array }, context: ChannelContext,
): LogRefusal | undefined {
  const { author, members, signature } = post
  // An author who was removed could otherwise go on posting by naming the membership as it was before.
  const isOlder = members.seq < state.members.seq || (members.seq === state.members.seq && !equalBytes(members.head, state.members.head))
  if (isOlder) return invalid('a post before it named a newer membership')
  if (!context.isAuthor(author.account, members)) return { code: 'denied.not_author', reason: 'the account is no author in the membership that is named' }
  // The state names every account that ever posted, and is stored anew with every post.
  if (!state.authorLogs.has(author.account) && state.authorLogs.size >= LIMITS.channelAuthorsMax) {
    return { code: 'channel.author_limit', reason: 'as many accounts have posted as may' }
  }
  return checkActor(author, {
    primitives: context.primitives, before: state.authorLogs.get(author.account), signingKey: context.signingKeyOf(author), hash: channelPostHashOf(encodedPost, context.primitives.sha256),
    signature,
  })
}

/** Largest encoded state: some 60 bytes for each of `LIMITS.channelAuthorsMax` accounts. */
const CHANNEL_STATE_BYTES_MAX = 131_072
const INVALID_STATE = 'invalid.channel_post' as const

/** CBOR of a state, for stores; it is not part of the wire protocol. */
export function encodeChannelState(state: ChannelState): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    channel: idBytes(state.channel), seq: state.seq, head: state.head, members: [state.members.seq, state.members.head],
    authorLogs: [...state.authorLogs].map(([account, { seq, head }]) => [idBytes(account), seq, head]),
  })
}

/** Throws `invalid.cbor` or `invalid.channel_post` on bytes that {@link encodeChannelState} did not write. */
export function decodeChannelState(bytes: Uint8Array): ChannelState {
  const fields = new CborFields(decodeCbor(bytes, CHANNEL_STATE_BYTES_MAX), INVALID_STATE)
  const readHead = (seq: CborValue | undefined, head: CborValue | undefined): LogHead =>
    (typeof seq === 'number' && seq >= 0 && head instanceof Uint8Array && head.length === 32 ? { seq, head } : fields.fail('a head'))
  const [seq, head] = fields.list('members', 2)
  return {
    channel: parseConversationId(hexOf(fields.bytes('channel', ID_BYTES))), seq: fields.uint('seq'), head: fields.bytes('head', 32), members: readHead(seq, head),
    authorLogs: new Map(fields.list('authorLogs', LIMITS.channelAuthorsMax).map((row) => {
      // Array.isArray widens readonly arrays to any[]; the type of `row` is known.
      const [account, logSeq, logHead] = Array.isArray(row) ? (row as readonly CborValue[]) : []
      if (!(account instanceof Uint8Array) || account.length !== ID_BYTES) return fields.fail('authorLogs')
      return [parseAccountId(hexOf(account)), readHead(logSeq, logHead)] as const
    })),
  }
}
