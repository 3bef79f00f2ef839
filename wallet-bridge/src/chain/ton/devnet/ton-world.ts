import type { Address, Cell} from '@ton/core';
import { beginCell, comment, contractAddress, internal, SendMode, storeMessageRelaxed, type MessageRelaxed, type StateInit } from '@ton/core'
import { JettonMaster, JettonWallet, TonClient, WalletContractV4 } from '@ton/ton'
import { createPublicKey } from 'node:crypto'
import { ed25519KeyOfSeed, ManualClock } from '@evegram/platform'
import { countingRandom } from '../../counting-random.js'
import { serveTonDevnet, type TonDevnetServer } from './index.js'
import { JETTON_MINTER_CODE, JETTON_WALLET_CODE } from './jetton-code.js'
import { OPERATIONS } from '../operations.js'

const STRANGER_NANOTONS = 1_000_000_000_000n
/** THROW 99 behind the selector of a contract: whatever comes is refused. */
const REFUSING_CODE = beginCell().storeUint(0xff00, 16).storeUint(0xf23f, 16).endCell()

/** PUSHCTR c4, PUSHINT 1, SENDRAWMSG behind the selector of a contract: whatever comes, the message in its data goes out, paid for apart. */
const FORWARDING_CODE = beginCell().storeUint(0xff00, 16).storeUint(0xed44, 16).storeUint(0x71, 8).storeUint(0xfb00, 16).endCell()

/** An ordinary wallet, as people have. */
export interface WorldWallet {
  readonly wallet: WalletContractV4
  readonly secretKey: Buffer
}

/** A local chain whose blocks end when a test says so, with a stranger who has enough, over the real SDK and real HTTP. */
export class TonWorld {
  readonly server: TonDevnetServer
  readonly client: TonClient
  readonly clock: ManualClock
  readonly stranger: WorldWallet
  readonly #random = countingRandom('ton world')

  private constructor(server: TonDevnetServer, clock: ManualClock) {
    this.server = server
    this.client = new TonClient({ endpoint: server.url })
    this.clock = clock
    this.stranger = this.wallet()
  }

  static async open(options: { readonly historyBlocks?: number } = {}): Promise<TonWorld> {
    const clock = new ManualClock()
    const world = new TonWorld(await serveTonDevnet({ clock, random: countingRandom('ton devnet'), port: 0, blockMs: undefined, ...options }), clock)
    await world.chain.faucet.give(world.stranger.wallet.address, STRANGER_NANOTONS)
    await world.blocks(2)
    return world
  }

  get chain(): TonDevnetServer['chain'] {
    return this.server.chain
  }

  /** The master of the jetton that the faucet gives. */
  get jetton(): Address {
    return this.chain.faucet.jetton
  }

  seed(): Uint8Array {
    return this.#random.bytes(32)
  }

  wallet(): WorldWallet {
    const seed = this.seed()
    const { x } = createPublicKey(ed25519KeyOfSeed(seed)).export({ format: 'jwk' })
    const publicKey = Buffer.from(x ?? '', 'base64url')
    return { wallet: WalletContractV4.create({ workchain: 0, publicKey }), secretKey: Buffer.concat([seed, publicKey]) }
  }

  async blocks(count = 1): Promise<void> {
    for (let block = 0; block < count; block++) await this.chain.closeBlock()
  }

  /** All that was sent has arrived, wherever it went on to, and is final. */
  async makeFinal(): Promise<void> {
    await this.blocks(10)
  }

  /** Lets time pass; the next block has the new time. */
  pass(seconds: number): void {
    this.clock.advance(seconds * 1_000)
  }

  /** By when a message of a wallet has to land: wallets of the SDK look at the real clock. */
  get soon(): number {
    return Math.floor(this.clock.now() / 1_000) + 60
  }

  /** Sends messages as a wallet does; in the block after when it resolves. */
  async send(messages: readonly MessageRelaxed[], { wallet, secretKey }: WorldWallet = this.stranger): Promise<void> {
    const opened = this.client.open(wallet)
    await opened.sendTransfer({ seqno: await opened.getSeqno(), secretKey, messages: [...messages], sendMode: SendMode.PAY_GAS_SEPARATELY, timeout: this.soon })
    await this.blocks()
  }

