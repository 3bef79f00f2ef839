import { chainAmountOf, NO_AMOUNT } from '../amount.js'
import { parseChainTxid, type ChainAddress, type ChainTransfer, type ChainTxid } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import { accountOf, tonAddressOf, TONCOIN } from './address.js'
import { inBatches } from './in-batches.js'
import { readJettonMessage } from './jetton-message.js'
import type { JettonWallets, OwnJettonWallet } from './jetton-wallets.js'
import type { MessageEnds } from './message-ends.js'
import { OPERATIONS } from './operations.js'
import type { TonBlock } from './read-blocks.js'
import type { TonRpc } from './rpc.js'
import { readComment } from './text-comment.js'
import { nameOf, originOf } from './trace.js'
import { wrong } from './wrong.js'
import type { TonTransaction } from './transaction.js'

/** Index of the first jetton change under the name of a payment: it sends at most 255 messages. */
const JETTON_INDEX_MIN = 1_000

/** What is watched. */
export interface Watched {
  /** Addresses of ours, by the raw text of their accounts. */
  readonly addresses: ReadonlyMap<string, ChainAddress>
  readonly wallets: ReadonlyMap<string, OwnJettonWallet>
}

/** Through what a block is read. */
export interface WatchSource {
  readonly rpc: TonRpc
  readonly ends: MessageEnds
  readonly jettons: JettonWallets
}

/** What a block did to what is watched, in the order of the chain. Rejects `unavailable.chain`. */
export async function transfersOf(source: WatchSource, block: TonBlock, { addresses, wallets }: Watched): Promise<readonly ChainTransfer[]> {
  const ids = block.transactions.filter(({ account }) => addresses.has(account.toRawString()) || wallets.has(account.toRawString()))
  const transactions = [...await inBatches(ids, (id) => source.rpc.transaction(id))].sort((left, right) => left.lt < right.lt ? -1 : 1)
  requireUnbroken(transactions)
  const transfers: ChainTransfer[] = []
  for (const transaction of transactions) {
    const key = transaction.account.toRawString()
    const address = addresses.get(key)
    if (address !== undefined) transfers.push(...await tonTransfers(source, block.seqno, transaction, address, wallets))
    const wallet = wallets.get(key)
    if (wallet !== undefined && transaction === transactions.findLast(({ account }) => account.toRawString() === key)) {
      transfers.push(...await jettonTransfers(source, block.seqno, transactions.filter(({ account }) => account.toRawString() === key), wallet))
    }
  }
  return transfers
}

/** The transactions of an account in a block name each other: a list that leaves one out is found. */
function requireUnbroken(transactions: readonly TonTransaction[]): void {
  const last = new Map<string, TonTransaction>()
  for (const transaction of transactions) {
    const key = transaction.account.toRawString()
    const before = last.get(key)
    if (before !== undefined && transaction.previous.hash !== before.hash) throw wrong('a transaction of a block is not there')
    last.set(key, transaction)
  }
}

async function tonTransfers(
  source: WatchSource, height: Height, transaction: TonTransaction, address: ChainAddress, wallets: ReadonlyMap<string, OwnJettonWallet>,
): Promise<readonly ChainTransfer[]> {
  const { balanceDelta, incoming } = transaction
  if (balanceDelta === 0n) return []
  const isOut = balanceDelta < 0n
  const amount = chainAmountOf(isOut ? -balanceDelta : balanceDelta)
  const { txid, index, isOwnOrder } = await nameOf(source.ends, transaction)
  const info = incoming?.message.info
  const internal = info?.type === 'internal' ? info : undefined
  return [{
    txid, index, height, address, asset: TONCOIN, amount,
    direction: isOut ? 'out' : 'in',
    fee: isOut ? chainAmountOf(clamp(costOf(transaction), amount)) : NO_AMOUNT,
    from: isOut ? address : internal === undefined ? undefined : tonAddressOf(internal.src),
    memo: internal === undefined || internal.bounced || incoming === undefined ? undefined : readComment(incoming.message.body.beginParse(true)),
    returnOf: isOut ? undefined : isOwnOrder ? txid : await returnedBy(source, height, transaction, address, wallets),
  }]
}

