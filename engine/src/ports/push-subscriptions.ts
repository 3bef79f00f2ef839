import type { AccountId, DeviceId } from '@evegram/protocol'

/** Where one device is reached while it has no connection: what its browser got from a push service. */
export interface PushSubscription {
  readonly account: AccountId
  readonly device: DeviceId
  /** Address at the push service (RFC 8030): whoever knows it and signs as this server can wake the device. Never logged. */
  readonly endpoint: string
  /** When the device named it last, in ms since 1970. */
  readonly renewedAtMs: number
}

/**
 * Where devices are woken: one place for each device, with no key of a payload, since a push of this server says nothing. Resolved = durable. One that was not
 * renewed for `LIMITS.pushSubscriptionMs` has ended: it is not given any more. Rejects with `unavailable.store`.
 */
export interface PushSubscriptions {
  /** Stores the subscription of its device; the one before ends. */
  put(subscription: PushSubscription): Promise<void>
  /** Those of the named devices that have one, in no particular order. */
  read(devices: readonly DeviceId[]): Promise<readonly PushSubscription[]>
  /** Ends the subscription of the device; with `endpoint` only if it stands for that one: a newer one stays. */
  remove(device: DeviceId, endpoint?: string): Promise<void>
}
