import { EXIT_CODES } from './exit-codes.js'

/**
 * Ctrl-C, SIGTERM, or the end of the process that started this one, as an abort signal. A second Ctrl-C ends the process at once.
 * After Ctrl-C the exit code is 130, unless the command sets another one.
 */
export function interruption(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_CODES.interrupted[0])
    process.exitCode = EXIT_CODES.interrupted[0]
    stop()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', stop)
  process.on('disconnect', stop)
  // The parent may be gone already: then `disconnect` was in the past. Without a parent `connected` is undefined.
  if (process.connected === false) stop()
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', stop)
      process.off('disconnect', stop)
    },
  }
}
