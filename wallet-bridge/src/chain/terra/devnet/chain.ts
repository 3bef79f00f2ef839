import { createHash } from 'node:crypto'
import { EvegramError, hexOf, type Clock, type Random } from '@evegram/protocol'
import type { TerraEvent } from '../events.js'
import { admitTransaction, type Admission } from './admit.js'
import { RATE_UNIT } from './burn-tax.js'
import { contractAddress, queryContract, type Contract } from './contracts.js'
import { executeMessage, gasOf } from './execute.js'
import { Faucet } from './faucet.js'
import type { Json } from '../../json.js'
import type { TerraBlock, TerraRecord } from './record.js'
import { SDK_CODES, TerraRefusal } from './refusal.js'
import { keyOf, PastValues, TerraState, type TerraAccount } from './state.js'
import { readTransaction, type TerraTransaction } from './transaction.js'

/** Options of {@link TerraDevnet}. */
export interface TerraDevnetOptions {
  readonly clock: Clock
  /** Draws the key of the faucet. */
  readonly random: Random
  /** `localterra` when left out. */
  readonly chainId?: string | undefined
  /** The burn tax in millionths, 0 to 1,000,000; 5,000 (0.5 %), as on the real chain, when left out. */
  readonly taxRate?: bigint | undefined
  /** Blocks that are remembered with what is in them; {@link HISTORY_BLOCKS} when left out. */
  readonly historyBlocks?: number | undefined
  /** Transactions of one block; {@link BLOCK_TRANSACTIONS_MAX} when left out. */
  readonly blockTransactions?: number | undefined
}

/** What a node says to a transaction. */
export interface CheckAnswer {
  readonly hash: string
  readonly code: number
  readonly codespace: string
  readonly log: string
}

/** Blocks that are remembered: more than five hours of one second. */
export const HISTORY_BLOCKS = 20_000
/** Transactions that are remembered, whatever the number of blocks; those of the newest block always are. */
export const HISTORY_TRANSACTIONS = 100_000
/** Transactions that wait for a block. */
export const MEMPOOL_TRANSACTIONS_MAX = 5_000
/** Transactions of one block. */
export const BLOCK_TRANSACTIONS_MAX = 1_000
/** The coins that there are. */
export const DENOMINATIONS = ['uluna', 'uusd'] as const

const CHAIN_ID = 'localterra'
const TAX_RATE = 5_000n
const NO_HASH = ''

/**
 * A Terra Classic chain of one node in memory, which behaves as today's network does in what money depends on: accounts and their numbers, gas prices, the burn
 * tax, failed transactions that cost their fee, CW20. What is in a block stays. Nothing of it survives the process. It makes no block by itself:
 * {@link closeBlock} does.
 *
 * Not there: staking, governance, IBC, market and oracle, fee grants, multisig keys, a virtual machine (contracts are built in), burning (the whole tax stays with
 * the fee collector).
 */
export class TerraDevnet {
  readonly chainId: string
  /** The play token that the faucet gives beside coins. */
  readonly playToken: string
  readonly faucet: Faucet
  readonly #clock: Clock
  readonly #historyBlocks: number
  readonly #blockTransactions: number
  readonly #state = new TerraState()
  readonly #contracts = new Map<string, Contract>()
  readonly #amounts = new PastValues<bigint>()
  readonly #accounts = new PastValues<TerraAccount>()
  readonly #blocks = new Map<number, TerraBlock>()
  readonly #records = new Map<string, TerraRecord>()
  readonly #mempool = new Map<string, TerraTransaction>()
  #check: TerraState
  #taxRate: bigint
  #height = 0
  #first = 1
  #transactionsKept = 0
  #giving: Promise<unknown> = Promise.resolve()

  /** Throws `invalid.argument` for a tax, a history or a block that cannot be. */
  constructor({ clock, random, chainId = CHAIN_ID, taxRate = TAX_RATE, historyBlocks = HISTORY_BLOCKS, blockTransactions = BLOCK_TRANSACTIONS_MAX }: TerraDevnetOptions) {
    if (historyBlocks < 2 || blockTransactions < 1) throw new EvegramError('invalid.argument', { operation: 'make Terra devnet' })
    this.#clock = clock
    this.chainId = chainId
    this.#taxRate = checkedRate(taxRate)
    this.#historyBlocks = historyBlocks
    this.#blockTransactions = blockTransactions
    this.faucet = new Faucet(random, chainId)
    const genesis = this.#state.fork()
    for (const denom of DENOMINATIONS) genesis.change(this.faucet.address, denom, this.faucet.supply)
    this.#commit(genesis, [])
    this.playToken = this.createToken({ name: 'Play Token', symbol: 'PLAY', decimals: 6, holder: this.faucet.address, supply: this.faucet.supply })
    this.#check = this.#state.fork()
  }