  /** A message that pays TON, with a comment or any body. */
  pay(to: Address, value: bigint, body?: string | Cell, init?: StateInit): MessageRelaxed {
    return internal({ to, value, bounce: false, ...(body === undefined ? {} : { body: typeof body === 'string' ? comment(body) : body }), ...(init === undefined ? {} : { init }) })
  }

  /** Payments of one nanoton, as somebody makes them who wants to be in the way; in the next block but one. */
  async dust(to: Address, count: number): Promise<void> {
    for (let sent = 0; sent < count; sent++) await this.chain.faucet.give(to, 1n)
  }

  /** A contract that refuses everything. There when it resolves. */
  async refuser(): Promise<Address> {
    const init = { code: REFUSING_CODE, data: beginCell().storeBuffer(Buffer.from(this.seed())).endCell() }
    const address = contractAddress(0, init)
    await this.send([this.pay(address, 100_000_000n, undefined, init)])
    await this.blocks()
    return address
  }

  /** A contract that answers whatever comes by calling a message to `to` an excess. There when it resolves. */
  async forwarder(to: Address): Promise<Address> {
    const body = beginCell().storeUint(OPERATIONS.excesses, 32).storeUint(0, 64).endCell()
    const sent = beginCell().store(storeMessageRelaxed(internal({ to, value: 5_000_000n, bounce: false, body }))).endCell()
    const init = { code: FORWARDING_CODE, data: sent }
    const address = contractAddress(0, init)
    await this.send([this.pay(address, 1_000_000_000n, undefined, init)])
    await this.blocks(3)
    return address
  }

  /** A wallet of the stranger's for the jetton, as its code is but with a balance that nobody gave him: so at another address than the master says. There when it resolves. */
  async lookAlike(master: Address = this.jetton, amount = 1_000_000_000_000n): Promise<Address> {
    const init = { code: JETTON_WALLET_CODE, data: walletData(amount, this.stranger.wallet.address, master) }
    const address = contractAddress(0, init)
    await this.send([this.pay(address, 100_000_000n, undefined, init)])
    await this.blocks()
    return address
  }

  /** A jetton of the stranger's own. There when it resolves. */
  async otherJetton(): Promise<Address> {
    const content = beginCell().storeBuffer(Buffer.from(this.seed())).endCell()
    const init = {
      code: JETTON_MINTER_CODE,
      data: beginCell().storeCoins(0).storeAddress(this.stranger.wallet.address).storeRef(content).storeRef(JETTON_WALLET_CODE).endCell(),
    }
    const address = contractAddress(0, init)
    await this.send([this.pay(address, 100_000_000n, undefined, init)])
    await this.blocks()
    return address
  }

  /** A message that makes a jetton wallet of the sender transfer. */
  transferJetton(wallet: Address, to: Address, amount: bigint, { text, forward = 0n, response }: { text?: string; forward?: bigint; response?: Address } = {}): MessageRelaxed {
    const payload = beginCell().storeBit(text !== undefined)
    if (text !== undefined) payload.storeRef(comment(text))
    const body = beginCell().storeUint(OPERATIONS.transfer, 32).storeUint(7, 64).storeCoins(amount).storeAddress(to).storeAddress(response ?? null)
      .storeBit(false).storeCoins(forward).storeBuilder(payload).endCell()
    return internal({ to: wallet, value: 200_000_000n, bounce: true, body })
  }

  /** What a jetton wallet says to its owner; anybody can send the same. */
  notification(to: Address, amount: bigint, from: Address, text: string): MessageRelaxed {
    const body = beginCell().storeUint(OPERATIONS.notification, 32).storeUint(7, 64).storeCoins(amount).storeAddress(from).storeBit(true).storeRef(comment(text)).endCell()
    return internal({ to, value: 20_000_000n, bounce: false, body })
  }

  /** The jetton wallet that the master names for an owner. */
  jettonWallet(owner: Address, master: Address = this.jetton): Promise<Address> {
    return this.client.open(JettonMaster.create(master)).getWalletAddress(owner)
  }

  async jettonsOf(owner: Address): Promise<bigint> {
    return this.client.open(JettonWallet.create(await this.jettonWallet(owner))).getBalance()
  }

  async close(): Promise<void> {
    await this.server.close()
  }
}

function walletData(amount: bigint, owner: Address, master: Address): Cell {
  return beginCell().storeCoins(amount).storeAddress(owner).storeAddress(master).storeRef(JETTON_WALLET_CODE).endCell()
}
