import { sha256 } from '@noble/hashes/sha2.js'
import { hexOf, idBytes, lengthPrefixed, type AccountId } from '@evegram/protocol'

const ID_BYTES = 16

/**
 * The client id of the transfer that pays a request, of 32 hexadecimal digits (docs/protocol.md 10.6). The same on every device of the payer: the ledger knows an id for ever, so that a request
 * which two of them answer is paid once. The payee is in it, since `request` is chosen by who asks.
 */
export function requestTransferId(payee: AccountId, request: string): string {
  return hexOf(sha256(lengthPrefixed('evegram/request-payment/v1', idBytes(payee), request)).subarray(0, ID_BYTES))
}
