// `npm run` starts a shell that starts a program, and neither passes a signal on: when one of them is gone, nobody but the program itself can stop it.
import { readFileSync } from 'node:fs'
import { statFields } from './services/process-identity.mjs'

const LOOK_MS = 500
const PARENT_FIELD = 1

/** Calls `onEnd` when the npm that runs the script `script`, or its shell, is gone; never when this was not started by it. */
export function whenLauncherEnds(script, onEnd) {
  if (process.env['npm_lifecycle_event'] !== script) return
  const shell = process.ppid
  const npm = parentOf(shell)
  const timer = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return
    clearInterval(timer)
    onEnd()
  }, LOOK_MS)
  timer.unref()
}

/** Parent of a process where the system tells (Linux, proc(5)). */
function parentOf(pid) {
  try {
    return statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))[PARENT_FIELD]
  } catch {
    return undefined
  }
}
