import { isEvegramError } from '@evegram/protocol'

/** What a wallet did not do, by a code that has its own text on the page. */
export class WalletFailure extends Error {
  constructor(readonly code: WalletFailureCode, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

/**
 * `declined`: the person, or their wallet, said no. `silent`: it did not answer in time. `bridge`: its bridge could not be reached for long. `disconnected`: it ended the connection.
 * `manifest`: it could not read who asks.
 */
export type WalletFailureCode = 'wallet.declined' | 'wallet.silent' | 'wallet.bridge' | 'wallet.disconnected' | 'wallet.manifest'

/** The person, or their wallet, said no. It is shown like other failures, by its code. */
export class WalletDeclined extends WalletFailure {
  constructor(message: string, options?: ErrorOptions) {
    super('wallet.declined', message, options)
  }
}

/** What `ask` asks of a wallet program; whatever that throws by itself means that it did not sign. */
export async function askWallet<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (error) {
    if (isEvegramError(error) || error instanceof WalletFailure) throw error
    throw new WalletDeclined('the wallet did not do what was asked', { cause: error })
  }
}
