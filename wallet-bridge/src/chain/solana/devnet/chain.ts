import { VersionedTransaction } from '@solana/web3.js'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import { base58Of } from '../base58.js'
import { MEMO_PROGRAMS } from '../programs.js'
import { Faucet } from './faucet.js'
import { tokenBalancesOf, type Block, type Commitment, type TransactionRecord } from './record.js'
import { invalidParams, RPC_CODES, RpcError } from './rpc-error.js'
import { preflightSentence, type TransactionErrorJson } from './transaction-error.js'
import { SolanaVm, type VmAccount, type VmResult } from './vm.js'

/** Options of {@link SolanaDevnet}. */
export interface SolanaDevnetOptions {
  readonly clock: Clock
  /** Draws block hashes and the key of the faucet. */
  readonly random: Random
  /** Blocks on top of one that make it final, 1 to 128; 32, as on the real chain, when left out. */
  readonly finalizedAfter?: number | undefined
  /** Final blocks that are remembered with what is in them; {@link HISTORY_BLOCKS} when left out. */
  readonly historyBlocks?: number | undefined
}

/** Blocks that are remembered: more than two hours of 400 ms. */
export const HISTORY_BLOCKS = 20_000
/** Transactions that are remembered, whatever the number of blocks. */
export const HISTORY_TRANSACTIONS = 100_000
/** Blocks for which a block hash may be used (MAX_PROCESSING_AGE). */
export const BLOCKHASH_AGE_MAX = 150
/** Bytes of a transaction on the wire (PACKET_DATA_SIZE). */
export const TRANSACTION_BYTES_MAX = 1_232

/** Slots begin here and heights at 1: who mixes them up finds out. */
const FIRST_SLOT = 1_000
const HASH_BYTES = 32
const FINALIZED_AFTER = 32
const FINALIZED_AFTER_MAX = 128

/**
 * A Solana chain of one node in memory: slots, blocks, commitments, history and forks, over a virtual machine that executes what is sent at once. Nothing of it
 * survives the process. It makes no block by itself: {@link closeSlot} does.
 *
 * Not there: fees by demand, rent collection, epochs and stakes, address lookup tables (refused), votes.
 */
export class SolanaDevnet {
  readonly genesisHash: string
  readonly #vm = new SolanaVm()
  readonly #clock: Clock
  readonly #random: Random
  readonly #finalizedAfter: number
  readonly #historyBlocks: number
  readonly #faucet: Faucet
  /** Closed blocks without gaps in their heights, oldest first. */
  readonly #blocks: Block[] = []
  readonly #bySlot = new Map<number, Block>()
  readonly #records = new Map<string, TransactionRecord>()
  /** Transactions that name an account, oldest first. */
  readonly #byAccount = new Map<string, TransactionRecord[]>()
  /** Heights of the block hashes that may be used. */
  readonly #hashes = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  /** Never goes back, also when a fork loses. */
  #finalHeight = 1
  #open: Block

  /** Throws `invalid.argument` for a finality that is out of range. */
  constructor({ clock, random, finalizedAfter = FINALIZED_AFTER, historyBlocks = HISTORY_BLOCKS }: SolanaDevnetOptions) {
    if (!Number.isInteger(finalizedAfter) || finalizedAfter < 1 || finalizedAfter > FINALIZED_AFTER_MAX || historyBlocks < 1) {
      throw new EvegramError('invalid.argument', { operation: 'make Solana devnet', details: { finalizedAfter, historyBlocks } })
    }
    this.#clock = clock
    this.#random = random
    this.#finalizedAfter = finalizedAfter
    this.#historyBlocks = historyBlocks
    this.genesisHash = this.#newHash()
    this.#faucet = new Faucet(random)
    this.#vm.setAccount(this.#faucet.address, this.#faucet.account)
    this.#open = this.#openBlock(FIRST_SLOT, { slot: FIRST_SLOT - 1, height: 0, hash: this.genesisHash })
    // From the first moment on there is a final block.
    for (let block = 0; block <= finalizedAfter; block++) this.closeSlot()
  }

  /** Calls `listener` whenever something landed, was closed or went away, until the function that it returns is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The slot that is being filled. */
  get openSlot(): number {
    return this.#open.slot
  }

  /** The newest block at a commitment; for `processed` the newest that is closed. */
  newest(commitment: Commitment): Block {
    const height = commitment === 'finalized' ? this.#finalHeight : this.#tip.height
    return this.#blockAt(height)
  }

