import { bech32 } from '@scure/base'
import { EvegramError } from '@evegram/protocol'
import { cosmosAddressOf, isCompressedKey } from '@evegram/protocol/proof'
import { assetIdOf, type AssetId } from '../../ledger/ids.js'
import { parseChainName, type ChainAddress, type ChainName } from '../chain-adapter.js'

/** The name of the chain. */
export const TERRA: ChainName = parseChainName('terra')
/** What fees are paid in, counted in millionths. */
export const LUNA: AssetId = assetIdOf(TERRA, 'uluna')
/** What begins an address. */
export const TERRA_PREFIX = 'terra'

const ACCOUNT_BYTES = 20
const CONTRACT_BYTES = 32

/** The address of a compressed key. Throws `invalid.argument` for what is none. */
export function terraAddressOf(publicKey: Uint8Array): ChainAddress {
  if (!isCompressedKey(publicKey)) throw new EvegramError('invalid.argument', { operation: 'derive Terra address' })
  return cosmosAddressOf(TERRA_PREFIX, publicKey) as ChainAddress
}

/**
 * An address that somebody can have the key of. Throws `invalid.address` for anything else: also for the 32 bytes of a contract of today, since money that is
 * sent to a contract without a word is lost more often than not.
 */
export function parseTerraAddress(text: string): ChainAddress {
  const bytes = terraAddressBytes(text)
  if (bytes?.length !== ACCOUNT_BYTES || bytes.every((byte) => byte === 0)) throw new EvegramError('invalid.address', { operation: 'parse Terra address' })
  return text as ChainAddress
}

/** The bytes of an address of a person (20) or of a contract (20 or 32) in its one form; undefined for what is none. */
export function terraAddressBytes(text: string): Uint8Array | undefined {
  const read = bech32.decodeUnsafe(text)
  const bytes = read?.prefix === TERRA_PREFIX ? bech32.fromWordsUnsafe(read.words) : undefined
  const isAddress = bytes instanceof Uint8Array && (bytes.length === ACCOUNT_BYTES || bytes.length === CONTRACT_BYTES)
  return isAddress && bech32.encodeFromBytes(TERRA_PREFIX, bytes) === text ? bytes : undefined
}

/** The asset of a CW20 contract. Throws `invalid.argument` for what is no address. */
export function terraToken(contract: string): AssetId {
  if (terraAddressBytes(contract) === undefined) throw new EvegramError('invalid.argument', { operation: 'name Terra token' })
  return assetIdOf(TERRA, contract)
}

/** What an asset is on the chain. Throws `invalid.argument` for an asset of another chain. */
export function terraAssetOf(asset: AssetId): { readonly kind: 'coin' | 'token'; readonly name: string } {
  if (!asset.startsWith(`${TERRA}/`)) throw new EvegramError('invalid.argument', { operation: 'read Terra asset' })
  const name = asset.slice(TERRA.length + 1)
  return { kind: terraAddressBytes(name) === undefined ? 'coin' : 'token', name }
}
