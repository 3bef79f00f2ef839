import { LIMITS, type Clock, type DeviceId } from '@evegram/protocol'
import type { PushSubscription, PushSubscriptions } from '../../ports/push-subscriptions.js'

/** Subscriptions in memory, shared by every node of a test cluster. */
export class MemoryPushSubscriptions implements PushSubscriptions {
  readonly #clock: Clock
  readonly #byDevice = new Map<DeviceId, PushSubscription>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async put(subscription: PushSubscription): Promise<void> {
    this.#byDevice.set(subscription.device, subscription)
  }

  async read(devices: readonly DeviceId[]): Promise<readonly PushSubscription[]> {
    const endedMs = this.#clock.now() - LIMITS.pushSubscriptionMs
    return devices.flatMap((device) => {
      const subscription = this.#byDevice.get(device)
      return subscription === undefined || subscription.renewedAtMs <= endedMs ? [] : [subscription]
    })
  }

  async remove(device: DeviceId, endpoint?: string): Promise<void> {
    if (endpoint === undefined || this.#byDevice.get(device)?.endpoint === endpoint) this.#byDevice.delete(device)
  }
}
