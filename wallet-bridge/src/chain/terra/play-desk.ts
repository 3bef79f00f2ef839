import { EvegramError } from '@evegram/protocol'
import { askFaucet } from '../ask-faucet.js'
import type { ChainAddress } from '../chain-adapter.js'
import { requireTaken, type PayerFacts, type PlayDesk } from '../play-desk.js'
import { TERRA_GAS_PRICES } from './gas-price.js'
import { TerraRpc } from './rpc.js'
import { terraTxid } from './signer.js'
import { readTaxTerms } from './tax-terms.js'

/** What the local chain gives at once: 1,000,000,000 LUNC. */
const GIFT_MAX = 1_000_000_000_000_000n

/** A local Terra Classic chain for people with wallets of their own. */
export class TerraPlayDesk implements PlayDesk {
  readonly giftMax = GIFT_MAX
  readonly #url: string
  readonly #rpc: TerraRpc

  /** `url`: of the REST gateway. Throws `invalid.config` for what is no URL or no chain id. */
  constructor(url: string, chainId: string) {
    this.#url = url.replace(/\/+$/, '')
    this.#rpc = new TerraRpc({ url, chainId })
  }

  async give(to: ChainAddress, amount: bigint): Promise<void> {
    await askFaucet(`${this.#url}/faucet`, { address: to, denom: 'uluna', amount: String(amount) })
  }

  async payerFacts(from: ChainAddress): Promise<PayerFacts> {
    const account = await this.#rpc.account(from)
    if (account === undefined) throw new EvegramError('wallet.insufficient_funds', { operation: 'read payer', advice: 'This address has nothing on the chain yet.' })
    const { number: accountNumber, sequence } = account
    const terms = await readTaxTerms(this.#rpc, [])
    // Of uluna, which is all that wallets pay here, the stability tax takes nothing.
    return { chain: 'terra', chainId: this.#rpc.chainId, accountNumber, sequence, gasPrice: TERRA_GAS_PRICES.uluna, taxRate: terms.kind === 'burn' ? terms.rate : 0n }
  }

  async submit(bytes: Uint8Array): Promise<string> {
    requireTaken(await this.#rpc.send(bytes))
    return terraTxid(bytes)
  }
}
