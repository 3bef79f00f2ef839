import type { Json } from '../../json.js'

/** Names of transaction errors without fields, in the numbering of litesvm. */
const TRANSACTION_ERRORS = [
  'AccountInUse', 'AccountLoadedTwice', 'AccountNotFound', 'ProgramAccountNotFound', 'InsufficientFundsForFee', 'InvalidAccountForFee', 'AlreadyProcessed',
  'BlockhashNotFound', 'CallChainTooDeep', 'MissingSignatureForFee', 'InvalidAccountIndex', 'SignatureFailure', 'InvalidProgramForExecution', 'SanitizeFailure',
  'ClusterMaintenance', 'AccountBorrowOutstanding', 'WouldExceedMaxBlockCostLimit', 'UnsupportedVersion', 'InvalidWritableAccount',
  'WouldExceedMaxAccountCostLimit', 'WouldExceedAccountDataBlockLimit', 'TooManyAccountLocks', 'AddressLookupTableNotFound',
  'InvalidAddressLookupTableOwner', 'InvalidAddressLookupTableData', 'InvalidAddressLookupTableIndex', 'InvalidRentPayingAccount',
  'WouldExceedMaxVoteCostLimit', 'WouldExceedAccountDataTotalLimit', 'MaxLoadedAccountsDataSizeExceeded', 'ResanitizationNeeded',
  'InvalidLoadedAccountsDataSizeLimit', 'UnbalancedTransaction', 'ProgramCacheHitMaxLimit', 'CommitCancelled',
]

/** Names of instruction errors without fields, in the numbering of litesvm. */
const INSTRUCTION_ERRORS = [
  'GenericError', 'InvalidArgument', 'InvalidInstructionData', 'InvalidAccountData', 'AccountDataTooSmall', 'InsufficientFunds', 'IncorrectProgramId',
  'MissingRequiredSignature', 'AccountAlreadyInitialized', 'UninitializedAccount', 'UnbalancedInstruction', 'ModifiedProgramId',
  'ExternalAccountLamportSpend', 'ExternalAccountDataModified', 'ReadonlyLamportChange', 'ReadonlyDataModified', 'DuplicateAccountIndex',
  'ExecutableModified', 'RentEpochModified', 'NotEnoughAccountKeys', 'AccountDataSizeChanged', 'AccountNotExecutable', 'AccountBorrowFailed',
  'AccountBorrowOutstanding', 'DuplicateAccountOutOfSync', 'InvalidError', 'ExecutableDataModified', 'ExecutableLamportChange',
  'ExecutableAccountNotRentExempt', 'UnsupportedProgramId', 'CallDepth', 'MissingAccount', 'ReentrancyNotAllowed', 'MaxSeedLengthExceeded', 'InvalidSeeds',
  'InvalidRealloc', 'ComputationalBudgetExceeded', 'PrivilegeEscalation', 'ProgramEnvironmentSetupFailure', 'ProgramFailedToComplete',
  'ProgramFailedToCompile', 'Immutable', 'IncorrectAuthority', 'AccountNotRentExempt', 'InvalidAccountOwner', 'ArithmeticOverflow', 'UnsupportedSysvar',
  'IllegalOwner', 'MaxAccountsDataAllocationsExceeded', 'MaxAccountsExceeded', 'MaxInstructionTraceLengthExceeded',
  'BuiltinProgramsMustConsumeComputeUnits', 'BorshIoError',
]

/** How a transaction failed, as a node writes it. */
export type TransactionErrorJson = string | { readonly [name: string]: Json }

/** The name of transaction error number `code`. */
export function transactionErrorName(code: number): string {
  return TRANSACTION_ERRORS[code] ?? `Unknown${String(code)}`
}

/** An error of one instruction: a number of litesvm's, or the code that a program gave. */
export function instructionErrorJson(index: number, error: { readonly name: number } | { readonly custom: number }): TransactionErrorJson {
  return { InstructionError: [index, 'custom' in error ? { Custom: error.custom } : INSTRUCTION_ERRORS[error.name] ?? 'GenericError'] }
}

/** The sentence with which a node refuses a transaction in its preflight (solana-sdk transaction/error.rs), as SDKs look for it. */
export function preflightSentence(error: TransactionErrorJson): string {
  return `Transaction simulation failed: ${sentenceOf(error)}`
}

function sentenceOf(error: TransactionErrorJson): string {
  if (error === 'BlockhashNotFound') return 'Blockhash not found'
  if (error === 'AlreadyProcessed') return 'This transaction has already been processed'
  if (error === 'AccountNotFound') return 'Attempt to debit an account but found no record of a prior credit.'
  if (error === 'InsufficientFundsForFee') return 'Transaction results in an account with insufficient funds for fee'
  if (typeof error === 'string') return error
  const [index, problem] = Array.isArray(error['InstructionError']) ? error['InstructionError'] as readonly Json[] : []
  if (index === undefined || problem === undefined) return JSON.stringify(error)
  const custom = typeof problem === 'object' && problem !== null && 'Custom' in problem ? problem['Custom'] : undefined
  const what = typeof custom === 'number' ? `custom program error: 0x${custom.toString(16)}` : JSON.stringify(problem)
  return `Error processing Instruction ${JSON.stringify(index)}: ${what}`
}
