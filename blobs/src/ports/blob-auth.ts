import type { AccountId, DeviceId } from '@evegram/protocol'

/** Who makes a request. */
export interface Caller {
  readonly account: AccountId
  readonly device: DeviceId
}

/** A request with `Authorization: DPoP` as it came. */
export interface SignedRequest {
  readonly token: string
  /** The DPoP proof. */
  readonly proof: string | undefined
  readonly method: string
  /** The configured origin, and the path without its query: never from a header. */
  readonly url: string
}

/**
 * What sign-in knows and the blob service asks. Nothing is remembered: who was revoked is refused at once. Whatever is not a verdict rejects `unavailable.*`; nothing
 * is allowed then.
 */
export interface BlobAuth {
  /** Who made a request; its DPoP proof is used up. Rejects `auth.token_*`, `auth.dpop*`, `limited.rate`. */
  callerOf(request: SignedRequest): Promise<Caller>
}
