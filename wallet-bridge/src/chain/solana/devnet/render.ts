import { base58Of } from '../base58.js'
import { mintOf, tokenAccountOf } from '../token-layout.js'
import { WRAPPED_SOL_MINT } from '../programs.js'
import type { Json, JsonObject } from '../../json.js'
import { parsedInstruction, tokenAmountJson, type CompiledInstruction } from './parse-instruction.js'
import type { Block, TokenBalance, TransactionRecord } from './record.js'
import { invalidParams, RPC_CODES, RpcError } from './rpc-error.js'
import type { VmAccount } from './vm.js'

/** How transactions are asked for. */
export interface TransactionView {
  readonly encoding: 'json' | 'jsonParsed' | 'base64' | 'base58'
  /** The newest version that the client understands; without it only those without a version. */
  readonly versionMax: number | undefined
}

/** What of a block is asked for. */
export type BlockDetails = 'full' | 'accounts' | 'signatures' | 'none'

/** Nothing that a node keeps here is above 2^53, see the faucet. */
const RENT_EPOCH = 18_446_744_073_709_552_000

/** `getTransaction`. Throws {@link RpcError} for a version that the client does not understand. */
export function transactionJson(record: TransactionRecord, view: TransactionView): JsonObject {
  return { slot: record.block.slot, blockTime: record.block.timeSeconds, ...entryJson(record, view) }
}

/** `getBlock`. Throws {@link RpcError} for a version that the client does not understand. */
export function blockJson(block: Block, details: BlockDetails, view: TransactionView): JsonObject {
  const head = {
    blockhash: block.hash, previousBlockhash: block.previousHash, parentSlot: block.parentSlot, blockHeight: block.height, blockTime: block.timeSeconds, rewards: [],
  }
  switch (details) {
    case 'full':
      return { ...head, transactions: block.records.map((record) => entryJson(record, view)) }
    case 'accounts':
      return { ...head, transactions: block.records.map((record) => accountsJson(record, view)) }
    case 'signatures':
      return { ...head, signatures: block.records.map(({ signature }) => signature) }
    case 'none':
      return head
  }
}

/** An account as `getAccountInfo` shows it; null when there is none. */
export function accountJson(account: VmAccount | undefined, encoding: string, mintAccount: (mint: string) => VmAccount | undefined): JsonObject | null {
  if (account === undefined) return null
  const { lamports, owner, executable, data } = account
  const base = { lamports: Number(lamports), owner, executable, rentEpoch: RENT_EPOCH, space: data.length }
  if (encoding === 'jsonParsed') {
    const parsed = parsedData(account, mintAccount)
    if (parsed !== undefined) return { ...base, data: { program: 'spl-token', parsed, space: data.length } }
  }
  if (encoding === 'base58') return { ...base, data: data.length <= 128 ? base58Of(data) : refuse('base58 is for 128 bytes at most; use base64') }
  return { ...base, data: [Buffer.from(data).toString('base64'), 'base64'] }
}

function refuse(problem: string): never {
  throw invalidParams(problem)
}

function parsedData({ owner, data }: VmAccount, mintAccount: (mint: string) => VmAccount | undefined): Json | undefined {
  const mint = mintOf(owner, data)
  if (mint !== undefined) {
    const { decimals, supply, mintAuthority = null, freezeAuthority = null } = mint
    return { type: 'mint', info: { decimals, supply: String(supply), isInitialized: true, mintAuthority, freezeAuthority } }
  }
  const token = tokenAccountOf(owner, data)
  if (token === undefined) return undefined
  const of = mintAccount(token.mint)
  const decimals = (of === undefined ? undefined : mintOf(of.owner, of.data))?.decimals ?? 0
  return {
    type: 'account',
    info: { isNative: token.mint === WRAPPED_SOL_MINT, mint: token.mint, owner: token.owner, state: token.state, tokenAmount: tokenAmountJson(token.amount, decimals) },
  }
}

