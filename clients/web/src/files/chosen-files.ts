import { LIMITS } from '@evegram/protocol'

/** What is known of a file before it is read. */
export type ChosenFile = Pick<File, 'name' | 'size'>

/** Why a file is not taken. */
export type RefusedReason = 'too_large' | 'too_many' | 'empty'

/** What became of files that somebody chose. */
export interface Chosen<Kind extends ChosenFile> {
  /** All that will be sent. */
  readonly files: readonly Kind[]
  readonly refused: readonly { readonly name: string; readonly reason: RefusedReason }[]
}

/** Adds files to those that were chosen before, within what one message may have: said before anything is read or sent. */
export function chooseFiles<Kind extends ChosenFile>(before: readonly Kind[], added: readonly Kind[]): Chosen<Kind> {
  const files = [...before]
  const refused: { name: string; reason: RefusedReason }[] = []
  for (const file of added) {
    // A folder that is dropped is a file without bytes, which cannot be read.
    const reason = file.size === 0 ? 'empty' : file.size > LIMITS.fileBytesMax ? 'too_large' : files.length >= LIMITS.filesPerMessageMax ? 'too_many' : undefined
    if (reason === undefined) files.push(file)
    else refused.push({ name: file.name, reason })
  }
  return { files, refused }
}
