import {
  draftGroup, encodePayloadBody, EvegramError, listedMembers, type AccountId, type ConversationId, type GroupRole,
} from '@evegram/protocol'
import { composeControl, recipientsOf } from '../sync/control.js'
import { GIFTS_PER_ENVELOPE_MAX } from '../sync/group-seal.js'
import type { Outbox } from '../sync/outbox.js'
import type { Transmission } from '../sync/transmit.js'
import type { Core } from './context.js'
import { readConversation } from './conversation-row.js'
import type { GroupLogs } from './group-logs.js'
import { readGroup, writeGroup, type GroupRow } from './group-row.js'
import { MembershipOffers } from './membership-offers.js'

/** What a person does with groups: entries signed by this device, offered to the server, and believed only once they came back verified. */
export class GroupActions {
  readonly #core: Core
  readonly #logs: GroupLogs
  readonly #outbox: Outbox
  readonly #transmission: Transmission
  readonly #offers: MembershipOffers

  constructor(core: Core, logs: GroupLogs, outbox: Outbox, transmission: Transmission) {
    this.#core = core
    this.#logs = logs
    this.#outbox = outbox
    this.#transmission = transmission
    this.#offers = new MembershipOffers(core, (conversation) => logs.refresh(conversation))
  }

  /** Founds a group of the own account and `members`. Rejects `too_large.payload` for the name, `unavailable.server` without a connection, or as the server does. */
  async create(name: string, members: readonly AccountId[]): Promise<GroupRow> {
    checkName(name)
    this.#offers.connection()
    const salt = this.#core.random.bytes(16)
    const { conversation } = await this.#offers.offer(async () => draftGroup(salt, members, await this.#offers.actor(), this.#core.time.now()))
    const row = await this.#logs.refresh(conversation)
    await this.rename(conversation, name)
    return { ...row, name }
  }

  async add(conversation: ConversationId, members: readonly AccountId[]): Promise<void> {
    const row = await this.#offers.change(conversation, { kind: 'add', body: { members: listedMembers(members) } })
    // Who was added learns of the group by being told its name.
    if (row.name !== '') await this.#tellName(conversation, row.name, members)
  }

  async remove(conversation: ConversationId, members: readonly AccountId[]): Promise<void> {
    await this.#offers.change(conversation, { kind: 'remove', body: { members: listedMembers(members) } })
  }

  async setRole(conversation: ConversationId, member: AccountId, role: GroupRole): Promise<void> {
    await this.#offers.change(conversation, { kind: 'role', body: { member, role } })
  }

  /** Leaves; nothing of the group reaches this account any more. What is stored here stays. */
  async leave(conversation: ConversationId): Promise<void> {
    await this.#offers.offer(() => this.#offers.draft(conversation, { kind: 'leave', body: {} }))
    await this.#core.local.write(async (tx) => {
      const row = await readGroup(tx, conversation)
      if (row !== undefined) writeGroup(tx, { ...row, gone: true })
    })
  }

  /** Names the group, end to end: the server does not learn the name. Counts from owners and admins. */
  async rename(conversation: ConversationId, name: string): Promise<void> {
    checkName(name)
    const before = await readGroup(this.#core.store, conversation)
    const role = before?.state.members.get(this.#core.account)?.role
    if (role !== 'owner' && role !== 'admin') throw new EvegramError('group.role', { operation: 'name group' })
    await this.#core.local.write(async (tx) => {
      const row = await readGroup(tx, conversation)
      if (row === undefined) return
      writeGroup(tx, { ...row, name })
      tx.afterCommit(() => { this.#core.events.emit('group-named', { conversation, name, by: this.#core.account }) })
    })
    await this.#tellName(conversation, name)
  }

  /** Tells the devices of `members`, by default of all. Durable when resolved. */
  async #tellName(conversation: ConversationId, name: string, members?: readonly AccountId[]): Promise<void> {
    const core = this.#core
    const row = await readConversation(core.store, conversation)
    if (row === undefined) return
    await this.#transmission.prepare(row)
    await core.local.write(async (tx) => {
      const recipients = recipientsOf(core, row).filter(({ account }) => members?.includes(account) ?? true)
      for (let from = 0; from < recipients.length; from += GIFTS_PER_ENVELOPE_MAX) {
        const control = await composeControl(core, tx, row, recipients.slice(from, from + GIFTS_PER_ENVELOPE_MAX), { kind: 'group_name', body: { name } })
        if (control !== undefined) this.#outbox.add(tx, control)
      }
    })
  }
}

function checkName(name: string): void {
  if (name === '') throw new EvegramError('invalid.argument', { operation: 'name group', advice: 'A group has a name.' })
  encodePayloadBody({ kind: 'group_name', body: { name } })
}
