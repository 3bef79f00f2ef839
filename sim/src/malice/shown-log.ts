import type { Network } from '@evegram/protocol/proof'
import type { ClaimedHead } from '@evegram/sdk/parts'

/** What the liar knows of the server that it plays. */
export interface ServerNames {
  /** As `domainOf` writes it. */
  readonly domain: string
  /** As `originOf` writes it. */
  readonly origin: string
  readonly network: Network
}

/** A log as a liar shows it: entries from the first on, and the head that it claims for them. */
export interface ShownLog extends ClaimedHead {
  readonly entries: readonly Uint8Array[]
}
