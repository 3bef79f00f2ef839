import { PublicKey } from '@solana/web3.js'
import { EvegramError } from '@evegram/protocol'
import { assetIdOf, type AssetId } from '../../ledger/ids.js'
import { parseChainName, type ChainAddress, type ChainName } from '../chain-adapter.js'
import { base58Bytes, base58Of } from './base58.js'

/** The name of the chain. */
export const SOLANA: ChainName = parseChainName('solana')
/** What fees are paid in, counted in lamports. */
export const SOL: AssetId = assetIdOf(SOLANA, 'sol')

const KEY_BYTES = 32

/** The address of a public key. Throws `invalid.argument` for another length. */
export function solanaAddressOf(publicKey: Uint8Array): ChainAddress {
  if (publicKey.length !== KEY_BYTES) throw new EvegramError('invalid.argument', { operation: 'derive Solana address' })
  return base58Of(publicKey) as ChainAddress
}

/**
 * An address that somebody can have the key of. Throws `invalid.address` for anything else: also for the address of a program's account (off the curve), since
 * a token account is one, and whoever pastes that instead of his wallet would lose what is sent there. Solana has no checksum: a typing error is found only in
 * about half of all cases.
 */
export function parseSolanaAddress(text: string): ChainAddress {
  const bytes = base58Bytes(text, KEY_BYTES)
  const isKey = bytes !== undefined && base58Of(bytes) === text && bytes.some((byte) => byte !== 0) && PublicKey.isOnCurve(bytes)
  if (!isKey) throw new EvegramError('invalid.address', { operation: 'parse Solana address' })
  return text as ChainAddress
}

/** The asset of a mint of SPL Token or Token-2022, wrapped SOL included: counted in its smallest unit. */
export function solanaToken(mint: string): AssetId {
  return assetIdOf(SOLANA, mint)
}

/** The mint of an asset; undefined for SOL. Throws `invalid.argument` for an asset that is none of Solana. */
export function mintOfAsset(asset: AssetId): PublicKey | undefined {
  if (asset === SOL) return undefined
  const bytes = asset.startsWith(`${SOLANA}/`) ? base58Bytes(asset.slice(SOLANA.length + 1), KEY_BYTES) : undefined
  if (bytes === undefined) throw new EvegramError('invalid.argument', { operation: 'read mint of asset' })
  return new PublicKey(bytes)
}