  /** Height of the newest block. */
  get height(): number {
    return this.#height
  }

  /** Height of the oldest block that is remembered. */
  get firstHeight(): number {
    return this.#first
  }

  /** The burn tax in millionths. */
  get taxRate(): bigint {
    return this.#taxRate
  }

  /** Sets the burn tax from the next block on, as a vote on the real chain would. Throws `invalid.argument`. */
  setTaxRate(rate: bigint): void {
    this.#taxRate = checkedRate(rate)
  }

  /** A block; undefined when it is not there yet, or not any more. */
  block(height: number): TerraBlock | undefined {
    return this.#blocks.get(height)
  }

  /** What a transaction did. */
  record(hash: string): TerraRecord | undefined {
    return this.#records.get(hash)
  }

  /** All that is remembered, oldest first. */
  records(): Iterable<TerraRecord> {
    return this.#records.values()
  }

  /** What a holder had of a coin or token at the end of a block. */
  amount(holder: string, name: string, height = this.#height): bigint {
    return this.#amounts.at(keyOf(holder, name), height) ?? 0n
  }

  /** An account at the end of a block. */
  account(address: string, height = this.#height): TerraAccount | undefined {
    return this.#accounts.at(address, height)
  }

  /** Answers a question to a contract at the end of a block. Throws `TerraRefusal`. */
  query(contract: string, message: unknown, height = this.#height): Json {
    const found = this.#contracts.get(contract)
    if (found === undefined) throw new TerraRefusal(22, `address ${contract}: no such contract`, 'wasm')
    return queryContract(found, (holder) => this.amount(holder, contract, height), message)
  }

