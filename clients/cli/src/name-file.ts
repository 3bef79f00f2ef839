import { link, open, rename } from 'node:fs/promises'
import { EvegramError } from '@evegram/protocol'

const taken = (operation: string, cause?: unknown): EvegramError => new EvegramError('invalid.argument', { operation, advice: 'A file of this name exists already: choose another.', cause })

/**
 * Gives the finished file `part` the name `target` of the same folder, which it never takes from a file that is there: throws `invalid.argument` then. Sticks and cards whose file systems have no links
 * get it in two steps. `linked` is for tests.
 */
export async function nameFile(part: string, target: string, operation: string, linked: (part: string, target: string) => Promise<void> = link): Promise<void> {
  try {
    await linked(part, target)
    return
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw taken(operation, cause)
  }
  try {
    await (await open(target, 'wx', 0o600)).close()
  } catch (cause) {
    throw codeOf(cause) === 'EEXIST' ? taken(operation, cause) : new EvegramError('invalid.argument', { operation, advice: 'The file cannot be written there.', cause })
  }
  await rename(part, target)
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}
