import { Address } from '@ton/core'
import { EvegramError } from '@evegram/protocol'
import { printTonAddress, readTonAddress } from '@evegram/protocol/proof'
import { assetIdOf, type AssetId } from '../../ledger/ids.js'
import { parseChainName, type ChainAddress, type ChainName } from '../chain-adapter.js'

/** The name of the chain. */
export const TON: ChainName = parseChainName('ton')
/** What fees are paid in, counted in nanotons. */
export const TONCOIN: AssetId = assetIdOf(TON, 'ton')

/**
 * Parses an address of the base workchain, written for people (TEP-2, 48 characters) with its checksum, bounceable (`EQ…`) or not (`UQ…`), and gives the one form
 * used here: not bounceable, so that money reaches an account that is not there yet. Throws `invalid.address` for any other text, addresses of the test network,
 * and the one of zeros.
 */
export function parseTonAddress(text: string): ChainAddress {
  // The raw form has no checksum: a typing error would be another address.
  const read = text.includes(':') ? 'syntax' : readTonAddress(text, false)
  if (typeof read === 'string' || read.workchain !== 0 || read.hash.every((byte) => byte === 0)) {
    throw new EvegramError('invalid.address', { operation: 'parse TON address' })
  }
  return printTonAddress(read, false) as ChainAddress
}

/** The one form of an address of the SDK. */
export function tonAddressOf({ workChain, hash }: Address): ChainAddress {
  return printTonAddress({ workchain: workChain, hash }, false) as ChainAddress
}

/** An address for the SDK. */
export function accountOf(address: ChainAddress): Address {
  return Address.parse(address)
}

/** The asset of a jetton, by its master in any form of TEP-2 with a checksum. Throws `invalid.address`. */
export function tonJetton(master: string): AssetId {
  return assetIdOf(TON, parseTonAddress(master))
}

/** The master of an asset; undefined for TON. Throws `invalid.argument` for an asset that is none of TON. */
export function masterOfAsset(asset: AssetId): Address | undefined {
  if (asset === TONCOIN) return undefined
  try {
    return accountOf(parseTonAddress(asset.startsWith(`${TON}/`) ? asset.slice(TON.length + 1) : ''))
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'read master of asset', cause })
  }
}
