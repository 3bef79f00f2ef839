import type { Address} from '@ton/core';
import { beginCell } from '@ton/core'
import { EvegramError } from '@evegram/protocol'
import type { AssetId } from '../../ledger/ids.js'
import type { ChainAddress } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import { accountOf, masterOfAsset } from './address.js'
import type { TonRpc } from './rpc.js'

/** A jetton wallet of ours. */
export interface OwnJettonWallet {
  readonly owner: ChainAddress
  readonly asset: AssetId
  readonly account: Address
}

/** Wallets that are remembered; then they are asked for again. */
const REMEMBERED_MAX = 100_000
const CONCURRENT_MAX = 8

/** Where the jettons of an owner are: the account that the master itself names, never one that says of itself that it is. */
export class JettonWallets {
  readonly #rpc: TonRpc
  readonly #known = new Map<string, Address>()

  constructor(rpc: TonRpc) {
    this.#rpc = rpc
  }

  /** The wallets of owners for each of `assets`, by the raw text of their accounts. Rejects `unavailable.chain`. */
  async of(owners: Iterable<ChainAddress>, assets: readonly AssetId[], seqno: Height): Promise<ReadonlyMap<string, OwnJettonWallet>> {
    const wanted = [...owners].flatMap((owner) => assets.map((asset) => ({ owner, asset })))
    const found = new Map<string, OwnJettonWallet>()
    for (let start = 0; start < wanted.length; start += CONCURRENT_MAX) {
      const asked = wanted.slice(start, start + CONCURRENT_MAX).map(async ({ owner, asset }): Promise<OwnJettonWallet> => ({ owner, asset, account: await this.wallet(owner, asset, seqno) }))
      for (const wallet of await Promise.all(asked)) found.set(wallet.account.toRawString(), wallet)
    }
    return found
  }

  /** The wallet of an owner. Rejects `unavailable.chain`, also when there is no such jetton. */
  async wallet(owner: ChainAddress, asset: AssetId, seqno: Height): Promise<Address> {
    const key = `${asset} ${owner}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const master = masterOfAsset(asset)
    if (master === undefined) throw new EvegramError('invalid.argument', { operation: 'find jetton wallet' })
    const argument = beginCell().storeAddress(accountOf(owner)).endCell().toBoc().toString('base64')
    const answer = await this.#rpc.get(master, 'get_wallet_address', [['tvm.Slice', argument]], seqno)
    const [first] = answer?.stack ?? []
    const wallet = answer?.exitCode === 0 && first?.type === 'cell' ? first.cell.beginParse().loadMaybeAddress() : null
    if (wallet === null || wallet.workChain !== 0) throw new EvegramError('unavailable.chain', { operation: 'find jetton wallet', details: { problem: 'the master names none' } })
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear()
    this.#known.set(key, wallet)
    return wallet
  }

  /** What a jetton wallet holds at the end of a block of the masterchain; undefined when the endpoint does not say. */
  async balance(wallet: Address, seqno: Height): Promise<bigint | undefined> {
    const account = await this.#rpc.account(wallet, seqno)
    if (account === undefined) return undefined
    if (!account.isActive) return 0n
    const answer = await this.#rpc.get(wallet, 'get_wallet_data', [], seqno)
    const [first] = answer?.stack ?? []
    if (answer?.exitCode !== 0 || first?.type !== 'int' || first.value < 0n) return undefined
    return first.value
  }
}
