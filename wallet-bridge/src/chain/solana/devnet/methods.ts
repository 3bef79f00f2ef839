import { ComputeBudgetInstruction, TransactionInstruction, VersionedMessage } from '@solana/web3.js'
import { base58 } from '@scure/base'
import { TOKEN_PROGRAMS } from '../programs.js'
import { mintOf, tokenAccountOf, type MintState } from '../token-layout.js'
import { TRANSACTION_BYTES_MAX, type SolanaDevnet } from './chain.js'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import { addressOf, commitmentOf, signatureOf, type Params } from './params.js'
import { tokenAmountJson } from './parse-instruction.js'
import type { Commitment } from './record.js'
import { accountJson, blockJson, transactionJson, type TransactionView } from './render.js'
import { invalidParams, RPC_CODES, RpcError } from './rpc-error.js'
import type { VmAccount } from './vm.js'

/** A method of the node: answers, or throws `RpcError`. */
export type RpcMethod = (params: Params) => Json

/** Accounts that one request may name. */
const ACCOUNTS_MAX = 100
/** Signatures that one request may ask for. */
const STATUSES_MAX = 256
/** Signatures in one page of an address. */
const SIGNATURES_MAX = 1_000
/** Slots that one request for blocks may span. */
const BLOCK_RANGE_MAX = 500_000
/** Accounts of a program that one answer holds. */
const PROGRAM_ACCOUNTS_MAX = 10_000
const LAMPORTS_PER_SIGNATURE = 5_000n
const MICRO = 1_000_000n
/** Compute units of an instruction when a transaction does not say. */
const UNITS_DEFAULT = 200_000
const UNITS_MAX = 1_400_000
const COMPUTE_BUDGET = 'ComputeBudget111111111111111111111111111111'
const BASE64_CHARACTERS_MAX = Math.ceil(TRANSACTION_BYTES_MAX / 3) * 4
const ENCODINGS = ['json', 'jsonParsed', 'base64', 'base58'] as const
const ACCOUNT_ENCODINGS = ['base64', 'base58', 'jsonParsed'] as const
const SLOTS_PER_EPOCH = 432_000

