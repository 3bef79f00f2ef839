import { base58 } from '@scure/base'
import { EvegramError } from '@evegram/protocol'
import { askFaucet } from '../ask-faucet.js'
import type { ChainAddress } from '../chain-adapter.js'
import { requireTaken, type PayerFacts, type PlayDesk } from '../play-desk.js'
import { SolanaRpc } from './rpc.js'

/** What one airdrop of the local chain gives: 10,000 SOL. */
const GIFT_MAX = 10_000_000_000_000n
const SIGNATURE_BYTES = 64

/** A local Solana chain for people with wallets of their own. */
export class SolanaPlayDesk implements PlayDesk {
  readonly giftMax = GIFT_MAX
  readonly #url: string
  readonly #rpc: SolanaRpc

  /** `url`: of the JSON-RPC. Throws `invalid.config` for what is no URL. */
  constructor(url: string, genesisHash: string) {
    this.#url = url
    this.#rpc = new SolanaRpc({ url, genesisHash })
  }

  async give(to: ChainAddress, amount: bigint): Promise<void> {
    // A whole number far below 2^53, which JSON carries exactly.
    await askFaucet(this.#url, { jsonrpc: '2.0', id: 1, method: 'requestAirdrop', params: [to, Number(amount)] })
  }

  async payerFacts(): Promise<PayerFacts> {
    return { chain: 'solana', blockhash: (await this.#rpc.blockhash()).hash }
  }

  async submit(bytes: Uint8Array): Promise<string> {
    // One signature, behind the count of them: it is what the transaction is known by.
    if (bytes[0] !== 1 || bytes.length <= SIGNATURE_BYTES) throw new EvegramError('invalid.argument', { operation: 'hand over payment', advice: 'A transaction with one signature is expected.' })
    const signature = base58.encode(bytes.subarray(1, 1 + SIGNATURE_BYTES))
    requireTaken(await this.#rpc.send(bytes, signature))
    return signature
  }
}
