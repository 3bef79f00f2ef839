import type { Chain, Network } from '@evegram/protocol/proof'
import type { Wallet } from '@evegram/sdk'

/** A wallet program that is in this browser. */
export interface FoundWallet {
  readonly name: string
  readonly chain: Chain
  /** A picture as a data: address, where the wallet brought a harmless one. */
  readonly icon?: string
  /**
   * Asks the person to let this site see an account, and resolves with a wallet that signs for it. Rejects `wallet.declined` when they do not, `proof.wallet_unsupported` where the
   * wallet cannot sign what is needed.
   */
  connect(network: Network): Promise<Wallet>
}

/** Whether a value has fields: what other programs put into the page may be anything. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A function among the fields of `owner`, called on it; undefined where there is none. */
export function methodOf(owner: unknown, name: string): ((...args: readonly unknown[]) => unknown) | undefined {
  if (!isRecord(owner)) return undefined
  const found = owner[name]
  return typeof found === 'function' ? (...args) => Reflect.apply(found, owner, args) as unknown : undefined
}
