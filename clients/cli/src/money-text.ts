import { EvegramError, formatDecimalAmount, parseDecimalAmount } from '@evegram/protocol'
import type { AccountWallet, WalletAsset } from '@evegram/sdk'
import { oneLine } from './visible.js'

/** The assets of a server, and amounts as people write them. */
export class MoneyText {
  readonly #assets: readonly WalletAsset[]

  constructor(assets: readonly WalletAsset[]) {
    this.#assets = assets
  }

  /** With what the server lists. Rejects as {@link AccountWallet.assets} does. */
  static async of(wallet: AccountWallet): Promise<MoneyText> {
    return new MoneyText(await wallet.assets())
  }

  /** The asset that a person names: by its id, `solana/sol`, or by its symbol where no other asset has it. Throws `invalid.argument`. */
  asset(name: string): WalletAsset {
    const exact = this.#assets.find(({ asset }) => asset === name)
    if (exact !== undefined) return exact
    const [found, ...others] = this.#assets.filter(({ symbol }) => symbol.toLowerCase() === name.toLowerCase())
    // Anybody can make a token and call it as another one is called: then only the id will do.
    if (found !== undefined && others.length === 0) return found
    const known = this.#assets.map(({ asset, symbol }) => `${asset} (${oneLine(symbol)})`).join(', ')
    const advice = found === undefined ? `The server holds no asset ${oneLine(name)}. It holds: ${known}` : `More than one asset is called ${oneLine(name)}: write its id. There are: ${known}`
    throw new EvegramError('invalid.argument', { operation: 'find asset', advice })
  }

  /** An amount that a person wrote, in the smallest unit of `asset`. Throws `invalid.argument`, also for 0. */
  parse(text: string, { decimals }: WalletAsset): bigint {
    const amount = parseDecimalAmount(text, decimals)
    if (amount === 0n) throw new EvegramError('invalid.argument', { operation: 'read amount', advice: 'Write an amount above 0.' })
    return amount
  }

  /** `1.5 SOL`; of an asset that the server does not list, the smallest unit and its id. */
  show(amount: bigint, asset: string): string {
    const known = this.#assets.find((one) => one.asset === asset)
    return known === undefined ? `${amount.toString()} of the smallest unit of ${oneLine(asset)}` : `${formatDecimalAmount(amount, known.decimals)} ${oneLine(known.symbol)}`
  }

  /** As machines read it: the smallest unit, and the decimal text where the places are known. */
  object(amount: bigint, asset: string): Readonly<Record<string, string>> {
    const known = this.#assets.find((one) => one.asset === asset)
    return { asset, amount: amount.toString(), ...(known === undefined ? {} : { decimal: formatDecimalAmount(amount, known.decimals), symbol: known.symbol }) }
  }
}
