import { CborFields, decodeCbor, encodeCbor, type CborValue } from '@evegram/protocol'
import { parseAssetId, type AssetId } from '../../ledger/ids.js'
import { parseChainTxid, type ChainAddress, type ChainTxid } from '../chain-adapter.js'
import type { Height } from '../finality.js'

/** What a transaction says that it does. Words, until the changes bear them out. */
export interface Claim {
  readonly to: ChainAddress
  readonly asset: AssetId
  readonly amount: bigint
}

/** What a transaction did to one balance. */
export interface BalanceChange {
  readonly address: ChainAddress
  readonly asset: AssetId
  readonly delta: bigint
}

/** What became of one output of a payment. */
export type OutputRecord = { readonly received: bigint } | 'transaction_failed' | 'not_sent' | 'bounced'

/** A transaction in a block: what it says and what it did. */
export interface SimulatedRecord {
  readonly txid: ChainTxid
  readonly failed: boolean
  /** Who signed and paid the fee, where somebody did. */
  readonly from: ChainAddress | undefined
  readonly fee: bigint
  readonly memo: Uint8Array | undefined
  readonly claims: readonly Claim[]
  /** One for each claim of a payment; empty for a transaction of a contract. */
  readonly outputs: readonly OutputRecord[]
  /** One for each address and asset that changed. */
  readonly changes: readonly BalanceChange[]
  /** Of a bounce: the transaction whose money comes back. */
  readonly returnOf: ChainTxid | undefined
  /** Number of the account that it used up. */
  readonly sequence: number | undefined
}

/** A block that is stored. */
export interface StoredBlock {
  readonly height: Height
  readonly records: readonly SimulatedRecord[]
}

/** Balances at the end of a block, for all that came before it. */
export interface StoredBase {
  readonly height: Height
  readonly balances: readonly BalanceChange[]
  readonly sequences: readonly (readonly [ChainAddress, number])[]
}

const CODE = 'invalid.argument'
const ITEMS_MAX = 1_000_000
const TEXT_MAX = 160
/** Bytes of one block or base in the storage. */
const STORED_BYTES_MAX = 268_435_456
/** Bytes of a memo that a stranger writes on the simulated chain. */
export const STRANGER_MEMO_BYTES_MAX = 65_536

const optional = <Value extends CborValue>(value: Value | undefined): Value | null => value ?? null

/** Deterministic CBOR of a block. */
export function encodeStoredBlock(block: StoredBlock): Uint8Array {
  return encodeCbor({
    height: block.height,
    records: block.records.map((record) => ({
      txid: record.txid,
      failed: record.failed,
      from: optional(record.from),
      fee: String(record.fee),
      memo: optional(record.memo),
      claims: record.claims.map(({ to, asset, amount }) => [to, asset, String(amount)]),
      outputs: record.outputs.map((output) => typeof output === 'string' ? output : [String(output.received)]),
      changes: record.changes.map(changeValue),
      returnOf: optional(record.returnOf),
      sequence: optional(record.sequence),
    })),
  })
}

/** Throws `invalid.argument` or `invalid.cbor` for bytes that {@link encodeStoredBlock} did not make. */
export function decodeStoredBlock(bytes: Uint8Array): StoredBlock {
  const fields = new CborFields(decodeCbor(bytes, STORED_BYTES_MAX), CODE)
  return { height: fields.uint('height'), records: fields.list('records', ITEMS_MAX).map(recordOf) }
}

/** Deterministic CBOR of a base. */
export function encodeStoredBase(base: StoredBase): Uint8Array {
  return encodeCbor({ height: base.height, balances: base.balances.map(changeValue), sequences: base.sequences.map((pair) => [...pair]) })
}

/** Throws `invalid.argument` or `invalid.cbor` for bytes that {@link encodeStoredBase} did not make. */
export function decodeStoredBase(bytes: Uint8Array): StoredBase {
  const fields = new CborFields(decodeCbor(bytes, STORED_BYTES_MAX), CODE)
  const sequences = fields.list('sequences', ITEMS_MAX).map((value): readonly [ChainAddress, number] => {
    const [address, sequence] = Array.isArray(value) ? value as readonly CborValue[] : []
    return typeof address === 'string' && typeof sequence === 'number' ? [address as ChainAddress, sequence] : fields.fail('sequences')
  })
  return { height: fields.uint('height'), balances: fields.list('balances', ITEMS_MAX).map((value) => changeOf(value, fields)), sequences }
}

function changeValue({ address, asset, delta }: BalanceChange): CborValue {
  return [address, asset, String(delta)]
}

/** Three texts, as they were stored by us: addresses were in their one form then. */
function triple(value: CborValue, fields: CborFields): readonly [ChainAddress, AssetId, bigint] {
  const [address, asset, amount] = Array.isArray(value) ? value as readonly CborValue[] : []
  if (typeof address !== 'string' || typeof asset !== 'string' || typeof amount !== 'string') return fields.fail('address, asset, amount')
  return [address as ChainAddress, parseAssetId(asset), BigInt(amount)]
}

function changeOf(value: CborValue, fields: CborFields): BalanceChange {
  const [address, asset, delta] = triple(value, fields)
  return { address, asset, delta }
}

function recordOf(value: CborValue): SimulatedRecord {
  const fields = new CborFields(value, CODE)
  const has = (name: string): boolean => fields.value(name) !== null
  return {
    txid: parseChainTxid(fields.text('txid', TEXT_MAX)),
    failed: fields.boolean('failed'),
    from: has('from') ? fields.text('from', TEXT_MAX) as ChainAddress : undefined,
    fee: BigInt(fields.text('fee', TEXT_MAX)),
    memo: has('memo') ? fields.bytes('memo', { lengthMax: STRANGER_MEMO_BYTES_MAX }) : undefined,
    claims: fields.list('claims', ITEMS_MAX).map((claim) => {
      const [to, asset, amount] = triple(claim, fields)
      return { to, asset, amount }
    }),
    outputs: fields.list('outputs', ITEMS_MAX).map((output): OutputRecord => {
      if (output === 'transaction_failed' || output === 'not_sent' || output === 'bounced') return output
      const [received] = Array.isArray(output) ? output as readonly CborValue[] : []
      return typeof received === 'string' ? { received: BigInt(received) } : fields.fail('outputs')
    }),
    changes: fields.list('changes', ITEMS_MAX).map((change) => changeOf(change, fields)),
    returnOf: has('returnOf') ? parseChainTxid(fields.text('returnOf', TEXT_MAX)) : undefined,
    sequence: has('sequence') ? fields.uint('sequence') : undefined,
  }
}
