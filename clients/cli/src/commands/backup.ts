import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type { Backup, BackupOptions, BackupProgress, BackupSecret, Client, ImportCounts, MadeBackup } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { interruption } from '../interruption.js'
import { nameFile } from '../name-file.js'
import { askPassphrase } from '../passphrase.js'
import { synced } from '../synced.js'
import { timeText } from '../time-text.js'

/** How long the server may be away before a backup is made of what this device has. */
const AWAY_MS_MAX = 10_000
/** Least time between two lines of progress. */
const PROGRESS_MS = 500

/** Progress for people on stderr: a line now and then. */
function progressOf(context: Context): NonNullable<BackupOptions['onProgress']> {
  let saidAtMs = -Infinity
  return ({ step, done, total }: BackupProgress) => {
    const nowMs = performance.now()
    if (nowMs - saidAtMs < PROGRESS_MS && done !== total) return
    saidAtMs = nowMs
    context.output.note(context.output.paint('dim', `${step} ${String(done)}${total === undefined ? '' : ` of ${String(total)} bytes`}`))
  }
}

/** Told once: nothing keeps the code. */
async function showCode(context: Context, code: string): Promise<void> {
  await context.output.result({ recoveryCode: code }, [
    'Recovery code of your backups. Write it down: it is shown once, and without it nobody opens them.', '', `  ${context.output.paint('bold', code)}`, '',
  ].join('\n'))
}

/** Chooses what opens the backups of a profile that has made none. */
async function protect(context: Context, backup: Backup, withPassphrase: boolean): Promise<void> {
  if (!withPassphrase) {
    const code = await backup.protect()
    if (code !== undefined) await showCode(context, code)
    return
  }
  const passphrase = context.backupPassphrase ?? await askNewPassphrase(context)
  context.output.note('Locking the backups with the passphrase takes some seconds.')
  await backup.protect(passphrase)
}

async function askNewPassphrase(context: Context): Promise<string> {
  if (!context.output.interactive) {
    throw new EvegramError('invalid.argument', { operation: 'protect backup', advice: 'Nobody can be asked here: put the passphrase into EVEGRAM_BACKUP_PASSPHRASE.' })
  }
  const first = await askPassphrase('New passphrase of your backups, 12 characters or more')
  if (first !== await askPassphrase('The same passphrase again')) {
    throw new EvegramError('invalid.argument', { operation: 'protect backup', advice: 'The two passphrases are not the same.' })
  }
  return first
}

/** `evegram backup create`: makes an encrypted backup, at the server or in a file. */
export async function backupCreate(context: Context, options: { readonly to?: string; readonly passphrase?: boolean }): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const { openedWith } = await client.backup.status()
    if (openedWith.length === 0) await protect(context, client.backup, options.passphrase === true)
    else if (options.passphrase === true && !openedWith.includes('passphrase')) {
      throw new EvegramError('invalid.argument', { operation: 'make backup', advice: 'The backups of this profile open with a recovery code. To change that: evegram backup code --passphrase' })
    }
    const made = options.to === undefined ? await client.backup.toServer({ onProgress: progressOf(context) }) : await writeFile(context, client, options.to)
    if (made === undefined) return
    const place = options.to === undefined ? 'at the server' : `in ${options.to}`
    await context.output.result({ ...made, ...(options.to === undefined ? {} : { file: options.to }) }, `${String(made.messages)} messages, ${String(made.bytes)} bytes, ${place}`)
  })
}

/** A file that is whole or not there: written beside its name, synced, then named. Refuses a name that exists. Undefined when somebody ended it: then there is none. */
async function writeFile(context: Context, client: Client, path: string): Promise<MadeBackup | undefined> {
  const target = resolve(path)
  if (existsSync(target)) throw new EvegramError('invalid.argument', { operation: 'write backup', advice: 'A file of this name exists already: choose another.' })
  const part = join(dirname(target), `.evegram-backup-${randomBytes(8).toString('hex')}`)
  const file = await open(part, 'wx', 0o600).catch((cause: unknown): never => {
    throw new EvegramError('invalid.argument', { operation: 'write backup', advice: 'The file cannot be written there.', cause })
  })
  const stop = interruption()
  try {
    const made = await writeAll(context, client, file, stop.signal)
    await nameFile(part, target, 'write backup')
    return made
  } catch (error) {
    if (!stop.signal.aborted) throw error
    process.exitCode = EXIT_CODES.interrupted[0]
    context.output.note('Stopped: nothing was written.')
    return undefined
  } finally {
    stop.release()
    await rm(part, { force: true })
  }
}

