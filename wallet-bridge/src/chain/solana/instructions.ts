import { PublicKey, TransactionInstruction } from '@solana/web3.js'
import { ASSOCIATED_TOKEN_PROGRAM, MEMO_PROGRAM, SYSTEM_PROGRAM } from './programs.js'

const system = new PublicKey(SYSTEM_PROGRAM)
const associated = new PublicKey(ASSOCIATED_TOKEN_PROGRAM)
const memoProgram = new PublicKey(MEMO_PROGRAM)

/** The one account that `owner` has for `mint`: where tokens are sent to (spl-associated-token-account). */
export function associatedTokenAddress(owner: PublicKey, mint: PublicKey, program: PublicKey): PublicKey {
  return PublicKey.findProgramAddressSync([owner.toBytes(), program.toBytes(), mint.toBytes()], associated)[0]
}

/** Opens that account at the payer's cost; does nothing when it is there (CreateIdempotent). */
export function openTokenAccount(payer: PublicKey, owner: PublicKey, mint: PublicKey, program: PublicKey): TransactionInstruction {
  return new TransactionInstruction({
    programId: associated,
    keys: [
      { pubkey: payer, isSigner: true, isWritable: true },
      { pubkey: associatedTokenAddress(owner, mint, program), isSigner: false, isWritable: true },
      { pubkey: owner, isSigner: false, isWritable: false },
      { pubkey: mint, isSigner: false, isWritable: false },
      { pubkey: system, isSigner: false, isWritable: false },
      { pubkey: program, isSigner: false, isWritable: false },
    ],
    data: Buffer.from([1]),
  })
}

/** What a transfer of tokens needs. */
export interface TokenTransfer {
  readonly program: PublicKey
  readonly mint: PublicKey
  readonly source: PublicKey
  readonly destination: PublicKey
  readonly authority: PublicKey
  readonly amount: bigint
  readonly decimals: number
}

/** Moves tokens between token accounts, and fails for another mint or other decimals (TransferChecked; the same bytes in both token programs). */
export function transferChecked({ program, mint, source, destination, authority, amount, decimals }: TokenTransfer): TransactionInstruction {
  const data = Buffer.alloc(10)
  data.writeUInt8(12, 0)
  data.writeBigUInt64LE(amount, 1)
  data.writeUInt8(decimals, 9)
  return new TransactionInstruction({
    programId: program,
    keys: [
      { pubkey: source, isSigner: false, isWritable: true },
      { pubkey: mint, isSigner: false, isWritable: false },
      { pubkey: destination, isSigner: false, isWritable: true },
      { pubkey: authority, isSigner: true, isWritable: false },
    ],
    data,
  })
}

/** A memo without signers of its own. The program takes well-formed UTF-8 alone. */
export function memo(text: Uint8Array): TransactionInstruction {
  return new TransactionInstruction({ programId: memoProgram, keys: [], data: Buffer.from(text) })
}
