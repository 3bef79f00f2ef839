/** Native money that goes to one address. */
export interface LocalPayment {
  /** As its chain writes it. */
  readonly to: string
  /** In minor units, not 0. */
  readonly amount: bigint
  /** Memo, comment or text of the payment, which everybody can read; at most {@link PAYMENT_MEMO_BYTES_MAX} bytes. */
  readonly memo?: string
}

/**
 * What the chain must be asked before a payment is signed. `solana`: a block hash that is still good. `ton`: the number of the next message of the wallet, whether its
 * contract is on the chain, and the time there. `terra`: the numbers of the account, millionths of uluna for a unit of gas, and parts of 10^18 of what is sent as tax.
 */
export type PayerFacts =
  | { readonly chain: 'solana'; readonly blockhash: string }
  | { readonly chain: 'ton'; readonly seqno: number; readonly isDeployed: boolean; readonly seconds: number }
  | { readonly chain: 'terra'; readonly chainId: string; readonly accountNumber: number; readonly sequence: number; readonly gasPrice: bigint; readonly taxRate: bigint }

/** A payment that a chain takes. */
export interface SignedLocalPayment {
  readonly bytes: Uint8Array
  /** What it costs beside the amount, tax with it, where that is fixed by what was signed; on TON it depends on the gas. */
  readonly fee: bigint | undefined
}

/** Bytes of a memo: what fits into one cell of TON. */
export const PAYMENT_MEMO_BYTES_MAX = 120
