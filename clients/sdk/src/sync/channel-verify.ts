import {
  applyChannelPost, decodeChannelPost, equalBytes, hexOf, isEvegramError,
  type AccountId, type ChannelPost, type ChannelState, type ErrorCode, type EvegramError, type LogHead,
} from '@evegram/protocol'
import { signingKeyAt, type SigningKeyAt } from '../account/signing-key-at.js'
import { readChannelLog, type ChannelLogRow } from '../core/channel-row.js'
import type { ChannelLogs } from '../core/channel-logs.js'
import type { Core } from '../core/context.js'
import { spanAt } from '../core/group-row.js'

/** What the account of an author says is asked for at most this often: a device that was revoked is learned of. */
const AUTHOR_MAX_AGE_MS = 60_000

/** Why a run of posts was not taken further. */
export type VerifyStop =
  /** A post breaks a rule. */
  | { readonly kind: 'alarm'; readonly code: ErrorCode; readonly reason: string }
  /** What a post has to be verified with could not be had. */
  | { readonly kind: 'error'; readonly error: EvegramError }

/** How far a run of posts was verified. */
export interface VerifiedPosts {
  readonly state: ChannelState
  readonly posts: readonly ChannelPost[]
  /** Undefined: all of them. */
  readonly stop: VerifyStop | undefined
}

/**
 * Verifies encoded posts one after the other behind `state`: place, author, device, signature, all against logs that were verified here.
 * Writes nothing but what the logs of authors need. Rejects only when the local store fails.
 */
export async function verifyPosts(core: Core, logs: ChannelLogs, state: ChannelState, encoded: readonly Uint8Array[]): Promise<VerifiedPosts> {
  const run = new Verification(core, logs)
  const posts: ChannelPost[] = []
  let before = state
  for (const bytes of encoded) {
    try {
      const result = await run.apply(before, bytes)
      if (result.status === 'refused') return { state: before, posts, stop: { kind: 'alarm', code: result.code, reason: result.reason } }
      before = result.state
      posts.push(result.post)
    } catch (error) {
      if (!isEvegramError(error) || error.code === 'client.store' || error.code === 'internal') throw error
      return { state: before, posts, stop: stopOf(error) }
    }
  }
  return { state: before, posts, stop: undefined }
}

class Verification {
  readonly #core: Core
  readonly #logs: ChannelLogs
  /** By device and state of its account: looking a revoked device up costs requests. */
  readonly #keys = new Map<string, SigningKeyAt>()

  constructor(core: Core, logs: ChannelLogs) {
    this.#core = core
    this.#logs = logs
  }

  async apply(state: ChannelState, bytes: Uint8Array): Promise<ReturnType<typeof applyChannelPost>> {
    // What does not even follow the post before it is worth no request; the rules judge it in any case.
    const post = follower(state, bytes)
    const log = post === undefined ? undefined : await this.#authorsAt(post)
    const key = post === undefined ? undefined : await this.#keyOf(post)
    return applyChannelPost(state, bytes, {
      primitives: this.#core.primitives, nowMs: this.#core.time.now(), mode: 'peer',
      isAuthor: (account, members) => log !== undefined && isAuthorAt(log, account, members),
      signingKeyOf: () => (key?.status === 'active' ? key.signingKey : undefined),
    })
  }

  async #authorsAt({ channel, members }: ChannelPost): Promise<ChannelLogRow | undefined> {
    const known = await readChannelLog(this.#core.store, channel)
    return known === undefined || known.group.state.seq >= members.seq ? known : this.#logs.refresh(channel)
  }

  async #keyOf({ author: { account, device, log } }: ChannelPost): Promise<SigningKeyAt> {
    const { accounts, auth, roster } = this.#core
    const name = `${account} ${device} ${String(log.seq)} ${hexOf(log.head)}`
    const cached = this.#keys.get(name)
    if (cached !== undefined) return cached
    await roster.refresh(account, { maxAgeMs: AUTHOR_MAX_AGE_MS })
    const key = await signingKeyAt({ accounts, api: auth }, account, device, log)
    if (key.status === 'alarm') {
      roster.alarm(account, key.error)
      throw key.error
    }
    this.#keys.set(name, key)
    return key
  }
}

/** The post, if it parses and stands where the next one has to. */
function follower(state: ChannelState, bytes: Uint8Array): ChannelPost | undefined {
  try {
    const post = decodeChannelPost(bytes)
    return post.channel === state.channel && post.seq === state.seq + 1 && equalBytes(post.prev, state.head) ? post : undefined
  } catch (error) {
    if (isEvegramError(error)) return undefined
    throw error
  }
}

/** Whether the account was a member in exactly that state of the log. */
function isAuthorAt({ group }: ChannelLogRow, account: AccountId, members: LogHead): boolean {
  const head = group.heads[members.seq - 1]
  return head !== undefined && equalBytes(head, members.head) && spanAt(group, account, members.seq) !== undefined
}

/** A log that cannot be believed speaks against the server; that it cannot be had now speaks against nobody. */
function stopOf(error: EvegramError): VerifyStop {
  const isTransient = error.retry === 'after_backoff' && !error.code.startsWith('account.')
  if (isTransient || error.code.startsWith('client.')) return { kind: 'error', error }
  return { kind: 'alarm', code: error.code, reason: 'a log that the post is verified with is not to be believed' }
}