function versionJson({ transaction: { version } }: TransactionRecord, { versionMax }: TransactionView): JsonObject {
  if (version !== 'legacy' && (versionMax ?? -1) < version) {
    throw new RpcError(
      RPC_CODES.unsupportedVersion,
      `Transaction version (${String(version)}) is not supported by the requesting client. Please try the request again with the following configuration parameter: "maxSupportedTransactionVersion": ${String(version)}`,
    )
  }
  return versionMax === undefined ? {} : { version }
}

function accountsJson(record: TransactionRecord, view: TransactionView): JsonObject {
  const { signatures } = record.transaction
  return {
    ...versionJson(record, view),
    meta: metaJson(record),
    transaction: { accountKeys: accountKeysJson(record), signatures: signatures.map(base58Of) },
  }
}

function entryJson(record: TransactionRecord, view: TransactionView): JsonObject {
  const { wire, transaction: { message, signatures }, keys } = record
  const version = versionJson(record, view)
  const inner = (show: (instruction: CompiledInstruction) => JsonObject): Json =>
    record.inner.flatMap((instructions, index) => instructions.length === 0 ? [] : [{ index, instructions: instructions.map(show) }])
  const outer: readonly CompiledInstruction[] = message.compiledInstructions
    .map(({ programIdIndex, accountKeyIndexes, data }) => ({ programIdIndex, accounts: accountKeyIndexes, data, stackHeight: 1 }))
  const raw = ({ programIdIndex, accounts, data, stackHeight }: CompiledInstruction): JsonObject => ({ programIdIndex, accounts, data: base58Of(data), stackHeight })
  const { recentBlockhash } = message
  const ids = signatures.map(base58Of)
  if (view.encoding === 'base64' || view.encoding === 'base58') {
    const text = view.encoding === 'base64' ? Buffer.from(wire).toString('base64') : base58Of(wire)
    return { ...version, meta: { ...metaJson(record), innerInstructions: inner(raw) }, transaction: [text, view.encoding] }
  }
  if (view.encoding === 'jsonParsed') {
    const parsed = (instruction: CompiledInstruction): JsonObject => parsedInstruction(keys, instruction)
    return {
      ...version,
      meta: { ...metaJson(record), innerInstructions: inner(parsed) },
      transaction: { signatures: ids, message: { accountKeys: accountKeysJson(record), recentBlockhash, instructions: outer.map(parsed) } },
    }
  }
  const tables = message.version === 'legacy' ? {} : { addressTableLookups: [] }
  return {
    ...version,
    meta: { ...metaJson(record), innerInstructions: inner(raw) },
    transaction: { signatures: ids, message: { header: { ...message.header }, accountKeys: keys, recentBlockhash, instructions: outer.map(raw), ...tables } },
  }
}

function accountKeysJson({ keys, transaction: { message } }: TransactionRecord): Json {
  return keys.map((pubkey, index) => ({ pubkey, signer: message.isAccountSigner(index), writable: message.isAccountWritable(index), source: 'transaction' }))
}

function metaJson(record: TransactionRecord): JsonObject {
  const { error, fee, pre, post, preTokens, postTokens, logs, unitsConsumed } = record
  return {
    err: error, status: error === null ? { Ok: null } : { Err: error }, fee: Number(fee), preBalances: pre.map(Number), postBalances: post.map(Number),
    preTokenBalances: preTokens.map(tokenBalanceJson), postTokenBalances: postTokens.map(tokenBalanceJson),
    logMessages: logs, rewards: [], loadedAddresses: { readonly: [], writable: [] }, computeUnitsConsumed: unitsConsumed,
  }
}

function tokenBalanceJson({ accountIndex, mint, owner, program, amount, decimals }: TokenBalance): JsonObject {
  return { accountIndex, mint, owner, programId: program, uiTokenAmount: tokenAmountJson(amount, decimals) }
}
