import { EvegramError, sleep, type Clock, type Random } from '@evegram/protocol'
import { amountOf } from '../../../ledger/amount.js'
import { assetIdOf } from '../../../ledger/ids.js'
import type { SignedPayment } from '../../chain-adapter.js'
import type { Signer } from '../../signer.js'
import { TerraChainAdapter } from '../adapter.js'
import { parseTerraAddress, TERRA, terraAddressOf } from '../address.js'
import { TERRA_GAS_PRICES } from '../gas-price.js'
import { terraPlaySigner } from '../play-signer.js'
import type { TerraRpcOptions } from '../rpc.js'

/** What the faucet gives at a time, at most: as that of the imitating chain. */
export const GIFT_MAX = 1_000_000_000_000_000n
/** Gifts that wait for those before them. */
export const GIFTS_WAITING_MAX = 64

const SEED_BYTES = 32
const LOOK_MS = 50
/** More than any gift costs. */
const COST_MAX = amountOf(GIFT_MAX)

/** Who has the play money of a real node and gives it out, one gift after the other: each is in a block when it is told. Its key is drawn at the start and in memory alone. */
export class NodeFaucet {
  readonly address: string
  readonly #signer: Signer
  readonly #clock: Clock
  #chain: TerraChainAdapter | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(random: Random, clock: Clock) {
    this.#signer = terraPlaySigner(random.bytes(SEED_BYTES))
    this.address = terraAddressOf(this.#signer.publicKey)
    this.#clock = clock
  }

  /** Gives from the node at `options.url` from now on. */
  open(options: TerraRpcOptions & { readonly random: Random }): void {
    this.#chain = new TerraChainAdapter(options)
  }

  /**
   * Gives `amount` of a coin and resolves with the id of the transaction once it is in a block. Rejects `invalid.argument` for another address, coin or amount, `limited.rate`
   * when too many wait, `unavailable.chain`.
   */
  async give(to: string, denom: string, amount: bigint, memo = ''): Promise<string> {
    if (!Object.hasOwn(TERRA_GAS_PRICES, denom) || amount < 1n || amount > GIFT_MAX) {
      throw new EvegramError('invalid.argument', { operation: 'give play money', advice: `Ask for uluna or uusd, 1 to ${String(GIFT_MAX)} of it.` })
    }
    const output = { to: parseTerraAddress(to), asset: assetIdOf(TERRA, denom), amount: amountOf(amount) }
    if (this.#waiting >= GIFTS_WAITING_MAX) throw new EvegramError('limited.rate', { operation: 'give play money' })
    this.#waiting++
    // Account numbers are used in their order, and what is not in a block holds the next one up.
    const given = this.#last.then(() => this.#pay({ outputs: [output], memo: new TextEncoder().encode(memo), feeMax: COST_MAX, taxMax: new Map([[output.asset, COST_MAX]]), inFlight: [] }))
    this.#last = given.catch(() => undefined)
    try {
      return await given
    } finally {
      this.#waiting--
    }
  }

  async #pay(intent: Parameters<TerraChainAdapter['sign']>[0]): Promise<string> {
    const chain = this.#chain
    if (chain === undefined) throw new EvegramError('unavailable.chain', { operation: 'give play money' })
    const answer = await chain.sign(intent, this.#signer)
    if (answer.status !== 'signed') throw new EvegramError('unavailable.chain', { operation: 'give play money', details: { status: answer.status } })
    const taken = await chain.broadcast(answer.payment)
    if (taken.status === 'refused') throw new EvegramError('unavailable.chain', { operation: 'give play money', details: { reason: taken.reason } })
    await this.#landed(chain, answer.payment)
    return answer.payment.txid
  }

  async #landed(chain: TerraChainAdapter, payment: SignedPayment): Promise<void> {
    for (;;) {
      const { status } = await chain.lookUp(payment)
      if (status === 'confirmed' || status === 'final') return
      if (status === 'expired') throw new EvegramError('unavailable.chain', { operation: 'give play money', details: { status } })
      await sleep(this.#clock, LOOK_MS)
    }
  }
}
