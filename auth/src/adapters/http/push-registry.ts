import { ENGINE_INTERNAL_API, type InternalClient } from '@evegram/platform'
import type { ErrorCode } from '@evegram/protocol'
import type { PushRegistry } from '../../ports/push-registry.js'

/** Whether a code is the engine's verdict about a subscription rather than a failure to take it. */
export function isPushVerdict(code: ErrorCode): boolean {
  return code === 'denied.push_service' || code === 'push.none'
}

/** {@link PushRegistry} over the internal listeners of the engine's nodes: any of them writes the shared store. The client passes {@link isPushVerdict}. */
export function httpPushRegistry(client: InternalClient): PushRegistry {
  const { subscribe, unsubscribe } = ENGINE_INTERNAL_API
  return {
    async subscribe(account, device, endpoint) {
      await client.ask({ method: 'POST', path: subscribe.path, body: { account, device, endpoint }, answer: subscribe.answer })
    },
    async unsubscribe(device) {
      await client.ask({ method: 'POST', path: unsubscribe.path, body: { device }, answer: unsubscribe.answer })
    },
  }
}
