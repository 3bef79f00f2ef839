import {
  Connection, PublicKey, SendTransactionError, type Finality, type Message, type TokenBalance, type VersionedTransactionResponse,
} from '@solana/web3.js'
import { base58 } from '@scure/base'
import { EvegramError, isEvegramError } from '@evegram/protocol'
import { boundedFetch } from '../bounded-fetch.js'
import type { BroadcastAnswer } from '../chain-adapter.js'
import { MEMO_PROGRAMS } from './programs.js'
import { tokenAccountOf, type TokenAccountState } from './token-layout.js'

/** Options of {@link SolanaRpc}. */
export interface SolanaRpcOptions {
  /** Of the JSON-RPC. May hold a key: it is in no error. */
  readonly url: string
  /** The hash of the first block: an endpoint of another cluster is refused. Left out, any cluster will do. */
  readonly genesisHash?: string | undefined
  /** Until an answer is given up, 10,000 when left out. */
  readonly timeoutMs?: number | undefined
}

/** Where a node is. Heights count blocks, slots count turns: they differ by the turns that nobody used. */
export interface SolanaProgress {
  readonly slot: number
  readonly height: number
}

/** A token balance inside a transaction. */
export interface TokenBalanceFacts {
  readonly accountIndex: number
  readonly mint: string
  readonly owner: string
  readonly amount: bigint
}

/** What a transaction did, as a node recorded it. */
export interface TransactionFacts {
  readonly signature: string
  readonly failed: boolean
  readonly fee: number
  /** All accounts, in the order of their index. */
  readonly keys: readonly string[]
  readonly pre: readonly number[]
  readonly post: readonly number[]
  readonly preTokens: readonly TokenBalanceFacts[]
  readonly postTokens: readonly TokenBalanceFacts[]
}

/** Which block a block names before it. */
export interface BlockLink {
  readonly parentSlot: number
  readonly previousHash: string
}

/** A block with what its transactions did. */
export interface BlockFacts extends BlockLink {
  readonly slot: number
  readonly hash: string
  readonly transactions: readonly TransactionFacts[]
}

/** A transaction with its memos. */
export interface DetailedTransaction {
  readonly slot: number
  readonly facts: TransactionFacts
  /** Of the memos that the transaction itself has, or, when it has none, of those that its programs wrote. */
  readonly memos: readonly Uint8Array[]
}

/** What a node knows of a signature. `contextSlot`: how far it was when it looked. */
export interface SignatureFacts {
  readonly contextSlot: number
  readonly found: { readonly slot: number; readonly commitment: 'processed' | 'confirmed' | 'finalized' } | undefined
}

/** An account. */
export interface AccountFacts {
  readonly lamports: number
  readonly owner: string
  readonly data: Uint8Array
}

const TIMEOUT_MS = 10_000
const ACCOUNTS_MAX = 100
const REASON_CHARACTERS_MAX = 200
const VERSIONS = { maxSupportedTransactionVersion: 0 } as const

/**
 * One Solana endpoint through the SDK. Whatever goes wrong on the way, or cannot be an answer, is `unavailable.chain`; lamports above 2^53, which JSON does not
 * carry exactly, are refused by who reads them.
 */
export class SolanaRpc {
  readonly #connection: Connection
  readonly #genesisHash: string | undefined
  #isCluster = false

