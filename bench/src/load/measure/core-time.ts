import { readFileSync } from 'node:fs'

// Linux counts in ticks of 1/100 s (proc(5), sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND = 100
/** Places in a line of /proc/stat, behind its name. Interrupts are left out: on loopback they carry the server's own packets. */
const BUSY_FIELDS = { user: 0, nice: 1, system: 2, steal: 7 } as const

/** The cores of a list as the kernel writes it (`0-2,5`). */
export function coresOf(list: string): readonly number[] {
  return list.trim().split(',').filter((part) => part !== '').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
  })
}

/** Seconds since the start of the machine in which programs ran on these cores, whoever's, or the machine's host took them. `stat` is the text of /proc/stat. */
export function busySecondsOf(stat: string, cores: readonly number[]): number {
  let ticks = 0
  for (const core of cores) {
    const line = new RegExp(`^cpu${String(core)} (.*)$`, 'm').exec(stat)?.[1]
    const fields = line?.trim().split(/\s+/).map(Number) ?? []
    for (const place of Object.values(BUSY_FIELDS)) ticks += fields[place] ?? 0
  }
  return ticks / TICKS_PER_SECOND
}

/** The same, now, for the cores on which any of these processes may run; undefined when that cannot be told. */
export function busySecondsAround(pids: readonly number[]): number | undefined {
  if (pids.length === 0) return undefined
  try {
    const cores = new Set(pids.flatMap((pid) => coresOf(/^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? '')))
    return busySecondsOf(readFileSync('/proc/stat', 'utf8'), [...cores])
  } catch {
    // One has ended, or this is not Linux: then all waiting counts as caused by others.
    return undefined
  }
}

/** What is known of a server over a time: seconds in which its main thread wanted a core and had none, what all its threads used, and what its cores were busy. */
export interface ServerTimes {
  readonly elapsedSeconds: number
  readonly waitedSeconds: number
  readonly cpuSeconds: number
  readonly coresBusySeconds: number | undefined
}

/**
 * The share of the time that the server waited for a core because of others. Threads of one server wait for each other too, on one core all the time, and that is
 * its own cost: others cannot have made it wait for longer than they had its cores.
 */
export function starvedShare({ elapsedSeconds, waitedSeconds, cpuSeconds, coresBusySeconds }: ServerTimes): number {
  const othersSeconds = coresBusySeconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, coresBusySeconds - cpuSeconds)
  return Math.min(waitedSeconds, othersSeconds) / Math.max(Number.EPSILON, elapsedSeconds)
}
