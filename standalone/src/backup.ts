import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { copyBlobs } from '@evegram/blobs'
import { completeCopy, copyJournal } from '@evegram/engine'
import { holderOf, lockFolder, type ErrorBody } from '@evegram/platform'
import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { ChainName } from '@evegram/wallet-bridge'
import { copyStore } from './adapters/lmdb/copy-store.js'
import { SNAPSHOT_PATH } from './admin.js'
import { announcedAdmin, foldersIn, LAYOUT_VERSION, RUNNING_FILE } from './data-folder.js'
import { restoreSnapshot, SNAPSHOT_FOLDER, takeSnapshotOffline } from './wally-snapshot.js'

/** Stores of a data folder, in the order in which they are copied: the log may name accounts, so accounts go first. */
const STORES = ['auth', 'log'] as const
/** Ledger and chain of play money, in a backup: one snapshot of both. */
const WALLY = 'wally'
/** What must not travel: the lock, logs, drafts of files, and what is copied by a way of its own. */
const LEFT_OUT = new RegExp(`^(lock(\\..*)?|.*\\.log|.*\\.new|ledger|chain|blobs|${SNAPSHOT_FOLDER}|${RUNNING_FILE.replace('.', '\\.')})$`)
/** A server that answers late is busy with its disk. */
const SNAPSHOT_TIMEOUT_MS = 60_000
const HTTP_CONFLICT = 409
const HTTP_UNAVAILABLE = 503
const STARTING_LOOK_MS = 1_000

/** What a backup says about itself, in `backup.json`. */
export interface BackupFacts {
  readonly format: 'evegram-backup/1'
  readonly layout: number
  readonly serverId: string
  readonly madeAt: string
}

/**
 * Copies a data folder into `to`, which must not hold anything. Works while the server runs: each store is one consistent snapshot.
 * The ledger and the
 * chain of play money are of one moment. Throws `invalid.argument` when there is nothing to copy or `to` is not empty, `unavailable.store` when a store cannot be read.
 */
