import { EvegramError, hexOf, type Random } from '@evegram/protocol'
import { noStorage } from '../store/indexeddb-schema.js'
import { isFrame, TABS_VERSION, type Frame, type FrameBody } from '../tabs/frames.js'
import type { Lease, TabBus, TabLocks } from '../tabs/ports.js'

const TAB_ID_BYTES = 16

/** A {@link TabBus} on BroadcastChannel: all tabs of this origin that show the profile. */
export function webTabBus(profile: string, random: Random): TabBus {
  const tab = hexOf(random.bytes(TAB_ID_BYTES))
  const channel = new BroadcastChannel(nameOf(profile))
  const listeners = new Set<(frame: Frame) => void>()
  const hear = (frame: Frame): void => {
    if (frame.to === undefined || frame.to === tab) for (const listener of [...listeners]) listener(frame)
  }
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (isFrame(data)) hear(data)
  }
  return {
    tab,
    post(body: FrameBody, to?: string) {
      const frame: Frame = { version: TABS_VERSION, from: tab, ...(to === undefined ? {} : { to }), ...body }
      if (to !== tab) postOn(channel, frame)
      // The channel does not bring a tab its own; heard later, as the others hear it.
      if (to === undefined || to === tab) queueMicrotask(() => { hear(frame) })
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      listeners.clear()
      channel.close()
    },
  }
}

function postOn(channel: BroadcastChannel, frame: Frame): void {
  try {
    channel.postMessage(frame)
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'DataCloneError') {
      throw new EvegramError('invalid.argument', { operation: 'send to another tab', advice: 'An argument cannot be sent to another tab.', cause })
    }
    // Closed with this tab: nobody waits for what it says any more.
    if (!(cause instanceof DOMException && cause.name === 'InvalidStateError')) throw cause
  }
}

/** {@link TabLocks} by the Web Locks of this origin: a tab that ends, crashed or not, loses what it holds. Throws where there are none. */
export function webTabLocks(profile: string): TabLocks {
  // Absent on pages without TLS.
  const locks = (Reflect.get(globalThis, 'navigator') as { readonly locks?: LockManager } | undefined)?.locks
  if (locks === undefined) throw new EvegramError('client.insecure_url', { operation: 'share profile', advice: 'Tabs share a profile only on pages of https:// or of this machine: open the page there.' })
  return {
    hold: (name, { steal, signal }) => new Promise<Lease>((resolve, reject) => {
      let release = (): void => undefined
      let isHeld = false
      let isReleased = false
      let lose = (): void => undefined
      const lost = new Promise<void>((done) => { lose = done })
      const options: LockOptions = { ...(steal === true ? { steal } : {}), ...(signal === undefined || steal === true ? {} : { signal }) }
      locks.request(`${nameOf(profile)}/${name}`, options, () => new Promise<void>((done) => {
        isHeld = true
        release = () => {
          isReleased = true
          done()
        }
        resolve({ lost, release: () => { release() } })
      })).catch((cause: unknown) => {
        if (!isHeld) reject(lockFailure(cause))
        else if (!isReleased) lose()
      })
    }),
  }
}

/** Frames with an origin of their own (sandboxed ones) have neither locks nor a place to keep a profile. An abort is the caller's own. */
function lockFailure(cause: unknown): Error {
  if (cause instanceof DOMException && cause.name === 'SecurityError') return noStorage(cause)
  return cause instanceof Error ? cause : new EvegramError('internal', { operation: 'hold lock', cause })
}

function nameOf(profile: string): string {
  return `evegram/${profile}`
}
