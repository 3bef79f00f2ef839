// What runs, written down where the next command, the tests and the cluster runner find it.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withFileLock } from './file-lock.mjs'

const VERSION = 1
/** A first start builds and fetches. */
const LOCK_MS_MAX = 1_800_000
const stateFile = (dir) => join(dir, 'state.json')

/**
 * The state in `dir`, undefined when nothing was started there: `{mode, nodes, dir, settings, versions, env, processes}`. A process is `{name, kind,
 * address, monitor?, pid, startedAt, start: {command, args, env, cwd}, log}` (`container` instead of a pid with Docker); `env` of a recipe is what it
 * needs beside the caller's environment.
 */
export function readState(dir) {
  let text
  try {
    text = readFileSync(stateFile(dir), 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
  let state
  try {
    state = JSON.parse(text)
  } catch {
    throw new Error(`${stateFile(dir)} is not readable; end what it names by hand, then delete it`)
  }
  if (state.version !== VERSION) throw new Error(`${stateFile(dir)} is of another release (format ${state.version}): run "npm run services -- down" with that one`)
  return state
}

/** Replaces the state at once, so that a reader sees the old one or the new one. */
export function writeState(dir, state) {
  writeJson(stateFile(dir), { version: VERSION, ...state })
}

/** Forgets what ran. */
export function removeState(dir) {
  rmSync(stateFile(dir), { force: true })
}

/** Runs `work` while no other command changes what runs in `dir`. */
export function withState(dir, work, onWait) {
  return withFileLock(join(dir, 'lock'), { waitMs: LOCK_MS_MAX, whatFor: 'services', onWait }, work)
}

/** Writes a file of JSON aside, then renames it. */
export function writeJson(path, value) {
  mkdirSync(join(path, '..'), { recursive: true })
  const aside = `${path}.${process.pid}.part`
  writeFileSync(aside, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(aside, path)
}
