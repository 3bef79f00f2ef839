import { isEvegramError } from '@evegram/protocol'

/** The person, or their wallet, said no. It is shown like other failures, by its code. */
export class WalletDeclined extends Error {
  readonly code = 'wallet.declined'
}

/** What `ask` asks of a wallet program; whatever that throws by itself means that it did not sign. */
export async function askWallet<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (error) {
    if (isEvegramError(error)) throw error
    throw new WalletDeclined('the wallet did not do what was asked', { cause: error })
  }
}
