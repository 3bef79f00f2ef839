import { MsgExecuteContract, MsgMultiSend, MsgSend, SimplePublicKey, type Msg } from '@terra-money/terra.js'
import { utf8 } from '@evegram/protocol'
import type { TerraEvent } from '../events.js'
import { terraAddressBytes } from '../address.js'
import { judgeFee, taxOfMessages } from './burn-tax.js'
import { amountsOf, coinsText, eventOf, FEE_COLLECTOR, giveCoins, takeCoins } from './coins.js'
import { SDK_CODES, TerraRefusal } from './refusal.js'
import type { TerraState } from './state.js'
import { isSignedBy, type TerraTransaction } from './transaction.js'

/** What a transaction is judged by. */
export interface AdmissionTerms {
  readonly chainId: string
  /** Of the block that it is in, or would be in. */
  readonly height: number
  /** The burn tax in millionths. */
  readonly taxRate: bigint
  /** Without signatures and fee, to learn how much gas it needs. */
  readonly isSimulation?: boolean
}

/** A transaction that may be executed: its fee is paid and its numbers are used up. */
export interface Admission {
  readonly events: readonly TerraEvent[]
  /** Whether the tax is taken out of what is sent. */
  readonly isReverse: boolean
}

/** Bytes of a memo (`max_memo_characters`). */
export const MEMO_BYTES_MAX = 256
/** Messages of one transaction. */
export const MESSAGES_MAX = 256
const SUPPORTED = [MsgSend, MsgMultiSend, MsgExecuteContract]

/**
 * Whether a transaction may be executed, with the checks and codes of a node in their order; writes the fee, the keys and the account numbers into `state`.
 * Throws `TerraRefusal`: then `state` must be forgotten.
 */
export function admitTransaction(state: TerraState, transaction: TerraTransaction, terms: AdmissionTerms): Admission {
  const { body, auth_info: { fee } } = transaction.tx
  const signers = signersOf(body.messages)
  const payer = signers[0] ?? ''
  if ((fee.payer ?? '') !== '' || (fee.granter ?? '') !== '') throw new TerraRefusal(SDK_CODES.unknownRequest, 'fee grants are not here: unknown request')
  checkTimeoutAndMemo(transaction, terms.height)
  const fees = amountsOf(fee.amount)
  const taxes = taxOfMessages(body.messages, terms.taxRate)
  const isReverse = terms.isSimulation !== true && judgeFee(fees, fee.gas_limit, taxes) === 'reverse'
  const events = terms.isSimulation === true || fees.size === 0 ? [] : [
    ...takeCoins(state, payer, fees), ...giveCoins(state, FEE_COLLECTOR, fees),
    eventOf('transfer', ['recipient', FEE_COLLECTOR], ['sender', payer], ['amount', coinsText(fees)]), eventOf('message', ['sender', payer]),
  ]
  const used = signers.map((signer, index) => useSequence(state, transaction, signer, index, terms))
  return { isReverse, events: [...events, eventOf('tx', ['fee', coinsText(fees)], ['fee_payer', payer]), ...used] }
}

function checkTimeoutAndMemo({ tx: { body } }: TerraTransaction, height: number): void {
  const timeout = body.timeout_height ?? 0
  if (timeout > 0 && height > timeout) {
    throw new TerraRefusal(SDK_CODES.timeoutHeight, `block height: ${String(height)}, timeout height: ${String(timeout)}: tx timeout height`)
  }
  const memoBytes = utf8(body.memo ?? '').length
  if (memoBytes > MEMO_BYTES_MAX) {
    throw new TerraRefusal(SDK_CODES.memoTooLarge, `maximum number of characters is ${String(MEMO_BYTES_MAX)} but received ${String(memoBytes)} characters: memo too large`)
  }
}

/** Who must sign, each once. Throws `TerraRefusal` for messages that this chain does not have, and for addresses that are none. */
function signersOf(messages: readonly Msg[]): readonly string[] {
  if (messages.length === 0 || messages.length > MESSAGES_MAX) throw new TerraRefusal(SDK_CODES.invalidRequest, 'must contain at least one message: invalid request')
  const signers = messages.flatMap((message) => {
    if (!SUPPORTED.some((kind) => message instanceof kind)) throw new TerraRefusal(SDK_CODES.unknownRequest, 'this chain knows MsgSend, MsgMultiSend and MsgExecuteContract: unknown request')
    if (message instanceof MsgSend) return [checked(message.from_address, message.to_address)]
    if (message instanceof MsgExecuteContract) return [checked(message.sender, message.contract)]
    return message instanceof MsgMultiSend ? message.inputs.map(({ address }) => checked(address, ...message.outputs.map((output) => output.address))) : []
  })
  return [...new Set(signers)]
}

function checked(signer: string, ...others: readonly string[]): string {
  for (const address of [signer, ...others]) {
    if (terraAddressBytes(address) === undefined) throw new TerraRefusal(SDK_CODES.invalidAddress, 'decoding bech32 failed: invalid address')
  }
  return signer
}

/** Checks the number and the signature of one signer, and moves the number on. */
function useSequence(state: TerraState, transaction: TerraTransaction, signer: string, index: number, { chainId, isSimulation }: AdmissionTerms): TerraEvent {
  const account = state.account(signer)
  if (account === undefined) throw new TerraRefusal(9, `account ${signer} does not exist: unknown address`)
  const information = transaction.tx.auth_info.signer_infos[index]
  if (information === undefined) throw new TerraRefusal(SDK_CODES.noSignatures, 'no signatures supplied')
  const key = information.public_key
  if (isSimulation !== true && (!(key instanceof SimplePublicKey) || key.address() !== signer)) {
    throw new TerraRefusal(SDK_CODES.invalidPublicKey, `pubKey does not match signer address ${signer} with signer index: ${String(index)}: invalid pubkey`)
  }
  const { sequence } = information
  if (sequence !== account.sequence) {
    throw new TerraRefusal(SDK_CODES.wrongSequence, `account sequence mismatch, expected ${String(account.sequence)}, got ${String(sequence)}: incorrect account sequence`)
  }
  if (isSimulation !== true && !isSignedBy(transaction, index, { chainId, accountNumber: account.number })) {
    throw new TerraRefusal(SDK_CODES.unauthorized,
      `signature verification failed; please verify account number (${String(account.number)}), sequence (${String(sequence)}) and chain-id (${chainId}): unauthorized`)
  }
  state.setAccount(signer, { ...account, sequence: sequence + 1, publicKey: key instanceof SimplePublicKey ? key.key : account.publicKey })
  return eventOf('tx', ['acc_seq', `${signer}/${String(sequence)}`])
}
