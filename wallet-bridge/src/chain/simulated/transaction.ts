import { createHash } from 'node:crypto'
import { createNodePrimitives } from '@evegram/platform'
import { CborFields, decodeCbor, encodeCbor, isEvegramError, type CborValue } from '@evegram/protocol'
import { parseAmount, type Amount } from '../../ledger/amount.js'
import { parseAssetId, type AssetId } from '../../ledger/ids.js'
import { parseChainTxid, PAYMENT_MEMO_BYTES_MAX, PAYMENT_OUTPUTS_MAX, type ChainTxid, type PaymentOutput } from '../chain-adapter.js'
import type { Signer } from '../signer.js'
import { parseSimulatedAddress } from './address.js'

const VERSION = 1
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** Bytes of the number that makes two payments of the same contents two. */
export const NONCE_BYTES = 16
/** Bytes of a signed transaction: 254 outputs of the longest form. */
export const TRANSACTION_BYTES_MAX = 131_072
const HASH_CHARACTERS = 64
const ADDRESS_CHARACTERS_MAX = 51
const ASSET_CHARACTERS_MAX = 160
const AMOUNT_CHARACTERS_MAX = 38
const CODE = 'invalid.argument'

const primitives = createNodePrimitives()

/**
 * When a transaction can be in a block. `reference`: while the block of that hash is at most as old as the rules say (as on Solana). `second`: in blocks of
 * that time or before (as on TON). `sequence`: when it is the next number of its account, up to that height (as on Terra).
 */
export type Validity =
  | { readonly by: 'reference'; readonly hash: string }
  | { readonly by: 'second'; readonly lastSecond: number }
  | { readonly by: 'sequence'; readonly sequence: number; readonly lastHeight: number }

/** A payment as the simulated chain reads it. */
export interface SimulatedTransaction {
  /** Name of the chain that it is for: no other takes it. */
  readonly chain: string
  readonly publicKey: Uint8Array
  readonly nonce: Uint8Array
  readonly outputs: readonly PaymentOutput[]
  readonly memo: Uint8Array | undefined
  /** Offered, and taken whole, in the native asset. */
  readonly fee: Amount
  /** Offered for taxes in other assets, and taken whole. */
  readonly taxes: ReadonlyMap<AssetId, Amount>
  readonly validity: Validity
}

/** Bytes that go out, and the id, which the signature does not change. */
export interface SealedTransaction {
  readonly txid: ChainTxid
  readonly bytes: Uint8Array
}

function bodyOf(transaction: SimulatedTransaction): Uint8Array {
  return encodeCbor({
    version: VERSION,
    chain: transaction.chain,
    key: transaction.publicKey,
    nonce: transaction.nonce,
    outputs: transaction.outputs.map(({ to, asset, amount }) => [to, asset, String(amount)]),
    memo: transaction.memo ?? null,
    fee: String(transaction.fee),
    // Left out where there are none: bytes that were signed before taxes had other assets stay what they are.
    ...(transaction.taxes.size === 0 ? {} : { taxes: [...transaction.taxes].map(([asset, tax]) => [asset, String(tax)]) }),
    validity: { ...transaction.validity },
  })
}

function txidOf(body: Uint8Array): ChainTxid {
  return parseChainTxid(createHash('sha256').update(body).digest('hex'))
}

/** Signs a transaction. Rejects what the signer rejects. */
export async function sealTransaction(transaction: SimulatedTransaction, signer: Signer): Promise<SealedTransaction> {
  const body = bodyOf(transaction)
  return { txid: txidOf(body), bytes: encodeCbor({ body, signature: await signer.sign(body) }) }
}

/** Whether a signature of `message` is that of a key. */
export type VerifySignature = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

/** The transaction in `bytes` with its id, or undefined when they are none or the signature does not verify. */
export function openTransaction(
  bytes: Uint8Array, verify: VerifySignature = (...signed) => primitives.ed25519Verify(...signed),
): { readonly txid: ChainTxid; readonly transaction: SimulatedTransaction } | undefined {
  try {
    const outer = new CborFields(decodeCbor(bytes, TRANSACTION_BYTES_MAX), CODE)
    const body = outer.bytes('body', { lengthMax: bytes.length })
    const signature = outer.bytes('signature', SIGNATURE_BYTES)
    outer.end()
    const transaction = transactionOf(decodeCbor(body, TRANSACTION_BYTES_MAX))
    return verify(transaction.publicKey, body, signature) ? { txid: txidOf(body), transaction } : undefined
  } catch (error) {
    // What strangers send is no fault of ours; anything else is.
    if (isEvegramError(error)) return undefined
    throw error
  }
}

function transactionOf(value: CborValue): SimulatedTransaction {
  const fields = new CborFields(value, CODE)
  if (fields.uint('version') !== VERSION) fields.fail('version 1')
  const memo = fields.value('memo')
  const transaction: SimulatedTransaction = {
    chain: fields.text('chain', ADDRESS_CHARACTERS_MAX),
    publicKey: fields.bytes('key', KEY_BYTES),
    nonce: fields.bytes('nonce', NONCE_BYTES),
    outputs: fields.list('outputs', PAYMENT_OUTPUTS_MAX).map(outputOf),
    memo: memo === null ? undefined : fields.bytes('memo', { lengthMax: PAYMENT_MEMO_BYTES_MAX }),
    fee: parseAmount(fields.text('fee', AMOUNT_CHARACTERS_MAX)),
    taxes: fields.has('taxes') ? new Map(fields.list('taxes', PAYMENT_OUTPUTS_MAX).map(taxOf)) : new Map(),
    validity: validityOf(fields.value('validity')),
  }
  fields.end()
  return transaction
}

function outputOf(value: CborValue): PaymentOutput {
  const fields = new CborFields({ output: value }, CODE)
  const [to, asset, amount, ...more] = fields.list('output', 3)
  if (typeof to !== 'string' || typeof asset !== 'string' || typeof amount !== 'string' || more.length > 0) return fields.fail('address, asset, amount')
  if (asset.length > ASSET_CHARACTERS_MAX) fields.fail('asset')
  return { to: parseSimulatedAddress(to), asset: parseAssetId(asset), amount: parseAmount(amount) }
}

function taxOf(value: CborValue): readonly [AssetId, Amount] {
  const fields = new CborFields({ tax: value }, CODE)
  const [asset, amount, ...more] = fields.list('tax', 2)
  if (typeof asset !== 'string' || typeof amount !== 'string' || more.length > 0) return fields.fail('asset, amount')
  if (asset.length > ASSET_CHARACTERS_MAX) fields.fail('asset')
  return [parseAssetId(asset), parseAmount(amount)]
}

function validityOf(value: CborValue): Validity {
  const fields = new CborFields(value, CODE)
  const by = fields.text('by', ADDRESS_CHARACTERS_MAX)
  const read = (): Validity => {
    if (by === 'reference') return { by, hash: fields.text('hash', HASH_CHARACTERS) }
    if (by === 'second') return { by, lastSecond: fields.uint('lastSecond') }
    if (by === 'sequence') return { by, sequence: fields.uint('sequence'), lastHeight: fields.uint('lastHeight') }
    return fields.fail('by')
  }
  const validity = read()
  fields.end()
  return validity
}
