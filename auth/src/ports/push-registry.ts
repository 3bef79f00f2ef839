import type { AccountId, DeviceId } from '@evegram/protocol'

/** Where devices say how they are woken. The engine keeps it; the composition root binds it. */
export interface PushRegistry {
  /** Resolved = durable. Rejects `denied.push_service` for an endpoint that this server does not send to, `unavailable.*`. */
  subscribe(account: AccountId, device: DeviceId, endpoint: string): Promise<void>
  /** Ends that. Rejects `unavailable.*`. */
  unsubscribe(device: DeviceId): Promise<void>
}
