import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { EvegramError } from '@evegram/protocol'
import type { Client, Message } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { interruption } from '../interruption.js'
import { namedConversation, namedMessage } from '../named-conversation.js'
import { numberedName, safeFileName, sizeText } from '../safe-file-name.js'
import { synced } from '../synced.js'
import { transferBar } from '../transfer-bar.js'

const AWAY_MS_MAX = 10_000
/** Names that are tried for one file. */
const NAMES_MAX = 100

/**
 * `evegram download`: writes the files of a message into a folder, each under a harmless form of its name, and only once all of it was there and is what its sender
 * encrypted. Never writes over a file; what is unfinished when somebody ends it is removed.
 */
export async function download(context: Context, conversation: string, message: string, options: { readonly group?: boolean; readonly index?: number; readonly out: string }): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const found = await namedMessage(await namedConversation(client, conversation, options), message)
    const files = [...(found.files ?? []).entries()].filter(([index]) => options.index === undefined || index === options.index - 1)
    if (files.length === 0) throw new EvegramError('invalid.argument', { operation: 'download', advice: 'The message has no such file.' })
    const stop = interruption()
    try {
      for (const [index, file] of files) {
        const path = await fetched(context, { client, message: found, index, folder: options.out, signal: stop.signal })
        await context.output.result({ path, bytes: file.size, type: file.type }, `${path} (${sizeText(file.size)})`)
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
      process.exitCode = EXIT_CODES.interrupted[0]
      context.output.note('Stopped: nothing more was written.')
    } finally {
      stop.release()
    }
  })
}

interface Wanted {
  readonly client: Client
  readonly message: Message
  readonly index: number
  readonly folder: string
  readonly signal: AbortSignal
}

/** Fetches one file of a message into a folder; resolves with its path. */
async function fetched(context: Context, { client, message, index, folder, signal }: Wanted): Promise<string> {
  const draft = join(folder, `.evegram-${randomBytes(8).toString('hex')}.part`)
  const handle = await open(draft, 'wx', 0o600).catch((cause: unknown): never => {
    throw new EvegramError('invalid.argument', { operation: 'download', advice: 'Nothing can be written there: name a folder that exists with --out.', cause })
  })
  const bar = transferBar(context.output)
  try {
    try {
      for await (const bytes of client.download(message, index, { onProgress: bar.show, signal })) await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return await placed(draft, folder, safeFileName(message.files?.[index]?.name ?? ''))
  } finally {
    bar.end()
    await rm(draft, { force: true })
  }
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
