import type { Chain, Network } from '@evegram/protocol/proof'
import type { Wallet } from '@evegram/sdk'
import type { WalletPrompts } from './wallet-prompts.js'

/** How a wallet is asked to connect. */
export interface ConnectHow {
  /** Where the person is asked for what happens outside of this browser. */
  readonly prompts: WalletPrompts
  /**
   * `sign-in`: whatever account the person has there; where somebody else could answer in the place of their wallet they are asked whether it is theirs. `choose`: anew, and the caller holds the
   * account against those that it expects. `sign`: the same with the connection that there is, where there is one.
   */
  readonly purpose: 'sign-in' | 'choose' | 'sign'
}

/** A wallet program that is in this browser, or one on another device that the page knows a way to. */
export interface FoundWallet {
  readonly name: string
  readonly chain: Chain
  /** A picture as a data: address, where the wallet brought a harmless one. */
  readonly icon?: string
  /** It is on another device, or another program of this one. */
  readonly isRemote?: boolean
  /**
   * Asks the person to let this site see an account, and resolves with a wallet that signs for it. Rejects `wallet.declined` when they do not, `proof.wallet_unsupported` where the
   * wallet cannot sign what is needed.
   */
  connect(network: Network, how: ConnectHow): Promise<Wallet>
  /** Tells a wallet on another device that this page needs it no more. Never rejects. */
  end?(): Promise<void>
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
