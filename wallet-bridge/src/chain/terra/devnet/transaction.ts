import { SignDoc, SimplePublicKey, Tx } from '@terra-money/terra.js'
import { createNodePrimitives } from '@evegram/platform'
import { utf8 } from '@evegram/protocol'
import { verifySecp256k1 } from '@evegram/protocol/proof'
import { terraTxid } from '../signer.js'
import { directSignBytes, readRawTransaction, type RawTransaction } from './raw-transaction.js'
import { SDK_CODES, TerraRefusal } from './refusal.js'

/** A transaction as it was read. */
export interface TerraTransaction {
  readonly hash: string
  readonly bytes: Uint8Array
  readonly raw: RawTransaction
  readonly tx: Tx
}

/** Bytes of a transaction (`max_tx_bytes` of CometBFT's mempool). */
export const TRANSACTION_BYTES_MAX = 1_048_576

const DIRECT = 1
const AMINO = 127
const primitives = createNodePrimitives()

/** Reads a transaction with the SDK's own protobufs. Throws `TerraRefusal` for bytes that are none, and for kinds of messages that the SDK does not know. */
export function readTransaction(bytes: Uint8Array): TerraTransaction {
  const raw = readRawTransaction(bytes)
  if (raw === undefined || bytes.length > TRANSACTION_BYTES_MAX) throw undecodable('not a transaction in its one form')
  try {
    return { hash: terraTxid(bytes), bytes, raw, tx: Tx.fromBuffer(Buffer.from(bytes), true) }
  } catch (cause) {
    throw undecodable(cause instanceof Error ? cause.message : 'unknown')
  }
}

function undecodable(why: string): TerraRefusal {
  return new TerraRefusal(SDK_CODES.txDecode, `${why.slice(0, 200)}: tx parse error`)
}

/**
 * Whether signature number `index` is that of its signer over the sign bytes of this account: in the mode `direct` over bytes that are put together here, in
 * the old mode `amino` over the SDK's canonical JSON. Throws `TerraRefusal` for another mode or kind of key.
 */
export function isSignedBy(transaction: TerraTransaction, index: number, { chainId, accountNumber }: { readonly chainId: string; readonly accountNumber: number }): boolean {
  const { tx, raw } = transaction
  const information = tx.auth_info.signer_infos[index]
  const signature = raw.signatures[index]
  if (information === undefined || signature === undefined) return false
  const key = information.public_key
  if (!(key instanceof SimplePublicKey)) throw new TerraRefusal(SDK_CODES.invalidPublicKey, 'only secp256k1 keys: invalid pubkey')
  const mode: number | undefined = information.mode_info.single?.mode
  if (mode !== DIRECT && mode !== AMINO) throw new TerraRefusal(SDK_CODES.unauthorized, 'unexpected sign mode: unauthorized')
  const signed = mode === DIRECT
    ? directSignBytes(raw, chainId, accountNumber)
    : utf8(new SignDoc(chainId, accountNumber, information.sequence, tx.auth_info, tx.body).toAminoJSON(true))
  return verifySecp256k1(primitives, Buffer.from(key.key, 'base64'), signed, signature) === 'valid'
}
