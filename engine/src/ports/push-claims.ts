import type { DeviceId } from '@evegram/protocol'

/** What became of a wish to wake a device. */
export type PushClaim =
  /** The caller wakes it; nobody else does meanwhile. */
  | { readonly status: 'claimed' }
  /** Somebody wakes it now, or it was woken and has not connected since. */
  | { readonly status: 'taken' }
  /** It may be woken again after this time. */
  | { readonly status: 'resting'; readonly forMs: number }

/**
 * Which devices were woken and have not connected since, shared by all nodes. Of several nodes that claim a device at once one gets it. Volatile: what is
 * forgotten costs one more wake. Rejects with `unavailable.presence`.
 */
export interface PushClaims {
  /** Claims the waking of a device for `leaseMs`, after which a node that died holds nobody back. */
  claim(device: DeviceId, leaseMs: number): Promise<PushClaim>
  /** The push service took the wake: a claim that stands counts for `ttlMs`. Without one, as the device has connected meanwhile, nothing changes. */
  woken(device: DeviceId, ttlMs: number): Promise<void>
  /** Ends a claim or a wake, as the device connected or could not be woken: it rests for `restMs`, then it may be claimed. Where nothing stands, and for one that rests already, nothing changes. */
  rest(device: DeviceId, restMs: number): Promise<void>
}