/** The methods of a Solana node that this one has, by name. */
export function solanaMethods(chain: SolanaDevnet): ReadonlyMap<string, RpcMethod> {
  const slotAt = (commitment: Commitment): number => commitment === 'processed' ? chain.openSlot : chain.newest(commitment).slot
  const inContext = (value: Json, commitment: Commitment): JsonObject => ({ context: { apiVersion: '2.2.0', slot: slotAt(commitment) }, value })
  const accountOf = (address: string, commitment: Commitment): VmAccount | undefined => chain.account(address, commitment)
  const shown = (account: VmAccount | undefined, encoding: string, commitment: Commitment): JsonObject | null =>
    accountJson(account, encoding, (mint) => accountOf(mint, commitment))
  const encodingOf = (params: Params): string => params.choice('encoding', ACCOUNT_ENCODINGS, 'base64')
  const mintAt = (address: string, commitment: Commitment): MintState | undefined => {
    const account = accountOf(address, commitment)
    return account === undefined ? undefined : mintOf(account.owner, account.data)
  }
  const viewOf = (params: Params): TransactionView => {
    const second = params.value(1)
    const encoding = typeof second === 'string' ? ENCODINGS.find((one) => one === second) : params.choice('encoding', ENCODINGS, 'json')
    if (encoding === undefined) throw invalidParams(`encoding is one of ${ENCODINGS.join(', ')}`)
    return { encoding, versionMax: params.optionalNumber('maxSupportedTransactionVersion') }
  }
  /** Blocks are read from `confirmed` on. */
  const blockCommitment = (params: Params): Commitment => {
    if (params.commitment === 'processed') throw invalidParams('Method does not support commitment below `confirmed`')
    return params.commitment
  }

  const methods: Readonly<Record<string, RpcMethod>> = {
    getHealth: () => 'ok',
    getVersion: () => ({ 'solana-core': '2.2.0', 'feature-set': 0 }),
    getGenesisHash: () => chain.genesisHash,
    getSlot: (params) => slotAt(params.commitment),
    getBlockHeight: (params) => chain.newest(params.commitment).height,
    getTransactionCount: () => chain.transactionCount,
    getFirstAvailableBlock: () => chain.oldest.slot,
    minimumLedgerSlot: () => chain.oldest.slot,
    getEpochInfo: (params) => {
      const absoluteSlot = slotAt(params.commitment)
      return {
        absoluteSlot, blockHeight: chain.newest(params.commitment).height, epoch: Math.floor(absoluteSlot / SLOTS_PER_EPOCH),
        slotIndex: absoluteSlot % SLOTS_PER_EPOCH, slotsInEpoch: SLOTS_PER_EPOCH, transactionCount: chain.transactionCount,
      }
    },
    getBlockTime: (params) => chain.block(params.integer(0))?.timeSeconds ?? null,
    getBlocks: (params) => {
      const [first, commitment] = [params.integer(0), blockCommitment(params)]
      const last = params.optionalInteger(1) ?? chain.newest(commitment).slot
      if (last - first > BLOCK_RANGE_MAX) throw invalidParams(`Slot range too large; max ${String(BLOCK_RANGE_MAX)}`)
      return chain.slots(first, last, commitment)
    },
    getBlock: (params) => {
      const [slot, commitment] = [params.integer(0), blockCommitment(params)]
      const block = chain.block(slot)
      if (slot > chain.newest(commitment).slot) throw new RpcError(RPC_CODES.blockNotAvailable, `Block not available for slot ${String(slot)}`)
      if (block === undefined) throw new RpcError(RPC_CODES.slotSkipped, `Slot ${String(slot)} was skipped, or missing due to ledger jump to recent snapshot`)
      return blockJson(block, params.choice('transactionDetails', ['full', 'accounts', 'signatures', 'none'], 'full'), viewOf(params))
    },
    getLatestBlockhash: (params) => {
      const { hash } = chain.newest(params.commitment)
      return inContext({ blockhash: hash, lastValidBlockHeight: chain.lastValidHeight(hash, 'processed') ?? 0 }, params.commitment)
    },
    isBlockhashValid: (params) => inContext(chain.lastValidHeight(params.address(0), params.commitment) !== undefined, params.commitment),
    getFeeForMessage: (params) => inContext(Number(feeOf(params)), params.commitment),
    getRecentPrioritizationFees: () => [],
    getMinimumBalanceForRentExemption: (params) => Number(chain.rentExemptMinimum(params.integer(0))),
    getBalance: (params) => inContext(Number(accountOf(params.address(0), params.commitment)?.lamports ?? 0n), params.commitment),
    getAccountInfo: (params) => inContext(shown(accountOf(params.address(0), params.commitment), encodingOf(params), params.commitment), params.commitment),
    getMultipleAccounts: (params) => {
      const addresses = params.list(0, ACCOUNTS_MAX).map(addressOf)
      return inContext(addresses.map((address) => shown(accountOf(address, params.commitment), encodingOf(params), params.commitment)), params.commitment)
    },
    getProgramAccounts: (params) => {
      if (params.config['filters'] !== undefined) throw invalidParams('filters are not supported by this node')
      return bounded([...chain.programAccounts(params.address(0), params.commitment)])
        .map(([pubkey, account]) => ({ pubkey, account: shown(account, encodingOf(params), params.commitment) }))
    },
    getTokenAccountsByOwner: (params) => {
      const [owner, filter] = [params.address(0), params.value(1)]
      if (filter === undefined || !isJsonObject(filter)) throw invalidParams('a filter by mint or programId is expected')
      const mint = filter['mint'] === undefined ? undefined : addressOf(filter['mint'])
      const programs = mint === undefined ? [addressOf(filter['programId'])] : TOKEN_PROGRAMS
      const found = programs.flatMap((program) => [...chain.programAccounts(program, params.commitment)]).filter(([, account]) => {
        const token = tokenAccountOf(account.owner, account.data)
        return token?.owner === owner && (mint === undefined || token.mint === mint)
      })
      return inContext(bounded(found).map(([pubkey, account]) => ({ pubkey, account: shown(account, encodingOf(params), params.commitment) })), params.commitment)
    },
    getTokenAccountBalance: (params) => {
      const account = accountOf(params.address(0), params.commitment)
      const token = account === undefined ? undefined : tokenAccountOf(account.owner, account.data)
      if (token === undefined) throw invalidParams('could not find account')
      return inContext(tokenAmountJson(token.amount, mintAt(token.mint, params.commitment)?.decimals ?? 0), params.commitment)
    },
    getTokenSupply: (params) => {
      const mint = mintAt(params.address(0), params.commitment)
      if (mint === undefined) throw invalidParams('not a Token mint')
      return inContext(tokenAmountJson(mint.supply, mint.decimals), params.commitment)
    },
    requestAirdrop: (params) => chain.airdrop(params.address(0), BigInt(params.integer(1))),
    sendTransaction: (params) => chain.submit(wireOf(params), { skipPreflight: params.config['skipPreflight'] === true }),
    simulateTransaction: (params) => {
      const { error, logs, unitsConsumed } = chain.simulate(wireOf(params), params.config['replaceRecentBlockhash'] !== true)
      return inContext({ err: error, logs, accounts: null, unitsConsumed, returnData: null }, params.commitment)
    },
    getSignatureStatuses: (params) => inContext(params.list(0, STATUSES_MAX).map((value) => {
      const record = chain.transaction(signatureOf(value))
      if (record === undefined) return null
      const confirmationStatus = chain.commitmentOf(record)
      return {
        slot: record.block.slot, confirmations: confirmationStatus === 'finalized' ? null : chain.confirmationsOf(record), err: record.error,
        status: record.error === null ? { Ok: null } : { Err: record.error }, confirmationStatus,
      }
    }), 'processed'),
    getSignaturesForAddress: (params) => {
      const [before, until] = [params.optionalSignature('before'), params.optionalSignature('until')]
      const limit = params.optionalNumber('limit') ?? SIGNATURES_MAX
      if (limit < 1 || limit > SIGNATURES_MAX) throw invalidParams(`limit is 1 to ${String(SIGNATURES_MAX)}`)
      const commitment = blockCommitment(params)
      const newestFirst = chain.transactionsOf(params.address(0)).filter((record) => chain.isAtLeast(record, commitment)).reverse()
      const place = (signature: string): number => newestFirst.findIndex((record) => record.signature === signature)
      const start = before === undefined ? 0 : place(before) + 1
      // A signature that this address does not have is followed by nothing.
      if (before !== undefined && start === 0) return []
      const end = until === undefined ? -1 : place(until)
      return newestFirst.slice(start, end === -1 ? undefined : end).slice(0, limit).map((record) => ({
        signature: record.signature, slot: record.block.slot, err: record.error, memo: record.memo, blockTime: record.block.timeSeconds,
        confirmationStatus: chain.commitmentOf(record),
      }))
    },
    getTransaction: (params) => {
      const record = chain.transaction(signatureOf(params.value(0)))
      if (record === undefined || !chain.isAtLeast(record, blockCommitment(params))) return null
      return transactionJson(record, viewOf(params))
    },
  }
  return new Map(Object.entries(methods))

  function bounded<Entry>(entries: readonly Entry[]): readonly Entry[] {
    if (entries.length > PROGRAM_ACCOUNTS_MAX) throw invalidParams(`more than ${String(PROGRAM_ACCOUNTS_MAX)} accounts: ask for fewer`)
    return entries
  }
}

