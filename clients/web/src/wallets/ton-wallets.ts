import { askWallet } from './declined.js'
import { isRecord, methodOf, type FoundWallet } from './found-wallet.js'
import { connectTon, type TonProgram } from './ton-signer.js'

/** Names of the window that are looked at, and wallets that are shown: a page that is flooded with either shows the first. */
const NAMES_MAX = 5_000
const WALLETS_MAX = 16
/** The oldest version of the bridge that has what is used here. */
const PROTOCOL_VERSION = 2

/**
 * Wallets of TON that are in this browser: extensions, and the browsers inside of wallets. They offer TON Connect as an object of the window (github.com/ton-blockchain/ton-connect,
 * bridge.md, "JS bridge"), so nothing is asked of anybody else. Wallets on other devices are in `ton/remote-wallets.ts`.
 */
export function tonWallets(): readonly FoundWallet[] {
  const found: FoundWallet[] = []
  for (const name of Object.keys(globalThis).slice(0, NAMES_MAX)) {
    const wallet = found.length < WALLETS_MAX ? tonWalletOf(programAt(name)) : undefined
    if (wallet !== undefined && !found.some((known) => known.name === wallet.name)) found.push(wallet)
  }
  return found
}

function programAt(name: string): unknown {
  try {
    const program: unknown = Reflect.get(globalThis, name)
    return isRecord(program) ? program['tonconnect'] : undefined
  } catch {
    // Some names of a window throw at the mere look.
    return undefined
  }
}

function tonWalletOf(bridge: unknown): FoundWallet | undefined {
  if (!isRecord(bridge) || methodOf(bridge, 'connect') === undefined || !isRecord(bridge['walletInfo'])) return undefined
  const { name } = bridge['walletInfo']
  if (typeof name !== 'string' || name === '' || typeof bridge['protocolVersion'] !== 'number' || bridge['protocolVersion'] < PROTOCOL_VERSION) return undefined
  return { name: name.slice(0, 64), chain: 'ton', connect: (network) => askWallet(async () => connectTon(programOf(bridge), network)) }
}

function programOf(bridge: Readonly<Record<string, unknown>>): TonProgram {
  return {
    isRemote: false,
    connect: async (items) => methodOf(bridge, 'connect')?.(PROTOCOL_VERSION, { manifestUrl: `${globalThis.location.origin}/tonconnect-manifest.json`, items }),
    send: async (method, params) => methodOf(bridge, 'send')?.({ method, params, id: '1' }),
    deviceInfo: () => bridge['deviceInfo'],
  }
}
