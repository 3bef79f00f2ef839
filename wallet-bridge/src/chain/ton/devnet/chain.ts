import type { Cell} from '@ton/core';
import { Address, beginCell, loadMessage, storeMessage, type Message, type TupleItem } from '@ton/core'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import { readTransaction } from '../transaction.js'
import { Accounts } from './accounts.js'
import { ApiError } from './api-error.js'
import { Faucet } from './faucet.js'
import type { MasterBlock, ShardBlock, TransactionRecord } from './record.js'
import { Transactions } from './transactions.js'
import { readAccount, seedOf, TonVm, type AccountState, type GetAnswer } from './vm.js'

/** Options of {@link TonDevnet.open}. */
export interface TonDevnetOptions {
  readonly clock: Clock
  /** Draws the hashes of blocks and the key of the faucet. */
  readonly random: Random
  /** Masterchain blocks on top of one that make it final here, 1 to 128; {@link FINALIZED_AFTER} when left out. */
  readonly finalizedAfter?: number | undefined
  /** Final blocks that are remembered with what is in them; {@link HISTORY_BLOCKS} when left out. */
  readonly historyBlocks?: number | undefined
}

/** Masterchain blocks on top of one that make it final. On the real chain a masterchain block is final at once. */
export const FINALIZED_AFTER = 3
/** Blocks that are remembered: more than five hours of one second. */
export const HISTORY_BLOCKS = 20_000
/** External messages that wait for a block. */
export const WAITING_EXTERNALS_MAX = 1_000
/** Messages between contracts that wait for a block: a loop of contracts ends there, and what they send behind it is lost. */
export const WAITING_INTERNALS_MAX = 100_000
const FINALIZED_AFTER_MAX = 128

/** Seqnos of the shard begin here and those of the masterchain at 0: who mixes them up finds out. */
const FIRST_SHARD_SEQNO = 500_000
const LT_STEP = 1_000_000n
const HASH_BYTES = 32

/**
 * A TON chain of one node in memory: a masterchain with one shard of the base workchain, over a virtual machine. A message between contracts arrives one block
 * after the one that sent it. Nothing of it survives the process. It makes no block by itself: {@link closeBlock} does.
 *
 * Not there: accounts on the masterchain, validators, shards that split, libraries.
 */
