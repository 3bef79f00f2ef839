import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { EvegramError } from '@evegram/protocol'

/** The file whose SQLite lock is the lock of the profile. It stays empty. */
const LOCK_FILE = 'profile.lock'
/** The holder's process id, for the message of the one who comes second; it decides nothing. */
const PID_FILE = 'profile.pid'
/** How often the second looks for the pid of a holder that just took the lock, and the pause between. */
const PID_READS_MAX = 10
const PID_PAUSE_MS = 20

/** A held profile: nobody else on this machine opens it until `release`, or until this process is gone. */
export interface ProfileLock {
  release(): void
}

/**
 * Takes the lock of the profile folder `directory`, which must exist. The lock is the one that SQLite holds on an open write
 * transaction: given by the kernel to one of two takers, and given back by the kernel however the process ends, so that a lock can
 * neither be stale nor be broken by mistake. Throws `conflict.profile_in_use` (details: `pid` of the holder, where it can be
 * read) when another process or another store of this one holds it, and `client.store` when the folder cannot be written.
 */
export function lockProfile(directory: string): ProfileLock {
  const path = join(directory, LOCK_FILE)
  let database: Database.Database | undefined
  try {
    closeSync(openSync(path, 'a', 0o600))
    database = new Database(path)
    // RESERVED is exclusive among processes and among the connections of one process; nothing is ever written under it.
    database.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE')
    writePid(directory)
  } catch (cause) {
    database?.close()
    if (!isBusy(cause)) throw new EvegramError('client.store', { operation: 'lock profile', cause })
    const pid = readHolder(directory)
    throw new EvegramError('conflict.profile_in_use', { operation: 'lock profile', ...(pid === undefined ? {} : { details: { pid } }) })
  }
  const held = database
  return {
    release() {
      if (held.open) held.close()
    },
  }
}

function isBusy(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  const code: unknown = 'code' in cause ? cause.code : undefined
  return (typeof code === 'string' && code.startsWith('SQLITE_BUSY')) || /database is locked/i.test(cause.message)
}

/** Written beside and renamed, so that a reader sees a whole number. */
function writePid(directory: string): void {
  const path = join(directory, PID_FILE)
  const draft = `${path}.${String(process.pid)}`
  writeFileSync(draft, `${String(process.pid)}\n`, { mode: 0o600 })
  renameSync(draft, path)
}

/** Pid of the living process that holds the lock. Waits a little for a holder that is just writing its own. */
function readHolder(directory: string): number | undefined {
  for (let read = 0; read < PID_READS_MAX; read++) {
    const pid = readPid(directory)
    if (pid !== undefined && isAlive(pid)) return pid
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PID_PAUSE_MS)
  }
  return undefined
}

function readPid(directory: string): number | undefined {
  let text: string
  try {
    text = readFileSync(join(directory, PID_FILE), 'utf8')
  } catch {
    // Not written yet, or removed by hand: the lock holds without it.
    return undefined
  }
  const pid = /^\d{1,10}$/.test(text.trim()) ? Number(text) : 0
  return pid > 0 ? pid : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    // EPERM: it lives and belongs to another user.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM'
  }
}
