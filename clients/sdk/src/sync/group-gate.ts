import { directConversationIdOf, isEvegramError, type ConversationId } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, readConversation } from '../core/conversation-row.js'
import type { GroupLogs } from '../core/group-logs.js'
import { spanAt, type GroupRow } from '../core/group-row.js'
import type { GroupDecryptOutcome } from '../crypto/group-cipher.js'
import type { DecryptOutcome } from '../crypto/session-cipher.js'
import type { Incoming } from './incoming.js'

/** What a member sent before it went may arrive this long after its going was learned of; later it is taken for sent afterwards. */
const GONE_GRACE_MS = 600_000
/** Groups whose log was asked for lately because of a message; past it all are asked for again. */
const GROUPS_ASKED_MAX = 1_024
/** Time in which a log that was asked for in vain is not asked for again because of another message. */
const ASKED_MS = 5_000

/** What becomes of a message to a group. `unwanted`: it was not meant for this account. `undecided`: the membership log has to be had first. */
export type GateVerdict = 'welcome' | 'unwanted' | 'undecided' | { readonly refused: string }

/** What is not known about the groups of some messages. */
export interface GroupDoubts {
  /** Their log could not be had, or was asked for too short a time ago to be asked again: who was refused may be a member by now. */
  readonly undecided: ReadonlySet<ConversationId>
  /** The server does not show them to this account: it is no member, or none any more. */
  readonly denied: ReadonlySet<ConversationId>
}

/** Decides which messages to groups are looked into at all: those between members, by the log that this device verified. */
export class GroupGate {
  readonly #core: Core
  readonly #groups: GroupLogs
  /** Groups that were asked for because of a message, and until when they are not asked for again (monotonic ms). */
  readonly #asked = new Map<ConversationId, number>()

  constructor(core: Core, groups: GroupLogs) {
    this.#core = core
    this.#groups = groups
  }

  /**
   * Asks for the logs of groups that this device does not know, or not as far as a message says.
   * A group that the server does not show to this account, or a log that breaks its rules, is decided: its messages are refused.
   */
  async lookUp(incoming: readonly Incoming[]): Promise<GroupDoubts> {
    const { account: me, store, clock } = this.#core
    const undecided = new Set<ConversationId>()
    const denied = new Set<ConversationId>()
    const asked = new Set<ConversationId>()
    for (const { header, body } of incoming) {
      const { conversation, account, membershipVersion } = header
      if (body === undefined || asked.has(conversation)) continue
      const known = await readConversation(store, conversation)
      // A message of an own device names no peer: the server says whether there is such a group.
      const isDirect = known === undefined ? account !== me && directConversationIdOf(me, account) === conversation : !isGroup(known)
      if (isDirect || (known !== undefined && known.membershipVersion >= membershipVersion)) continue
      asked.add(conversation)
      if (clock.monotonicMs() < (this.#asked.get(conversation) ?? 0)) {
        undecided.add(conversation)
        continue
      }
      try {
        const { state } = await this.#groups.refresh(conversation)
        // A version that the log has not cannot be asked for with every message that names it.
        if (state.seq < membershipVersion) this.#noteAsked(conversation)
      } catch (error) {
        if (!isEvegramError(error) || error.code === 'client.store') throw error
        // That this connection or program ended says nothing about the group either.
        if (error.retry === 'after_backoff' || error.code.startsWith('client.')) undecided.add(conversation)
        else {
          this.#noteAsked(conversation)
          if (error.code === 'denied.not_member') denied.add(conversation)
        }
      }
    }
    return { undecided, denied }
  }

  #noteAsked(conversation: ConversationId): void {
    if (this.#asked.size >= GROUPS_ASKED_MAX) this.#asked.clear()
    this.#asked.set(conversation, this.#core.clock.monotonicMs() + ASKED_MS)
  }

  /**
   * Whether what a device sent to `group` is taken: at the version that it names, sender and this account have to be members. `isDoubted`: the log could
   * not be had just now. Without a group only own devices are welcome, whose messages say inside whom they are for.
   */
  judge(group: GroupRow | undefined, { header }: Incoming, isDoubted: boolean): GateVerdict {
    if (group === undefined) {
      if (isDoubted) return 'undecided'
      return header.account === this.#core.account ? 'welcome' : { refused: 'conversation' }
    }
    const { membershipVersion: version, account } = header
    if (version > group.state.seq) return isDoubted ? 'undecided' : { refused: 'a version that the group has not' }
    // A new member gets what lies in the log from before: it was not meant for it, and is no reason to ask.
    if (spanAt(group, this.#core.account, version) === undefined) return 'unwanted'
    const span = spanAt(group, account, version)
    if (span === undefined) return { refused: 'the sender was no member' }
    // Who went could go on under the old version with the help of a server; what it sent before may still be on its way.
    const goneForMs = span.goneAtMs === undefined ? 0 : this.#core.time.now() - span.goneAtMs
    return goneForMs > GONE_GRACE_MS ? { refused: 'the sender is no member any more' } : 'welcome'
  }

  /** Whether an envelope was stored before this device existed: the log holds one body for all, which was not meant for it. */
  isBeforeThisDevice({ positionMs }: Incoming): boolean {
    return positionMs < (this.#core.roster.device(this.#core.device)?.attestedAtMs ?? 0)
  }
}

/** A chain that is not here is asked about as a session that is not here; a signature that does not verify is as good as a MAC. */
export function statusOfSession(status: Exclude<GroupDecryptOutcome['status'], 'decrypted'>): Exclude<DecryptOutcome['status'], 'decrypted'> {
  if (status === 'no_sender_key') return 'no_session'
  return status === 'bad_signature' ? 'bad_mac' : status
}
