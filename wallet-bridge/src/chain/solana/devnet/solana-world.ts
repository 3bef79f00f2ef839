import { sign } from 'node:crypto'
import { ed25519KeyOfSeed, ManualClock } from '@evegram/platform'
import {
  Connection, Keypair, PublicKey, SystemProgram, TransactionInstruction, TransactionMessage, VersionedTransaction, type Signer as SolanaKeys,
} from '@solana/web3.js'
import { countingRandom } from '../../counting-random.js'
import { associatedTokenAddress, memo, openTokenAccount, transferChecked } from '../instructions.js'
import { TOKEN_2022_PROGRAM, TOKEN_PROGRAM } from '../programs.js'
import { serveSolanaDevnet, type SolanaDevnetServer } from './index.js'

export const TOKEN = new PublicKey(TOKEN_PROGRAM)
export const TOKEN_2022 = new PublicKey(TOKEN_2022_PROGRAM)
export const DECIMALS = 6
const MINT_BYTES = 82
/** Behind the 165 bytes of an account and its type. */
const EXTENSIONS_AT = 166
/** A mint with the extension TransferFeeConfig alone. */
const FEE_MINT_BYTES = EXTENSIONS_AT + 4 + 108

/** A mint that the world made. */
export interface WorldMint {
  readonly mint: PublicKey
  readonly program: PublicKey
}

/** A local chain whose slots end when a test says so, with a stranger who has everything, over the real SDK and real HTTP. */
export class SolanaWorld {
  readonly server: SolanaDevnetServer
  readonly connection: Connection
  readonly stranger: Keypair
  readonly #random = countingRandom('solana world')

  private constructor(server: SolanaDevnetServer, stranger: Keypair) {
    this.server = server
    this.connection = new Connection(server.url, 'confirmed')
    this.stranger = stranger
  }

  static async open(finalizedAfter = 3): Promise<SolanaWorld> {
    const server = await serveSolanaDevnet({ clock: new ManualClock(), random: countingRandom('solana devnet'), port: 0, slotMs: undefined, finalizedAfter })
    const world = new SolanaWorld(server, Keypair.fromSeed(countingRandom('stranger').bytes(32)))
    await world.connection.requestAirdrop(world.stranger.publicKey, 1_000_000_000_000)
    world.makeFinal()
    return world
  }

  get chain(): SolanaDevnetServer['chain'] {
    return this.server.chain
  }

