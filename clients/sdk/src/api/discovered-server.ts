import type { Network } from '@evegram/protocol/proof'

/** A server as discovery found it and the client's own configuration accepted it. */
export interface DiscoveredServer {
  /** The domain that wallets sign for: configuration, never taken from the server. */
  readonly domain: string
  /** The origin of that domain: URI line of proofs, `hello` and DPoP. */
  readonly origin: string
  /** Pinned by the profile: a change is `server.identity_changed`. */
  readonly serverId: string
  readonly network: Network
  readonly protocol: { readonly min: number; readonly max: number }
  /** WebSocket URL. */
  readonly wsUrl: string
  /** Base URL of the auth service, without trailing slash. */
  readonly authUrl: string
  /** Base URL of the wallet bridge, without trailing slash; absent where there is none. */
  readonly wallyUrl?: string
  /** Base URL of the store of files, without trailing slash; absent where there is none. */
  readonly blobsUrl?: string
  /** Keys (Ed25519, 32 bytes) that its notices are signed with; absent where nobody writes any. */
  readonly noticeKeys?: readonly Uint8Array[]
  /** What browsers subscribe with to be woken: a point of P-256 in base64url; absent where nobody is woken. */
  readonly pushKey?: string
  /** What the server says about its limits, by name. Informative. */
  readonly limits: Readonly<Record<string, number>>
}
