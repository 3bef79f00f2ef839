import { CborFields, decodeCbor, encodeCbor, type CborValue } from '@evegram/protocol'
import { parseAmount } from '../ledger/amount.js'
import { parseAssetId } from '../ledger/ids.js'
import {
  parseChainName, parseChainTxid, PAYMENT_OUTPUTS_MAX,
  type ChainAddress, type PaymentExpiry, type PaymentOutput, type SignedPayment,
} from './chain-adapter.js'

/** Bytes of a signed payment as it is stored: 254 outputs and the messages of a highload wallet. */
export const SIGNED_PAYMENT_BYTES_MAX = 262_144

const VERSION = 1
const NAME_CHARACTERS_MAX = 16
const ADDRESS_CHARACTERS_MAX = 128
const ASSET_CHARACTERS_MAX = 160
const AMOUNT_CHARACTERS_MAX = 38
const TXID_CHARACTERS_MAX = 128
const CODE = 'invalid.argument'

/** The bytes to store before the first broadcast: deterministic CBOR, amounts as decimal digits. */
export function encodeSignedPayment(payment: SignedPayment): Uint8Array {
  return encodeCbor({
    version: VERSION,
    chain: payment.chain,
    txid: payment.txid,
    from: payment.from,
    outputs: payment.outputs.map(({ to, asset, amount }) => ({ to, asset, amount: String(amount) })),
    feeMax: String(payment.feeMax),
    signedAt: payment.signedAt,
    expiry: { ...payment.expiry },
    bytes: payment.bytes,
  })
}

/** The payment that {@link encodeSignedPayment} stored. Throws `invalid.argument` or `invalid.cbor` for bytes that it did not make. */
export function decodeSignedPayment(bytes: Uint8Array): SignedPayment {
  const fields = new CborFields(decodeCbor(bytes, SIGNED_PAYMENT_BYTES_MAX), CODE)
  if (fields.uint('version') !== VERSION) fields.fail('version 1')
  const payment: SignedPayment = {
    chain: parseChainName(fields.text('chain', NAME_CHARACTERS_MAX)),
    txid: parseChainTxid(fields.text('txid', TXID_CHARACTERS_MAX)),
    from: storedAddress(fields, 'from'),
    outputs: fields.list('outputs', PAYMENT_OUTPUTS_MAX).map(outputOf),
    feeMax: parseAmount(fields.text('feeMax', AMOUNT_CHARACTERS_MAX)),
    signedAt: fields.uint('signedAt'),
    expiry: expiryOf(fields.value('expiry')),
    bytes: fields.bytes('bytes', { lengthMax: SIGNED_PAYMENT_BYTES_MAX }),
  }
  fields.end()
  return payment
}

/** Addresses were in their one form when they were stored by us. */
function storedAddress(fields: CborFields, name: string): ChainAddress {
  return fields.text(name, ADDRESS_CHARACTERS_MAX) as ChainAddress
}

function outputOf(value: CborValue): PaymentOutput {
  const fields = new CborFields(value, CODE)
  const output = {
    to: storedAddress(fields, 'to'),
    asset: parseAssetId(fields.text('asset', ASSET_CHARACTERS_MAX)),
    amount: parseAmount(fields.text('amount', AMOUNT_CHARACTERS_MAX)),
  }
  fields.end()
  return output
}

function expiryOf(value: CborValue): PaymentExpiry {
  const fields = new CborFields(value, CODE)
  const by = fields.text('by', NAME_CHARACTERS_MAX)
  const read = (): PaymentExpiry => {
    if (by === 'height') return { by, lastHeight: fields.uint('lastHeight') }
    if (by === 'time') return { by, lastSecond: fields.uint('lastSecond') }
    if (by === 'sequence') return { by, sequence: fields.uint('sequence'), lastHeight: fields.uint('lastHeight') }
    return fields.fail('by: height, time or sequence')
  }
  const expiry = read()
  fields.end()
  return expiry
}
