import { Address, type TupleItem } from '@ton/core'
import type { JsonObject, Json } from '../../json.js'
import { OPERATIONS } from '../operations.js'
import { externalHash, type TonMessage } from '../transaction.js'
import type { MasterBlock, ShardBlock, TransactionRecord } from './record.js'
import { readAccount, type AccountState } from './vm.js'

/** The whole workchain: it does not split here. */
export const WHOLE_SHARD = '-9223372036854775808'
const NO_HASH = Buffer.alloc(32).toString('base64')

/** A block as toncenter names it. */
export function masterId({ seqno, rootHash }: Pick<MasterBlock, 'seqno' | 'rootHash'>): JsonObject {
  return blockId(-1, seqno, rootHash)
}

/** A block of the shard as toncenter names it. */
export function shardId({ seqno, rootHash }: Pick<ShardBlock, 'seqno' | 'rootHash'>): JsonObject {
  return blockId(0, seqno, rootHash)
}

function blockId(workchain: number, seqno: number, hash: string): JsonObject {
  return { '@type': 'ton.blockIdExt', workchain, shard: WHOLE_SHARD, seqno, root_hash: base64Of(hash), file_hash: base64Of(hash) }
}

/** The header of a block, with those before it. */
export function headerJson(id: JsonObject, header: { readonly seconds: number; readonly startLt: bigint; readonly endLt: bigint }, previous: readonly JsonObject[]): JsonObject {
  return {
    '@type': 'blocks.header', id, global_id: -239, version: 0, after_merge: false, after_split: false, before_split: false, want_merge: false, want_split: false,
    is_key_block: false, start_lt: String(header.startLt), end_lt: String(header.endLt), gen_utime: header.seconds, prev_blocks: previous,
  }
}

/** What tells a transaction in the list of a block. */
export function shortTransactionJson({ account, transaction }: TransactionRecord): JsonObject {
  return { '@type': 'blocks.shortTxId', mode: 135, account, lt: String(transaction.lt), hash: base64Of(transaction.hash) }
}

/** A transaction; SDKs read `data` alone. */
export function transactionJson({ transaction: { account, lt, hash, cell, seconds, incoming, outgoing, balanceDelta } }: TransactionRecord): JsonObject {
  const received = incoming?.message.info.type === 'internal' ? incoming.message.info.value.coins : 0n
  const sent = outgoing.reduce((sum, { message: { info } }) => info.type === 'internal' ? sum + info.value.coins + info.forwardFee : sum, 0n)
  const fee = String(received - sent - balanceDelta)
  return {
    '@type': 'raw.transaction', address: { '@type': 'accountAddress', account_address: account.toString() }, utime: seconds, data: cell.toBoc().toString('base64'),
    transaction_id: { '@type': 'internal.transactionId', lt: String(lt), hash: base64Of(hash) },
    fee, storage_fee: '0', other_fee: fee,
    ...(incoming === undefined ? {} : { in_msg: messageJson(incoming) }), out_msgs: outgoing.map(messageJson),
  }
}

function messageJson({ cell, message }: TonMessage): JsonObject {
  const { info, body } = message
  const text = commentOf(message)
  const internal = info.type === 'internal' ? info : undefined
  return {
    '@type': 'raw.message', hash: cell.hash().toString('base64'), ...(info.type === 'external-in' ? { hash_norm: base64Of(externalHash(message)) } : {}),
    source: Address.isAddress(info.src) ? info.src.toString() : '', destination: Address.isAddress(info.dest) ? info.dest.toString() : '',
    value: String(internal?.value.coins ?? 0n), fwd_fee: String(internal?.forwardFee ?? 0n), ihr_fee: '0', created_lt: String(internal?.createdLt ?? 0n),
    body_hash: body.hash().toString('base64'),
    msg_data: text === undefined
      ? { '@type': 'msg.dataRaw', body: body.toBoc().toString('base64'), init_state: '' }
      : { '@type': 'msg.dataText', text: Buffer.from(text).toString('base64') },
    message: text ?? '',
  }
}

function commentOf({ body }: TonMessage['message']): string | undefined {
  try {
    const slice = body.beginParse()
    return slice.remainingBits >= 32 && slice.loadUint(32) === OPERATIONS.comment ? slice.loadStringTail() : undefined
  } catch {
    return undefined
  }
}

/** The word of toncenter for the state of an account. */
export function stateWord(state: AccountState | undefined): 'active' | 'frozen' | 'uninitialized' {
  const type = state === undefined ? 'uninit' : readAccount(state).account?.storage.state.type ?? 'uninit'
  return type === 'uninit' ? 'uninitialized' : type
}

/** An account at the end of a block. */
export function accountJson(state: AccountState | undefined, block: MasterBlock): JsonObject {
  const read = state === undefined ? undefined : readAccount(state)
  const storage = read?.account?.storage
  const active = storage?.state.type === 'active' ? storage.state.state : undefined
  const hash = read === undefined || read.lastTransactionLt === 0n ? NO_HASH : base64Of(read.lastTransactionHash.toString(16).padStart(64, '0'))
  return {
    // As ton-http-api: the text of what is there, and the number 0 for an account that is not.
    '@type': 'raw.fullAccountState', balance: storage === undefined ? 0 : String(storage.balance.coins), extra_currencies: [],
    code: active?.code?.toBoc().toString('base64') ?? '', data: active?.data?.toBoc().toString('base64') ?? '',
    last_transaction_id: { '@type': 'internal.transactionId', lt: String(read?.lastTransactionLt ?? 0n), hash },
    block_id: masterId(block), frozen_hash: '', sync_utime: block.seconds, state: stateWord(state),
  }
}

/** What a get method left on the stack. */
export function stackJson(stack: readonly TupleItem[]): Json {
  return stack.map((item): Json => {
    switch (item.type) {
      case 'int': return ['num', `${item.value < 0n ? '-' : ''}0x${(item.value < 0n ? -item.value : item.value).toString(16)}`]
      case 'cell':
      case 'slice':
      case 'builder': return ['cell', { bytes: item.cell.toBoc().toString('base64') }]
      case 'tuple': return ['tuple', { '@type': 'tvm.tuple', elements: item.items.map(elementJson) }]
      case 'null': return ['list', { '@type': 'tvm.list', elements: [] }]
      case 'nan': return ['num', 'NaN']
      default: return item satisfies never
    }
  })
}

function elementJson(item: TupleItem): JsonObject {
  switch (item.type) {
    case 'int': return { '@type': 'tvm.stackEntryNumber', number: { '@type': 'tvm.numberDecimal', number: String(item.value) } }
    case 'cell': return { '@type': 'tvm.stackEntryCell', cell: { '@type': 'tvm.cell', bytes: item.cell.toBoc().toString('base64') } }
    case 'slice':
    case 'builder': return { '@type': 'tvm.stackEntrySlice', slice: { '@type': 'tvm.slice', bytes: item.cell.toBoc().toString('base64') } }
    case 'tuple': return { '@type': 'tvm.stackEntryTuple', tuple: { '@type': 'tvm.tuple', elements: item.items.map(elementJson) } }
    case 'null':
    case 'nan': return { '@type': 'tvm.stackEntryList', list: { '@type': 'tvm.list', elements: [] } }
    default: return item satisfies never
  }
}

function base64Of(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