async function writeAll(context: Context, client: Client, file: FileHandle, signal: AbortSignal): Promise<MadeBackup> {
  try {
    const made = await client.backup.toFile(async (bytes) => { await file.writeFile(bytes) }, { onProgress: progressOf(context), signal })
    await file.sync()
    return made
  } finally {
    await file.close()
  }
}

/** The secret that a person has, from the environment or asked for. */
async function askSecret(context: Context, withPassphrase: boolean): Promise<BackupSecret> {
  if (withPassphrase) {
    const passphrase = context.backupPassphrase ?? (context.output.interactive ? await askPassphrase('Passphrase of the backup') : undefined)
    if (passphrase !== undefined) return { kind: 'passphrase', passphrase }
  } else {
    const code = context.recoveryCode ?? (context.output.interactive ? await askPassphrase('Recovery code of the backup') : undefined)
    if (code !== undefined) return { kind: 'code', code }
  }
  const advice = `Nobody can be asked here: put the ${withPassphrase ? 'passphrase into EVEGRAM_BACKUP_PASSPHRASE' : 'recovery code into EVEGRAM_RECOVERY_CODE'}.`
  throw new EvegramError('invalid.argument', { operation: 'open backup', advice })
}

/** `evegram backup restore`: merges a backup into this profile. */
export async function backupRestore(context: Context, options: { readonly from?: string; readonly passphrase?: boolean }): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const secret = await askSecret(context, options.passphrase === true)
    const onProgress = progressOf(context)
    const counts = options.from === undefined
      ? await client.backup.restoreStored(secret, { onProgress })
      : await client.backup.restore(await readFile(options.from), secret, { onProgress })
    await context.output.result({ ...counts }, restoredText(counts))
  })
}

async function readFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    const file = await open(path, 'r')
    await file.close()
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'read backup', advice: 'The file cannot be read.', cause })
  }
  // The stream yields buffers, which are Uint8Arrays; its type says any.
  return createReadStream(path, { highWaterMark: 262_144 }) as AsyncIterable<Uint8Array>
}

function restoredText({ messages, known, conversations, channels, posts, gaps, skipped }: ImportCounts): string {
  const more = [
    `${String(conversations)} new conversations`, `${String(channels)} channels with ${String(posts)} posts`, ...(gaps === 0 ? [] : [`${String(gaps)} gaps, named in the conversations`]),
    ...(skipped === 0 ? [] : [`${String(skipped)} records that this version does not take`]),
  ]
  return `${String(messages)} messages restored, ${String(known)} were here already; ${more.join(', ')}`
}

/** `evegram backup status`: what opens the backups, and where the newest are. */
export async function backupStatus(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    const local = await client.backup.status()
    const status = await client.backup.status(true).catch((error: unknown) => {
      context.output.warning({ code: 'unavailable.server' }, `The server was not asked: ${error instanceof Error ? error.message : String(error)}`)
      return local
    })
    const { openedWith, last, unfinished, stored } = status
    await context.output.result({ ...status }, [
      openedWith.length === 0 ? 'No backup was made with this profile.' : `Backups open with: ${openedWith.map((kind) => (kind === 'code' ? 'the recovery code' : 'the passphrase')).join(', ')}`,
      ...(last === undefined ? [] : [`Newest of this profile: ${timeText(last.madeAtMs, Date.now())}, ${String(last.messages)} messages, ${last.place === 'file' ? 'in a file' : 'at the server'}`]),
      ...(unfinished ? ['One is sealed and not stored: evegram backup create goes on with it.'] : []),
      ...(stored === undefined ? [] : [`At the server: ${String(stored.length)}`, ...stored.map(({ bytes, createdAtMs }) => `  ${timeText(createdAtMs, Date.now())}  ${String(bytes)} bytes`)]),
    ].join('\n'))
  })
}

/** `evegram backup code`: a new key with a new recovery code (or passphrase) for the backups from now on. */
export async function backupCode(context: Context, options: { readonly passphrase?: boolean }): Promise<void> {
  await context.withClient(async (client) => {
    await protect(context, client.backup, options.passphrase === true)
    context.output.note('Backups that were made before open with what they were made with; make a new one: evegram backup create')
    if (options.passphrase === true) await context.output.result({ openedWith: 'passphrase' }, 'Backups open with the new passphrase from now on.')
  })
}
