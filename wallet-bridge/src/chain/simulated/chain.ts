import { createHash } from 'node:crypto'
import { EvegramError, type Clock, type Timer } from '@evegram/protocol'
import type { AssetId } from '../../ledger/ids.js'
import { parseChainTxid, type ChainAddress, type ChainTxid } from '../chain-adapter.js'
import type { ChainHead, Height } from '../finality.js'
import { simulatedAddressOf } from './address.js'
import { SimulatedBalances } from './balances.js'
import { bouncesOf, executePayment } from './execute.js'
import {
  decodeStoredBase, decodeStoredBlock, encodeStoredBase, encodeStoredBlock, STRANGER_MEMO_BYTES_MAX,
  type BalanceChange, type Claim, type SimulatedRecord,
} from './record.js'
import { networkFee, type SimulatedRules } from './rules.js'
import type { SimulatedStorage } from './storage.js'
import { openTransaction, type SimulatedTransaction, type VerifySignature } from './transaction.js'

/** Transactions that wait for a block; another one is refused. */
export const POOL_TRANSACTIONS_MAX = 10_000
/** Transactions of one block; the rest waits. */
export const BLOCK_TRANSACTIONS_MAX = 5_000
/** Final transactions that are kept; of older ones only the balances are. */
export const HISTORY_TRANSACTIONS_MAX = 100_000
/** Blocks whose hashes and times are known: longer than any payment can land. */
export const RECENT_BLOCKS_MAX = 4_096
/** A restart begins so many blocks on at most: heights that were announced are never announced again for other blocks. */
export const HEIGHTS_RESERVED = 600

/** A transaction that no key of ours made: a stranger's, a contract's, a faucet's. It does what its changes say, whatever it claims. */
export interface ScriptedTransaction {
  readonly from?: ChainAddress | undefined
  readonly claims?: readonly Claim[] | undefined
  readonly changes: readonly BalanceChange[]
  readonly memo?: Uint8Array | undefined
  readonly failed?: boolean | undefined
  readonly fee?: bigint | undefined
}

/** What happens to the transactions of blocks that a reorganisation drops: they wait for another block, or nobody remembers them. */
export type ReorgFate = 'return' | 'forget'

/** A transaction of the block, and what would bring it into another one. */
interface Included {
  readonly record: SimulatedRecord
  readonly waiting: Waiting | undefined
}

type Waiting = { readonly kind: 'payment'; readonly txid: ChainTxid; readonly transaction: SimulatedTransaction }
  | { readonly kind: 'script'; readonly txid: ChainTxid; readonly script: ScriptedTransaction }

interface Block {
  readonly height: Height
  readonly included: readonly Included[]
}

/** Options of {@link SimulatedChain.open}. */
export interface SimulatedChainOptions {
  readonly rules: SimulatedRules
  readonly clock: Clock
  readonly storage: SimulatedStorage
  /** {@link HISTORY_TRANSACTIONS_MAX} when left out. */
  readonly historyTransactionsMax?: number | undefined
  /** Verifies Ed25519; Node's own when left out. */
  readonly ed25519Verify?: VerifySignature | undefined
}

const blockKey = (height: Height): string => `block-${String(height).padStart(16, '0')}`
const HEAD_KEY = 'head'
const BASE_KEY = 'base'

/**
 * A chain in this process: blocks on a clock, forks, finality, fees, taxes, bounces. It is what a network of honest nodes agrees on; what single RPC endpoints
 * make of it is `SimulatedRpc`. Final means durable in its storage: a restart loses what was not final, as a reorganisation would.
 */
