import { readFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { execFileSync } from 'node:child_process'

// Linux counts process times in ticks of 1/100 s on every architecture that Node runs on (proc(5), sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND = 100

/** What a process has cost so far. */
export interface ProcessCost {
  /** User and system time of all its threads, in seconds. */
  readonly cpuSeconds: number
  /** The part of it that the kernel worked for it. */
  readonly systemSeconds: number
  /** Resident memory in bytes. */
  readonly rssBytes: number
  /** Time that it wanted to run and had to wait for a core, in seconds. */
  readonly waitedSeconds: number
  /** User time of the processes that it started, that have ended, and that it waited for. In no other figure. */
  readonly endedUserSeconds: number
  /** The same of system time. */
  readonly endedSystemSeconds: number
}

/** Reads the cost of a process from /proc. Throws where there is none: figures are made on Linux. */
export function processCost(pid: number): ProcessCost {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
  const rssKiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
  const [, waitedNs] = readFileSync(`/proc/${String(pid)}/schedstat`, 'utf8').split(' ').map(Number)
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    systemSeconds: Number(fields[12]) / TICKS_PER_SECOND,
    rssBytes: rssKiB * 1024,
    waitedSeconds: (waitedNs ?? 0) / 1e9,
    endedUserSeconds: Number(fields[13]) / TICKS_PER_SECOND,
    endedSystemSeconds: Number(fields[14]) / TICKS_PER_SECOND,
  }
}

/** Nothing at all. */
export const NO_COST: ProcessCost = { cpuSeconds: 0, systemSeconds: 0, rssBytes: 0, waitedSeconds: 0, endedUserSeconds: 0, endedSystemSeconds: 0 }

/** Two costs together. */
export function addedCosts(one: ProcessCost, other: ProcessCost): ProcessCost {
  return {
    cpuSeconds: one.cpuSeconds + other.cpuSeconds, systemSeconds: one.systemSeconds + other.systemSeconds, rssBytes: one.rssBytes + other.rssBytes,
    waitedSeconds: one.waitedSeconds + other.waitedSeconds, endedUserSeconds: one.endedUserSeconds + other.endedUserSeconds,
    endedSystemSeconds: one.endedSystemSeconds + other.endedSystemSeconds,
  }
}

/** Machine, kernel, Node and commit: what stands beside every figure. */
export function machineFacts(): { readonly cpu: string; readonly cores: number; readonly kernel: string; readonly node: string; readonly commit: string } {
  let commit = 'unknown'
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // A source archive has no git: the figure then says so.
  }
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, kernel: release(), node: process.versions.node, commit }
}
