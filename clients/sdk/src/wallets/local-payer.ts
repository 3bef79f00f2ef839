import { EvegramError } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'
import { createLocalWallet, WALLET_SEED_BYTES } from './local-wallet.js'
import { solanaPayment } from './solana-payment.js'
import { terraPayment } from './terra-payment.js'
import { tonPayment } from './ton-payment.js'
import { PAYMENT_MEMO_BYTES_MAX, type LocalPayment, type PayerFacts, type SignedLocalPayment } from './local-payment.js'

/** A wallet that pays with a key in this process. */
export interface LocalPayer {
  readonly chain: Chain
  /** The address that pays: the one of `createLocalWallet`. */
  readonly address: string
  /** Throws `invalid.argument` for a payment that cannot be, for facts of another chain, and for facts of a Terra network that is not a local one. */
  sign(payment: LocalPayment, facts: PayerFacts): SignedLocalPayment
}

/**
 * The wallet of a seed as one that pays, for the play money of local chains. It makes the bytes itself from what the caller names: nothing that a server sent is
 * signed unseen. A signature for a local chain of TON is one for the main network too, as long as it is valid (a minute) and the wallet has sent as many messages
 * there: not for seeds of wallets that hold anything. Throws `invalid.argument` as `createLocalWallet` does.
 */
export function createLocalPayer(chain: Chain, seed: Uint8Array): LocalPayer {
  const { address } = createLocalWallet(chain, seed)
  const secret = Uint8Array.from(seed.subarray(0, WALLET_SEED_BYTES))
  return {
    chain, address,
    sign: (payment, facts) => {
      if (payment.amount <= 0n || payment.amount >= 1n << 63n) throw refused('Write an amount above 0.')
      if (payment.to === address) throw refused('This is the address that pays.')
      if (new TextEncoder().encode(payment.memo ?? '').length > PAYMENT_MEMO_BYTES_MAX) throw refused(`A memo has at most ${PAYMENT_MEMO_BYTES_MAX.toString()} bytes.`)
      if (facts.chain !== chain) throw refused('The chain that answered is another one than that of the wallet.')
      switch (facts.chain) {
        case 'solana': return solanaPayment(secret, payment, facts)
        case 'ton': return tonPayment(secret, payment, facts)
        case 'terra': return terraPayment(secret, { ...payment, from: address }, facts)
      }
    },
  }
}

function refused(advice: string): EvegramError {
  return new EvegramError('invalid.argument', { operation: 'sign payment', advice })
}