export class SimulatedChain {
  readonly #clock: Clock
  readonly #storage: SimulatedStorage
  readonly #historyMax: number
  readonly #verify: VerifySignature | undefined
  #rules: SimulatedRules
  readonly #balances = new SimulatedBalances()
  /** What is waiting, in the order in which it came. */
  readonly #pool = new Map<ChainTxid, Waiting>()
  /** Blocks that are not final, without gaps, empty ones too. */
  #open: Block[] = []
  /** Final blocks that hold something. */
  readonly #closed = new Map<Height, readonly SimulatedRecord[]>()
  readonly #heightOf = new Map<ChainTxid, Height>()
  readonly #recent = new Map<Height, { readonly hash: string; readonly timeMs: number }>()
  readonly #heightOfHash = new Map<string, Height>()
  readonly #refusers = new Set<ChainAddress>()
  /** Bounces that the next block brings. */
  readonly #owed = new Map<ChainTxid, SimulatedRecord>()
  #finalHeight: Height = 0
  #reserved: Height = 0
  /** Blocks up to here are stored or are being stored: no reorganisation reaches them. */
  #closingThrough: Height = 0
  #prunedThrough: Height = 0
  #closedTransactions = 0
  #isFinalityHeld = false
  #forks = 0
  #scripts = 0
  #running: Promise<void> = Promise.resolve()
  #timer: Timer | undefined

  private constructor({ rules, clock, storage, historyTransactionsMax = HISTORY_TRANSACTIONS_MAX, ed25519Verify }: SimulatedChainOptions) {
    this.#verify = ed25519Verify
    this.#historyMax = historyTransactionsMax
    this.#rules = rules
    this.#clock = clock
    this.#storage = storage
  }

  /** The chain in `storage`, or a new one. Rejects what the storage rejects, and `invalid.argument` or `invalid.cbor` for one that is damaged. */
  static async open(options: SimulatedChainOptions): Promise<SimulatedChain> {
    const chain = new SimulatedChain(options)
    await chain.#restore()
    return chain
  }