  /** Makes a CW20 contract, all of whose tokens `holder` has, outside of any transaction. */
  createToken({ holder, ...token }: { readonly name: string; readonly symbol: string; readonly decimals: number; readonly holder: string; readonly supply: bigint }): string {
    const address = contractAddress(this.chainId, this.#contracts.size)
    this.#contracts.set(address, { kind: 'cw20', address, ...token })
    this.#state.change(holder, address, token.supply)
    this.#amounts.note(keyOf(holder, address), this.#height, token.supply, this.firstHeight)
    return address
  }

  /** Makes a contract that gives on what it gets, outside of any transaction. */
  createForwarder(): string {
    const address = contractAddress(this.chainId, this.#contracts.size)
    this.#contracts.set(address, { kind: 'forwarder', address })
    return address
  }

  /** Takes a transaction into those that wait for a block, when it would be admitted now. */
  broadcast(bytes: Uint8Array): CheckAnswer {
    let hash = NO_HASH
    try {
      const transaction = readTransaction(bytes)
      hash = transaction.hash
      if (this.#mempool.has(hash) || this.#records.get(hash)?.code === 0) throw new TerraRefusal(SDK_CODES.inMempool, 'tx already in mempool')
      if (this.#mempool.size >= MEMPOOL_TRANSACTIONS_MAX) throw new TerraRefusal(SDK_CODES.mempoolFull, 'mempool is full')
      this.#checkIn(transaction)
      this.#mempool.set(hash, transaction)
      return { hash, code: 0, codespace: '', log: '[]' }
    } catch (error) {
      if (!(error instanceof TerraRefusal)) throw error
      return { hash, code: error.code, codespace: error.codespace, log: error.message }
    }
  }

  /** Gives play money, with a transaction like any other: it is there in the next block. Resolves with its hash; rejects `invalid.argument`. */
  async give(to: string, name: string, amount: bigint): Promise<string> {
    // One by one, since each needs the number behind that of the one before.
    const given = this.#giving.then(async () => {
      const { address } = this.faucet
      const bytes = await this.faucet.transfer(to, name, amount, { sequence: this.#check.account(address)?.sequence ?? 0, taxRate: this.#taxRate, playToken: this.playToken })
      const { code, hash, log } = this.broadcast(bytes)
      if (code !== 0) throw new EvegramError('internal', { operation: 'give play money', details: { log } })
      return hash
    })
    this.#giving = given.catch(() => undefined)
    return given
  }

  /** How much gas a transaction would use. Throws `TerraRefusal` when it would not happen. */
  simulate(bytes: Uint8Array): number {
    const transaction = readTransaction(bytes)
    const state = this.#check.fork()
    const { isReverse } = admitTransaction(state, transaction, { ...this.#terms, isSimulation: true })
    this.#executeAll(state, transaction, isReverse)
    return gasOf(transaction.tx.body.messages, bytes.length)
  }

  /** Ends the block that is being filled. */
  closeBlock(): TerraBlock {
    const layer = this.#state.fork()
    const transactions = [...this.#mempool.values()].slice(0, this.#blockTransactions)
    const timeMs = this.#clock.now()
    for (const transaction of transactions) {
      this.#mempool.delete(transaction.hash)
      const record = this.#deliver(layer, transaction, timeMs)
      // One that failed may be in several blocks: the last word stands, but what happened is not forgotten.
      if (this.#records.get(transaction.hash)?.code !== 0) {
        this.#records.delete(transaction.hash)
        this.#records.set(transaction.hash, record)
      }
    }
    const block = this.#commit(layer, transactions, timeMs)
    this.#check = this.#state.fork()
    for (const waiting of this.#mempool.values()) {
      try {
        this.#checkIn(waiting)
      } catch (error) {
        if (!(error instanceof TerraRefusal)) throw error
        this.#mempool.delete(waiting.hash)
      }
    }
    return block
  }

  get #terms(): { readonly chainId: string; readonly height: number; readonly taxRate: bigint } {
    return { chainId: this.chainId, height: this.#height + 1, taxRate: this.#taxRate }
  }

  /** As nodes do, only the fee and the numbers: whether the messages can be executed shows in the block. */
  #checkIn(transaction: TerraTransaction): void {
    const state = this.#check.fork()
    admitTransaction(state, transaction, this.#terms)
    state.merge()
  }

  #deliver(layer: TerraState, transaction: TerraTransaction, timeMs: number): TerraRecord {
    const { messages } = transaction.tx.body
    const gasUsed = gasOf(messages, transaction.bytes.length)
    const record = { transaction, height: this.#height + 1, timeMs, gasUsed, messages: [] }
    let admission: Admission | undefined
    try {
      const admitted = layer.fork()
      admission = admitTransaction(admitted, transaction, this.#terms)
      admitted.merge()
      const { gas_limit: wanted } = transaction.tx.auth_info.fee
      if (gasUsed > wanted) {
        throw new TerraRefusal(SDK_CODES.outOfGas, `out of gas in location: WritePerByte; gasWanted: ${String(wanted)}, gasUsed: ${String(gasUsed)}: out of gas`)
      }
      const executed = layer.fork()
      const done = this.#executeAll(executed, transaction, admission.isReverse)
      executed.merge()
      return { ...record, code: 0, codespace: '', log: '', admitted: admission.events, messages: done }
    } catch (error) {
      if (!(error instanceof TerraRefusal)) throw error
      return { ...record, code: error.code, codespace: error.codespace, log: error.message, admitted: admission?.events ?? [] }
    }
  }

  #executeAll(state: TerraState, transaction: TerraTransaction, isReverse: boolean): readonly (readonly TerraEvent[])[] {
    return transaction.tx.body.messages.map((message, index) => {
      try {
        return executeMessage({ state, contracts: this.#contracts, taxRate: this.#taxRate }, message, isReverse)
      } catch (error) {
        if (!(error instanceof TerraRefusal)) throw error
        throw new TerraRefusal(error.code, `failed to execute message; message index: ${String(index)}: ${error.message}`, error.codespace)
      }
    })
  }

  #commit(layer: TerraState, transactions: readonly TerraTransaction[], timeMs = this.#clock.now()): TerraBlock {
    const previousHash = this.#blocks.get(this.#height)?.hash ?? NO_HASH
    const height = ++this.#height
    const facts = JSON.stringify([this.chainId, height, timeMs, previousHash, transactions.map((transaction) => transaction.hash)])
    const block = { height, previousHash, timeMs, transactions, hash: hexOf(createHash('sha256').update(facts).digest()).toUpperCase() }
    this.#blocks.set(height, block)
    const { amounts, accounts } = layer.changes()
    for (const [key, amount] of amounts) this.#amounts.note(key, height, amount, this.firstHeight)
    for (const [address, account] of accounts) this.#accounts.note(address, height, account, this.firstHeight)
    layer.merge()
    this.#transactionsKept += transactions.length
    while (height - this.#first >= this.#historyBlocks || (this.#transactionsKept > HISTORY_TRANSACTIONS && this.#first < height)) this.#forgetOldest()
    return block
  }

  #forgetOldest(): void {
    const height = this.#first++
    const { transactions } = this.#blocks.get(height) ?? { transactions: [] }
    for (const { hash } of transactions) {
      if ((this.#records.get(hash)?.height ?? Number.POSITIVE_INFINITY) <= height) this.#records.delete(hash)
    }
    this.#transactionsKept -= transactions.length
    this.#blocks.delete(height)
  }
}

function checkedRate(rate: bigint): bigint {
  if (rate < 0n || rate > RATE_UNIT) throw new EvegramError('invalid.argument', { operation: 'set burn tax' })
  return rate
}
