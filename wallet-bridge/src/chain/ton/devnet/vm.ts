import { createHash } from 'node:crypto'
import { beginCell, Cell, getMethodId, loadShardAccount, parseTuple, storeShardAccount, type Address, type ShardAccount, type StateInit, type TupleItem } from '@ton/core'
import { createEmptyShardAccount, defaultConfig, Executor } from '@ton/sandbox'

/** A state of an account, as the virtual machine writes it: base64 of its cell. */
export type AccountState = string

/** What came of handing a message to an account. `refused`: the account did not accept an external message, and nothing happened. */
export type Delivery =
  | { readonly status: 'executed'; readonly transaction: Cell; readonly account: AccountState }
  | { readonly status: 'refused'; readonly reason: string; readonly exitCode: number | undefined }

/** What a get method answered. */
export interface GetAnswer {
  readonly stack: readonly TupleItem[]
  readonly exitCode: number
  readonly gasUsed: number
}

const GET_GAS_MAX = 10_000_000n
/** What nodes answer for a get method of an account without code. */
const NO_CODE = -13

/** The virtual machine of TON: one message to one account, or one get method. It keeps nothing. */
export class TonVm {
  readonly #executor: Executor

  private constructor(executor: Executor) {
    this.#executor = executor
  }

  static async open(): Promise<TonVm> {
    return new TonVm(await Executor.create())
  }

  /** Executes one message on an account. Rejects when the machine itself fails. */
  async deliver(account: AccountState | undefined, address: Address, message: Cell, at: { readonly seconds: number; readonly lt: bigint; readonly seed: Buffer }): Promise<Delivery> {
    const { result } = await this.#executor.runTransaction({
      config: defaultConfig, libs: null, verbosity: 'short', debugEnabled: false, ignoreChksig: false, now: at.seconds, lt: at.lt, randomSeed: at.seed,
      shardAccount: account ?? writeAccount(createEmptyShardAccount(address)), message,
    })
    if (!result.success) return { status: 'refused', reason: result.error, exitCode: result.vmResults?.vmExitCode }
    return { status: 'executed', transaction: Cell.fromBase64(result.transaction), account: result.shardAccount }
  }

  /** Runs a get method by its name or id. Rejects when the machine itself fails. */
  async get(account: AccountState | undefined, address: Address, method: string | number, stack: readonly TupleItem[], seconds: number): Promise<GetAnswer> {
    const storage = account === undefined ? undefined : readAccount(account).account?.storage
    if (storage?.state.type !== 'active' || storage.state.state.code == null || storage.state.state.data == null) return { stack: [], exitCode: NO_CODE, gasUsed: 0 }
    const { output } = await this.#executor.runGetMethod({
      code: storage.state.state.code, data: storage.state.state.data, methodId: typeof method === 'number' ? method : getMethodId(method), stack: [...stack],
      config: defaultConfig, verbosity: 'short', address, unixTime: seconds, balance: storage.balance.coins, randomSeed: seedOf(String(method)), gasLimit: GET_GAS_MAX,
      debugEnabled: false,
    })
    if (!output.success) throw new Error(output.error)
    // 1 is the other exit code of success.
    const isDone = output.vm_exit_code === 0 || output.vm_exit_code === 1
    return { stack: isDone ? parseTuple(Cell.fromBase64(output.stack)) : [], exitCode: isDone ? 0 : output.vm_exit_code, gasUsed: Number(output.gas_used) }
  }
}

/** The state of a contract that was there from the beginning. */
export function initialAccount(address: Address, { code, data }: StateInit, balance: bigint, seconds: number): AccountState {
  return writeAccount({
    account: {
      addr: address,
      storage: { lastTransLt: 0n, balance: { coins: balance }, state: { type: 'active', state: { code: code ?? null, data: data ?? null } } },
      storageStats: { used: { cells: 0n, bits: 0n }, lastPaid: seconds, duePayment: null, storageExtra: null },
    },
    lastTransactionLt: 0n, lastTransactionHash: 0n,
  })
}

/** Reads a state. */
export function readAccount(account: AccountState): ShardAccount {
  return loadShardAccount(Cell.fromBase64(account).beginParse())
}

/** 32 bytes that a name makes. */
export function seedOf(name: string): Buffer {
  return createHash('sha256').update(name).digest()
}

function writeAccount(account: ShardAccount): AccountState {
  return beginCell().store(storeShardAccount(account)).endCell().toBoc().toString('base64')
}
