import { isEvegramError, type DeviceId, type EvegramError } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { signalStateOf } from '../core/transaction.js'
import { KeyedTurns } from '../core/turns.js'
import { verifyBundle } from '../crypto/prekeys.js'

/** Whether messages can be encrypted for a device: `later` when the server gave no bundle now, `refused` when what it gave is not the device's. */
export type Reach = 'ready' | 'later' | 'refused'

/** Time before a bundle is asked for again that was not to be had. */
const BUNDLE_RETRY_MS = 30_000
/** The same when nobody answered for it: that says nothing about the device, and ends with the outage. */
const OUTAGE_RETRY_MS = 2_000
/** Sessions that are remembered as there; past it all are looked up again. */
const SESSIONS_SEEN_MAX = 4_096
/** Devices whose last failure is remembered; past it the oldest is forgotten. */
const FAILURES_MAX = 4_096

/** Starts sessions with devices from verified bundles. Never called inside the turn of local state: it waits for the network. */
export class Sessions {
  readonly #core: Core
  readonly #turns = new KeyedTurns()
  /** Devices that a session was seen with: saves reading a large row for each message. A missing one shows when it is used. */
  readonly #ready = new Set<DeviceId>()
  readonly #failures = new Map<DeviceId, { readonly reach: Reach; readonly untilMs: number }>()

  constructor(core: Core) {
    this.#core = core
  }

  /** Makes sure that there is a session with `target`. Rejects only when the local store or the Signal code fails. */
  ensure(target: AttestedDevice): Promise<Reach> {
    if (this.#ready.has(target.device)) return Promise.resolve('ready')
    return this.#turns.run(target.device, async () => {
      const { ciphers, store, clock } = this.#core
      if (await ciphers.hasSession(target.device, signalStateOf(store))) return this.#seen(target.device)
      const failure = this.#failures.get(target.device)
      if (failure !== undefined && clock.monotonicMs() < failure.untilMs) return failure.reach
      const { reach, retryMs } = await this.#start(target)
      this.#failures.delete(target.device)
      if (reach === 'ready') return this.#seen(target.device)
      this.#remember(target.device, reach, retryMs)
      return reach
    })
  }

  /** Forgets that a bundle could not be had: something changed. */
  retry(device: DeviceId): void {
    this.#ready.delete(device)
    this.#failures.delete(device)
  }

  /** There was no session when one was used: looks again before saying `ready`. */
  recheck(device: DeviceId): void {
    this.#ready.delete(device)
  }

  #seen(device: DeviceId): Reach {
    if (this.#ready.size >= SESSIONS_SEEN_MAX) this.#ready.clear()
    this.#ready.add(device)
    return 'ready'
  }

  #remember(device: DeviceId, reach: Reach, retryMs: number): void {
    this.#failures.set(device, { reach, untilMs: this.#core.clock.monotonicMs() + retryMs })
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= FAILURES_MAX) break
      this.#failures.delete(oldest)
    }
  }

  async #start(target: AttestedDevice): Promise<{ readonly reach: Reach; readonly retryMs: number }> {
    const { auth, tokens, signal, primitives, ciphers, events, local, time } = this.#core
    const { account, device } = target
    try {
      const fetched = await auth.fetchBundle(tokens, account, device)
      const bundle = await verifyBundle(signal, { ...fetched, device }, target, time.now(), primitives)
      const reach = await local.write(async (tx): Promise<Reach> => {
        // A message of the peer may have built one meanwhile.
        if (await ciphers.hasSession(device, tx.signal)) return 'ready'
        const started = await ciphers.startSession(device, bundle, tx.signal)
        if (started.status !== 'started') {
          events.refuse({ code: started.status === 'low_order_key' ? 'e2ee.low_order_key' : 'e2ee.bundle_invalid', account, device, detail: started.status })
          return 'refused'
        }
        tx.apply(started.changes)
        return 'ready'
      })
      return { reach, retryMs: BUNDLE_RETRY_MS }
    } catch (error) {
      if (!isEvegramError(error) || error.code === 'client.store' || error.code === 'internal') throw error
      if (!error.code.startsWith('e2ee.')) return { reach: 'later', retryMs: isOutage(error) ? OUTAGE_RETRY_MS : BUNDLE_RETRY_MS }
      const check = error.details?.['check']
      events.refuse({ code: error.code, account, device, detail: typeof check === 'string' ? check : 'bundle' })
      return { reach: 'refused', retryMs: BUNDLE_RETRY_MS }
    }
  }
}

/** Whether nobody answered, rather than somebody who knows. */
function isOutage({ code }: EvegramError): boolean {
  return code.startsWith('unavailable.') || code === 'timeout'
}
