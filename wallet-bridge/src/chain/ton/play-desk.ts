import { Cell, loadMessage } from '@ton/core'
import { EvegramError } from '@evegram/protocol'
import { askFaucet } from '../ask-faucet.js'
import type { ChainAddress } from '../chain-adapter.js'
import { requireTaken, type PayerFacts, type PlayDesk } from '../play-desk.js'
import { accountOf } from './address.js'
import { TonRpc } from './rpc.js'
import { externalHash } from './transaction.js'

/** What the local chain gives at once: 10,000 TON. */
const GIFT_MAX = 10_000_000_000_000n

/** A local TON chain for people with wallets of their own. */
export class TonPlayDesk implements PlayDesk {
  readonly giftMax = GIFT_MAX
  readonly #url: string
  readonly #rpc: TonRpc

  /** `url`: of the JSON-RPC (`…/api/v2/jsonRPC`). Throws `invalid.config` for what is no URL. */
  constructor(url: string, initHash: string) {
    this.#url = url
    this.#rpc = new TonRpc({ url, initHash })
  }

  async give(to: ChainAddress, amount: bigint): Promise<void> {
    await askFaucet(this.#url, { jsonrpc: '2.0', id: 1, method: 'faucet', params: { address: to, amount: String(amount) } })
  }

  async payerFacts(from: ChainAddress): Promise<PayerFacts> {
    const account = accountOf(from)
    const newest = await this.#rpc.newest()
    const state = await this.#rpc.account(account, newest)
    if (state === undefined) throw unavailable()
    if (!state.isActive) {
      if (state.balance === 0n) throw new EvegramError('wallet.insufficient_funds', { operation: 'read payer', advice: 'This address has nothing on the chain yet.' })
      return { chain: 'ton', seqno: 0, isDeployed: false, seconds: state.seconds }
    }
    const answer = await this.#rpc.get(account, 'seqno', [], newest)
    const number = answer?.exitCode === 0 ? answer.stack[0] : undefined
    if (number?.type !== 'int' || number.value < 0n || number.value > 0xffff_ffffn) throw unavailable()
    return { chain: 'ton', seqno: Number(number.value), isDeployed: true, seconds: state.seconds }
  }

  async submit(bytes: Uint8Array): Promise<string> {
    const hash = hashOf(bytes)
    requireTaken(await this.#rpc.send(bytes))
    return hash
  }
}

function hashOf(bytes: Uint8Array): string {
  try {
    const [cell] = Cell.fromBoc(Buffer.from(bytes))
    if (cell === undefined) throw new Error('no cell')
    return externalHash(loadMessage(cell.beginParse()))
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'hand over payment', advice: 'An external message in a bag of cells is expected.', cause })
  }
}

function unavailable(): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'read payer' })
}
