import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'

// Linux counts process times in ticks of 1/100 s on every architecture that Node runs on (proc(5), sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND = 100
/** Fields of /proc/<pid>/stat behind the name: parent, own user and system time, those of children that ended and were waited for. */
const FIELD = { parent: 1, user: 11, system: 12, childrenUser: 13, childrenSystem: 14 } as const

/** What a server or a process has cost so far; undefined where the system does not tell. */
export interface Cost {
  readonly cpuSeconds: number
  /** Memory, of a server with what its processes share counted once. */
  readonly memoryBytes: number
}

function statOf(pid: number | string): readonly string[] {
  const line = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
  return line.slice(line.lastIndexOf(')') + 2).split(' ')
}

/** The parent of a process on this machine; undefined when there is none such. */
export function parentOf(pid: number): number | undefined {
  try {
    return Number(statOf(pid)[FIELD.parent])
  } catch {
    return undefined
  }
}

/** The cost of a process and all its children, those that ended among them. */
export function familyCost(parent: number): Cost | undefined {
  try {
    const family = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => pid === String(parent) || parentOf(Number(pid)) === parent)
    let [ticks, kib] = [0, 0]
    for (const pid of family) {
      const fields = statOf(pid)
      const times = pid === String(parent) ? [FIELD.user, FIELD.system, FIELD.childrenUser, FIELD.childrenSystem] : [FIELD.user, FIELD.system]
      for (const field of times) ticks += Number(fields[field])
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    }
    return { cpuSeconds: ticks / TICKS_PER_SECOND, memoryBytes: kib * 1_024 }
  } catch {
    // No Linux, or a process that is somebody else's.
    return undefined
  }
}

/** The cost of this process. */
export function ownCost(): Cost {
  const { user, system } = process.cpuUsage()
  return { cpuSeconds: (user + system) / 1e6, memoryBytes: process.memoryUsage.rss() }
}

/** Machine, kernel, Node, commit and load: what stands beside every figure. */
export function machineFacts(): Readonly<Record<'cpu' | 'kernel' | 'node' | 'commit' | 'load', string>> & { readonly cores: number } {
  let commit = 'unknown'
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // A source archive has no git: the figure then says so.
  }
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, kernel: release(), node: process.versions.node, commit, load: (loadavg()[0] ?? 0).toFixed(1) }
}