export class TonDevnet {
  /** What the network is known by: the root hash of its first block, base64. */
  readonly initHash: string
  readonly faucet: Faucet
  readonly accounts = new Accounts()
  readonly transactions = new Transactions()
  readonly #vm: TonVm
  readonly #clock: Clock
  readonly #random: Random
  readonly #finalizedAfter: number
  readonly #historyBlocks: number
  readonly #genesis: string
  /** Without gaps in their seqnos, oldest first. */
  readonly #blocks: MasterBlock[] = []
  readonly #waitingBefore = new Map<MasterBlock, readonly Cell[]>()
  #externals: Message[] = []
  #internals: Cell[] = []
  #lt = 0n
  #finalSeqno = 0
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(vm: TonVm, { clock, random, finalizedAfter = FINALIZED_AFTER, historyBlocks = HISTORY_BLOCKS }: TonDevnetOptions) {
    if (!Number.isInteger(finalizedAfter) || finalizedAfter < 1 || finalizedAfter > FINALIZED_AFTER_MAX || historyBlocks < 1) {
      throw new EvegramError('invalid.argument', { operation: 'make TON devnet', details: { finalizedAfter, historyBlocks } })
    }
    this.#vm = vm
    this.#clock = clock
    this.#random = random
    this.#finalizedAfter = finalizedAfter
    this.#historyBlocks = historyBlocks
    this.#genesis = this.#hash()
    this.initHash = Buffer.from(this.#genesis, 'hex').toString('base64')
    this.faucet = new Faucet(random, () => this.newest.seconds, (message) => this.submit(message))
    for (const [address, state] of this.faucet.accounts(this.#seconds())) this.accounts.write(address.toRawString(), 0, state)
  }

  /** A chain with a faucet and a jetton of it, whose first blocks are final. Rejects `invalid.argument` for a finality that is out of range. */
  static async open(options: TonDevnetOptions): Promise<TonDevnet> {
    const chain = new TonDevnet(await TonVm.open(), options)
    // Block 0 has nothing in it, as a zerostate: a cursor can stand there.
    for (let block = 0; block <= chain.#finalizedAfter + 1; block++) await chain.closeBlock()
    return chain
  }

  /** The newest block. */
  get newest(): MasterBlock {
    return this.block(this.#newestSeqno)
  }

  /** The oldest block that is remembered. */
  get oldest(): MasterBlock {
    return this.block(this.#blocks[0]?.seqno ?? 0)
  }

  /** The newest block that stays. Never goes back, also when a fork loses. */
  get finalSeqno(): number {
    return this.#finalSeqno
  }

  /** A block of the masterchain. Throws `ApiError` for one that there is not, or no longer. */
  block(seqno: number): MasterBlock {
    const block = this.#blocks[seqno - (this.#blocks[0]?.seqno ?? 0)]
    if (block === undefined) throw new ApiError(500, `LITE_SERVER_NOTREADY: block (-1,8000000000000000,${String(seqno)}) is not in db`)
    return block
  }

  /** A block of the shard, as far as the remembered blocks of the masterchain hold it. */
  shardBlock(seqno: number): ShardBlock {
    const found = this.#blocks.flatMap(({ shardBlocks }) => shardBlocks).find((block) => block.seqno === seqno)
    if (found === undefined) throw new ApiError(500, `LITE_SERVER_NOTREADY: block (0,8000000000000000,${String(seqno)}) is not in db`)
    return found
  }

  /** The block of the shard in which a logical time is, or the first behind it. Throws `ApiError` when there is none, or no longer. */
  shardBlockBehind(lt: bigint): ShardBlock {
    const all = this.#blocks.flatMap(({ shardBlocks }) => shardBlocks)
    const found = all.find(({ endLt }) => endLt >= lt)
    if (found === undefined || (found === all[0] && lt < found.startLt)) throw new ApiError(500, 'LITE_SERVER_UNKNOWN: block not found')
    return found
  }

  /** The state of an account at the end of a block. */
  account(address: Address, seqno: number): AccountState | undefined {
    return this.accounts.at(address.toRawString(), seqno)
  }

  /** Runs a get method on the state at the end of a block. */
  get(address: Address, method: string | number, stack: readonly TupleItem[], seqno: number): Promise<GetAnswer> {
    return this.#vm.get(this.account(address, seqno), address, method, stack, this.block(seqno).seconds)
  }

  /** Takes an external message for the next block. Rejects `ApiError` when its account would not accept it now, or when too many wait. */
  submit(message: Message): Promise<void> {
    return this.#inTurn(async () => {
      const { dest, type } = message.info
      if (type !== 'external-in' || dest.workChain !== 0) throw new ApiError(500, 'cannot parse external message: an account of workchain 0 is expected')
      if (this.#externals.length >= WAITING_EXTERNALS_MAX) throw new ApiError(503, 'too many external messages wait for a block')
      const answer = await this.#vm.deliver(this.accounts.newest(dest.toRawString()), dest, cellOf(message), this.#nextMoment(this.#seconds()))
      if (answer.status === 'refused') {
        const code = answer.exitCode === undefined ? '' : `: exitcode=${String(answer.exitCode)}`
        throw new ApiError(500, `LITE_SERVER_UNKNOWN: cannot apply external message to current state : External message was not accepted${code}`)
      }
      this.#externals.push(message)
    })
  }

  /** Makes a block of the masterchain, with as many of the shard in it: what waited is executed, what that sends waits for the next. */
  closeBlock(shardBlocks = 1): Promise<MasterBlock> {
    return this.#inTurn(async () => {
      const before = [...this.#internals]
      const seqno = this.#newestSeqno + 1
      const made: ShardBlock[] = []
      for (let count = 0; count < shardBlocks; count++) made.push(await this.#shardBlock(seqno, made.at(-1) ?? this.#blocks.at(-1)?.shardBlocks.at(-1)))
      const previousHash = this.#blocks.at(-1)?.rootHash ?? this.#genesis
      const block: MasterBlock = { seqno, rootHash: seqno === 0 ? this.#genesis : this.#hash(), previousHash, seconds: this.#seconds(), endLt: this.#nextLt(), shardBlocks: made }
      this.#blocks.push(block)
      this.#waitingBefore.set(block, before)
      this.#finalSeqno = Math.max(this.#finalSeqno, seqno - this.#finalizedAfter)
      this.#waitingBefore.delete(this.block(Math.max(this.#finalSeqno, this.oldest.seqno)))
      this.#prune()
      return block
    })
  }

  /**
   * A fork that loses: the newest block goes away with all that is in it, as if its external messages had never been sent. Rejects `invalid.argument` when the
   * block is final.
   */
  dropNewestBlock(): Promise<MasterBlock> {
    return this.#inTurn(async () => {
      const block = this.newest
      if (block.seqno <= this.#finalSeqno) throw new EvegramError('invalid.argument', { operation: 'drop block of TON devnet' })
      this.#blocks.pop()
      for (const record of block.shardBlocks.flatMap(({ records }) => records).reverse()) {
        this.transactions.remove(record)
        this.accounts.undo(record.account, block.seqno)
      }
      this.#internals = [...this.#waitingBefore.get(block) ?? []]
      this.#waitingBefore.delete(block)
      return block
    })
  }

  async #shardBlock(height: number, previous: ShardBlock | undefined): Promise<ShardBlock> {
    const [seconds, startLt, records] = [this.#seconds(), this.#nextLt(), [] as TransactionRecord[]]
    const messages = [...this.#internals.splice(0), ...this.#externals.splice(0).map(cellOf)]
    for (const message of messages) {
      const record = await this.#execute(height, message, seconds)
      if (record !== undefined) records.push(record)
    }
    return { seqno: previous === undefined ? FIRST_SHARD_SEQNO : previous.seqno + 1, rootHash: this.#hash(), seconds, startLt, endLt: this.#nextLt(), previous, records }
  }

  async #execute(height: number, message: Cell, seconds: number): Promise<TransactionRecord | undefined> {
    const { dest } = loadMessage(message.beginParse()).info
    if (!Address.isAddress(dest)) return undefined
    const account = dest.toRawString()
    const answer = await this.#vm.deliver(this.accounts.newest(account), dest, message, this.#nextMoment(seconds))
    // An external message that is not accepted any more leaves no trace.
    if (answer.status === 'refused') return undefined
    this.accounts.write(account, height, answer.account)
    const record = { account, transaction: readTransaction(answer.transaction, dest) }
    this.transactions.add(record)
    for (const sent of record.transaction.outgoing) {
      if (sent.message.info.type === 'internal' && this.#internals.length < WAITING_INTERNALS_MAX) this.#internals.push(sent.cell)
    }
    return record
  }

  #prune(): void {
    while (this.#finalSeqno - this.oldest.seqno >= this.#historyBlocks) {
      const records = this.#blocks.shift()?.shardBlocks.flatMap((block) => block.records) ?? []
      for (const record of records) {
        this.transactions.remove(record)
        this.accounts.prune(record.account, this.oldest.seqno)
      }
    }
  }

  get #newestSeqno(): number {
    return this.#blocks.at(-1)?.seqno ?? -1
  }

  /** Blocks never go back in time. */
  #seconds(): number {
    return Math.max(Math.floor(this.#clock.now() / 1_000), this.#blocks.at(-1)?.seconds ?? 0)
  }

  #nextMoment(seconds: number): { readonly seconds: number; readonly lt: bigint; readonly seed: Buffer } {
    const lt = this.#nextLt()
    return { seconds, lt, seed: seedOf(String(lt)) }
  }

  #nextLt(): bigint {
    this.#lt += LT_STEP
    return this.#lt
  }

  #hash(): string {
    return Buffer.from(this.#random.bytes(HASH_BYTES)).toString('hex')
  }

  /** One thing at a time: the machine answers later, and nothing may change meanwhile. */
  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => undefined)
    return result
  }
}

/** The balance of a state, in nanotons. */
export function balanceOf(state: AccountState | undefined): bigint {
  return state === undefined ? 0n : readAccount(state).account?.storage.balance.coins ?? 0n
}

function cellOf(message: Message): Cell {
  return beginCell().store(storeMessage(message)).endCell()
}
