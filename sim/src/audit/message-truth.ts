import type { AccountId, DeviceId, MessageId } from '@evegram/protocol'

/** What somebody is about to say about a message. */
export interface IntendedChange {
  readonly message: MessageId
  readonly by: AccountId
  readonly what: { readonly kind: 'edit'; readonly text: string } | { readonly kind: 'reaction'; readonly emoji: string } | { readonly kind: 'delete' }
}

/** Something that was said about a message, at its place in the conversation. */
export interface SaidChange extends Pick<IntendedChange, 'by' | 'what'> {
  readonly order: bigint
  readonly device: DeviceId
  readonly number: number
}

/** What all that was said makes of a message. */
export interface Truth {
  readonly deleted: boolean
  readonly text: string
  /** The emoji of each account that shows one. */
  readonly reactions: ReadonlyMap<AccountId, string>
}

/** Whether `one` comes after `other`: conversations are sorted by order key, device and number. */
export function isLater(one: SaidChange, other: SaidChange): boolean {
  if (one.order !== other.order) return one.order > other.order
  return one.device === other.device ? one.number > other.number : one.device > other.device
}

/** The message as its author's text and changes in their order make it. All edits and deletions are by its author. */
export function truthOf(text: string, changes: readonly SaidChange[]): Truth {
  const reactions = new Map<AccountId, string>()
  let last = text
  for (const { by, what } of changes) {
    if (what.kind === 'delete') return { deleted: true, text: '', reactions: new Map() }
    if (what.kind === 'edit') last = what.text
    else if (what.emoji === '') reactions.delete(by)
    else reactions.set(by, what.emoji)
  }
  return { deleted: false, text: last, reactions }
}
