import type { AccountId } from '@evegram/protocol'
import { withoutContent, type Message, type Reaction } from './message.js'
import { NO_CHANGES, type MessageChanges, type SaidText } from './message-changes.js'
import { comparePlaces, FIRST_PLACE, lastSaid, withSaid, type Place, type Register, type Said } from './register.js'

/** Accounts whose edits wait for a message that did not arrive and whose author is not known; past it those of others are refused. */
export const EDITORS_WAITING_MAX = 8
/** Edits of one message by this device that wait for the server; past it `edit` rejects with `limited.queue`. */
export const OPEN_EDITS_MAX = 8

/** One thing that is said about a message, and by whom. */
export type Change =
  | { readonly kind: 'reaction'; readonly by: AccountId; readonly said: Said<string> }
  | { readonly kind: 'edit'; readonly by: AccountId; readonly said: Said<SaidText> }
  /** `any`: an owner or admin of the group, who may delete what others say. */
  | { readonly kind: 'delete'; readonly by: AccountId; readonly any: boolean }

/** A message with what was said about it, and what is kept of that. */
export interface Folded {
  readonly message: Message
  readonly changes: MessageChanges
}

/** What is known with one change more, in whatever order changes come; `undefined` where there is no room for it. */
export function withChange(changes: MessageChanges, change: Change): MessageChanges | undefined {
  switch (change.kind) {
    case 'reaction':
      return { ...changes, reactions: new Map(changes.reactions).set(change.by, withSaid(changes.reactions.get(change.by) ?? [], change.said)) }
    case 'edit': {
      const before = changes.edits.get(change.by)
      if (before === undefined && changes.edits.size >= EDITORS_WAITING_MAX) return undefined
      return { ...changes, edits: new Map(changes.edits).set(change.by, withSaid(before ?? [], change.said)) }
    }
    case 'delete':
      return { ...changes, deleters: new Map(changes.deleters).set(change.by, change.any || changes.deleters.get(change.by) === true) }
    default:
      return change satisfies never
  }
}

/** Whether edits change what a message says: a text, or what stands under files. The files themselves stay. */
export function isEditable({ kind }: Pick<Message, 'kind'>): boolean {
  return kind === 'text' || kind === 'files'
}

/**
 * The message as all that is known about it makes it. Whatever order things came in, the result is the same; folding once more changes nothing.
 * Texts are kept with the changes only while what stands may still go, or the message is not there: otherwise its row has the one that counts.
 */
export function foldChanges(message: Message, changes: MessageChanges): Folded {
  const isDeleted = message.deleted === true || [...changes.deleters].some(([account, any]) => any || account === message.fromAccount)
  if (isDeleted) {
    const { reactions: _reactions, editedAtMs: _editedAtMs, ...rest } = withoutContent(message)
    return { message: { ...rest, deleted: true }, changes: { ...NO_CHANGES, deleters: changes.deleters, ownEdits: changes.ownEdits } }
  }
  const edits = isEditable(message) ? foldEdits(message, changes.edits.get(message.fromAccount) ?? []) : { message, register: [] }
  const reactions = reactionsOf(changes.reactions)
  const { reactions: _before, ...rest } = edits.message
  return {
    message: reactions.length === 0 ? rest : { ...rest, reactions },
    changes: {
      edits: edits.register.length === 0 ? new Map() : new Map([[message.fromAccount, edits.register]]), reactions: changes.reactions,
      // Who may not delete it never may: what somebody was when they said so stands.
      deleters: new Map(), ownEdits: changes.ownEdits,
    },
  }
}

function foldEdits(message: Message, said: Register<SaidText>): { readonly message: Message; readonly register: Register<SaidText> } {
  if (said.length === 0) return { message, register: said }
  // What the row says is what stood last: an open edit may be withdrawn, so it is kept then, under its place.
  const hasOpen = said.some(({ open }) => open)
  const first: Said<SaidText> = { place: FIRST_PLACE, open: false, value: { text: message.text } }
  const based = hasOpen && !said.some(({ open }) => !open) ? withSaid(said, first) : said
  const register = based.map((entry) => (entry.value.text === undefined && hasOpen ? { ...entry, value: { ...entry.value, text: message.text } } : entry))
  const last = lastSaid(register)
  if (last?.value.text === undefined) return { message, register }
  const { editedAtMs: _editedAtMs, ...rest } = message
  const shown = { ...rest, text: last.value.text, ...(last.value.atMs === undefined ? {} : { editedAtMs: last.value.atMs }) }
  if (hasOpen) return { message: shown, register }
  // Only the place has to be kept of what the row says; of what it said at first not even that.
  const isFirst = comparePlaces(last.place, FIRST_PLACE) === 0
  return { message: shown, register: isFirst ? [] : [{ ...last, value: { ...(last.value.atMs === undefined ? {} : { atMs: last.value.atMs }) } }] }
}

/** Who shows which emoji: emoji and people in the order in which they came to it. */
function reactionsOf(registers: MessageChanges['reactions']): Reaction[] {
  const shown: { readonly by: AccountId; readonly place: Place; readonly emoji: string }[] = []
  for (const [by, register] of registers) {
    const last = lastSaid(register)
    if (last !== undefined && last.value !== '') shown.push({ by, place: last.place, emoji: last.value })
  }
  const byEmoji = new Map<string, AccountId[]>()
  for (const { by, emoji } of shown.sort((left, right) => comparePlaces(left.place, right.place))) byEmoji.set(emoji, [...byEmoji.get(emoji) ?? [], by])
  return [...byEmoji].map(([emoji, by]) => ({ emoji, by }))
}
