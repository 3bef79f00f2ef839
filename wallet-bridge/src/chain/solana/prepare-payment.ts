import { isUtf8 } from 'node:buffer'
import { ComputeBudgetProgram, PublicKey, SystemProgram, TransactionInstruction, TransactionMessage, type Message } from '@solana/web3.js'
import { EvegramError, type Random } from '@evegram/protocol'
import type { PaymentIntent, PaymentOutput } from '../chain-adapter.js'
import { mintOfAsset } from './address.js'
import { associatedTokenAddress, memo, openTokenAccount, transferChecked } from './instructions.js'
import { TOKEN_2022_PROGRAM } from './programs.js'
import type { AccountFacts, SolanaRpc } from './rpc.js'
import { mintExtensions, mintOf, tokenAccountOf } from './token-layout.js'

/** Bytes of a transaction on the wire (PACKET_DATA_SIZE), and what one signature takes of them. */
const TRANSACTION_BYTES_MAX = 1_232
const SIGNATURE_PART_BYTES = 65
/** Bytes of a system account's data: none. */
const SYSTEM_DATA_BYTES = 0
/** Bytes of a token account; of one of Token-2022 with its type and the extension of an associated account, that its owner does not change. */
const TOKEN_ACCOUNT_BYTES = 165
const TOKEN_2022_ACCOUNT_BYTES = 170
/**
 * Extensions of Token-2022 mints with which a plain transfer works, and how many bytes each adds to a token account: those that keep back a transfer fee and
 * those that can be paused do. Not among them are a transfer hook (needs accounts that the hook names), new accounts that are frozen, tokens that stay where
 * they are, and whatever is newer than this table.
 */
const EXTENSION_BYTES: Readonly<Record<number, number>> = {
  1: 12, 3: 0, 4: 0, 10: 0, 12: 0, 16: 0, 18: 0, 19: 0, 20: 0, 21: 0, 22: 0, 23: 0, 25: 0, 26: 4,
}
/** Compute units: for memo and lamports, and for each token output with the account that may have to be opened. */
const UNITS_BASE = 120_000
const UNITS_PER_TOKEN = 60_000
const UNITS_MAX = 1_400_000
const UNITS_NOISE = 65_536
/** Instruction of the compute budget: SetLoadedAccountsDataSizeLimit, and the range from which it is drawn: far above what a payment loads. */
const SET_DATA_SIZE = 4
const DATA_SIZE_MIN = 33_554_432
const DATA_SIZE_NOISE = 33_554_432
const NOISE_BYTES = 6
const MICRO = 1_000_000n

/** The payment as it will be signed, but for its block hash. */
export interface PreparedPayment {
  readonly message: (blockhash: string) => Message
  /** Lamports that stay in token accounts which this payment opens. */
  readonly rent: bigint
  /** What the price for compute units adds to the fee. */
  readonly priority: bigint
  /** Tokens that the payer must have, with the account that they are taken from. */
  readonly tokens: readonly { readonly asset: PaymentOutput['asset']; readonly available: bigint }[]
}

interface Token {
  readonly mint: PublicKey
  readonly program: PublicKey
  readonly decimals: number
  /** Bytes of an associated account of it. */
  readonly accountBytes: number
}

/**
 * Makes the instructions of a payment. Token outputs go to the owner's associated account, which is opened when the source does not know it. Throws
 * `invalid.argument` for what cannot be paid: a memo that is not UTF-8, a mint that is none, an amount above 64 bits, less than a new account must hold, an
 * associated account that belongs to somebody else, a token that a plain transfer does not move, or more than a transaction has room for. Rejects `unavailable.chain`.
 */
export async function preparePayment(
  { outputs, memo: text }: PaymentIntent, from: PublicKey, rpc: SolanaRpc, options: { readonly random: Random; readonly computeUnitPrice: bigint },
): Promise<PreparedPayment> {
  if (text !== undefined && !isUtf8(text)) refuse('a memo that is not UTF-8')
  if (outputs.some(({ amount }) => amount >> 64n !== 0n)) refuse('an amount of more than 64 bits')
  const tokens = await tokensOf(outputs, rpc)
  const instructions: TransactionInstruction[] = text === undefined || text.length === 0 ? [] : [memo(text)]
  let rent = 0n

  const natives = outputs.filter(({ asset }) => mintOfAsset(asset) === undefined)
  await checkRentExempt(natives, rpc)
  for (const { to, amount } of natives) instructions.push(SystemProgram.transfer({ fromPubkey: from, toPubkey: new PublicKey(to), lamports: amount }))

  const targets = outputs.flatMap((output) => {
    const token = tokens.get(output.asset)
    if (token === undefined) return []
    const owner = new PublicKey(output.to)
    return [{ output, token, owner, account: associatedTokenAddress(owner, token.mint, token.program) }]
  })
  const accounts = await rpc.accounts(targets.map(({ account }) => account), 'confirmed')
  const opened = new Set<string>()
  for (const [index, { output, token, owner, account }] of targets.entries()) {
    const found = accounts[index]
    if (found === undefined && !opened.has(account.toBase58())) {
      instructions.push(openTokenAccount(from, owner, token.mint, token.program))
      rent += BigInt(await rpc.rentExemptMinimum(token.accountBytes))
      opened.add(account.toBase58())
    }
    if (found !== undefined && tokenAccountOf(found.owner, found.data)?.owner !== output.to) refuse('a token account that belongs to somebody else')
    const source = associatedTokenAddress(from, token.mint, token.program)
    instructions.push(transferChecked({ ...token, source, destination: account, authority: from, amount: output.amount }))
  }

  const budget = computeBudget(targets.length, options)
  const message = (blockhash: string): Message =>
    new TransactionMessage({ payerKey: from, recentBlockhash: blockhash, instructions: [...budget.instructions, ...instructions] }).compileToLegacyMessage()
  if (sizeOf(message) + SIGNATURE_PART_BYTES > TRANSACTION_BYTES_MAX) refuse(`more than the ${String(TRANSACTION_BYTES_MAX)} bytes of a transaction`)
  return { message, rent, priority: budget.priority, tokens: await availableTokens(tokens, from, rpc) }
}

