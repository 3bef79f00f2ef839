/** Kinds of conversations that a scenario can have. */
export const CONVERSATION_KINDS = ['direct', 'group', 'channel'] as const
/** See {@link CONVERSATION_KINDS}. */
export type ConversationKind = (typeof CONVERSATION_KINDS)[number]

/** A conversation of a scenario. Clients are numbers from 0. What one sends, all others get. */
export interface PlannedConversation {
  readonly kind: ConversationKind
  /** The first one makes it. A direct conversation has two. */
  readonly members: readonly number[]
  /** Those of them who send. In a channel that is the first one alone. */
  readonly senders: readonly number[]
}

/** Who there is in a scenario, and who talks to whom. */
export interface Cast {
  readonly clients: number
  readonly conversations: readonly PlannedConversation[]
}

/** Most clients of a run: descriptors of a process end at 20,000 on common systems. */
export const CLIENTS_MAX = 100_000

/** What is wrong with a cast, in words; undefined when it can be played. */
export function castFault({ clients, conversations }: Cast): string | undefined {
  if (!Number.isInteger(clients) || clients < 1 || clients > CLIENTS_MAX) return `a scenario has 1 to ${String(CLIENTS_MAX)} clients`
  for (const [index, { kind, members, senders }] of conversations.entries()) {
    const name = `conversation ${String(index)} (${kind})`
    if (members.length < 2) return `${name} has fewer than two members`
    if (kind === 'direct' && members.length !== 2) return `${name} has not two members`
    if (new Set(members).size !== members.length) return `${name} names a member twice`
    if (!members.every((member) => Number.isInteger(member) && member >= 0 && member < clients)) return `${name} names a client that is not there`
    if (!senders.every((sender) => members.includes(sender)) || new Set(senders).size !== senders.length) return `${name} has a sender who is no member, or twice`
    if (kind === 'channel' && senders.some((sender) => sender !== members[0])) return `${name}: only its first member may send`
  }
  return undefined
}
