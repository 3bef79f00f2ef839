import { AUTH_INTERNAL_API, callingService, internalKeyText, type HttpServer, type Logger } from '@evegram/platform'
import { EvegramError, type AccountId } from '@evegram/protocol'
import type { TokenAudience } from '../../access-token.js'
import type { Auth } from '../../auth.js'

/** An account as {@link AUTH_INTERNAL_API} writes it. */
type AccountText =
  | { readonly status: 'unknown' | 'unavailable' }
  | { readonly status: 'known'; readonly account: AccountId; readonly seq: number; readonly head: string; readonly closed: boolean
    readonly devices: readonly { readonly device: string; readonly signingKey: string }[] }

/** What auth answers to the engine, the wallet bridge and the service of files, on a server made by `createInternalHttp`. */
export function authInternalRoutes(
  server: HttpServer, parts: { readonly auth: Pick<Auth, 'accountDirectory' | 'verifyAccessToken' | 'verifyRequest' | 'withdrawals' | 'pushToken'>; readonly log: Logger },
): void {
  const { auth, log } = parts
  const { accounts, verifyToken, verifyRequest, owner, verifyWithdrawal, pushToken } = AUTH_INTERNAL_API

  server.post(accounts.path, { schema: { body: accounts.body } }, async (request) => ({
    // One account that cannot be read must not hide the others.
    accounts: await Promise.all(request.body.accounts.map(async (account): Promise<AccountText> => {
      try {
        return await accountText(auth, account)
      } catch (failure) {
        log.warn({ err: failure }, 'an account could not be read for the engine')
        return { status: 'unavailable' }
      }
    })),
  }))

  server.post(verifyToken.path, { schema: { body: verifyToken.body } }, async (request) => {
    const { account, device, expiresAtMs } = await auth.verifyAccessToken(request.body.token, 'engine')
    return { account, device, expiresAtMs }
  })

  server.post(verifyRequest.path, { schema: { body: verifyRequest.body } }, async (request) => {
    const { token, dpop, method, url } = request.body
    const { account, device } = await auth.verifyRequest({ token, proof: dpop, method, url }, audienceOf(callingService(request)))
    return { account, device }
  })

  server.post(owner.path, { schema: { body: owner.body } }, async (request) => {
    const found = await auth.withdrawals.owner(request.body.account)
    if (found === undefined) return { status: 'unknown' }
    return { status: 'known', foundingWallet: found.foundingWallet, lastAddedMs: found.lastAddedMs ?? null, closed: found.closed }
  })

  server.post(pushToken.path, { schema: { body: pushToken.body } }, async (request) => auth.pushToken(request.body.origin))

  server.post(verifyWithdrawal.path, { schema: { body: verifyWithdrawal.body } }, async (request) => auth.withdrawals.verify(request.body))
}

/** Each service asks about requests that came to itself: the token must be for it. */
function audienceOf(service: string): TokenAudience {
  if (service === 'wally' || service === 'blobs') return service
  throw new EvegramError('auth.service', { operation: 'verify request', details: { service } })
}

async function accountText(auth: Pick<Auth, 'accountDirectory'>, account: AccountId): Promise<AccountText> {
  const view = await auth.accountDirectory.state(account)
  if (view === undefined) return { status: 'unknown' }
  const devices = view.devices.filter(({ active }) => active).map(({ device, signingKey }) => ({ device, signingKey: internalKeyText(signingKey) }))
  return { status: 'known', account, seq: view.seq, head: internalKeyText(view.head), closed: view.closed, devices }
}
