import type { ChainAdapter } from '../../chain/chain-adapter.js'
import type { Signer } from '../../chain/signer.js'
import type { AssetId } from '../../ledger/ids.js'

/** A local chain while its process serves it. */
export interface ServedChain {
  /** Two endpoints of the one chain on loopback. */
  readonly endpoints: readonly [string, string]
  /** Gives play money. Resolved = it is on its way; it arrives within {@link CrashChain.finalMs}. */
  fund(address: string, amount: bigint): Promise<void>
  /** Ends it. Its state is gone. */
  close(): Promise<void>
}

/** What a crash run has to know of a chain: the same few things of each. */
export interface CrashChain {
  /** What is paid out. */
  readonly asset: AssetId
  /** The least that one payout pays: an account that is opened by it lives on it. */
  readonly amountMin: bigint
  /** Reserved for the fee of one payout. */
  readonly feeMax: bigint
  /** About how long signed bytes can land, in ms. */
  readonly validMs: number
  /** After which what is in a block is final, in ms and plenty. */
  readonly finalMs: number
  /** What a broadcast has in its path or body, and nothing else has. */
  readonly broadcastMark: string
  /** Of 256 signed bytes so many are kept back, and come late. */
  readonly lateOf256: number
  /** Serves the chain, with blocks that are faster than real ones. */
  serve(): Promise<ServedChain>
  /** A signer from 32 bytes. */
  signerOf(key: Uint8Array): Signer
  /** The chain through one endpoint. */
  sourceOf(endpoint: string): ChainAdapter
  /** What addresses hold, in their order, as the SDK of the chain says and not ours. */
  held(endpoint: string, addresses: readonly string[]): Promise<readonly bigint[]>
}
