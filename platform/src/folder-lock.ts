import { linkSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EvegramError } from '@evegram/protocol'

const TRIES_MAX = 5
/** Locks that this process holds: one with its pid that is not among them was left by another process, which had the same pid before (the first of a container). */
const held = new Set<string>()

/** A data folder that this process holds. */
export interface FolderLock {
  /** Lets go. Safe to call twice. */
  release(): void
}

/**
 * Takes the data folder for this process alone; makes it (mode 0700) when it is missing.
 * A lock left by a process that is gone is taken over. Throws `conflict.data_in_use` with the pid of a living holder, which may be this process itself.
 * `linkSync` makes the lock appear with its content or not at all, so two starts cannot both have it.
 */
export function lockFolder(folder: string): FolderLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = join(realpathSync(folder), 'lock')
  const own = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) ?? '' })
  const draft = `${lock}.${String(process.pid)}`
  writeFileSync(draft, own, { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      try {
        linkSync(draft, lock)
        return new HeldLock(lock, own)
      } catch (cause) {
        if (!isNodeError(cause) || cause.code !== 'EEXIST') {
          throw new EvegramError('invalid.config', { operation: 'lock data folder', advice: 'EVEGRAM_DATA_DIR cannot be written.', cause })
        }
      }
      takeAway(lock)
    }
  } finally {
    rmSync(draft, { force: true })
  }
  throw new EvegramError('conflict.data_in_use', { operation: 'lock data folder' })
}

class HeldLock implements FolderLock {
  #isHeld = true

  constructor(readonly path: string, readonly content: string) {
    held.add(path)
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    held.delete(this.path)
    if (readLock(this.path) === this.content) rmSync(this.path, { force: true })
  }
}

/** The pid of the living process that holds the folder, if any. */
export function holderOf(folder: string): number | undefined {
  const content = readLock(join(folder, 'lock'))
  return content === undefined ? undefined : livingHolder(join(realpathSync(folder), 'lock'), content)
}

/** Moves a stale lock aside; throws when its holder lives. */
function takeAway(lock: string): void {
  const content = readLock(lock)
  if (content === undefined) return
  const pid = livingHolder(lock, content)
  if (pid !== undefined) throw new EvegramError('conflict.data_in_use', { operation: 'lock data folder', details: { pid } })
  const aside = `${lock}.stale-${String(process.pid)}`
  try {
    renameSync(lock, aside)
  } catch {
    // Somebody else moved it first; the next try sees what stands there now.
    return
  }
  // Between reading and moving, another start may have replaced the stale lock with its own: give that one back.
  if (readLock(aside) !== content) linkSync(aside, lock)
  rmSync(aside, { force: true })
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // No lock, or it went away just now: both mean that nobody holds it.
    return undefined
  }
}

function livingHolder(lock: string, content: string): number | undefined {
  let pid: unknown
  let startedAt: unknown
  try {
    ;({ pid, startedAt } = JSON.parse(content) as { pid?: unknown; startedAt?: unknown })
  } catch {
    // A damaged lock file was not written by a living holder: ours appear whole or not at all.
    return undefined
  }
  if (pid === process.pid) return held.has(lock) ? pid : undefined
  if (typeof pid !== 'number') return undefined
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (isNodeError(error) && error.code === 'ESRCH') return undefined
  }
  // Pids are used again: a process that started at another time is another one.
  const start = startOf(pid)
  return start === undefined || startedAt === '' || start === startedAt ? pid : undefined
}

/** Start time of a process in clock ticks since boot, with the boot it belongs to, where the system tells (Linux, proc(5)). */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    // Field 22, counted behind the command name, which may hold spaces and brackets.
    return `${boot}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`
  } catch {
    // Not Linux: the pid alone decides.
    return undefined
  }
}

function isNodeError(value: unknown): value is NodeJS.ErrnoException {
  return value instanceof Error && 'code' in value
}