/** The wire bytes of a transaction among parameters: base58 unless the client says otherwise. */
function wireOf(params: Params): Uint8Array {
  const text = params.text(0, BASE64_CHARACTERS_MAX)
  if (params.choice('encoding', ['base58', 'base64'], 'base58') === 'base64') return new Uint8Array(Buffer.from(text, 'base64'))
  try {
    return base58.decode(text)
  } catch {
    throw invalidParams('not base58')
  }
}

/** What a message costs: for its signatures, and for the price that it offers for its compute units. */
function feeOf(params: Params): bigint {
  const parse = (): VersionedMessage => {
    try {
      return VersionedMessage.deserialize(new Uint8Array(Buffer.from(params.text(0, BASE64_CHARACTERS_MAX), 'base64')))
    } catch {
      throw invalidParams('failed to deserialize the message')
    }
  }
  const message = parse()
  // Fails for a commitment that there is not, as it does elsewhere.
  commitmentOf(params.config['commitment'])
  let [price, units] = [0n, Math.min(UNITS_MAX, UNITS_DEFAULT * message.compiledInstructions.length)]
  for (const { programIdIndex, data } of message.compiledInstructions) {
    const programId = message.staticAccountKeys[programIdIndex]
    if (programId?.toBase58() !== COMPUTE_BUDGET) continue
    const instruction = new TransactionInstruction({ programId, keys: [], data: Buffer.from(data) })
    // The typed decoder of the SDK knows no instruction newer than itself.
    if (data[0] === 2) units = Math.min(UNITS_MAX, ComputeBudgetInstruction.decodeSetComputeUnitLimit(instruction).units)
    if (data[0] === 3) price = BigInt(ComputeBudgetInstruction.decodeSetComputeUnitPrice(instruction).microLamports)
  }
  const priority = (price * BigInt(units) + MICRO - 1n) / MICRO
  return LAMPORTS_PER_SIGNATURE * BigInt(message.header.numRequiredSignatures) + priority
}
