import type { BoxRandom } from './session-box.js'

/** What a connection to a bridge needs of the browser. */
export interface BridgeSystem extends BoxRandom {
  fetch(url: string, options: RequestInit): Promise<Response>
  /** Resolves after `ms`, or when `signal` is aborted. */
  delay(ms: number, signal: AbortSignal): Promise<void>
  /** Calls `returned` when the person comes back to the page, or the network does. Returns a function that ends it. */
  onReturn(returned: () => void): () => void
}

/** The browser. */
export const pageSystem: BridgeSystem = {
  randomBytes: (count) => globalThis.crypto.getRandomValues(new Uint8Array(count)),
  fetch: (url, options) => globalThis.fetch(url, options),
  delay: (ms, signal) => new Promise((resolve) => {
    const timer = globalThis.setTimeout(end, ms)
    function end(): void {
      globalThis.clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end)
  }),
  onReturn: (returned) => {
    const seen = (): void => { if (globalThis.document.visibilityState === 'visible') returned() }
    globalThis.document.addEventListener('visibilitychange', seen)
    globalThis.addEventListener('online', returned)
    return () => {
      globalThis.document.removeEventListener('visibilitychange', seen)
      globalThis.removeEventListener('online', returned)
    }
  },
}
