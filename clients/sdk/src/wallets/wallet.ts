import type { WalletId } from '@evegram/protocol'
import type { Chain, ProofFields, WalletProof } from '@evegram/protocol/proof'

/** The fields that a wallet signs, without the wallet itself: it adds its own id. */
export type ProofRequest = Omit<ProofFields, 'walletId' | 'network'>

/**
 * A wallet that proves who the user is. `signProof` takes fields and builds the text itself from the one template of the protocol: there
 * is no way to have it sign text or bytes that a server sent. Resolves with a proof that `verifyProof` accepts for those fields. Rejects
 * with `invalid.argument` when a field has another form than documented, and with the wallet's own error when the user declines.
 */
export interface Wallet {
  readonly chain: Chain
  /** CAIP-10, the identity of the wallet. */
  readonly walletId: WalletId
  /** The address as its chain prints it. */
  readonly address: string
  signProof(request: ProofRequest): Promise<WalletProof>
}
