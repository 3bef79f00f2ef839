import { concatBytes, utf8 } from '@evegram/protocol'
import { ed25519 } from '@noble/curves/ed25519.js'
import { base58 } from '@scure/base'
import type { LocalPayment, PayerFacts, SignedLocalPayment } from './local-payment.js'

const SYSTEM_PROGRAM = new Uint8Array(32)
const MEMO_PROGRAM = base58.decode('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')
/** Number of the instruction `Transfer` of the system program. */
const TRANSFER = 2
const LAMPORTS_PER_SIGNATURE = 5_000n
const [FROM, TO, SYSTEM, MEMO] = [0, 1, 2, 3]

/** A transfer of lamports, with its memo as a second instruction: a legacy message with one signature. Counts are below 128, so each is one byte (compact-u16). */
export function solanaPayment(seed: Uint8Array, { to, amount, memo }: LocalPayment, { blockhash }: PayerFacts & { readonly chain: 'solana' }): SignedLocalPayment {
  const transfer = new Uint8Array(12)
  const view = new DataView(transfer.buffer)
  view.setUint32(0, TRANSFER, true)
  view.setBigUint64(4, amount, true)
  const programs = memo === undefined ? [SYSTEM_PROGRAM] : [SYSTEM_PROGRAM, MEMO_PROGRAM]
  const instructions = [instruction(SYSTEM, [FROM, TO], transfer), ...(memo === undefined ? [] : [instruction(MEMO, [], utf8(memo))])]
  const message = concatBytes(
    // One signature, which is of no read-only account; programs are read-only and sign nothing.
    Uint8Array.of(1, 0, programs.length),
    Uint8Array.of(2 + programs.length), ed25519.getPublicKey(seed), base58.decode(to), ...programs,
    base58.decode(blockhash), Uint8Array.of(instructions.length), ...instructions,
  )
  return { bytes: concatBytes(Uint8Array.of(1), ed25519.sign(message, seed), message), fee: LAMPORTS_PER_SIGNATURE }
}

function instruction(program: number, accounts: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(program, accounts.length, ...accounts, data.length), data)
}
