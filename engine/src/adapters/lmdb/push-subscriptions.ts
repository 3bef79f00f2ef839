import { CborFields, decodeCbor, encodeCbor, EvegramError, hexOf, idBytes, LIMITS, parseAccountId, type Clock, type DeviceId } from '@evegram/protocol'
import type { PushSubscription, PushSubscriptions } from '../../ports/push-subscriptions.js'
import type { Committer } from './committer.js'
import type { Databases } from './databases.js'

/** Largest stored subscription. */
const SUBSCRIPTION_BYTES_MAX = LIMITS.pushEndpointCharactersMax * 3 + 256
/** Changes that may wait for the one before them. */
const CHANGES_WAITING_MAX = 4_096

/** Subscriptions over LMDB: device -> account, endpoint, time, in CBOR. They change seldom, so that each change waits for the one before it and sees it. */
export class LmdbPushSubscriptions implements PushSubscriptions {
  readonly #databases: Databases
  readonly #committer: Committer
  readonly #clock: Clock
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(databases: Databases, committer: Committer, clock: Clock) {
    this.#databases = databases
    this.#committer = committer
    this.#clock = clock
  }

  put({ account, device, endpoint, renewedAtMs }: PushSubscription): Promise<void> {
    const value = encodeCbor({ account: idBytes(account), endpoint, renewedAt: renewedAtMs })
    return this.#inTurn('store push subscription', value.length, () => { void this.#databases.pushSubscriptions.put(idBytes(device), value) })
  }

  async read(devices: readonly DeviceId[]): Promise<readonly PushSubscription[]> {
    const endedMs = this.#clock.now() - LIMITS.pushSubscriptionMs
    try {
      return devices.flatMap((device) => {
        const subscription = this.#standing(device)
        return subscription === undefined || subscription.renewedAtMs <= endedMs ? [] : [subscription]
      })
    } catch (cause) {
      throw new EvegramError('unavailable.store', { operation: 'read push subscriptions', cause })
    }
  }

  remove(device: DeviceId, endpoint?: string): Promise<void> {
    return this.#inTurn('remove push subscription', 0, () => {
      if (endpoint === undefined || this.#standing(device)?.endpoint === endpoint) void this.#databases.pushSubscriptions.remove(idBytes(device))
    })
  }

  #standing(device: DeviceId): PushSubscription | undefined {
    const stored = this.#databases.pushSubscriptions.get(idBytes(device))
    if (stored === undefined) return undefined
    const fields = new CborFields(decodeCbor(Uint8Array.from(stored), SUBSCRIPTION_BYTES_MAX), 'invalid.cbor')
    return {
      device, account: parseAccountId(hexOf(fields.bytes('account', 16))), endpoint: fields.text('endpoint', SUBSCRIPTION_BYTES_MAX), renewedAtMs: fields.uint('renewedAt'),
    }
  }

  async #inTurn(operation: string, bytes: number, apply: () => void): Promise<void> {
    if (this.#waiting >= CHANGES_WAITING_MAX) throw new EvegramError('limited.queue', { operation })
    this.#waiting++
    const change = this.#last.then(() => new Promise<void>((resolve, reject) => {
      this.#committer.add({ bytes, apply, settle: resolve, fail: (cause) => { reject(new EvegramError('unavailable.store', { operation, cause })) } })
    }))
    // The next one goes on whatever became of this one, whose caller is told.
    this.#last = change.then(() => undefined, () => undefined).finally(() => { this.#waiting-- })
    return change
  }
}
