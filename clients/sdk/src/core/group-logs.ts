import { EvegramError, groupMembers, isEvegramError, type AccountId, type ConversationId } from '@evegram/protocol'
import type { Core } from './context.js'
import { readConversation, writeConversation } from './conversation-row.js'
import { readGroup, writeGroup, type GroupRow } from './group-row.js'
import { readMembership, type ReadMembership } from './membership-reader.js'
import type { Transaction } from './transaction.js'
import { KeyedTurns } from './turns.js'

/** Follows the membership logs of groups and believes no server on the way: every entry is verified against the account log of its author. */
export class GroupLogs {
  readonly #core: Core
  readonly #turns = new KeyedTurns()

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Brings a group up to date with the server and makes it durable; what breaks a rule is told as `group-alarm`, and changes nothing. Waits for the network.
   * Rejects with the rule that was broken, `denied.not_member`, `not_found.conversation` (also for a channel, which is no group), `unavailable.server`
   * without a connection, or as the verifier does.
   */
  refresh(conversation: ConversationId): Promise<GroupRow> {
    return this.#turns.run(conversation, async () => {
      const before = await readGroup(this.#core.store, conversation)
      try {
        const read = await readMembership(this.#core, conversation, before, (alarm) => { this.#core.events.emit('group-alarm', alarm) })
        // The authors of a channel are members of its log too: what is sent to them as to a group is no message.
        if (read.row.state.kind !== 'group') throw new EvegramError('not_found.conversation', { operation: 'read group', details: { kind: read.row.state.kind } })
        await this.#keep(read)
        return read.row
      } catch (error) {
        if (isEvegramError(error, 'denied.not_member') && before !== undefined) await this.#markGone(conversation)
        throw error
      }
    })
  }

  /** Chains of those who went stay for what they said before: receiving judges by the spans of members. */
  #keep({ row, news }: ReadMembership): Promise<void> {
    const { local, time, account: me, events: hub } = this.#core
    return local.write(async (tx) => {
      const { conversation } = row.state
      const name = (await readGroup(tx, conversation))?.name ?? row.name
      writeGroup(tx, { ...row, name })
      const isNew = await readConversation(tx, conversation) === undefined
      await this.#writeConversation(tx, row, me, time.now())
      const added = news.findLast(({ event }) => event.joined.includes(me))
      if (isNew && added !== undefined && row.state.members.has(me)) await this.#core.requests.added(tx, conversation, added.event.by)
      for (const { event } of news) tx.afterCommit(() => { hub.emit('group-changed', event) })
    })
  }

  async #writeConversation(tx: Transaction, { state }: GroupRow, me: AccountId, nowMs: number): Promise<void> {
    const known = await readConversation(tx, state.conversation)
    if (known === undefined && !state.members.has(me)) return
    const fresh = { conversation: state.conversation, peer: me, opened: true, createdAtMs: nowMs, activeAtMs: nowMs, floor: 0n }
    writeConversation(tx, { ...known ?? fresh, members: groupMembers(state), membershipVersion: state.seq, head: state.head })
  }

  #markGone(conversation: ConversationId): Promise<void> {
    return this.#core.local.write(async (tx) => {
      const row = await readGroup(tx, conversation)
      if (row === undefined || row.gone) return
      writeGroup(tx, { ...row, gone: true })
      tx.afterCommit(() => { this.#core.events.emit('group-gone', { conversation }) })
    })
  }
}
