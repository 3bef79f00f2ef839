import { createPublicKey, sign, type KeyObject } from 'node:crypto'
import { beginCell, Cell, comment, contractAddress, external, type Address, type Message, type MessageRelaxed, type StateInit } from '@ton/core'
import { ed25519KeyOfSeed } from '@evegram/platform'
import type { Random } from '@evegram/protocol'
import { highloadBody, highloadRequest, highloadWallet, internalMessage, QUERY_IDS, type HighloadWallet } from '../highload-wallet.js'
import { OPERATIONS } from '../operations.js'
import { invalidParams } from './api-error.js'
import { JETTON_MINTER_CODE, JETTON_WALLET_CODE } from './jetton-code.js'
import { initialAccount, type AccountState } from './vm.js'

/** Nanotons that are given at once, at most: 10,000 TON. */
export const GIFT_NANOTONS_MAX = 10_000_000_000_000n
/** Jettons that are given at once, at most. */
export const GIFT_JETTONS_MAX = 10n ** 30n

/** All the play money there is. */
const FAUCET_NANOTONS = 1_000_000_000_000_000_000n
const MINTER_NANOTONS = 1_000_000_000n
/** TON with an order to mint, and what of it goes on with the jettons. */
const MINT_NANOTONS = 200_000_000n
const WAY_NANOTONS = 100_000_000n
const KEY_BYTES = 32
const MINT = 21

/** What goes with jettons that the faucet makes. */
export interface JettonGift {
  readonly to: Address
  readonly amount: bigint
  readonly text?: string | undefined
  /** Nanotons for the notification of the owner; none when left out. */
  readonly forward?: bigint | undefined
}

/** Who gives play money out, with messages of an ordinary wallet, and mints a jetton. */
export class Faucet {
  readonly address: Address
  /** The master of the jetton. */
  readonly jetton: Address
  readonly #key: KeyObject
  readonly #wallet: HighloadWallet
  readonly #minter: StateInit
  readonly #seconds: () => number
  readonly #submit: (message: Message) => Promise<void>
  #queries = 0

  /** `seconds`: the time of the newest block. */
  constructor(random: Random, seconds: () => number, submit: (message: Message) => Promise<void>) {
    this.#key = ed25519KeyOfSeed(random.bytes(KEY_BYTES))
    const { x } = createPublicKey(this.#key).export({ format: 'jwk' })
    this.#wallet = highloadWallet(new Uint8Array(Buffer.from(x ?? '', 'base64url')))
    this.address = this.#wallet.address
    this.#minter = {
      code: JETTON_MINTER_CODE,
      data: beginCell().storeCoins(0).storeAddress(this.address).storeRef(new Cell()).storeRef(JETTON_WALLET_CODE).endCell(),
    }
    this.jetton = contractAddress(0, this.#minter)
    this.#seconds = seconds
    this.#submit = submit
  }

  /** The accounts with which the chain begins. */
  accounts(seconds: number): readonly (readonly [Address, AccountState])[] {
    return [
      [this.address, initialAccount(this.address, this.#wallet.init, FAUCET_NANOTONS, seconds)],
      [this.jetton, initialAccount(this.jetton, this.#minter, MINTER_NANOTONS, seconds)],
    ]
  }

  /** Sends TON; it arrives one block after the next. Rejects `ApiError` for an amount that is not given. */
  async give(to: Address, nanotons: bigint, text?: string): Promise<void> {
    if (nanotons < 1n || nanotons > GIFT_NANOTONS_MAX) throw invalidParams(`1 to ${String(GIFT_NANOTONS_MAX)} nanotons are given at once`)
    await this.send(internalMessage(to, nanotons, false, text === undefined ? undefined : comment(text)))
  }

  /** Mints jettons; they arrive two blocks after the next. Rejects `ApiError` for an amount that is not given. */
  async giveJetton({ to, amount, text, forward = 0n }: JettonGift): Promise<void> {
    if (amount < 1n || amount > GIFT_JETTONS_MAX || forward < 0n || forward > WAY_NANOTONS / 2n) throw invalidParams(`1 to ${String(GIFT_JETTONS_MAX)} jettons are given at once`)
    const payload = beginCell().storeBit(text !== undefined)
    if (text !== undefined) payload.storeRef(comment(text))
    const arrival = beginCell().storeUint(OPERATIONS.internalTransfer, 32).storeUint(0, 64).storeCoins(amount).storeAddress(this.address).storeAddress(this.address)
      .storeCoins(forward).storeBuilder(payload).endCell()
    const order = beginCell().storeUint(MINT, 32).storeUint(0, 64).storeAddress(to).storeCoins(WAY_NANOTONS).storeRef(arrival).endCell()
    await this.send(internalMessage(this.jetton, MINT_NANOTONS, true, order))
  }

  /** Sends any message, as a stranger would. Rejects `ApiError` when it is not taken. */
  async send(message: MessageRelaxed): Promise<void> {
    const request = highloadRequest(this.#wallet, message, { queryId: this.#queries++ % QUERY_IDS, createdAt: this.#seconds() })
    const body = highloadBody(request, sign(null, request.hash(), this.#key))
    await this.#submit(external({ to: this.address, body }))
  }
}
