import { encodeCbor, EvegramError, utf8 } from '@evegram/protocol'
import { encodeWalletProof, parseAddress, withdrawalBodyHash, type Network } from '@evegram/protocol/proof'
import type { DiscoveredServer } from '../api/discovered-server.js'
import type { WallyApi, Withdrawal, WithdrawalQuote, WithdrawalWish } from '../api/wally-api.js'
import type { Core } from '../core/context.js'
import type { Wallet } from '../wallets/wallet.js'
import type { AskedWithdrawals } from './asked-withdrawals.js'

/** What withdrawals work with. */
export interface WithdrawPorts {
  readonly core: Pick<Core, 'account' | 'device' | 'auth' | 'roster'>
  readonly api: Pick<WallyApi, 'quote' | 'withdraw'>
  readonly server: Pick<DiscoveredServer, 'domain' | 'origin' | 'network'>
  /** What was asked for and not answered. */
  readonly asked: AskedWithdrawals
}

/** What a withdrawal would be. Rejects `invalid.response` when the server names another destination than the one that was written. */
export async function quoteOf({ api, server }: Pick<WithdrawPorts, 'api' | 'server'>, wish: WithdrawalWish): Promise<WithdrawalQuote> {
  const quote = await api.quote(wish)
  const isOfAsset = wish.asset.startsWith(`${quote.chain}/`)
  if (!isOfAsset || !isSameAddress(wish.to, quote.to, server.network)) {
    throw new EvegramError('invalid.response', { operation: 'ask for quote', advice: 'The server names another destination than the one you wrote: nothing was signed.' })
  }
  return quote
}

/**
 * Has `wallet` sign for exactly this withdrawal (id, chain, asset, amount, destination, memo, account, device, state of the account log) and asks for it. The same
 * again is the same withdrawal. Rejects `account.wallet_unknown` for a wallet that is not of the account, `wallet.*`, and as {@link quoteOf} and the APIs do.
 */
export async function withdrawWith(ports: WithdrawPorts, wallet: Wallet, id: string, wish: WithdrawalWish): Promise<Withdrawal> {
  const { core, api, server, asked } = ports
  const { account, device } = core
  const { chain, to } = await quoteOf(ports, wish)
  // By the newest log: a proof over an older state is refused.
  const { state } = await core.roster.refresh(account)
  if (state.wallets.get(wallet.walletId)?.active !== true) {
    throw new EvegramError('account.wallet_unknown', { operation: 'withdraw', advice: 'This wallet is not of the account: one that is must sign for what leaves.' })
  }
  const { asset, amount, memo } = wish
  const { nonce, issuedAtMs, expirationTimeMs } = await core.auth.challenge('withdraw', device)
  const bodyHash = withdrawalBodyHash({ id, chain, asset, amount: amount.toString(), to, memo: memo === undefined ? undefined : utf8(memo) })
  const { domain, origin } = server
  const proof = await wallet.signProof({
    domain, origin, purpose: 'withdraw', account, device, logSeq: state.seq, logHead: state.head, nonce, issuedAtMs, expirationTimeMs, bodyHash,
  })
  const signed = encodeCbor(encodeWalletProof(proof))
  return asked.asking(id, { asset, amount, to, memo }, () => api.withdraw({ id, asset, amount, to, memo, proof: signed }))
}

/** TON addresses have several forms; of chains that this client cannot read, the text must be the same. */
function isSameAddress(written: string, printed: string, network: Network): boolean {
  if (written === printed) return true
  try {
    return parseAddress(written, { network }).walletId === parseAddress(printed, { network }).walletId
  } catch {
    return false
  }
}