  keypair(): Keypair {
    return Keypair.fromSeed(this.#random.bytes(32))
  }

  blocks(count = 1): void {
    for (let block = 0; block < count; block++) this.chain.closeSlot()
  }

  /** Turns that nobody uses. */
  skipSlots(count: number): void {
    for (let slot = 0; slot < count; slot++) this.chain.skipSlot()
  }

  /** All that was sent is final. */
  makeFinal(): void {
    this.blocks(5)
  }

  /** Signs as a wallet does and sends without a preflight, so that what fails lands too. */
  async send(instructions: readonly TransactionInstruction[], signers: readonly Keypair[] = [this.stranger], version: 'legacy' | 0 = 0): Promise<string> {
    const [payer] = signers
    if (payer === undefined) throw new Error('nobody signs')
    const { blockhash } = await this.connection.getLatestBlockhash('confirmed')
    const message = new TransactionMessage({ payerKey: payer.publicKey, recentBlockhash: blockhash, instructions: [...instructions] })
    const transaction = new VersionedTransaction(version === 0 ? message.compileToV0Message() : message.compileToLegacyMessage())
    for (const signer of signers) transaction.addSignature(signer.publicKey, signatureOf(signer, transaction.message.serialize()))
    return this.connection.sendRawTransaction(transaction.serialize(), { skipPreflight: true })
  }

  /** A mint of the stranger's, with a transfer fee when basis points are given. In a block when it resolves. */
  mint(fee?: { readonly basisPoints: number; readonly max: bigint }): Promise<WorldMint> {
    return fee === undefined ? this.#mint(TOKEN, MINT_BYTES) : this.#mint(TOKEN_2022, FEE_MINT_BYTES, (mint) => initializeTransferFee(mint, fee))
  }

  /** A mint of Token-2022 with one extension of `bytes` bytes, which `data` makes. */
  mintWith(bytes: number, data: Buffer): Promise<WorldMint> {
    return this.#mint(TOKEN_2022, EXTENSIONS_AT + 4 + bytes, (mint) => new TransactionInstruction({
      programId: TOKEN_2022, keys: [{ pubkey: mint, isSigner: false, isWritable: true }], data,
    }))
  }

  async #mint(program: PublicKey, space: number, extend?: (mint: PublicKey) => TransactionInstruction): Promise<WorldMint> {
    const mint = this.keypair()
    const lamports = await this.connection.getMinimumBalanceForRentExemption(space)
    await this.send([
      SystemProgram.createAccount({ fromPubkey: this.stranger.publicKey, newAccountPubkey: mint.publicKey, lamports, space, programId: program }),
      ...(extend === undefined ? [] : [extend(mint.publicKey)]),
      initializeMint(mint.publicKey, program, this.stranger.publicKey),
    ], [this.stranger, mint])
    this.blocks()
    return { mint: mint.publicKey, program }
  }

  /** Instructions that give new tokens to somebody's associated account. */
  give({ mint, program }: WorldMint, owner: PublicKey, amount: bigint): TransactionInstruction[] {
    return [
      openTokenAccount(this.stranger.publicKey, owner, mint, program),
      mintTo({ mint, program }, associatedTokenAddress(owner, mint, program), this.stranger.publicKey, amount),
    ]
  }

  /** Instructions with which somebody who has tokens sends them to somebody's associated account. */
  transfer({ mint, program }: WorldMint, from: PublicKey, to: PublicKey, amount: bigint, payer = this.stranger.publicKey): TransactionInstruction[] {
    return [
      openTokenAccount(payer, to, mint, program),
      transferChecked({
        program, mint, amount, authority: from, decimals: DECIMALS,
        source: associatedTokenAddress(from, mint, program), destination: associatedTokenAddress(to, mint, program),
      }),
    ]
  }

  /** An instruction with which the stranger sends lamports. */
  pay(to: PublicKey, lamports: bigint): TransactionInstruction {
    return SystemProgram.transfer({ fromPubkey: this.stranger.publicKey, toPubkey: to, lamports })
  }

  async close(): Promise<void> {
    await this.server.close()
  }
}

export { countingRandom, memo }

function signatureOf({ secretKey }: SolanaKeys, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, ed25519KeyOfSeed(secretKey.slice(0, 32))))
}

/** InitializeMint2: no freeze authority. */
function initializeMint(mint: PublicKey, programId: PublicKey, authority: PublicKey): TransactionInstruction {
  const data = Buffer.concat([Buffer.from([20, DECIMALS]), authority.toBuffer(), Buffer.from([0])])
  return new TransactionInstruction({ programId, keys: [{ pubkey: mint, isSigner: false, isWritable: true }], data })
}

/** TransferFeeExtension, InitializeTransferFeeConfig: nobody can change it. */
function initializeTransferFee(mint: PublicKey, { basisPoints, max }: { readonly basisPoints: number; readonly max: bigint }): TransactionInstruction {
  const data = Buffer.alloc(14)
  data.set([26, 0, 0, 0])
  data.writeUInt16LE(basisPoints, 4)
  data.writeBigUInt64LE(max, 6)
  return new TransactionInstruction({ programId: TOKEN_2022, keys: [{ pubkey: mint, isSigner: false, isWritable: true }], data })
}

/** MintTo: makes tokens. */
export function mintTo({ mint, program }: WorldMint, account: PublicKey, authority: PublicKey, amount: bigint): TransactionInstruction {
  const data = Buffer.alloc(9)
  data.writeUInt8(7, 0)
  data.writeBigUInt64LE(amount, 1)
  return new TransactionInstruction({
    programId: program,
    keys: [{ pubkey: mint, isSigner: false, isWritable: true }, { pubkey: account, isSigner: false, isWritable: true }, { pubkey: authority, isSigner: true, isWritable: false }],
    data,
  })
}
