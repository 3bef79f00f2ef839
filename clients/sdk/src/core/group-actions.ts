import {
  draftGroup, draftMembershipEntry, encodePayloadBody, EvegramError, isEvegramError, listedMembers, membershipEntryHash, sealMembershipEntry,
  type AccountId, type ConversationId, type GroupRole, type MembershipActor, type MembershipChange, type MembershipDraft,
} from '@evegram/protocol'
import { signWithSigning } from '../crypto/device-keys.js'
import { composeControl, recipientsOf } from '../sync/control.js'
import { GIFTS_PER_ENVELOPE_MAX } from '../sync/group-seal.js'
import type { Outbox } from '../sync/outbox.js'
import type { Transmission } from '../sync/transmit.js'
import type { Connection } from '../transport/connection.js'
import type { Core } from './context.js'
import { readConversation } from './conversation-row.js'
import type { GroupLogs } from './group-logs.js'
import { readGroup, writeGroup, type GroupRow } from './group-row.js'

/** Changes of a group that were overtaken by others and signed again. */
const CHANGE_TRIES_MAX = 4

/** What a person does with groups: entries signed by this device, offered to the server, and believed only once they came back verified. */
export class GroupActions {
  readonly #core: Core
  readonly #logs: GroupLogs
  readonly #outbox: Outbox
  readonly #transmission: Transmission

  constructor(core: Core, logs: GroupLogs, outbox: Outbox, transmission: Transmission) {
    this.#core = core
    this.#logs = logs
    this.#outbox = outbox
    this.#transmission = transmission
  }

  /** Founds a group of the own account and `members`. Rejects `too_large.payload` for the name, `unavailable.server` without a connection, or as the server does. */
  async create(name: string, members: readonly AccountId[]): Promise<GroupRow> {
    checkName(name)
    const connection = this.#connection()
    const draft = draftGroup(this.#core.random.bytes(16), members, await this.#actor(), this.#core.time.now())
    await this.#offer(connection, draft)
    const row = await this.#logs.refresh(draft.conversation)
    await this.rename(draft.conversation, name)
    return { ...row, name }
  }

  async add(conversation: ConversationId, members: readonly AccountId[]): Promise<void> {
    const row = await this.#change(conversation, { kind: 'add', body: { members: listedMembers(members) } })
    // Who was added learns of the group by being told its name.
    if (row.name !== '') await this.#tellName(conversation, row.name, members)
  }

  async remove(conversation: ConversationId, members: readonly AccountId[]): Promise<void> {
    await this.#change(conversation, { kind: 'remove', body: { members: listedMembers(members) } })
  }

  async setRole(conversation: ConversationId, member: AccountId, role: GroupRole): Promise<void> {
    await this.#change(conversation, { kind: 'role', body: { member, role } })
  }

  /** Leaves; nothing of the group reaches this account any more. What is stored here stays. */
  async leave(conversation: ConversationId): Promise<void> {
    const draft = await this.#draft(conversation, { kind: 'leave', body: {} })
    await this.#offer(this.#connection(), draft)
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
      if (row !== undefined) writeGroup(tx, { ...row, name })
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

  /** Offers a change, upon the newest log; one that was overtaken is signed again as long as it still makes sense. */
  async #change(conversation: ConversationId, change: MembershipChange): Promise<GroupRow> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#offer(this.#connection(), await this.#draft(conversation, change))
        return await this.#logs.refresh(conversation)
      } catch (error) {
        if (!isEvegramError(error, 'conflict.membership_head') || tries >= CHANGE_TRIES_MAX) throw error
      }
    }
  }

  async #draft(conversation: ConversationId, change: MembershipChange): Promise<MembershipDraft> {
    const { state } = await this.#logs.refresh(conversation)
    return draftMembershipEntry(state, change, await this.#actor(), this.#core.time.now())
  }

  #offer(connection: Connection, draft: MembershipDraft): Promise<unknown> {
    const signature = signWithSigning(this.#core.keys, membershipEntryHash(draft))
    return connection.changeGroup(sealMembershipEntry(draft, signature).bytes)
  }

  async #actor(): Promise<MembershipActor> {
    const { account, device, roster } = this.#core
    const { seq, head } = await roster.refresh(account)
    return { account, device, log: { seq, head } }
  }

  #connection(): Connection {
    const connection = this.#core.connection()
    if (connection === undefined) throw new EvegramError('unavailable.server', { operation: 'change group' })
    return connection
  }
}

function checkName(name: string): void {
  if (name === '') throw new EvegramError('invalid.argument', { operation: 'name group', advice: 'A group has a name.' })
  encodePayloadBody({ kind: 'group_name', body: { name } })
}
