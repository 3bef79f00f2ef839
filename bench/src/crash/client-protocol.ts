/** What the coordinator tells a client process. */
export type ToClient =
  | { readonly kind: 'send'; readonly peerAddress: string }
  | { readonly kind: 'report' }
  | { readonly kind: 'stop' }

/** What a client process tells the coordinator. */
export type FromClient =
  | { readonly kind: 'ready'; readonly address: string; readonly account: string; readonly device: string }
  /** Messages of its plan that are acknowledged, and messages shown in all its conversations. */
  | { readonly kind: 'progress'; readonly acked: number; readonly shown: number }
  | { readonly kind: 'report'; readonly conversations: readonly ShownConversation[]; readonly counters: Readonly<Record<string, number>> }
  | { readonly kind: 'failed'; readonly message: string }

/** What a device shows of one conversation, from top to bottom. */
export interface ShownConversation {
  /** Address of the other side. */
  readonly peerAddress: string
  /** Texts in the order shown: `<client name>:<number>`. */
  readonly texts: readonly string[]
}

/** Settings of a client process, as its one argument (JSON). */
export interface ClientSettings {
  readonly name: string
  readonly url: string
  readonly profile: string
  /** 32-byte seed of the account's wallet, base64url. */
  readonly seed: string
  readonly chain: 'solana' | 'ton' | 'terra'
  readonly messages: number
  /** File to which a line is added for every acknowledged message, as soon as it is. */
  readonly ackFile: string
}
