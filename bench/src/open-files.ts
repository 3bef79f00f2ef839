import { readFileSync } from 'node:fs'

/** Ends the process with code 2 and a sentence when it, or what it starts, may not hold `count` files and sockets open. Node has raised the soft limit to the hard one by now. */
export function requireOpenFiles(count: number): void {
  const fault = openFilesFault(count)
  if (fault === undefined) return
  console.error(fault)
  process.exit(2)
}

/** Why a process may not hold `count` files and sockets open, and what to do about it; undefined when it may. */
export function openFilesFault(count: number): string | undefined {
  const limit = openFilesMax()
  if (limit >= count) return undefined
  return `This run needs ${String(count)} open files and sockets in a process, and this system allows ${String(limit)}: run it after "ulimit -n ${String(count)}" (as root, or raise the hard limit in /etc/security/limits.conf), or with fewer clients.`
}

/** Files and sockets that this process, or what it starts, may hold open, by proc(5); without end where there is no such file. */
export function openFilesMax(): number {
  let limits: string
  try {
    limits = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return Number.POSITIVE_INFINITY
  }
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}
