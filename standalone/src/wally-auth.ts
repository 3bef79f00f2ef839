import type { Auth } from '@evegram/auth'
import type { WallyAuth } from '@evegram/wallet-bridge'

/** The wallet bridge's window on auth when both run in one process: plain calls. */
export function wallyAuthOf(auth: Auth): WallyAuth {
  return {
    callerOf: async ({ token, proof, method, url }) => {
      const { account, device } = await auth.verifyRequest({ token, proof, method, url }, 'wally')
      return { account, device }
    },
    owner: (account) => auth.withdrawals.owner(account),
    verifyWithdrawal: (question) => auth.withdrawals.verify(question),
  }
}
