import type { AccountWallet, Conversation, Message, PendingPayment, WalletAsset, WalletBalance } from '@evegram/sdk'

/** What was written and can be decided on. */
export interface PayTerms {
  readonly to: Payee
  readonly asset: WalletAsset
  readonly amount: bigint
  readonly note: string
  /** The request that it answers. */
  readonly request?: string
}

/** Somebody who can be paid. */
export interface Payee {
  readonly account: Conversation['peer']['account']
  readonly address: string
}

/** What the dialog begins with: nothing, a request to pay, or a payment that was refused. */
export type PayStart = { readonly kind: 'new' } | { readonly kind: 'answer'; readonly message: Message } | { readonly kind: 'again'; readonly payment: PendingPayment }

/** What the dialog works with, once it was read. */
export interface PayFacts {
  readonly wallet: AccountWallet
  readonly assets: readonly WalletAsset[]
  readonly balances: readonly WalletBalance[]
  /** Whom the money may go to. */
  readonly people: readonly Payee[]
  /** Begun in a group: whoever is chosen, it goes into the direct conversation with them. */
  readonly isGroup: boolean
  /** Why the request cannot be paid any more. */
  readonly refusal: 'paid' | 'over' | 'unknown' | undefined
}
