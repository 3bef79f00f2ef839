import { readFileSync } from 'node:fs'

/** What this process used so far, in seconds: of a core, and waiting for one (0 where the system does not say). */
export function ownUsage(): { readonly cpuSeconds: number; readonly waitedSeconds: number } {
  const { user, system } = process.cpuUsage()
  let waitedNs = 0
  try {
    // Of the main thread, which sends and receives.
    waitedNs = Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1] ?? 0)
  } catch {
    // Only Linux tells. Elsewhere the lag of sends and the event loop have to say it.
  }
  return { cpuSeconds: (user + system) / 1e6, waitedSeconds: waitedNs / 1e9 }
}
