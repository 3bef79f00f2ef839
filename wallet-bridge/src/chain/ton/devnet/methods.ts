import { loadMessage, type Message } from '@ton/core'
import type { Json } from '../../json.js'
import { externalHash } from '../transaction.js'
import { ApiError, invalidParams } from './api-error.js'
import type { TonDevnet } from './chain.js'
import type { Params } from './params.js'
import { accountJson, headerJson, masterId, shardId, shortTransactionJson, stackJson, stateWord, transactionJson, WHOLE_SHARD } from './render.js'
import type { MasterBlock, ShardBlock, TransactionRecord } from './record.js'

/** A method of the API. Throws or rejects `ApiError`. */
export type ApiMethod = (params: Params) => Json | Promise<Json>

/** Transactions of an account that are listed when no limit is given, and at most. */
const TRANSACTIONS = 10
const TRANSACTIONS_MAX = 100
/** Transactions of a block that are listed when no count is given, and at most. */
const BLOCK_TRANSACTIONS = 40
const BLOCK_TRANSACTIONS_MAX = 1_000
const OK = { '@type': 'ok' }

/** The methods of toncenter v2 that there are, and two that give play money. */
export function tonMethods(chain: TonDevnet): ReadonlyMap<string, ApiMethod> {
  const masterAt = (params: Params): MasterBlock => {
    const seqno = params.optionalInteger('seqno')
    return seqno === undefined ? chain.newest : chain.block(seqno)
  }
  const blockOf = (params: Params): { readonly master: MasterBlock } | { readonly shard: ShardBlock } => {
    const [workchain, shard, seqno] = [params.integer('workchain'), params.text('shard'), params.integer('seqno')]
    if (shard !== WHOLE_SHARD || (workchain !== 0 && workchain !== -1)) throw new ApiError(500, 'LITE_SERVER_NOTREADY: no such shard')
    return workchain === -1 ? { master: chain.block(seqno) } : { shard: chain.shardBlock(seqno) }
  }
  const message = (params: Params): Message => {
    const cell = params.cell('boc')
    try {
      return loadMessage(cell.beginParse())
    } catch {
      throw new ApiError(500, 'cannot parse external message')
    }
  }
  const located = (record: TransactionRecord | undefined): Json => {
    // As pytonlib, that looks at so many transactions of a block and at no more.
    const block = record === undefined ? undefined : inOrder(chain.shardBlockBehind(record.transaction.lt))
    if (record === undefined || block?.slice(0, BLOCK_TRANSACTIONS).includes(record) !== true) throw new ApiError(404, 'transaction not found')
    return transactionJson(record)
  }

  const methods: Readonly<Record<string, ApiMethod>> = {
    getMasterchainInfo: () => ({
      '@type': 'blocks.masterchainInfo', last: masterId(chain.newest), state_root_hash: chain.initHash,
      init: { ...masterId(chain.newest), seqno: 0, root_hash: chain.initHash, file_hash: chain.initHash },
    }),
    shards: (params) => ({ '@type': 'blocks.shards', shards: chain.block(params.integer('seqno')).shardBlocks.slice(-1).map(shardId) }),
    getBlockHeader: (params) => {
      const found = blockOf(params)
      if ('shard' in found) return headerJson(shardId(found.shard), found.shard, found.shard.previous === undefined ? [] : [shardId(found.shard.previous)])
      const { master } = found
      return headerJson(masterId(master), { ...master, startLt: master.endLt }, [masterId({ seqno: master.seqno - 1, rootHash: master.previousHash })])
    },
    // By a logical time alone. Any prefix of accounts will do for a shard, as with nodes.
    lookupBlock: (params) => {
      if (params.integer('workchain') !== 0 || params.text('shard') === '') throw new ApiError(500, 'LITE_SERVER_NOTREADY: no such shard')
      return shardId(chain.shardBlockBehind(params.uint64('lt')))
    },
    getBlockTransactions: (params) => {
      const found = blockOf(params)
      const count = Math.min(params.optionalInteger('count') ?? BLOCK_TRANSACTIONS, BLOCK_TRANSACTIONS_MAX)
      const [afterLt, afterAccount] = [params.optionalUint64('after_lt'), params.optionalHash('after_hash')]
      const all = 'shard' in found ? inOrder(found.shard) : []
      const start = afterLt === undefined ? 0
        : all.findIndex(({ account, transaction }) => transaction.lt === afterLt && account.endsWith(afterAccount ?? '')) + 1
      const listed = all.slice(start, start + count)
      return {
        '@type': 'blocks.transactions', id: 'shard' in found ? shardId(found.shard) : masterId(found.master), req_count: count,
        incomplete: start + listed.length < all.length, transactions: listed.map(shortTransactionJson),
      }
    },
    getAddressInformation: (params) => {
      const block = masterAt(params)
      return accountJson(chain.account(params.address('address'), block.seqno), block)
    },
    getAddressBalance: (params) => accountJson(chain.account(params.address('address'), chain.newest.seqno), chain.newest)['balance'] ?? 0,
    getAddressState: (params) => stateWord(chain.account(params.address('address'), chain.newest.seqno)),
    runGetMethod: async (params) => {
      const block = masterAt(params)
      const { stack, exitCode, gasUsed } = await chain.get(params.address('address'), params.method(), params.stack(), block.seqno)
      return { '@type': 'smc.runResult', gas_used: gasUsed, stack: stackJson(stack), exit_code: exitCode, block_id: masterId(block) }
    },
    getTransactions: (params) => {
      const [lt, hash, toLt] = [params.optionalUint64('lt'), params.optionalHash('hash'), params.optionalUint64('to_lt') ?? 0n]
      const limit = params.optionalInteger('limit') ?? TRANSACTIONS
      if (limit < 1 || limit > TRANSACTIONS_MAX) throw invalidParams(`limit is 1 to ${String(TRANSACTIONS_MAX)}`)
      const newestFirst = [...chain.transactions.of(params.address('address').toRawString())].reverse()
      const start = lt === undefined ? 0 : newestFirst.findIndex(({ transaction }) => transaction.lt === lt && (hash === undefined || transaction.hash === hash))
      if (start === -1) throw new ApiError(500, `LITE_SERVER_UNKNOWN: cannot locate transaction in block with specified logical time`)
      return newestFirst.slice(start).filter(({ transaction }) => transaction.lt > toLt).slice(0, limit).map(transactionJson)
    },
    tryLocateTx: (params) => located(chain.transactions.endsOf(params.address('source').toRawString(), params.uint64('created_lt')).receiver),
    tryLocateResultTx: (params) => located(chain.transactions.endsOf(params.address('source').toRawString(), params.uint64('created_lt')).receiver),
    tryLocateSourceTx: (params) => located(chain.transactions.endsOf(params.address('source').toRawString(), params.uint64('created_lt')).sender),
    sendBoc: async (params) => {
      await chain.submit(message(params))
      return OK
    },
    sendBocReturnHash: async (params) => {
      const sent = message(params)
      await chain.submit(sent)
      return { '@type': 'raw.extMessageInfo', hash: params.cell('boc').hash().toString('base64'), hash_norm: Buffer.from(externalHash(sent), 'hex').toString('base64') }
    },
    // The same for everybody: what a transfer of a wallet costs.
    estimateFee: () => ({
      '@type': 'query.fees', source_fees: { '@type': 'fees', in_fwd_fee: 1_000_000, storage_fee: 1_000, gas_fee: 2_500_000, fwd_fee: 400_000 }, destination_fees: [],
    }),
    faucet: async (params) => {
      await chain.faucet.give(params.address('address'), params.uint64('amount'))
      return OK
    },
    faucetJetton: async (params) => {
      await chain.faucet.giveJetton({ to: params.address('address'), amount: params.uint64('amount') })
      return { ...OK, master: chain.faucet.jetton.toString() }
    },
  }
  return new Map(Object.entries(methods))
}

/** The transactions of a block by account, then by time, as nodes list them. */
function inOrder({ records }: ShardBlock): readonly TransactionRecord[] {
  return [...records].sort((left, right) => left.account === right.account
    ? Number(left.transaction.lt - right.transaction.lt) : left.account < right.account ? -1 : 1)
}
