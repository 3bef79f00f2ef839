// Starts a process that outlives this command, and ends exactly the one that was started.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, startTimeOf } from './process-identity.mjs'

/** What a process gets to end by itself before it is killed. */
export const STOP_MS = 20_000
const KILL_MS = 10_000
const LOOK_MS = 50

/**
 * Starts `recipe` ({command, args, env, cwd}; `env` is added to this process's environment) in a session of its own, its output appended to
 * `log`. Resolves with `{pid, startedAt}`; rejects when it cannot be started.
 */
export async function startDetached(recipe, log) {
  const output = openSync(log, 'a', 0o600)
  try {
    const child = spawn(recipe.command, recipe.args, {
      cwd: recipe.cwd, env: { ...process.env, ...recipe.env }, detached: true, stdio: ['ignore', output, output],
    })
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    return { pid: child.pid, startedAt: startTimeOf(child.pid) }
  } finally {
    closeSync(output)
  }
}

/** Sends a signal to exactly the noted process; false when it is gone. */
export function signal(noted, name) {
  if (!isRunning(noted)) return false
  try {
    process.kill(noted.pid, name)
    return true
  } catch (error) {
    if (error.code === 'ESRCH') return false
    throw error
  }
}

/** Ends the noted process: SIGTERM (or its `stopSignal`), and SIGKILL after `graceMs`. Resolves when it is gone, with how it went: 'gone', 'ended' or 'killed'. */
export async function stop(noted, graceMs = STOP_MS) {
  if (!signal(noted, noted.stopSignal ?? 'SIGTERM')) return 'gone'
  // One that was paused could not hear it.
  signal(noted, 'SIGCONT')
  if (await isGoneWithin(noted, graceMs)) return 'ended'
  await kill(noted)
  return 'killed'
}

/** Kills the noted process; resolves when it is gone. */
export async function kill(noted) {
  signal(noted, 'SIGKILL')
  if (!(await isGoneWithin(noted, KILL_MS))) throw new Error(`process ${noted.pid} does not end, not even by SIGKILL`)
}

async function isGoneWithin(noted, ms) {
  const deadline = performance.now() + ms
  while (isRunning(noted)) {
    if (performance.now() > deadline) return false
    await delay(LOOK_MS)
  }
  return true
}
