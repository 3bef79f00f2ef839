// Which process a pid means. A pid alone is reused by the system; a pid with its start time is not.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** States of proc(5) in which nothing runs any more: the parent has only not looked yet. */
const ENDED = new Set(['Z', 'X', 'x'])
const STATE_FIELD = 0
const START_TIME_FIELD = 19

/** The fields of a line of /proc/<pid>/stat from the third on; the second is the command's name in brackets, which may hold anything. */
export function statFields(line) {
  return line.slice(line.lastIndexOf(')') + 2).trim().split(' ')
}

/** When process `pid` started, as text that no other process with this pid ever has; undefined when there is no such process. */
export function startTimeOf(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  if (process.platform !== 'linux') return startTimeByPs(pid)
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    if (ENDED.has(fields[STATE_FIELD])) return undefined
    // The ticks count from the start of the system, so they name a process only together with that start.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[START_TIME_FIELD]}`
  } catch {
    // ENOENT or ESRCH: it is gone.
    return undefined
  }
}

/** Whether exactly the process that was noted as `{pid, startedAt}` runs. */
export function isRunning({ pid, startedAt }) {
  return pid !== undefined && startedAt !== undefined && startTimeOf(pid) === startedAt
}

/** The processes that work in `folder` (an absolute path without links); none where the system does not tell. */
export function processesIn(folder) {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === folder
    } catch {
      // It ended meanwhile, or is somebody else's.
      return false
    }
  })
}

/** Memory of a process in bytes, undefined where the system does not tell. */
export function residentBytes(pid) {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}

function startTimeByPs(pid) {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined
  } catch {
    return undefined
  }
}
