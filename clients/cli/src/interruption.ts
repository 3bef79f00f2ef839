/** Ctrl-C, SIGTERM, or the end of the process that started this one, as an abort signal. A second Ctrl-C ends the process at once. */
export function interruption(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('disconnect', stop)
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
      process.off('disconnect', stop)
    },
  }
}
