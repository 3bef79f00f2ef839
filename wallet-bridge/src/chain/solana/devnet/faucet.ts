import { createPublicKey, sign, type KeyObject } from 'node:crypto'
import { ComputeBudgetProgram, type MessageV0, PublicKey, SystemProgram, TransactionMessage, VersionedTransaction } from '@solana/web3.js'
import { ed25519KeyOfSeed } from '@evegram/platform'
import type { Random } from '@evegram/protocol'
import { base58Bytes } from '../base58.js'
import { SYSTEM_PROGRAM } from '../programs.js'
import { invalidParams } from './rpc-error.js'
import type { VmAccount } from './vm.js'

/** Lamports that one airdrop gives at most. */
export const AIRDROP_LAMPORTS_MAX = 10_000_000_000_000n

/** All the play money there is: below 2^53, so that every balance is exact as a number of JSON. */
const FAUCET_LAMPORTS = 9_000_000_000_000_000n
const UNITS_MIN = 1_000
const UNITS_RANGE = 1_000_000
const KEY_BYTES = 32

/** Who gives play money out: with transactions like any other, so that what arrives is a balance change in a block. */
export class Faucet {
  readonly address: string
  readonly account: VmAccount = { lamports: FAUCET_LAMPORTS, owner: SYSTEM_PROGRAM, data: new Uint8Array(), executable: false }
  readonly #key: KeyObject
  readonly #publicKey: PublicKey
  #given = 0

  constructor(random: Random) {
    this.#key = ed25519KeyOfSeed(random.bytes(KEY_BYTES))
    const { x } = createPublicKey(this.#key).export({ format: 'jwk' })
    this.#publicKey = new PublicKey(Buffer.from(x ?? '', 'base64url'))
    this.address = this.#publicKey.toBase58()
  }

  /** The signed transaction that gives `lamports` to `address`. Throws `RpcError` for another address or amount. */
  transfer(address: string, lamports: bigint, blockhash: string): Uint8Array {
    const to = base58Bytes(address, KEY_BYTES)
    if (to === undefined) throw invalidParams('not an address')
    if (lamports < 1n || lamports > AIRDROP_LAMPORTS_MAX) throw invalidParams(`an airdrop is 1 to ${String(AIRDROP_LAMPORTS_MAX)} lamports`)
    const message = new TransactionMessage({
      payerKey: this.#publicKey,
      recentBlockhash: blockhash,
      instructions: [
        // Two airdrops alike are two transactions.
        ComputeBudgetProgram.setComputeUnitLimit({ units: UNITS_MIN + this.#given++ % UNITS_RANGE }),
        SystemProgram.transfer({ fromPubkey: this.#publicKey, toPubkey: new PublicKey(to), lamports }),
      ],
    }).compileToV0Message()
    return sealed(message, this.#key)
  }
}

function sealed(message: MessageV0, key: KeyObject): Uint8Array {
  return new VersionedTransaction(message, [new Uint8Array(sign(null, message.serialize(), key))]).serialize()
}
