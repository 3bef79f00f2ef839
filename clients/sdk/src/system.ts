import type { Clock, Random } from '@evegram/protocol'

/** The real clock of browsers and Node alike. Simulators and tests pass their own {@link Clock}. */
export const systemClock: Clock = {
  // The one place of the SDK that reads real time and plans real timers.
  /* eslint-disable no-restricted-properties, no-restricted-globals */
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return { cancel: () => { clearTimeout(timer) } }
  },
  every(intervalMs, task) {
    const timer = setInterval(task, intervalMs)
    return { cancel: () => { clearInterval(timer) } }
  },
  /* eslint-enable no-restricted-properties, no-restricted-globals */
}

/** getRandomValues of WebCrypto gives at most this many bytes a call. */
const DRAW_BYTES_MAX = 65_536

/** The cryptographic randomness of browsers and Node alike. */
export const systemRandom: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += DRAW_BYTES_MAX) {
      globalThis.crypto.getRandomValues(bytes.subarray(offset, Math.min(length, offset + DRAW_BYTES_MAX)))
    }
    return bytes
  },
}
