/** Codes with which a node refuses or fails a transaction (codespace `sdk`), as far as this chain gives them. */
export const SDK_CODES = {
  txDecode: 2, unauthorized: 4, insufficientFunds: 5, unknownRequest: 6, invalidAddress: 7, invalidPublicKey: 8, invalidCoins: 10, outOfGas: 11, memoTooLarge: 12,
  insufficientFee: 13, noSignatures: 15, invalidRequest: 18, inMempool: 19, mempoolFull: 20, timeoutHeight: 30, wrongSequence: 32,
} as const

/** Why a transaction is refused, as a node says it. */
export class TerraRefusal extends Error {
  readonly code: number
  readonly codespace: string

  constructor(code: number, message: string, codespace = 'sdk') {
    super(message)
    this.code = code
    this.codespace = codespace
  }
}
