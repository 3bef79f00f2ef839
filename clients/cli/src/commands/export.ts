import { randomBytes } from 'node:crypto'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type { Client, ExportOptions, ExportProgress } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { interruption } from '../interruption.js'
import { nameFile } from '../name-file.js'
import { sizeText } from '../safe-file-name.js'
import { synced } from '../synced.js'
import { countBar } from '../transfer-bar.js'
import { writeLines } from '../write-lines.js'

/** How long the server may be away before what this device has is written without it. */
const AWAY_MS_MAX = 10_000

/** `evegram export`: writes the data of the account to a file that is whole or not there, or to standard output. */
export async function exportData(context: Context, path: string, options: { readonly files?: boolean }): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const stop = interruption()
    // Among the lines on a terminal it would only be in the way.
    const bar = path === '-' && process.stdout.isTTY ? undefined : countBar(context.output)
    let last: ExportProgress = { lines: 0, messages: 0, bytes: 0 }
    const chosen: ExportOptions = {
      files: options.files === true, signal: stop.signal,
      onProgress: (progress) => {
        last = progress
        bar?.show(`${String(progress.messages)} messages, ${sizeText(progress.bytes)}`)
      },
    }
    try {
      if (path === '-') await writeLines(client.exportData(chosen), process.stdout)
      else await toFile(client, resolve(path), chosen)
    } catch (error) {
      if (!stop.signal.aborted) throw error
      process.exitCode = EXIT_CODES.interrupted[0]
      context.output.note('Stopped: nothing was written.')
      return
    } finally {
      bar?.end()
      stop.release()
    }
    // Standard output is the export itself.
    if (path !== '-') await context.output.result({ file: resolve(path), ...last }, `${String(last.messages)} messages in ${String(last.lines)} lines, ${sizeText(last.bytes)}, in ${path}. It is not encrypted: keep it where nobody else reads it.`)
  })
}

/** Written beside its name, synced, then named; a name that exists is refused. */
async function toFile(client: Client, target: string, options: ExportOptions): Promise<void> {
  const part = join(dirname(target), `.evegram-export-${randomBytes(8).toString('hex')}`)
  const file = await open(part, 'wx', 0o600).catch((cause: unknown): never => {
    throw new EvegramError('invalid.argument', { operation: 'write export', advice: 'The file cannot be written there.', cause })
  })
  try {
    await writeAll(client, file, options)
    await nameFile(part, target, 'write export')
  } finally {
    await rm(part, { force: true })
  }
}

async function writeAll(client: Client, file: FileHandle, options: ExportOptions): Promise<void> {
  try {
    for await (const bytes of client.exportData(options)) await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
