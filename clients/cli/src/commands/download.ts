import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { EvegramError } from '@evegram/protocol'
import type { Context } from '../context.js'
import { namedConversation, namedMessage } from '../named-conversation.js'
import { numberedName, safeFileName, sizeText } from '../safe-file-name.js'
import { synced } from '../synced.js'
import { transferBar } from '../transfer-bar.js'

const AWAY_MS_MAX = 10_000
/** Names that are tried for one file. */
const NAMES_MAX = 100

/**
 * `evegram download`: writes the files of a message into a folder, each under a harmless form of its name, and only once all of it was there and is what its sender
 * encrypted. Never writes over a file.
 */
export async function download(context: Context, conversation: string, message: string, options: { readonly group?: boolean; readonly index?: number; readonly out: string }): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const found = await namedMessage(await namedConversation(client, conversation, options), message)
    const files = [...(found.files ?? []).entries()].filter(([index]) => options.index === undefined || index === options.index - 1)
    if (files.length === 0) throw new EvegramError('invalid.argument', { operation: 'download', advice: 'The message has no such file.' })
    for (const [index, file] of files) {
      const bar = transferBar(context.output)
      const draft = join(options.out, `.evegram-${randomBytes(8).toString('hex')}.part`)
      try {
        const handle = await open(draft, 'wx', 0o600)
        try {
          for await (const bytes of client.download(found, index, { onProgress: bar.show })) await handle.write(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        const path = await placed(draft, options.out, safeFileName(file.name))
        bar.end()
        await context.output.result({ path, bytes: file.size, type: file.type }, `${path} (${sizeText(file.size)})`)
      } finally {
        bar.end()
        await rm(draft, { force: true })
      }
    }
  })
}

/** Gives a finished file its name, or the first free one like it. */
async function placed(draft: string, folder: string, name: string): Promise<string> {
  for (let number = 1; number <= NAMES_MAX; number++) {
    const path = join(folder, numberedName(name, number))
    const taken: FileHandle | undefined = await open(path, 'wx', 0o600).catch((failure: unknown) => {
      if (failure instanceof Error && 'code' in failure && failure.code === 'EEXIST') return undefined
      throw failure
    })
    if (taken === undefined) continue
    await taken.close()
    await rename(draft, path)
    return path
  }
  throw new EvegramError('invalid.argument', { operation: 'download', advice: `${folder} has too many files of that name.` })
}
