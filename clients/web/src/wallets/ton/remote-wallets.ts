import { askWallet } from '../declined.js'
import { isRecord, type FoundWallet } from '../found-wallet.js'
import type { RemoteTonWallet } from './remote-ton-wallet.js'

const WALLETS_MAX = 16
const NAME_CHARS_MAX = 64
const URL_CHARS_MAX = 512

/**
 * Wallets of TON on other devices that this server lets its page reach: `connect-src` names their bridges and no others. Asked of the own server alone; who signs in otherwise contacts nobody else. None where the
 * server names none, or cannot be asked: then the sign-in itself says so.
 */
export async function readRemoteTonWallets(): Promise<readonly FoundWallet[]> {
  try {
    const answer = await fetch('/tonconnect-wallets.json')
    const body: unknown = answer.ok ? await answer.json() : undefined
    return remoteTonWalletsOf(body).map(foundWalletOf)
  } catch {
    // See above.
    return []
  }
}

/** The wallets that an answer of the server names; what is not of the right form is left out. */
export function remoteTonWalletsOf(body: unknown): readonly RemoteTonWallet[] {
  const given = isRecord(body) && Array.isArray(body['wallets']) ? body['wallets'].slice(0, WALLETS_MAX) : []
  return given.filter(isRecord).flatMap(({ name, bridgeUrl, universalUrl }) => (
    typeof name === 'string' && name !== '' && name.length <= NAME_CHARS_MAX && isAddress(bridgeUrl) && isAddress(universalUrl) ? [{ name, bridgeUrl, universalUrl }] : []
  ))
}

/** Nothing is asked of anybody before `connect` is called. What speaks with bridges is loaded then, too, and kept with its session until the page is closed. */
function foundWalletOf(remote: RemoteTonWallet): FoundWallet {
  let loaded: Promise<Pick<FoundWallet, 'connect' | 'end'>> | undefined
  return {
    name: remote.name, chain: 'ton', isRemote: true,
    connect: (network, how) => askWallet(async () => {
      loaded ??= import('./connect-remote.js').then(({ RemoteConnection }) => new RemoteConnection(remote))
      return (await loaded).connect(network, how)
    }),
    end: async () => { await (await loaded)?.end?.() },
  }
}

function isAddress(url: unknown): url is string {
  if (typeof url !== 'string' || url.length > URL_CHARS_MAX || !URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1'].includes(hostname))
}
