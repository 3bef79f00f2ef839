import {
  draftMembershipEntry, EvegramError, isEvegramError, membershipEntryHash, sealMembershipEntry,
  type ConversationId, type MembershipActor, type MembershipChange, type MembershipDraft,
} from '@evegram/protocol'
import { signWithSigning } from '../crypto/device-keys.js'
import type { Connection } from '../transport/connection.js'
import type { Core } from './context.js'
import type { GroupRow } from './group-row.js'

/** Changes of a membership that were overtaken by others and signed again. */
const CHANGE_TRIES_MAX = 4

/** Entries of membership logs, signed by this device and offered to the server; believed only once they came back verified. */
export class MembershipOffers {
  readonly #core: Core
  readonly #refresh: (conversation: ConversationId) => Promise<GroupRow>

  /** `refresh` brings a log up to date and makes it durable. */
  constructor(core: Core, refresh: (conversation: ConversationId) => Promise<GroupRow>) {
    this.#core = core
    this.#refresh = refresh
  }

  /** Offers a change, upon the newest log; one that was overtaken is signed again as long as it still makes sense. */
  async change(conversation: ConversationId, change: MembershipChange): Promise<GroupRow> {
    await this.offer(() => this.draft(conversation, change))
    return this.#refresh(conversation)
  }

  /** A change upon the newest log, still without its signature. */
  async draft(conversation: ConversationId, change: MembershipChange): Promise<MembershipDraft> {
    const { state } = await this.#refresh(conversation)
    return draftMembershipEntry(state, change, await this.actor(), this.#core.time.now())
  }

  /**
   * Signs and offers what `draft` gives, and once more what it gives then when the log, or that of the own account, went on meanwhile. Returns what was taken.
   * Rejects `unavailable.server` without a connection, or as the server does.
   */
  async offer(draft: () => Promise<MembershipDraft>): Promise<MembershipDraft> {
    for (let tries = 1; ; tries++) {
      const wanted = await draft()
      try {
        const signature = signWithSigning(this.#core.keys, membershipEntryHash(wanted))
        await this.connection().changeGroup(sealMembershipEntry(wanted, signature).bytes)
        return wanted
      } catch (error) {
        const isOvertaken = isEvegramError(error, 'conflict.membership_head') || isEvegramError(error, 'conflict.log_head')
        if (!isOvertaken || tries >= CHANGE_TRIES_MAX) throw error
      }
    }
  }

  /** This device, with the newest state of the own account. */
  async actor(): Promise<MembershipActor> {
    const { account, device, roster } = this.#core
    const { seq, head } = await roster.refresh(account)
    return { account, device, log: { seq, head } }
  }

  /** The open connection. Throws `unavailable.server` without one. */
  connection(): Connection {
    const connection = this.#core.connection()
    if (connection === undefined) throw new EvegramError('unavailable.server', { operation: 'change membership' })
    return connection
  }
}
