import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'

/**
 * Gives server and generator a core each (util-linux `taskset`), so that they do not push each other off and figures can be compared with other
 * runs of this kind. Returns what was done, for the report; a machine with one core or without `taskset` measures unpinned and says so.
 */
export function pinApart(serverPid: number): string {
  if (cpus().length < 2) return 'not pinned: one core'
  try {
    // All threads that exist; new ones inherit.
    execFileSync('taskset', ['-acp', '0', String(serverPid)], { stdio: 'ignore' })
    execFileSync('taskset', ['-acp', '1', String(process.pid)], { stdio: 'ignore' })
    return 'server on core 0, generator on core 1'
  } catch {
    return 'not pinned: taskset is missing'
  }
}
