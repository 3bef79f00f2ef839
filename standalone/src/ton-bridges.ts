import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'

/** A wallet of TON on another device, which the page reaches over the wallet's own bridge (TON Connect, "HTTP Bridge"). */
export interface TonBridge {
  /** As people know the wallet. */
  readonly name: string
  /** Address of the bridge, without a slash at its end: `/events` and `/message` stand behind it. */
  readonly bridgeUrl: string
  /** What opens the wallet with a request behind `?`. */
  readonly universalUrl: string
}

/** The bridges of two well-known wallets, as they stand in the public list of TON Connect's wallets (github.com/ton-blockchain/wallets-list, wallets-v2.json). */
const TON_BRIDGES_DEFAULT = 'Tonkeeper https://bridge.tonapi.io/bridge https://app.tonkeeper.com/ton-connect,MyTonWallet https://tonconnectbridge.mytonwallet.org/bridge https://connect.mytonwallet.org'
const TON_BRIDGES_MAX = 16
const NAME_CHARS_MAX = 64
/** No user, query or fragment, and no character that would end a source in a policy: what is written here stands in a header. */
const ADDRESS = /^https:\/\/[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?(\/[A-Za-z0-9._~-]+)*\/?$/
const LOOPBACK_ADDRESS = /^http:\/\/(127\.0\.0\.1|localhost)(:\d{1,5})?(\/[A-Za-z0-9._~-]+)*\/?$/

/** Wallets with their bridges, separated by commas; `none` for no wallet. */
export const tonBridgeList = z.string().default(TON_BRIDGES_DEFAULT)
  .transform((text) => (text.trim() === 'none' ? [] : text.split(',').map((part) => part.trim()).filter((part) => part !== '')))
  .pipe(z.array(z.string().refine((entry) => parseTonBridge(entry) !== undefined, 'none, or name, bridge and universal link of each wallet, such as: Lantern https://bridge.lantern.example/bridge https://lantern.example/ton-connect'))
    .max(TON_BRIDGES_MAX, `at most ${String(TON_BRIDGES_MAX)} wallets`))

/**
 * The bridges of the setting. Throws `invalid.config` for one on this machine, which stands for a bridge in tests, unless the server is for this machine alone (`isLocal`).
 */
export function tonBridgesOf(entries: readonly string[], isLocal: boolean): readonly TonBridge[] {
  const bridges = entries.flatMap((entry) => parseTonBridge(entry) ?? [])
  if (isLocal || !bridges.some(({ bridgeUrl, universalUrl }) => [bridgeUrl, universalUrl].some((url) => LOOPBACK_ADDRESS.test(url)))) return bridges
  throw new EvegramError('invalid.config', { operation: 'read settings', advice: 'EVEGRAM_TON_BRIDGES names this machine, which is for tests of a server that is for this machine alone.' })
}

/** The two addresses that a page asks of each bridge, as sources of a policy: a path without a slash at its end allows nothing else there. */
export function policySourcesOf(bridges: readonly TonBridge[]): readonly string[] {
  return [...new Set(bridges.flatMap(({ bridgeUrl }) => [`${bridgeUrl}/events`, `${bridgeUrl}/message`]))]
}

function parseTonBridge(entry: string): TonBridge | undefined {
  const words = entry.split(/\s+/)
  const [bridgeUrl = '', universalUrl = ''] = words.slice(-2)
  const name = words.slice(0, -2).join(' ')
  if (name === '' || name.length > NAME_CHARS_MAX || ![bridgeUrl, universalUrl].every((url) => ADDRESS.test(url) || LOOPBACK_ADDRESS.test(url))) return undefined
  return { name, bridgeUrl: bridgeUrl.replace(/\/$/, ''), universalUrl }
}