  /** Makes a block every `blockMs` from now on. `failed` hears why one could not be made; the next is tried nonetheless. */
  start(failed: (error: unknown) => void): void {
    this.#timer ??= this.#clock.every(this.#rules.blockMs, () => {
      this.produceBlock().catch(failed)
    })
  }

  /** Makes no more blocks by itself. Resolved = none is being made. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#running
  }

  /** What holds now. */
  get rules(): SimulatedRules {
    return this.#rules
  }

  /** Changes fees and taxes from the next block on. */
  changeRules(changes: Partial<Pick<SimulatedRules, 'taxPpm' | 'transferFeePpm' | 'feePerTransaction' | 'feePerOutput'>>): void {
    this.#rules = { ...this.#rules, ...changes }
  }

  /** Blocks pile up and none becomes final until it is let go again. */
  holdFinality(isHeld: boolean): void {
    this.#isFinalityHeld = isHeld
  }

  /** Payments to `address` come back, where the rules let payments bounce. */
  refuseAt(address: ChainAddress): void {
    this.#refusers.add(address)
  }

  /** How far it is. */
  get head(): ChainHead {
    return { latest: this.#finalHeight + this.#open.length, final: this.#finalHeight }
  }

  /** Transactions in blocks up to this one are no longer known. */
  get prunedThrough(): Height {
    return this.#prunedThrough
  }

  /** Hash and time of one of the last {@link RECENT_BLOCKS_MAX} blocks. */
  blockAt(height: Height): { readonly hash: string; readonly timeMs: number } | undefined {
    return this.#recent.get(height)
  }

  /** The transactions in the blocks (`after`, `through`], in their order. */
  records(after: Height, through: Height): readonly { readonly height: Height; readonly record: SimulatedRecord }[] {
    const closed = [...this.#closed].map(([height, records]) => ({ height, records }))
    const open = this.#open.map(({ height, included }) => ({ height, records: included.map(({ record }) => record) }))
    return [...closed, ...open].filter(({ height }) => height > after && height <= through)
      .flatMap(({ height, records }) => records.map((record) => ({ height, record })))
  }

  /** A transaction in a block. */
  find(txid: ChainTxid): { readonly height: Height; readonly record: SimulatedRecord } | undefined {
    const height = this.#heightOf.get(txid)
    if (height === undefined) return undefined
    const records = this.#closed.get(height) ?? this.#open[height - this.#finalHeight - 1]?.included.map(({ record }) => record)
    const record = records?.find((candidate) => candidate.txid === txid)
    return record === undefined ? undefined : { height, record }
  }

  /** A balance at the end of block `at`; undefined when that is not known any more, or not yet. */
  balanceAt(address: ChainAddress, asset: AssetId, at: Height): bigint | undefined {
    if (at < this.#prunedThrough || at > this.head.latest) return undefined
    const since = this.records(at, this.head.latest).flatMap(({ record }) => record.changes)
    return since.reduce((amount, change) => change.address === address && change.asset === asset ? amount - change.delta : amount, this.#balances.of(address, asset))
  }

  /** The next number of an account at the end of block `at`. */
  sequenceAt(address: ChainAddress, at: Height): number {
    const used = this.records(at, this.head.latest).filter(({ record }) => record.from === address && record.sequence !== undefined)
    return this.#balances.sequenceOf(address) - used.length
  }

  /** Takes a payment up into what waits for a block. What is known already is accepted again and changes nothing. */
  submit(bytes: Uint8Array): { readonly status: 'accepted' } | { readonly status: 'refused'; readonly reason: string } {
    const opened = openTransaction(bytes, this.#verify)
    if (opened === undefined) return { status: 'refused', reason: 'no transaction, or a wrong signature' }
    const { txid, transaction } = opened
    if (this.#pool.has(txid) || this.#heightOf.has(txid)) return { status: 'accepted' }
    const problem = this.#problemOf(transaction, this.head.latest + 1, this.#clock.now())
    if (problem !== undefined && problem.isLasting) return { status: 'refused', reason: problem.reason }
    if (this.#pool.size >= POOL_TRANSACTIONS_MAX) return { status: 'refused', reason: 'too many transactions are waiting' }
    this.#pool.set(txid, { kind: 'payment', txid, transaction })
    return { status: 'accepted' }
  }

  /** Plans a transaction of a stranger for the next block. Throws `invalid.argument` for a memo that no block takes, `limited.queue` when too many wait. */
  script(script: ScriptedTransaction): ChainTxid {
    if ((script.memo?.length ?? 0) > STRANGER_MEMO_BYTES_MAX) throw new EvegramError('invalid.argument', { operation: 'script transaction' })
    if (this.#pool.size >= POOL_TRANSACTIONS_MAX) throw new EvegramError('limited.queue', { operation: 'script transaction' })
    this.#scripts++
    const txid = parseChainTxid(createHash('sha256').update(`${this.#rules.chain} script ${String(this.head.latest)} ${String(this.#scripts)}`).digest('hex'))
    this.#pool.set(txid, { kind: 'script', txid, script })
    return txid
  }

  /** Makes the next block, and final what is deep enough. Blocks are made one after the other. Rejects what the storage rejects; then nothing became final. */
  async produceBlock(): Promise<void> {
    const made = this.#running.then(async () => {
      this.#addBlock()
      await this.#finalise()
    })
    this.#running = made.catch(() => undefined)
    await made
  }

  /** The newest `depth` blocks go away, as far as they are not final. Returns how many did. */
  reorganise(depth: number, fate: ReorgFate): number {
    const dropped = this.#open.splice(Math.max(0, this.#closingThrough - this.#finalHeight, this.#open.length - depth))
    this.#forks++
    for (const { height, included } of dropped.toReversed()) {
      const hash = this.#recent.get(height)?.hash
      this.#recent.delete(height)
      if (hash !== undefined) this.#heightOfHash.delete(hash)
      for (const { record } of included.toReversed()) this.#exclude(record)
    }
    const waiting = dropped.flatMap(({ included }) => included.flatMap(({ waiting: again }) => again === undefined ? [] : [again]))
    if (fate === 'return') for (const again of waiting) this.#pool.set(again.txid, again)
    return dropped.length
  }

  /** Forgets what waits for a block, as nodes do that restart. Returns how many there were. */
  dropPool(): number {
    const dropped = this.#pool.size
    this.#pool.clear()
    return dropped
  }

  /** Why a payment is not in a block of that height and time: for ever, or for now. */
  #problemOf({ chain, publicKey, outputs, fee, taxes, validity }: SimulatedTransaction, height: Height, timeMs: number): { readonly reason: string; readonly isLasting: boolean } | undefined {
    const forEver = (reason: string): { readonly reason: string; readonly isLasting: boolean } => ({ reason, isLasting: true })
    const from = simulatedAddressOf(publicKey)
    if (chain !== this.#rules.chain) return forEver('another chain')
    if (validity.by === 'reference') {
      const reference = this.#heightOfHash.get(validity.hash)
      if (reference === undefined) return forEver('unknown block hash')
      if (height > reference + this.#rules.validFor) return forEver('block hash too old')
    } else if (validity.by === 'second') {
      if (Math.floor(timeMs / 1_000) > validity.lastSecond) return forEver('too late')
    } else {
      const next = this.#balances.sequenceOf(from)
      if (height > validity.lastHeight) return forEver('too late')
      if (validity.sequence < next) return forEver('sequence used')
      if (validity.sequence > next) return { reason: 'sequence ahead', isLasting: false }
    }
    if (fee < networkFee(this.#rules, outputs)) return { reason: 'fee too low', isLasting: true }
    if ([[this.#rules.nativeAsset, fee] as const, ...taxes].some(([asset, amount]) => this.#balances.of(from, asset) < amount)) return { reason: 'fee not covered', isLasting: false }
    return undefined
  }

  #addBlock(): void {
    const height = this.head.latest + 1
    const timeMs = Math.max(this.#clock.now(), (this.#recent.get(height - 1)?.timeMs ?? 0) + 1)
    const included: Included[] = []
    const include = (record: SimulatedRecord, waiting: Waiting | undefined): void => {
      this.#include(record, height)
      included.push({ record, waiting })
    }
    for (const bounce of [...this.#owed.values()]) include(bounce, undefined)
    for (const waiting of this.#inOrder()) {
      if (included.length >= BLOCK_TRANSACTIONS_MAX) break
      const verdict = this.#tryInclude(waiting, height, timeMs)
      if (verdict === 'wait') continue
      this.#pool.delete(waiting.txid)
      if (verdict !== 'drop') include(verdict, waiting)
    }
    this.#open.push({ height, included })
    this.#remember(height, timeMs, included.map(({ record }) => record.txid))
  }

  #include(record: SimulatedRecord, height: Height): void {
    this.#balances.apply(record)
    this.#heightOf.set(record.txid, height)
    this.#owed.delete(record.txid)
    for (const bounce of bouncesOf(record)) this.#owed.set(bounce.txid, bounce)
  }

  #exclude(record: SimulatedRecord): void {
    this.#balances.undo(record)
    this.#heightOf.delete(record.txid)
    if (record.returnOf !== undefined) this.#owed.set(record.txid, record)
    for (const bounce of bouncesOf(record)) this.#owed.delete(bounce.txid)
  }

  /** Payments with numbers come in the order of those. */
  #inOrder(): readonly Waiting[] {
    const sequenceOf = (waiting: Waiting): number =>
      waiting.kind === 'payment' && waiting.transaction.validity.by === 'sequence' ? waiting.transaction.validity.sequence : -1
    return [...this.#pool.values()].sort((left, right) => sequenceOf(left) - sequenceOf(right))
  }

  #tryInclude(waiting: Waiting, height: Height, timeMs: number): SimulatedRecord | 'wait' | 'drop' {
    if (waiting.kind === 'payment') {
      const problem = this.#problemOf(waiting.transaction, height, timeMs)
      if (problem !== undefined) return problem.isLasting ? 'drop' : 'wait'
      return executePayment(waiting.txid, waiting.transaction, this.#balances, this.#rules, this.#refusers)
    }
    const { from, claims = [], changes, memo, failed = false, fee = 0n } = waiting.script
    const isCovered = changes.every(({ address, asset, delta }) => this.#balances.of(address, asset) + delta >= 0n)
    return isCovered ? { txid: waiting.txid, failed, from, fee, memo, claims, outputs: [], changes, returnOf: undefined, sequence: undefined } : 'drop'
  }

  #remember(height: Height, timeMs: number, txids: readonly ChainTxid[]): void {
    const hash = createHash('sha256').update([this.#rules.chain, height, timeMs, this.#forks, ...txids].join(' ')).digest('hex')
    this.#recent.set(height, { hash, timeMs })
    this.#heightOfHash.set(hash, height)
    const old = this.#recent.get(height - RECENT_BLOCKS_MAX)
    if (old === undefined) return
    this.#recent.delete(height - RECENT_BLOCKS_MAX)
    this.#heightOfHash.delete(old.hash)
  }

  /** Durable first, announced then. */
  async #finalise(): Promise<void> {
    if (this.#isFinalityHeld) return
    const count = Math.max(0, this.#open.length - this.#rules.finalityBlocks)
    const closing = this.#open.slice(0, count)
    const through = this.#finalHeight + count
    this.#closingThrough = Math.max(this.#closingThrough, through)
    for (const { height, included } of closing) {
      if (included.length > 0) await this.#storage.put(blockKey(height), encodeStoredBlock({ height, records: included.map(({ record }) => record) }))
    }
    if (through > this.#reserved) {
      const reserved = through + HEIGHTS_RESERVED
      await this.#storage.put(HEAD_KEY, encodeStoredBlock({ height: reserved, records: [] }))
      this.#reserved = reserved
    }
    for (const { height, included } of closing) this.#close(height, included.map(({ record }) => record))
    this.#open = this.#open.slice(count)
    this.#finalHeight = through
    if (this.#closedTransactions > this.#historyMax) await this.#prune()
  }

  #close(height: Height, records: readonly SimulatedRecord[]): void {
    if (records.length === 0) return
    this.#closed.set(height, records)
    this.#closedTransactions += records.length
  }

  /** Forgets the older half, all at once: balances first, so that a crash in between loses nothing. */
  async #prune(): Promise<void> {
    const heights: Height[] = []
    let left = this.#closedTransactions
    for (const [height, records] of this.#closed) {
      if (left <= this.#historyMax / 2 || height > this.#finalHeight - RECENT_BLOCKS_MAX) break
      heights.push(height)
      left -= records.length
    }
    const through = heights.at(-1)
    if (through === undefined) return
    const base = new SimulatedBalances()
    for (const change of this.#balances.entries()) base.add(change)
    for (const [address, sequence] of this.#balances.sequences()) base.setSequence(address, sequence)
    for (const { record } of this.records(through, this.head.latest).toReversed()) base.undo(record)
    await this.#storage.put(BASE_KEY, encodeStoredBase({ height: through, balances: base.entries(), sequences: base.sequences() }))
    this.#prunedThrough = through
    this.#closedTransactions = left
    for (const height of heights) {
      for (const { txid } of this.#closed.get(height) ?? []) this.#heightOf.delete(txid)
      this.#closed.delete(height)
      await this.#storage.delete(blockKey(height))
    }
  }

  async #restore(): Promise<void> {
    const entries = new Map(await this.#storage.entries())
    const base = entries.get(BASE_KEY)
    if (base !== undefined) {
      const { height, balances, sequences } = decodeStoredBase(base)
      this.#prunedThrough = height
      for (const change of balances) this.#balances.add(change)
      for (const [address, sequence] of sequences) this.#balances.setSequence(address, sequence)
    }
    const blocks = [...entries].filter(([key]) => key.startsWith('block-')).sort(([left], [right]) => left < right ? -1 : 1)
    for (const [, bytes] of blocks) {
      const { height, records } = decodeStoredBlock(bytes)
      if (height <= this.#prunedThrough) continue
      for (const record of records) this.#include(record, height)
      this.#close(height, records)
      this.#finalHeight = height
    }
    const head = entries.get(HEAD_KEY)
    if (head !== undefined) {
      // Blocks that were announced and held nothing are not stored: all heights that may have been announced are left free.
      this.#reserved = decodeStoredBlock(head).height
      this.#finalHeight = Math.max(this.#finalHeight, this.#reserved)
    }
    this.#closingThrough = this.#finalHeight
    this.#remember(this.#finalHeight, this.#clock.now(), [])
  }
}
