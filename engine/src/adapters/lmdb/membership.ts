import {
  CborFields, compareBytes, decodeCbor, decodeGroupState, directConversationIdOf, encodeCbor, encodeGroupState, EvegramError, groupMembers, hexOf, idBytes,
  parseAccountId, type AccountId, type ConversationId,
} from '@evegram/protocol'
import type { DirectMembership, GroupChangeResult, GroupMembership, Membership, MembershipState } from '../../ports/membership.js'
import type { Committer } from './committer.js'
import type { Databases } from './databases.js'
import { groupEntryKey, idBytesOf } from './keys.js'

/** Largest stored membership; a direct conversation needs some 70 bytes, a group some 100 for each account. */
const MEMBERSHIP_BYTES_MAX = 1_048_576
/** Members of a direct conversation. */
const DIRECT_MEMBERS_MAX = 2

/**
 * Membership on LMDB. A direct conversation is written once and never changes, so that writing it twice is harmless. Changes of one group are made one
 * after the other: this process has the store for itself, so what it read last is what it writes upon.
 */
export class LmdbMembership implements Membership {
  readonly #databases: Databases
  readonly #committer: Committer
  /** The last change of each group that is not settled yet. */
  readonly #changing = new Map<ConversationId, Promise<unknown>>()

  constructor(databases: Databases, committer: Committer) {
    this.#databases = databases
    this.#committer = committer
  }

  get(conversation: ConversationId): Promise<MembershipState | undefined> {
    return this.#read('read membership', () => {
      const stored = this.#databases.membership.get(idBytesOf(conversation))
      return stored === undefined ? undefined : decodeMembership(conversation, Uint8Array.from(stored))
    })
  }

  async openDirect(one: AccountId, other: AccountId): Promise<DirectMembership> {
    const conversation = directConversationIdOf(one, other)
    const standing = await this.get(conversation)
    if (standing?.kind === 'direct') return standing
    const members = one === other ? [one] : compareBytes(idBytes(one), idBytes(other)) < 0 ? [one, other] : [other, one]
    const value = encodeCbor({ kind: 'direct', version: 1, members: members.map((member) => idBytes(member)) })
    await this.#write('open conversation', value.length, () => { void this.#databases.membership.put(idBytesOf(conversation), value) })
    return { conversation, kind: 'direct', version: 1, members }
  }

  changeGroup(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    const before = this.#changing.get(next.conversation) ?? Promise.resolve()
    const change = before.then(() => this.#change(next, entry.slice()))
    const settled = change.then(() => undefined, () => undefined).then(() => {
      if (this.#changing.get(next.conversation) === settled) this.#changing.delete(next.conversation)
    })
    this.#changing.set(next.conversation, settled)
    return change
  }

  groupEntries(conversation: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]> {
    return this.#read('read group', () => {
      const entries: Uint8Array[] = []
      for (let seq = after + 1; entries.length < limit; seq++) {
        const entry = this.#databases.groupEntries.get(groupEntryKey(conversation, seq))
        if (entry === undefined) break
        entries.push(Uint8Array.from(entry))
      }
      return entries
    })
  }

  async #change(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    const standing = await this.get(next.conversation)
    if (standing?.kind === 'direct' || (standing?.version ?? 0) !== next.version - 1) return { status: 'conflict' }
    const state = encodeCbor({ kind: 'group', version: next.version, state: encodeGroupState(next.group), ...(next.wide ? { wide: true } : {}) })
    // One transaction: the state is never without the entry that led to it.
    await this.#write('change group', state.length + entry.length, () => {
      void this.#databases.membership.put(idBytesOf(next.conversation), state)
      void this.#databases.groupEntries.put(groupEntryKey(next.conversation, next.version), entry)
    })
    return { status: 'stored' }
  }

  #read<Value>(operation: string, read: () => Value): Promise<Value> {
    try {
      return Promise.resolve(read())
    } catch (cause) {
      return Promise.reject(new EvegramError('unavailable.store', { operation, cause }))
    }
  }

  #write(operation: string, bytes: number, apply: () => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#committer.add({
        bytes, apply, settle: resolve,
        fail: (cause) => { reject(new EvegramError('unavailable.store', { operation, cause })) },
      })
    })
  }
}

function decodeMembership(conversation: ConversationId, bytes: Uint8Array): MembershipState {
  const fields = new CborFields(decodeCbor(bytes, MEMBERSHIP_BYTES_MAX), 'invalid.cbor')
  const kind = fields.text('kind', 16)
  const version = fields.uint('version')
  if (kind === 'group') {
    const group = decodeGroupState(fields.bytes('state', { lengthMax: MEMBERSHIP_BYTES_MAX }))
    return { conversation, kind, version, members: groupMembers(group), wide: fields.has('wide') && fields.boolean('wide'), group }
  }
  if (kind !== 'direct') fields.fail('a known kind')
  const members = fields.list('members', DIRECT_MEMBERS_MAX).map((member) =>
    member instanceof Uint8Array ? parseAccountId(hexOf(member)) : fields.fail('members: bytes'))
  return { conversation, kind: 'direct', version, members }
}
