import { EvegramError } from '@evegram/protocol'
import type { BroadcastAnswer, ChainAddress } from './chain-adapter.js'

/**
 * What a wallet must know of its chain to sign a payment that the chain takes now. `solana`: a block hash that is still good. `ton`: the number of its next message,
 * whether its contract is on the chain, and the time of the newest block. `terra`: the numbers of its account, what a unit of gas costs in millionths of uluna, and
 * what is taken of what is sent, in parts of 10^18.
 */
export type PayerFacts =
  | { readonly chain: 'solana'; readonly blockhash: string }
  | { readonly chain: 'ton'; readonly seqno: number; readonly isDeployed: boolean; readonly seconds: number }
  | { readonly chain: 'terra'; readonly chainId: string; readonly accountNumber: number; readonly sequence: number; readonly gasPrice: bigint; readonly taxRate: bigint }

/**
 * What people with wallets of their own need of a local chain: its faucet, and the way for a payment that they signed. It holds no key. For chains of play money
 * alone: who makes one has proved that the chain is one ({@link requireLocalNetwork}).
 */
export interface PlayDesk {
  /** What the faucet gives at once, in minor units. */
  readonly giftMax: bigint
  /** Asks the faucet for native money, which is on the chain some blocks later. Rejects `invalid.argument` when it does not give that, `unavailable.chain` for no answer. */
  give(to: ChainAddress, amount: bigint): Promise<void>
  /** Rejects `wallet.insufficient_funds` for an address that the chain does not know and that therefore cannot pay, `unavailable.chain`. */
  payerFacts(from: ChainAddress): Promise<PayerFacts>
  /**
   * Hands a signed payment to the chain and tells what it is known by. Resolved = taken, which is not paid. Rejects `invalid.argument` when the chain does not take
   * it, with the reason as advice, and `unavailable.chain`: then it may have been taken.
   */
  submit(bytes: Uint8Array): Promise<string>
}

/** Throws for a payment that was not taken, as {@link PlayDesk.submit} does. */
export function requireTaken(answer: BroadcastAnswer): void {
  if (answer.status === 'accepted') return
  const operation = 'hand over payment'
  throw answer.status === 'refused'
    ? new EvegramError('invalid.argument', { operation, advice: `The chain does not take this payment: ${answer.reason}` })
    : new EvegramError('unavailable.chain', { operation })
}
