import type { AccountId, ConversationId, FileRef, GroupRole } from '@evegram/protocol'
import type { ConversationFlags } from './conversation-marks.js'
import type { FileSource } from './files/file-source.js'
import type { SentFiles } from './files/file-uploads.js'
import type { Core } from './core/context.js'
import type { GroupActions } from './core/group-actions.js'
import type { GroupLogs } from './core/group-logs.js'
import { readGroup, type GroupRow } from './core/group-row.js'
import type { Message, MessageReceipts } from './core/message.js'
import type { MessageReceipt } from './core/message-receipts.js'
import type { HistoryPlace } from './core/message-page.js'
import type { ConversationGap } from './sync/conversation-gaps.js'
import type { Conversation, MessagesOptions, SendFilesOptions, SendOptions } from './conversation.js'
import type { SentMessage } from './core/sent-message.js'

/** A member of a group, with the address of its founding wallet. */
export interface Member {
  readonly account: AccountId
  readonly address: string
  readonly role: GroupRole
}

/** A group that this account is (or was) in. Membership is what the verified log says, never what the server says. */
export interface Group extends Omit<Conversation, 'peer'> {
  /** As an owner or admin named it; empty before that arrived. */
  name(): Promise<string>
  /** The members, as this device knows them. */
  members(): Promise<readonly Member[]>
  /** Whether this account is a member, as far as this device knows. */
  isMember(): Promise<boolean>
  /** Asks the server for the newest membership log and verifies it. Rejects with the rule that it breaks, `denied.not_member`, `unavailable.server`. */
  refresh(): Promise<void>
  /** Number of the newest entry of the log that this device verified. */
  version(): Promise<number>
  /**
   * Adds accounts, by address or id. Changes of a group need a connection, and reject with the rule that refuses them (`group.*`), `account.not_found`,
   * `unavailable.server`.
   */
  add(members: readonly string[]): Promise<void>
  /** Removes members: nothing that is said from then on can be read by them. */
  remove(members: readonly string[]): Promise<void>
  setRole(member: string, role: GroupRole): Promise<void>
  rename(name: string): Promise<void>
  /** Leaves. The last owner makes somebody else an owner first (`group.last_owner`). */
  leave(): Promise<void>
}

/** What a {@link GroupConversation} works with. */
export interface GroupPorts {
  readonly core: Core
  readonly actions: GroupActions
  readonly logs: GroupLogs
  /** What groups share with other conversations: sending and stored messages. */
  readonly conversation: Omit<Conversation, 'peer'>
  /** The verified account behind an address or id. */
  resolve(addressOrAccount: string): Promise<AccountId>
}

/** A {@link Group} on the core of a client. */
export class GroupConversation implements Group {
  readonly id: ConversationId
  readonly #ports: GroupPorts

  constructor(ports: GroupPorts) {
    this.#ports = ports
    this.id = ports.conversation.id
  }

  send(text: string, options?: SendOptions): Promise<SentMessage> {
    return this.#ports.conversation.send(text, options)
  }

  sendFiles(sources: readonly FileSource[], options?: SendFilesOptions): Promise<SentFiles> {
    return this.#ports.conversation.sendFiles(sources, options)
  }

  forwardFiles(files: readonly FileRef[], options?: SendOptions & { readonly text?: string }): Promise<SentMessage> {
    return this.#ports.conversation.forwardFiles(files, options)
  }

  react(message: string, emoji: string): Promise<SentMessage> {
    return this.#ports.conversation.react(message, emoji)
  }

  edit(message: string, text: string): Promise<SentMessage> {
    return this.#ports.conversation.edit(message, text)
  }

  timer(): Promise<number> {
    return this.#ports.conversation.timer()
  }

  setTimer(seconds: number): Promise<SentMessage> {
    return this.#ports.conversation.setTimer(seconds)
  }

  deleteForEveryone(message: string): Promise<SentMessage> {
    return this.#ports.conversation.deleteForEveryone(message)
  }

  typing(active: boolean): void {
    this.#ports.conversation.typing(active)
  }

  unread(): Promise<number> {
    return this.#ports.conversation.unread()
  }

  markRead(upTo?: string): Promise<void> {
    return this.#ports.conversation.markRead(upTo)
  }

  draft(): Promise<string> {
    return this.#ports.conversation.draft()
  }

  setDraft(text: string): Promise<void> {
    return this.#ports.conversation.setDraft(text)
  }

  flags(): Promise<ConversationFlags> {
    return this.#ports.conversation.flags()
  }

  setFlags(flags: Partial<ConversationFlags>): Promise<void> {
    return this.#ports.conversation.setFlags(flags)
  }

  hide(message: string, hidden?: boolean): Promise<void> {
    return this.#ports.conversation.hide(message, hidden)
  }

  hidden(messages: readonly Message[]): Promise<ReadonlySet<string>> {
    return this.#ports.conversation.hidden(messages)
  }

  messages(options?: MessagesOptions): AsyncIterable<Message> {
    return this.#ports.conversation.messages(options)
  }

  receipts(message: string): Promise<readonly MessageReceipt[]> {
    return this.#ports.conversation.receipts(message)
  }

  receiptsOf(messages: readonly Message[]): Promise<ReadonlyMap<string, MessageReceipts>> {
    return this.#ports.conversation.receiptsOf(messages)
  }

  history(limit?: number, place?: HistoryPlace): Promise<readonly Message[]> {
    return this.#ports.conversation.history(limit, place)
  }

  gaps(): Promise<readonly ConversationGap[]> {
    return this.#ports.conversation.gaps()
  }

  forget(): Promise<void> {
    return this.#ports.conversation.forget()
  }

  async name(): Promise<string> {
    return (await this.#row())?.name ?? ''
  }

  async members(): Promise<readonly Member[]> {
    const { roster } = this.#ports.core
    const members: Member[] = []
    for (const [account, { role }] of (await this.#row())?.state.members ?? []) {
      await roster.loadAccount(account)
      members.push({ account, address: roster.addressOf(account), role })
    }
    return members
  }

  async isMember(): Promise<boolean> {
    const row = await this.#row()
    return row !== undefined && !row.gone && row.state.members.has(this.#ports.core.account)
  }

  async refresh(): Promise<void> {
    await this.#ports.logs.refresh(this.id)
  }

  async version(): Promise<number> {
    return (await this.#row())?.state.seq ?? 0
  }

  async add(members: readonly string[]): Promise<void> {
    await this.#ports.actions.add(this.id, await this.#resolveAll(members))
  }

  async remove(members: readonly string[]): Promise<void> {
    await this.#ports.actions.remove(this.id, await this.#resolveAll(members))
  }

  async setRole(member: string, role: GroupRole): Promise<void> {
    await this.#ports.actions.setRole(this.id, await this.#ports.resolve(member), role)
  }

  rename(name: string): Promise<void> {
    return this.#ports.actions.rename(this.id, name)
  }

  leave(): Promise<void> {
    return this.#ports.actions.leave(this.id)
  }

  async #resolveAll(members: readonly string[]): Promise<AccountId[]> {
    const accounts: AccountId[] = []
    for (const member of members) accounts.push(await this.#ports.resolve(member))
    return accounts
  }

  #row(): Promise<GroupRow | undefined> {
    return readGroup(this.#ports.core.store, this.id)
  }
}