function refuse(problem: string): never {
  throw new EvegramError('invalid.argument', { operation: 'sign payment', details: { problem } })
}

/** The tokens of the outputs, by asset. */
async function tokensOf(outputs: readonly PaymentOutput[], rpc: SolanaRpc): Promise<ReadonlyMap<PaymentOutput['asset'], Token>> {
  const mints = new Map(outputs.flatMap(({ asset }) => {
    const mint = mintOfAsset(asset)
    return mint === undefined ? [] : [[asset, mint] as const]
  }))
  const accounts = await rpc.accounts([...mints.values()], 'confirmed')
  return new Map([...mints].map(([asset, mint], index) => {
    const account = accounts[index]
    const state = account === undefined ? undefined : mintOf(account.owner, account.data)
    if (account === undefined || state === undefined) return refuse('an asset that is no token')
    return [asset, { mint, program: new PublicKey(account.owner), decimals: state.decimals, accountBytes: accountBytesOf(account) }] as const
  }))
}

/** Lamports to an address that nobody has used must be enough for an account (rent exemption): else the whole payment fails. */
async function checkRentExempt(natives: readonly PaymentOutput[], rpc: SolanaRpc): Promise<void> {
  if (natives.length === 0) return
  const [minimum, accounts] = await Promise.all([
    rpc.rentExemptMinimum(SYSTEM_DATA_BYTES), rpc.accounts(natives.map(({ to }) => new PublicKey(to)), 'confirmed'),
  ])
  const isEnough = ({ to }: PaymentOutput, account: AccountFacts | undefined): boolean =>
    natives.filter((output) => output.to === to).reduce<bigint>((sum, { amount }) => sum + amount, BigInt(account?.lamports ?? 0)) >= BigInt(minimum)
  if (natives.some((output, index) => !isEnough(output, accounts[index]))) refuse('less than a new account must hold')
}

function accountBytesOf({ owner, data }: AccountFacts): number {
  if (owner !== TOKEN_2022_PROGRAM) return TOKEN_ACCOUNT_BYTES
  return mintExtensions(data).reduce((sum, type) => sum + (EXTENSION_BYTES[type] ?? refuse('a token that a plain transfer does not move')), TOKEN_2022_ACCOUNT_BYTES)
}

async function availableTokens(tokens: ReadonlyMap<PaymentOutput['asset'], Token>, from: PublicKey, rpc: SolanaRpc): Promise<PreparedPayment['tokens']> {
  const sources = [...tokens.values()].map(({ mint, program }) => associatedTokenAddress(from, mint, program))
  const accounts = await rpc.accounts(sources, 'confirmed')
  return [...tokens.keys()].map((asset, index) => {
    const account = accounts[index]
    const token = account === undefined ? undefined : tokenAccountOf(account.owner, account.data)
    return { asset, available: token?.owner === from.toBase58() && token.state === 'initialized' ? token.amount : 0n }
  })
}

/**
 * Limits that leave room, with 41 random bits: the same outputs twice under one block hash would be the same transaction, which lands once. The limits change
 * nothing but, where a price is paid for compute units, its last few lamports.
 */
function computeBudget(
  tokenOutputs: number, { random, computeUnitPrice }: { readonly random: Random; readonly computeUnitPrice: bigint },
): { readonly instructions: readonly TransactionInstruction[]; readonly priority: bigint } {
  const noise = Buffer.from(random.bytes(NOISE_BYTES))
  const units = Math.min(UNITS_MAX - UNITS_NOISE, UNITS_BASE + UNITS_PER_TOKEN * tokenOutputs) + noise.readUInt16LE(0)
  const size = Buffer.alloc(5)
  size.writeUInt8(SET_DATA_SIZE, 0)
  size.writeUInt32LE(DATA_SIZE_MIN + noise.readUInt32LE(2) % DATA_SIZE_NOISE, 1)
  return {
    instructions: [
      ComputeBudgetProgram.setComputeUnitLimit({ units }),
      new TransactionInstruction({ programId: ComputeBudgetProgram.programId, keys: [], data: size }),
      ...(computeUnitPrice === 0n ? [] : [ComputeBudgetProgram.setComputeUnitPrice({ microLamports: computeUnitPrice })]),
    ],
    priority: (computeUnitPrice * BigInt(units) + MICRO - 1n) / MICRO,
  }
}

/** Bytes of the message; as many as there can be when the SDK finds no room for them. */
function sizeOf(message: (blockhash: string) => Message): number {
  try {
    return message(PublicKey.default.toBase58()).serialize().length
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return Number.POSITIVE_INFINITY
    throw error
  }
}