/** What the network kept of a transaction. */
export function costOf({ incoming, outgoing, balanceDelta }: TonTransaction): bigint {
  const received = incoming?.message.info.type === 'internal' ? incoming.message.info.value.coins : 0n
  const sent = outgoing.reduce((sum, { message: { info } }) => info.type === 'internal' ? sum + info.value.coins : sum, 0n)
  return received - sent - balanceDelta
}

/** The payment whose money a transaction brings back: a message that bounced, or what was over from sending a jetton. */
async function returnedBy(
  { ends, jettons }: WatchSource, height: Height, { incoming, account }: TonTransaction, address: ChainAddress, wallets: ReadonlyMap<string, OwnJettonWallet>,
): Promise<ChainTxid | undefined> {
  const info = incoming?.message.info
  if (incoming === undefined || info?.type !== 'internal') return undefined
  if (info.bounced) return (await originOf(ends, account, incoming))?.txid
  const body = incoming.message.body.beginParse(true)
  if (body.remainingBits < 32 || body.preloadUint(32) !== OPERATIONS.excesses) return undefined
  // Anybody may call his message an excess. One comes from the wallet to which a jetton wallet of ours sent jettons, while it takes them; not through anybody else.
  const arrival = await ends.sender(incoming)
  const way = arrival?.incoming
  const wallet = way?.message.info.type === 'internal' ? wallets.get(way.message.info.src.toRawString()) : undefined
  if (arrival === undefined || way === undefined || wallet?.owner !== address || readJettonMessage(way)?.kind !== 'arrival') return undefined
  const order = (await ends.sender(way))?.incoming
  const read = order === undefined ? undefined : readJettonMessage(order)
  if (order === undefined || read?.kind !== 'departure' || read.to === undefined) return undefined
  if (!(await jettons.wallet(tonAddressOf(read.to), wallet.asset, height)).equals(arrival.account)) return undefined
  return (await originOf(ends, account, order))?.txid
}

/**
 * What a block did to a jetton wallet. Its balance before and after decides; the messages only say to which transactions it belongs. Where they do not add up to it
 * (a jetton with a fee, or with rules of its own), the whole change is one transfer for nobody in particular.
 */
async function jettonTransfers(
  { ends, jettons }: WatchSource, height: Height, transactions: readonly TonTransaction[], { owner, asset, account }: OwnJettonWallet,
): Promise<readonly ChainTransfer[]> {
  const [before, after] = await Promise.all([jettons.balance(account, height - 1), jettons.balance(account, height)])
  if (before === undefined || after === undefined) throw wrong('the balance of a jetton wallet is not known')
  const base = { height, address: owner, asset, fee: NO_AMOUNT }
  const transfers: ChainTransfer[] = []
  for (const { hash, incoming, isAborted } of transactions) {
    const read = incoming === undefined || isAborted ? undefined : readJettonMessage(incoming)
    if (incoming === undefined || read === undefined || read.amount === 0n) continue
    const amount = chainAmountOf(read.amount)
    const own = parseChainTxid(hash)
    if (read.kind === 'arrival') {
      const from = read.from === undefined ? undefined : tonAddressOf(read.from)
      transfers.push({ ...base, txid: own, index: 0, amount, direction: 'in', from, memo: read.memo, returnOf: undefined })
      continue
    }
    const origin = await originOf(ends, accountOf(owner), incoming)
    if (read.kind === 'return') transfers.push({ ...base, txid: own, index: 0, amount, direction: 'in', from: undefined, memo: undefined, returnOf: origin?.txid })
    else transfers.push({ ...base, txid: origin?.txid ?? own, index: JETTON_INDEX_MIN + (origin?.place ?? 0), amount, direction: 'out', from: owner, memo: undefined, returnOf: undefined })
  }
  const told = transfers.reduce<bigint>((sum, { direction, amount }) => direction === 'in' ? sum + amount : sum - amount, 0n)
  if (told === after - before) return transfers
  const [last] = transactions.slice(-1)
  if (last === undefined || after === before) return []
  const change = after - before
  return [{
    ...base, txid: parseChainTxid(last.hash), index: 0, amount: chainAmountOf(change < 0n ? -change : change), direction: change < 0n ? 'out' : 'in',
    from: undefined, memo: undefined, returnOf: undefined,
  }]
}

function clamp(value: bigint, max: bigint): bigint {
  if (value < 0n) return 0n
  return value > max ? max : value
}
