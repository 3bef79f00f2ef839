import { EvegramError } from '@evegram/protocol'
import type { WalletAsset } from '../api/wally-api.js'

/** Decimal places that everybody can look up: a server that states others would have people send a thousand times what they wrote. */
const KNOWN_DECIMALS: Readonly<Record<string, number>> = { 'solana/sol': 9, 'ton/ton': 9, 'terra/uluna': 6, 'terra/uusd': 6 }

/** Throws `invalid.response` when a server states other decimal places for a native asset than it has. Of tokens the server's word is all there is. */
export function checkAssets(assets: readonly WalletAsset[]): readonly WalletAsset[] {
  for (const { asset, decimals } of assets) {
    const known = Object.hasOwn(KNOWN_DECIMALS, asset) ? KNOWN_DECIMALS[asset] : undefined
    if (known !== undefined && known !== decimals) {
      throw new EvegramError('invalid.response', {
        operation: 'read assets', details: { asset }, advice: `The server states wrong decimal places for ${asset}: do not send or withdraw anything here.`,
      })
    }
  }
  return assets
}
