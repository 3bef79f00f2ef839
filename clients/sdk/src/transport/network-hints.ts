import type { NetworkHints } from './link.js'

/** Hints of a page: the network is back, or the tab is in front again. Where there is no page (Node, some workers) it gives none. */
export const pageHints: NetworkHints = {
  subscribe(listener) {
    const page = typeof document === 'undefined' ? undefined : document
    const onVisible = (): void => {
      if (page?.visibilityState === 'visible') listener()
    }
    // Node has no addEventListener on its global object; workers have it without a document.
    const listens = typeof globalThis.addEventListener === 'function'
    if (listens) globalThis.addEventListener('online', listener)
    page?.addEventListener('visibilitychange', onVisible)
    return () => {
      if (listens) globalThis.removeEventListener('online', listener)
      page?.removeEventListener('visibilitychange', onVisible)
    }
  },
}