  /** Throws `invalid.config` for what is no URL. */
  constructor({ url, genesisHash, timeoutMs = TIMEOUT_MS }: SolanaRpcOptions) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new EvegramError('invalid.config', { operation: 'configure Solana endpoint' })
    this.#genesisHash = genesisHash
    this.#connection = new Connection(url, {
      commitment: 'finalized', disableRetryOnRateLimit: true,
      fetch: async (input, init) => boundedFetch(input as string, init as RequestInit, timeoutMs),
    })
  }

  /** The hash of the first block. */
  genesisHash(): Promise<string> {
    return this.#ask('ask for the first block', (connection) => connection.getGenesisHash())
  }

  /** Slot and height of the newest block at a commitment. */
  progress(commitment: Finality): Promise<SolanaProgress> {
    return this.#ask('ask for the head', async (connection) => {
      const { absoluteSlot, blockHeight } = await connection.getEpochInfo({ commitment })
      if (blockHeight === undefined) throw new Error('no block height')
      return { slot: absoluteSlot, height: blockHeight }
    })
  }

  /** The height of the newest block, however unsure. */
  newestHeight(): Promise<number> {
    return this.#ask('ask for the height', (connection) => connection.getBlockHeight('processed'))
  }

  /** The oldest slot whose block is kept. */
  firstAvailable(): Promise<number> {
    return this.#ask('ask for the oldest block', (connection) => connection.getFirstAvailableBlock())
  }

  /** Slots that have a block, from `first` to `last`, both included. */
  slots(first: number, last: number, commitment: Finality): Promise<readonly number[]> {
    return this.#ask('list blocks', (connection) => connection.getBlocks(first, last, commitment))
  }

  /** A block. */
  block(slot: number, commitment: Finality): Promise<BlockFacts> {
    return this.#ask('read a block', async (connection) => {
      const answer = await connection.getBlock(slot, { ...VERSIONS, commitment, transactionDetails: 'accounts', rewards: false })
      if (answer === null) throw new Error('no such block')
      // The SDK checks this shape at run time (GetAccountsModeBlockRpcResult); its overloads promise the shape of whole transactions instead.
      const { blockhash, previousBlockhash, parentSlot, transactions } = answer as unknown as AccountsBlock
      return {
        slot, parentSlot, hash: blockhash, previousHash: previousBlockhash,
        transactions: transactions.map(({ meta, transaction }) => factsOf(transaction.signatures, transaction.accountKeys.map(({ pubkey }) => pubkey.toBase58()), meta)),
      }
    })
  }

  /** Which block a block names before it. */
  blockLink(slot: number, commitment: Finality): Promise<BlockLink> {
    return this.#ask('read a block', async (connection) => {
      const answer = await connection.getBlock(slot, { ...VERSIONS, commitment, transactionDetails: 'none', rewards: false })
      if (answer === null) throw new Error('no such block')
      return { parentSlot: answer.parentSlot, previousHash: answer.previousBlockhash }
    })
  }

  /** A transaction; undefined when it is in no block at that commitment, or no longer known. */
  transaction(signature: string, commitment: Finality): Promise<DetailedTransaction | undefined> {
    return this.#ask('read a transaction', async (connection) => {
      const answer = await connection.getTransaction(signature, { ...VERSIONS, commitment })
      if (answer === null) return undefined
      const { transaction: { message, signatures }, meta, slot } = answer
      const { staticAccountKeys } = message
      const keys = [...staticAccountKeys, ...meta?.loadedAddresses?.writable ?? [], ...meta?.loadedAddresses?.readonly ?? []].map((key) => key.toBase58())
      return { slot, facts: factsOf(signatures, keys, meta), memos: memosOf(answer, keys) }
    })
  }

  /** What the node knows of a signature, its whole history included. */
  signature(signature: string): Promise<SignatureFacts> {
    return this.#ask('look a signature up', async (connection) => {
      const { context, value } = await connection.getSignatureStatus(signature, { searchTransactionHistory: true })
      if (value === null) return { contextSlot: context.slot, found: undefined }
      const commitment = value.confirmationStatus ?? (value.confirmations === null ? 'finalized' : 'processed')
      return { contextSlot: context.slot, found: { slot: value.slot, commitment } }
    })
  }

  /** Lamports of an address, and the slot at whose end it has them. */
  balance(address: string, commitment: Finality): Promise<{ readonly slot: number; readonly lamports: number }> {
    return this.#ask('read a balance', async (connection) => {
      const { context, value } = await connection.getBalanceAndContext(new PublicKey(address), commitment)
      return { slot: context.slot, lamports: value }
    })
  }

  /** The token accounts that an owner has for a mint, and the slot at whose end they are so. */
  tokenAccounts(owner: string, mint: PublicKey, commitment: Finality): Promise<{ readonly slot: number; readonly accounts: readonly TokenAccountState[] }> {
    return this.#ask('read token accounts', async (connection) => {
      const { context, value } = await connection.getTokenAccountsByOwner(new PublicKey(owner), { mint }, commitment)
      const accounts = value.flatMap(({ account }) => tokenAccountOf(account.owner.toBase58(), account.data) ?? [])
      return { slot: context.slot, accounts: accounts.filter((account) => account.owner === owner && account.mint === mint.toBase58()) }
    })
  }

  /** Accounts in the order of their addresses; undefined where there is none. */
  accounts(addresses: readonly PublicKey[], commitment: Finality): Promise<readonly (AccountFacts | undefined)[]> {
    return this.#ask('read accounts', async (connection) => {
      const found: (AccountFacts | undefined)[] = []
      for (let start = 0; start < addresses.length; start += ACCOUNTS_MAX) {
        const asked = addresses.slice(start, start + ACCOUNTS_MAX)
        const answer = await connection.getMultipleAccountsInfo(asked, commitment)
        if (answer.length !== asked.length) throw new Error('not as many accounts as asked for')
        found.push(...answer.map((account) => account === null ? undefined : { lamports: account.lamports, owner: account.owner.toBase58(), data: account.data }))
      }
      return found
    })
  }

  /** The hash of the newest final block, and the last height at which it can be used. */
  blockhash(): Promise<{ readonly hash: string; readonly lastHeight: number }> {
    return this.#ask('ask for a block hash', async (connection) => {
      const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash('finalized')
      return { hash: blockhash, lastHeight: lastValidBlockHeight }
    })
  }

  /** Whether the node knows a block hash as one that can be used. */
  isBlockhashValid(hash: string): Promise<boolean> {
    return this.#ask('check a block hash', async (connection) => (await connection.isBlockhashValid(hash, { commitment: 'processed' })).value)
  }

  /** What a message costs in lamports. */
  fee(message: Message): Promise<number> {
    return this.#ask('ask for a fee', async (connection) => {
      const { value } = await connection.getFeeForMessage(message, 'confirmed')
      if (value === null) throw new Error('the block hash is not known')
      return value
    })
  }

  /** Lamports that an account of `bytes` bytes must hold. */
  rentExemptMinimum(bytes: number): Promise<number> {
    return this.#ask('ask for the rent', (connection) => connection.getMinimumBalanceForRentExemption(bytes))
  }

  /** Hands a signed transaction over, which is known by `signature`. Never rejects for a failure of the node. */
  async send(bytes: Uint8Array, signature: string): Promise<BroadcastAnswer> {
    try {
      const answer = await this.#ask('broadcast', (connection) => connection.sendRawTransaction(bytes, { preflightCommitment: 'confirmed' }))
      return { status: answer === signature ? 'accepted' : 'unknown' }
    } catch (error) {
      const cause = error instanceof EvegramError ? error.cause : error
      if (!(cause instanceof SendTransactionError)) return { status: 'unknown' }
      const { message } = cause.transactionError
      if (message.includes('already been processed')) return { status: 'accepted' }
      // A node that is behind or busy has not looked at the bytes.
      if (!/simulation failed|signature verification|deserialize/i.test(message)) return { status: 'unknown' }
      return { status: 'refused', reason: message.slice(0, REASON_CHARACTERS_MAX) }
    }
  }

  async #ask<Answer>(operation: string, ask: (connection: Connection) => Promise<Answer>): Promise<Answer> {
    try {
      await this.#checkCluster()
      return await ask(this.#connection)
    } catch (cause) {
      if (isEvegramError(cause)) throw cause
      throw new EvegramError('unavailable.chain', { operation, cause })
    }
  }

  async #checkCluster(): Promise<void> {
    if (this.#genesisHash === undefined || this.#isCluster) return
    if (await this.#connection.getGenesisHash() !== this.#genesisHash) {
      throw new EvegramError('unavailable.chain', { operation: 'check the cluster', details: { problem: 'another cluster' } })
    }
    this.#isCluster = true
  }
}

