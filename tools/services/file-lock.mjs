// One at a time among the commands of this machine: a file that names its holder.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, startTimeOf } from './process-identity.mjs'

const LOOK_MS = 100
/** A lock without a holder's name is one that is being written; older than this it was left half-written. */
const UNNAMED_MS_MAX = 5_000

/**
 * Runs `work` while this process alone holds `file`. A lock whose holder is gone is taken over. Rejects after `waitMs` (`whatFor` is said in the error);
 * `onWait` is called once when somebody else holds it.
 */
export async function withFileLock(file, { waitMs, whatFor, onWait = () => {} }, work) {
  mkdirSync(dirname(file), { recursive: true })
  const deadline = performance.now() + waitMs
  let hasWaited = false
  while (!take(file)) {
    const holder = holderOf(file)
    if (holder === 'gone') {
      rmSync(file, { force: true })
      continue
    }
    if (!hasWaited) onWait(holder)
    hasWaited = true
    if (performance.now() > deadline) throw new Error(`${whatFor}: process ${holder} still holds ${file} after ${Math.round(waitMs / 1000)} s`)
    await delay(LOOK_MS)
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function take(file) {
  try {
    writeFileSync(file, JSON.stringify({ pid: process.pid, startedAt: startTimeOf(process.pid) }), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** The pid that holds the lock, 'gone' when nobody does any more. */
function holderOf(file) {
  try {
    const noted = JSON.parse(readFileSync(file, 'utf8'))
    return isRunning(noted) ? String(noted.pid) : 'gone'
  } catch {
    try {
      return Date.now() - statSync(file).mtimeMs > UNNAMED_MS_MAX ? 'gone' : 'unknown'
    } catch {
      return 'gone'
    }
  }
}