export async function backupData(dataDir: string, to: string, nowMs: number): Promise<BackupFacts> {
  if (!existsSync(join(dataDir, 'server.json'))) refuse(`There is no data in ${dataDir}.`)
  if (existsSync(to) && readdirSync(to).length > 0) refuse(`${to} is not empty: name a new folder.`)
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const store of STORES) {
    // Acknowledged messages lie in the journal of their store first: it is read before the copy, and put into it.
    const journal = copyJournal(join(dataDir, store))
    await copyStore(join(dataDir, store), join(to, store))
    await completeCopy(join(to, store), journal)
  }
  for (const name of readdirSync(dataDir)) {
    if (STORES.some((store) => store === name) || LEFT_OUT.test(name)) continue
    cpSync(join(dataDir, name), join(to, name), { recursive: true })
  }
  // Behind the messages: what a message names was stored before it was sent.
  await copyBlobs(join(dataDir, 'blobs'), join(to, 'blobs'))
  // Behind the messages: what a message says of money is in the ledger before it is sent.
  await copyWally(dataDir, join(to, WALLY))
  const identity = JSON.parse(readFileSync(join(to, 'server.json'), 'utf8')) as { readonly serverId: string }
  const facts: BackupFacts = { format: 'evegram-backup/1', layout: LAYOUT_VERSION, serverId: identity.serverId, madeAt: new Date(nowMs).toISOString() }
  // Written last: a folder without it is a backup that was not finished.
  writeFileSync(join(to, 'backup.json'), `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600, flush: true })
  return facts
}

/** Copies ledger and chain as of one moment: the server that uses them is asked for it, since nobody else can read them meanwhile. */
async function copyWally(dataDir: string, to: string): Promise<void> {
  const folders = foldersIn(dataDir)
  if (!existsSync(join(folders.ledgerDir, 'pgdata'))) return
  if (holderOf(folders.ledgerDir) === undefined) {
    await takeSnapshotOffline(folders, to)
    return
  }
  const admin = announcedAdmin(dataDir) ?? refuse('The server that uses the data is just starting or ending: try again.')
  const authorization = `Bearer ${readFileSync(join(dataDir, 'operator-token'), 'utf8').trim()}`
  try {
    const answer = await askForSnapshot(new URL(SNAPSHOT_PATH, admin), authorization)
    if (answer.status === HTTP_CONFLICT) throw new EvegramError('conflict.busy', { operation: 'copy the ledger', advice: 'Another backup of this server is being made: try again when it is done.' })
    if (!answer.ok) throw new Error(`the server answered ${String(answer.status)}`)
  } catch (cause) {
    if (isEvegramError(cause, 'conflict.busy')) throw cause
    throw new EvegramError('unavailable.store', { operation: 'copy the ledger', advice: 'The server that uses the data did not give its ledger: see its log, or stop it first.', cause })
  }
  // Taken away at once and whole: the next backup makes the folder anew.
  const made = join(dataDir, `${SNAPSHOT_FOLDER}.${String(process.pid)}.new`)
  rmSync(made, { recursive: true, force: true })
  renameSync(join(dataDir, SNAPSHOT_FOLDER), made)
  cpSync(made, to, { recursive: true })
  rmSync(made, { recursive: true, force: true })
}

/** While the ledger of the server is starting it is asked again, for as long as one answer may take. */
async function askForSnapshot(url: URL, authorization: string): Promise<Response> {
  const signal = AbortSignal.timeout(SNAPSHOT_TIMEOUT_MS)
  for (;;) {
    const answer = await fetch(url, { method: 'POST', headers: { authorization }, signal })
    if (answer.status !== HTTP_UNAVAILABLE) return answer
    const { error } = await answer.json() as Partial<ErrorBody>
    if (error?.code !== 'unavailable.ledger_starting') return answer
    await delay(error.retryAfterMs ?? STARTING_LOOK_MS, undefined, { signal })
  }
}

/** What was put back. */
export interface RestoreFacts extends BackupFacts {
  /** Chains that went on without the ledger: payouts on them are paused until an operator resumes them. */
  readonly paused: readonly ChainName[]
}

/**
 * Puts a backup back into `dataDir`, which must hold no data and be used by no server. Throws `invalid.argument`,
 * `incompatible.schema` for a backup of a newer version, `conflict.data_in_use`, and
 * `unavailable.store` for a ledger or chain that cannot be read.
 */
export async function restoreData(from: string, dataDir: string): Promise<RestoreFacts> {
  const facts = readFacts(from)
  if (facts.layout > LAYOUT_VERSION) {
    throw new EvegramError('incompatible.schema', { operation: 'restore backup', details: { found: facts.layout, supported: LAYOUT_VERSION } })
  }
  if (existsSync(join(dataDir, 'server.json'))) refuse(`${resolve(dataDir)} holds data already: move it away first.`)
  const lock = lockFolder(dataDir)
  let paused: readonly ChainName[] = []
  try {
    for (const name of readdirSync(from)) {
      // The identity goes last: a folder without it is a restore that was not finished.
      if (name === 'server.json' || name === 'backup.json' || name === WALLY) continue
      rmSync(join(dataDir, name), { recursive: true, force: true })
      cpSync(join(from, name), join(dataDir, name), { recursive: true })
    }
    const folders = foldersIn(dataDir)
    for (const folder of [folders.ledgerDir, folders.chainDir]) rmSync(folder, { recursive: true, force: true })
    if (existsSync(join(from, WALLY))) paused = await restoreSnapshot(join(from, WALLY), folders)
    copyFileSync(join(from, 'server.json'), join(dataDir, 'server.json'))
  } finally {
    lock.release()
  }
  return { ...facts, paused }
}

function readFacts(from: string): BackupFacts {
  const file = join(from, 'backup.json')
  if (!existsSync(file)) refuse(`${from} is not a finished backup: it has no backup.json.`)
  const value = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>
  const { format, layout, serverId, madeAt } = value
  if (format !== 'evegram-backup/1' || typeof layout !== 'number' || typeof serverId !== 'string' || typeof madeAt !== 'string') {
    refuse(`${file} is not one of Evegram's.`)
  }
  return { format, layout, serverId, madeAt }
}

function refuse(advice: string): never {
  throw new EvegramError('invalid.argument', { operation: 'back up or restore', advice })
}
