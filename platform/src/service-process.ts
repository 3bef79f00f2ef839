import { isEvegramError, sleep, type Clock } from '@evegram/protocol'

/** A supervisor that reads this exit code must not try again before somebody changed something. */
export const EXIT_CANNOT_RUN = 2
/** A process that was told to end is gone after this, whatever still hangs. */
export const END_WITHIN_MS = 9_500
const CANNOT_RUN = new Set(['invalid.config', 'invalid.argument', 'incompatible.schema'])

/** A service that runs. */
export interface RunningService {
  /** Where it listens; with 0 in the settings, what was free. */
  readonly ports: Readonly<Record<string, number>>
  /** Time that stopping may take when it is more than {@link END_WITHIN_MS}. */
  readonly stopWithinMs?: number
  /** Drains and stops everything; never throws. */
  stop(): Promise<void>
}

/** The parts of a Node process that running a service touches; `process` has them all. */
export interface ServiceHost {
  on(event: 'SIGINT' | 'SIGTERM' | 'disconnect', listener: () => void): unknown
  send?: ((message: unknown) => unknown) | undefined
  readonly connected?: boolean | undefined
  exit(code: number): void
}

/**
 * Runs one service as the whole of a process. Says `{kind: 'listening', ports}` to the parent when it is ready; drains at SIGTERM, SIGINT and when the
 * parent is gone, and ends in time ({@link END_WITHIN_MS}); ends with code 2 for settings that cannot work, told in one line, and 1 for other failures.
 */
export function runService(options: {
  readonly name: string
  readonly clock: Clock
  readonly host: ServiceHost
  readonly start: () => Promise<RunningService>
  /** Where the line goes that says why the service cannot run. */
  readonly complain: (line: string) => void
}): void {
  const { name, clock, host, start, complain } = options
  let running: RunningService | undefined
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    // Still starting: nobody is served, so nothing needs draining.
    if (running === undefined) return host.exit(0)
    void Promise.race([running.stop().then(() => 0), sleep(clock, Math.max(END_WITHIN_MS, running.stopWithinMs ?? 0)).then(() => 1)]).then((code) => { host.exit(code) })
  }
  host.on('SIGINT', stop)
  host.on('SIGTERM', stop)
  // The supervisor is gone: a service without it would hold ports that the next start needs.
  host.on('disconnect', stop)
  start().then((service) => {
    running = service
    // It may have gone while this one started; without a supervisor `connected` is undefined.
    if (host.connected === false) stop()
    else host.send?.({ kind: 'listening', ports: service.ports })
  }, (failure: unknown) => {
    if (isEvegramError(failure)) complain(`${name} cannot run: ${failure.advice} (${failure.code})`)
    else complain(failure instanceof Error ? failure.stack ?? failure.message : String(failure))
    host.exit(isEvegramError(failure) && CANNOT_RUN.has(failure.code) ? EXIT_CANNOT_RUN : 1)
  })
}