/** The hash of the first block: which cluster answers. Throws `invalid.config` for what is no URL, rejects `unavailable.chain`. */
export async function solanaGenesisHash(options: SolanaRpcOptions): Promise<string> {
  return new SolanaRpc(options).genesisHash()
}

/** What the SDK has checked of a block in the mode `accounts`. */
interface AccountsBlock {
  readonly blockhash: string
  readonly previousBlockhash: string
  readonly parentSlot: number
  readonly transactions: readonly {
    readonly transaction: { readonly signatures: readonly string[]; readonly accountKeys: readonly { readonly pubkey: PublicKey }[] }
    readonly meta: VersionedTransactionResponse['meta']
  }[]
}

function factsOf(signatures: readonly string[], keys: readonly string[], meta: VersionedTransactionResponse['meta']): TransactionFacts {
  const [signature] = signatures
  if (signature === undefined || meta === null || meta.preBalances.length !== keys.length || meta.postBalances.length !== keys.length) {
    throw new Error('a transaction without its balances')
  }
  const { err, fee, preBalances, postBalances, preTokenBalances, postTokenBalances } = meta
  return {
    signature, failed: err !== null, fee, keys, pre: preBalances, post: postBalances,
    preTokens: (preTokenBalances ?? []).map(tokenBalanceOf), postTokens: (postTokenBalances ?? []).map(tokenBalanceOf),
  }
}

function tokenBalanceOf({ accountIndex, mint, owner, uiTokenAmount: { amount } }: TokenBalance): TokenBalanceFacts {
  if (owner === undefined || !/^\d{1,20}$/.test(amount)) throw new Error('a token balance without its owner')
  return { accountIndex, mint, owner, amount: BigInt(amount) }
}

function memosOf({ transaction: { message }, meta }: VersionedTransactionResponse, keys: readonly string[]): readonly Uint8Array[] {
  const isMemo = (programIdIndex: number): boolean => MEMO_PROGRAMS.includes(keys[programIdIndex] ?? '')
  const own = message.compiledInstructions.filter(({ programIdIndex }) => isMemo(programIdIndex)).map(({ data }) => new Uint8Array(data))
  if (own.length > 0) return own
  const called = (meta?.innerInstructions ?? []).flatMap(({ instructions }) => instructions)
  return called.filter(({ programIdIndex }) => isMemo(programIdIndex)).map(({ data }) => base58.decode(data))
}
