import type { Message } from '../core/message.js'
import type { MessageChanges } from '../core/message-changes.js'
import { withChange, type Change } from '../core/fold-changes.js'

/** All that is said in `changes`, one by one. */
function* changesOf({ edits, reactions, deleters }: MessageChanges): Generator<Change> {
  for (const [by, register] of edits) for (const said of register) yield { kind: 'edit', by, said }
  for (const [by, register] of reactions) for (const said of register) yield { kind: 'reaction', by, said }
  for (const [by, any] of deleters) yield { kind: 'delete', by, any }
}

/**
 * What is known about a message of an archive: what the archive says of it, and what came to this device before the message did. `message` is the row
 * of the archive, whose text is that of the last edit that the archive knows. Past the bounds of changes, those of the archive are kept.
 */
export function mergeChanges(message: Message, archived: MessageChanges, here: MessageChanges): MessageChanges {
  const edits = new Map([...archived.edits].map(([by, register]) => [
    by, register.map((said) => (said.value.text === undefined ? { ...said, value: { ...said.value, text: message.text } } : said)),
  ]))
  let merged: MessageChanges = { ...archived, edits, ownEdits: here.ownEdits }
  for (const change of changesOf(here)) merged = withChange(merged, change) ?? merged
  return merged
}
