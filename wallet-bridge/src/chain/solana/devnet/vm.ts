import {
  Account, Clock as VmClock, FailedTransactionMetadata, InstructionErrorCustom, LiteSvm, TransactionErrorInstructionError, type TransactionMetadata,
  TransactionErrorDuplicateInstruction, TransactionErrorInsufficientFundsForRent, TransactionErrorProgramExecutionTemporarilyRestricted,
} from 'litesvm/dist/internal.js'
import { base58 } from '@scure/base'
import { base58Of } from '../base58.js'
import { instructionErrorJson, transactionErrorName, type TransactionErrorJson } from './transaction-error.js'

/** An account of the virtual machine. */
export interface VmAccount {
  readonly lamports: bigint
  readonly owner: string
  readonly data: Uint8Array
  readonly executable: boolean
}

/** An instruction that a program called. */
export interface VmInnerInstruction {
  readonly programIdIndex: number
  readonly accounts: readonly number[]
  readonly data: Uint8Array
  readonly stackHeight: number
}

/** What became of a transaction. */
export interface VmResult {
  readonly error: TransactionErrorJson | null
  readonly logs: readonly string[]
  /** For each instruction of the transaction those that it called. */
  readonly inner: readonly (readonly VmInnerInstruction[])[]
  readonly unitsConsumed: number
}

const RENT_EPOCH = 2n ** 64n - 1n

/**
 * Executes Solana transactions (litesvm). It knows accounts, programs and signatures; blocks, block hashes, and that a transaction lands once, are matters of
 * whoever holds it. What it preloads: System, SPL Token, Token-2022, Associated Token, Memo and Compute Budget, and the mint of wrapped SOL.
 */
export class SolanaVm {
  readonly #svm: LiteSvm

  constructor() {
    const svm = LiteSvm.default()
    svm.setSysvars()
    svm.setBuiltins()
    svm.setPrecompiles()
    svm.setDefaultPrograms()
    svm.withNativeMints()
    svm.setSigverify(true)
    // Both are kept by the chain: litesvm knows one block hash at a time, and no way to forget a transaction.
    svm.setBlockhashCheck(false)
    svm.setTransactionHistory(0n)
    this.#svm = svm
  }

  /** The account at an address, or undefined when nothing is there. Throws when `address` is not base58. */
  account(address: string): VmAccount | undefined {
    const found = this.#svm.getAccount(base58.decode(address))
    return found === null || found.lamports() === 0n ? undefined : accountOf(found)
  }

  /** Puts an account there, or takes it away. */
  setAccount(address: string, account: VmAccount | undefined): void {
    const { lamports, data, owner, executable } = account ?? { lamports: 0n, data: new Uint8Array(), owner: base58Of(new Uint8Array(32)), executable: false }
    this.#svm.setAccount(base58.decode(address), new Account(lamports, data, base58.decode(owner), executable, RENT_EPOCH))
  }

  /** All accounts that a program owns, by address. */
  programAccounts(program: string): ReadonlyMap<string, VmAccount> {
    return new Map(this.#svm.getProgramAccounts(base58.decode(program)).map((entry) => [base58Of(entry.address), accountOf(entry.account())]))
  }

  /** What programs read as slot and time. */
  setTime(slot: number, unixSeconds: number): void {
    this.#svm.setClock(new VmClock(BigInt(slot), 0n, 0n, 0n, BigInt(unixSeconds)))
  }

  /** Runs a signed transaction, as wire bytes of either version, and keeps what it did. */
  execute(wire: Uint8Array): VmResult {
    return resultOf(this.#svm.sendVersionedTransaction(wire))
  }

  /** Runs it without keeping anything. */
  simulate(wire: Uint8Array): VmResult {
    return resultOf(this.#svm.simulateVersionedTransaction(wire))
  }

  /** Lamports that an account of `bytes` bytes must hold. */
  rentExemptMinimum(bytes: number): bigint {
    return this.#svm.minimumBalanceForRentExemption(BigInt(bytes))
  }
}

function accountOf(account: Account): VmAccount {
  return { lamports: account.lamports(), owner: base58Of(account.owner()), data: account.data(), executable: account.executable() }
}

function resultOf(result: TransactionMetadata | FailedTransactionMetadata | { meta(): TransactionMetadata }): VmResult {
  const meta = 'meta' in result ? result.meta() : result
  return {
    error: result instanceof FailedTransactionMetadata ? errorOf(result.err()) : null,
    logs: meta.logs(),
    inner: meta.innerInstructions().map((called) => called.map((entry) => {
      const instruction = entry.instruction()
      return { programIdIndex: instruction.programIdIndex(), accounts: [...instruction.accounts()], data: instruction.data(), stackHeight: entry.stackHeight() }
    })),
    unitsConsumed: Number(meta.computeUnitsConsumed()),
  }
}

function errorOf(error: ReturnType<FailedTransactionMetadata['err']>): TransactionErrorJson {
  if (error instanceof TransactionErrorInstructionError) {
    const problem = error.err()
    if (problem instanceof InstructionErrorCustom) return instructionErrorJson(error.index, { custom: problem.code })
    // The typings say an enumeration that has no value at run time: it is a number, or an object that only Borsh errors have.
    return instructionErrorJson(error.index, { name: typeof problem === 'number' ? problem : 52 })
  }
  if (error instanceof TransactionErrorDuplicateInstruction) return { DuplicateInstruction: error.index }
  if (error instanceof TransactionErrorInsufficientFundsForRent) return { InsufficientFundsForRent: { account_index: error.accountIndex } }
  if (error instanceof TransactionErrorProgramExecutionTemporarilyRestricted) return { ProgramExecutionTemporarilyRestricted: { account_index: error.accountIndex } }
  return transactionErrorName(error)
}
