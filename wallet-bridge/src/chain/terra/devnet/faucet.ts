import { MsgExecuteContract, MsgSend, TxBody } from '@terra-money/terra.js'
import { EvegramError, type Random } from '@evegram/protocol'
import type { Signer } from '../../signer.js'
import { terraAddressBytes, terraAddressOf } from '../address.js'
import { TERRA_GAS_PRICES } from '../gas-price.js'
import { terraPlaySigner } from '../play-signer.js'
import { sealTerraTransaction } from '../signer.js'
import { ceilShare } from '../share.js'
import { RATE_UNIT } from './burn-tax.js'

/** What the faucet gives at a time, at most. */
export const FAUCET_AMOUNT_MAX = 1_000_000_000_000_000n

/** Of every coin and of the play token: below 10^19, which the SDK carries exactly. */
const SUPPLY = 1_000_000_000_000_000_000n
const GAS = 300_000
const KEY_BYTES = 32

/** What the faucet has to know of the chain to send. */
export interface FaucetScene {
  readonly sequence: number
  readonly taxRate: bigint
  readonly playToken: string
}

/** Who gives play money out: with transactions like any other, that pay their tax, so that what arrives is a balance change in a block. */
export class Faucet {
  readonly address: string
  /** What it had in the beginning. */
  readonly supply = SUPPLY
  readonly #signer: Signer
  readonly #chainId: string

  constructor(random: Random, chainId: string) {
    this.#signer = terraPlaySigner(random.bytes(KEY_BYTES))
    this.#chainId = chainId
    this.address = terraAddressOf(this.#signer.publicKey)
  }

  /** A signed transaction that gives `amount` of a coin or of the play token. Throws `invalid.argument` for another address, amount or kind of money. */
  async transfer(to: string, name: string, amount: bigint, { sequence, taxRate, playToken }: FaucetScene): Promise<Uint8Array> {
    const isCoin = Object.hasOwn(TERRA_GAS_PRICES, name)
    if (terraAddressBytes(to) === undefined || amount < 1n || amount > FAUCET_AMOUNT_MAX || (!isCoin && name !== playToken)) {
      throw new EvegramError('invalid.argument', {
        operation: 'give play money',
        advice: `Name an address of Terra, uluna, uusd or the play token ${playToken}, and 1 to ${String(FAUCET_AMOUNT_MAX)} of it.`,
      })
    }
    const message = isCoin
      ? new MsgSend(this.address, to, { [name]: String(amount) })
      : new MsgExecuteContract(this.address, playToken, { transfer: { recipient: to, amount: String(amount) } })
    const fee = new Map([['uluna', ceilShare(BigInt(GAS), TERRA_GAS_PRICES.uluna, RATE_UNIT)]])
    if (isCoin) fee.set(name, (fee.get(name) ?? 0n) + ceilShare(amount, taxRate, RATE_UNIT))
    // The numbers of a genesis begin with the faucet's account.
    const { bytes } = await sealTerraTransaction(new TxBody([message]), { chainId: this.#chainId, accountNumber: 0, sequence, gas: GAS, fee }, this.#signer)
    return bytes
  }
}
