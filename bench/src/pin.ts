import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'

/**
 * Gives server and generator (this process, and `generatorPids`) a core each (util-linux `taskset`), so that they do not push each other off and figures can
 * be compared with other runs of this kind; further generator processes get further cores. Returns what was done, for the report; a machine with one core or
 * without `taskset` measures unpinned and says so.
 */
export function pinApart(serverPid: number, generatorPids: readonly number[] = []): string {
  const cores = cpus().length
  if (cores < 2) return 'not pinned: one core'
  try {
    // All threads that exist; new ones inherit.
    execFileSync('taskset', ['-acp', '0', String(serverPid)], { stdio: 'ignore' })
    for (const [index, pid] of [process.pid, ...generatorPids].entries()) {
      const core = index === 0 ? 1 : 1 + ((index - 1) % (cores - 1))
      execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' })
    }
    return cores === 2 || generatorPids.length <= 1 ? 'server on core 0, generator on core 1' : 'server on core 0, generator on the others'
  } catch {
    return 'not pinned: taskset is missing'
  }
}
