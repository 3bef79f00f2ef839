import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { lockFolder } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { copyStore } from './adapters/lmdb/copy-store.js'
import { LAYOUT_VERSION } from './data-folder.js'

/** Stores of a data folder, in the order in which they are copied: the log may name accounts, so accounts go first. */
const STORES = ['auth', 'log'] as const
/** What must not travel: the lock, logs, and drafts of files. */
const LEFT_OUT = /^(lock(\..*)?|.*\.log|.*\.new)$/

/** What a backup says about itself, in `backup.json`. */
export interface BackupFacts {
  readonly format: 'evegram-backup/1'
  readonly layout: number
  readonly serverId: string
  readonly madeAt: string
}

/**
 * Copies a data folder into `to`, which must not hold anything. Works while the server runs: each store is one consistent snapshot.
 * Throws `invalid.argument` when there is nothing to copy or `to` is not empty, `unavailable.store` when a store cannot be read.
 */
export async function backupData(dataDir: string, to: string, nowMs: number): Promise<BackupFacts> {
  if (!existsSync(join(dataDir, 'server.json'))) refuse(`There is no data in ${dataDir}.`)
  if (existsSync(to) && readdirSync(to).length > 0) refuse(`${to} is not empty: name a new folder.`)
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const store of STORES) await copyStore(join(dataDir, store), join(to, store))
  for (const name of readdirSync(dataDir)) {
    if (STORES.some((store) => store === name) || LEFT_OUT.test(name)) continue
    cpSync(join(dataDir, name), join(to, name), { recursive: true })
  }
  const identity = JSON.parse(readFileSync(join(to, 'server.json'), 'utf8')) as { readonly serverId: string }
  const facts: BackupFacts = { format: 'evegram-backup/1', layout: LAYOUT_VERSION, serverId: identity.serverId, madeAt: new Date(nowMs).toISOString() }
  // Written last: a folder without it is a backup that was not finished.
  writeFileSync(join(to, 'backup.json'), `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600, flush: true })
  return facts
}

/**
 * Puts a backup back into `dataDir`, which must hold no data and be used by no server. Throws `invalid.argument`,
 * `incompatible.schema` for a backup of a newer version, `conflict.data_in_use`.
 */
export function restoreData(from: string, dataDir: string): BackupFacts {
  const facts = readFacts(from)
  if (facts.layout > LAYOUT_VERSION) {
    throw new EvegramError('incompatible.schema', { operation: 'restore backup', details: { found: facts.layout, supported: LAYOUT_VERSION } })
  }
  if (existsSync(join(dataDir, 'server.json'))) refuse(`${resolve(dataDir)} holds data already: move it away first.`)
  const lock = lockFolder(dataDir)
  try {
    for (const name of readdirSync(from)) {
      // The identity goes last: a folder without it is a restore that was not finished.
      if (name === 'server.json' || name === 'backup.json') continue
      rmSync(join(dataDir, name), { recursive: true, force: true })
      cpSync(join(from, name), join(dataDir, name), { recursive: true })
    }
    copyFileSync(join(from, 'server.json'), join(dataDir, 'server.json'))
  } finally {
    lock.release()
  }
  return facts
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