  /** The oldest block that is remembered. */
  get oldest(): Block {
    return this.#blockAt(this.#blocks[0]?.height ?? 0)
  }

  /** Ends the slot: what was sent is in a block now. */
  closeSlot(): Block {
    const block = this.#open
    block.hash = this.#newHash()
    block.timeSeconds = this.#seconds()
    this.#blocks.push(block)
    this.#bySlot.set(block.slot, block)
    this.#finalHeight = Math.max(this.#finalHeight, block.height - this.#finalizedAfter)
    this.#hashes.set(block.hash, block.height)
    for (const [hash, height] of this.#hashes) {
      if (block.height - height <= BLOCKHASH_AGE_MAX) break
      this.#hashes.delete(hash)
    }
    this.#open = this.#openBlock(block.slot + 1, block)
    this.#prune()
    this.#changed()
    return block
  }

  /** A turn that its leader misses: the next block has a gap in front of its slot. What was sent meanwhile goes into that block. */
  skipSlot(): void {
    this.#open.slot++
    this.#vm.setTime(this.#open.slot, this.#seconds())
  }

  /**
   * A fork that loses: the newest block goes away with all that is in it and behind it, as if it had never been sent. Its slot stays empty. Throws
   * `invalid.argument` when the block is final.
   */
  dropNewestBlock(): Block {
    const block = this.#tip
    if (block.height <= this.#finalHeight) throw new EvegramError('invalid.argument', { operation: 'drop block of Solana devnet' })
    for (const record of [...block.records, ...this.#open.records].reverse()) this.#forget(record, 'undo')
    this.#blocks.pop()
    this.#bySlot.delete(block.slot)
    this.#hashes.delete(block.hash)
    this.#open = this.#openBlock(this.#open.slot, this.#tip)
    this.#changed()
    return block
  }

  /** How sure a transaction is. */
  commitmentOf({ block }: TransactionRecord): Commitment {
    if (block === this.#open) return 'processed'
    return block.height <= this.#finalHeight ? 'finalized' : 'confirmed'
  }

  /** Whether a transaction is at least that sure. */
  isAtLeast(record: TransactionRecord, commitment: Commitment): boolean {
    const order: readonly Commitment[] = ['processed', 'confirmed', 'finalized']
    return order.indexOf(this.commitmentOf(record)) >= order.indexOf(commitment)
  }

  /** Blocks on top of the one that a transaction is in. */
  confirmationsOf({ block }: TransactionRecord): number {
    return Math.max(0, this.#tip.height - block.height)
  }

  /** A transaction by its signature. */
  transaction(signature: string): TransactionRecord | undefined {
    return this.#records.get(signature)
  }

  /** Transactions that name an account, oldest first. */
  transactionsOf(account: string): readonly TransactionRecord[] {
    return this.#byAccount.get(account) ?? []
  }

  /** Transactions that are not final yet, or became so in the newest final block, as far as a commitment goes; oldest first. */
  recent(commitment: Commitment): readonly TransactionRecord[] {
    const first = Math.max(0, this.#finalHeight - (this.#blocks[0]?.height ?? 0))
    return [...this.#blocks.slice(first), this.#open].flatMap(({ records }) => records).filter((record) => this.isAtLeast(record, commitment))
  }

  /** Transactions that are remembered. */
  get transactionCount(): number {
    return this.#records.size
  }

  /** A closed block by its slot. */
  block(slot: number): Block | undefined {
    return this.#bySlot.get(slot)
  }

  /** Slots of closed blocks from `first` to `last`, both included, at a commitment. */
  slots(first: number, last: number, commitment: Commitment): readonly number[] {
    const end = Math.min(last, this.newest(commitment).slot)
    return this.#blocks.filter(({ slot }) => slot >= first && slot <= end).map(({ slot }) => slot)
  }

  /** The last height at which a transaction with this block hash can land; undefined when the hash is unknown or over. */
  lastValidHeight(hash: string, commitment: Commitment): number | undefined {
    const height = this.#hashes.get(hash)
    return height === undefined || height > this.newest(commitment).height ? undefined : height + BLOCKHASH_AGE_MAX
  }

  /** An account as it was at a commitment. */
  account(address: string, commitment: Commitment): VmAccount | undefined {
    for (const record of this.#recordsBehind(commitment)) if (record.before.has(address)) return record.before.get(address)
    return this.#vm.account(address)
  }

  /** The accounts of a program as they were at a commitment. */
  programAccounts(program: string, commitment: Commitment): ReadonlyMap<string, VmAccount> {
    const found = new Map(this.#vm.programAccounts(program))
    const touched = new Set<string>()
    for (const record of this.#recordsBehind(commitment)) for (const key of record.before.keys()) touched.add(key)
    for (const key of touched) {
      const account = this.account(key, commitment)
      if (account?.owner === program) found.set(key, account)
      else found.delete(key)
    }
    return found
  }

  /** Lamports that an account of `bytes` bytes must hold. */
  rentExemptMinimum(bytes: number): bigint {
    return this.#vm.rentExemptMinimum(bytes)
  }

  /** Gives lamports out, 1 to `AIRDROP_LAMPORTS_MAX`, and says the signature. Throws {@link RpcError}. */
  airdrop(address: string, lamports: bigint): string {
    return this.submit(this.#faucet.transfer(address, lamports, this.#tip.hash), { skipPreflight: false })
  }

  /**
   * Takes a transaction into the open slot and answers its signature. With `skipPreflight` one that cannot land is dropped in silence, as a node does. Throws
   * {@link RpcError} for bytes that are none, and for what the preflight refuses.
   */
  submit(wire: Uint8Array, { skipPreflight }: { readonly skipPreflight: boolean }): string {
    const transaction = this.#parse(wire)
    const { message, signatures: [first] } = transaction
    const signature = base58Of(first ?? new Uint8Array())
    const refusal = this.#refusal(signature, message.recentBlockhash)
    if (refusal !== undefined) {
      if (skipPreflight) return signature
      throw preflightFailed(refusal, [])
    }
    if (!skipPreflight) {
      const { error, logs } = this.#vm.simulate(wire)
      if (error === 'SignatureFailure') throw new RpcError(RPC_CODES.signatureFailed, 'Transaction signature verification failure')
      if (error !== null) throw preflightFailed(error, logs)
    }
    this.#execute(signature, wire, transaction)
    return signature
  }

  /** What a transaction would do now. With `isBlockhashChecked` also whether its block hash is over. Throws {@link RpcError} for bytes that are none. */
  simulate(wire: Uint8Array, isBlockhashChecked: boolean): VmResult {
    const { message } = this.#parse(wire)
    if (isBlockhashChecked && this.lastValidHeight(message.recentBlockhash, 'processed') === undefined) {
      return { error: 'BlockhashNotFound', logs: [], inner: [], unitsConsumed: 0 }
    }
    return this.#vm.simulate(wire)
  }

  get #tip(): Block {
    return this.#blockAt((this.#blocks[0]?.height ?? 0) + this.#blocks.length - 1)
  }

  #blockAt(height: number): Block {
    const block = this.#blocks[height - (this.#blocks[0]?.height ?? 0)]
    if (block === undefined) throw new EvegramError('internal', { operation: 'find block of Solana devnet', details: { height } })
    return block
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1_000)
  }

  #newHash(): string {
    return base58Of(this.#random.bytes(HASH_BYTES))
  }

  #openBlock(slot: number, parent: Pick<Block, 'slot' | 'height' | 'hash'>): Block {
    const timeSeconds = this.#seconds()
    this.#vm.setTime(slot, timeSeconds)
    return { slot, parentSlot: parent.slot, height: parent.height + 1, previousHash: parent.hash, hash: '', timeSeconds, records: [] }
  }

  /** What was done behind the newest block of a commitment, oldest first. */
  #recordsBehind(commitment: Commitment): readonly TransactionRecord[] {
    if (commitment === 'processed') return []
    if (commitment === 'confirmed') return this.#open.records
    const first = this.#finalHeight - (this.#blocks[0]?.height ?? 0) + 1
    return [...this.#blocks.slice(first), this.#open].flatMap(({ records }) => records)
  }

  #parse(wire: Uint8Array): VersionedTransaction {
    if (wire.length > TRANSACTION_BYTES_MAX) throw invalidParams(`transaction too large: ${String(wire.length)} bytes (max: ${String(TRANSACTION_BYTES_MAX)} bytes)`)
    const parse = (): VersionedTransaction => {
      try {
        return VersionedTransaction.deserialize(wire)
      } catch {
        throw invalidParams('failed to deserialize the transaction')
      }
    }
    const transaction = parse()
    if (transaction.message.addressTableLookups.length > 0) throw invalidParams('address lookup tables are not supported by this node')
    return transaction
  }

  #refusal(signature: string, blockhash: string): TransactionErrorJson | undefined {
    // The next block is one above the tip: a hash may be used up to and in the block that is `BLOCKHASH_AGE_MAX` above its own.
    const lastHeight = this.lastValidHeight(blockhash, 'processed')
    if (lastHeight === undefined || lastHeight < this.#open.height) return 'BlockhashNotFound'
    return this.#records.has(signature) ? 'AlreadyProcessed' : undefined
  }

  #execute(signature: string, wire: Uint8Array, transaction: VersionedTransaction): void {
    const { message } = transaction
    const keys = message.staticAccountKeys.map((key) => key.toBase58())
    const programs = new Set(message.compiledInstructions.map(({ programIdIndex }) => keys[programIdIndex]))
    // Programs are large and never hold tokens.
    const looked = keys.filter((key) => !programs.has(key))
    const look = (): Map<string, VmAccount | undefined> => new Map(looked.map((key) => [key, this.#vm.account(key)]))
    const lamports = (accounts: ReadonlyMap<string, VmAccount | undefined>): readonly bigint[] => keys.map((key) => programs.has(key) ? 1n : accounts.get(key)?.lamports ?? 0n)
    const before = look()
    const result = this.#vm.execute(wire)
    const after = look()
    const [pre, post] = [lamports(before), lamports(after)]
    // A transaction that fails pays its fee when it lands; one that could not even pay did not land.
    if (result.error !== null && pre[0] === post[0]) return
    const sum = (all: readonly bigint[]): bigint => all.reduce((total, one) => total + one, 0n)
    const mintAccount = (mint: string): VmAccount | undefined => after.get(mint) ?? before.get(mint) ?? this.#vm.account(mint)
    const record: TransactionRecord = {
      signature, wire, transaction, keys, block: this.#open,
      error: result.error, logs: result.logs, inner: result.inner, unitsConsumed: result.unitsConsumed,
      // Lamports are neither made nor lost but for the fee.
      fee: sum(pre) - sum(post),
      pre, post,
      preTokens: tokenBalancesOf(keys, before, mintAccount),
      postTokens: tokenBalancesOf(keys, after, mintAccount),
      memo: memoOf(transaction, keys),
      before: new Map([...before].filter(([key]) => message.isAccountWritable(keys.indexOf(key)))),
    }
    this.#open.records.push(record)
    this.#records.set(signature, record)
    for (const key of new Set(keys)) {
      const list = this.#byAccount.get(key)
      if (list === undefined) this.#byAccount.set(key, [record])
      else list.push(record)
    }
    this.#changed()
  }

  /** Forgets a transaction: because it is old (the oldest of its accounts), or undone (the newest). */
  #forget(record: TransactionRecord, why: 'old' | 'undo'): void {
    if (why === 'undo') for (const [key, account] of record.before) this.#vm.setAccount(key, account)
    this.#records.delete(record.signature)
    for (const key of new Set(record.keys)) {
      const list = this.#byAccount.get(key)
      if (why === 'undo') list?.pop()
      else list?.shift()
      if (list?.length === 0) this.#byAccount.delete(key)
    }
  }

  #prune(): void {
    while (this.#blocks.length > 1) {
      const oldest = this.#blocks[0]
      if (oldest === undefined || oldest.height >= this.#finalHeight) return
      if (this.#blocks.length <= this.#historyBlocks && this.#records.size <= HISTORY_TRANSACTIONS) return
      for (const record of oldest.records) this.#forget(record, 'old')
      this.#blocks.shift()
      this.#bySlot.delete(oldest.slot)
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

function preflightFailed(error: TransactionErrorJson, logs: readonly string[]): RpcError {
  return new RpcError(RPC_CODES.preflightFailed, preflightSentence(error), { err: error, logs, accounts: null, unitsConsumed: 0, returnData: null })
}

function memoOf({ message }: VersionedTransaction, keys: readonly string[]): string | null {
  const memos = message.compiledInstructions.filter(({ programIdIndex }) => MEMO_PROGRAMS.includes(keys[programIdIndex] ?? ''))
  return memos.length === 0 ? null : memos.map(({ data }) => `[${String(data.length)}] ${Buffer.from(data).toString('utf8')}`).join('; ')
}
