import { beginCell, type Address, type Cell, type MessageRelaxed } from '@ton/core'
import type { AssetId } from '../../ledger/ids.js'
import type { ChainAddress, PaymentIntent, PaymentOutput } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import { accountOf, TONCOIN } from './address.js'
import { batchMessage, internalMessage, type HighloadWallet } from './highload-wallet.js'
import type { JettonWallets } from './jetton-wallets.js'
import { OPERATIONS } from './operations.js'
import { writeComment } from './text-comment.js'
import { wrong } from './wrong.js'

/** Nanotons that go with an order to a jetton wallet. What its contracts do not use comes back. */
export const JETTON_ORDER_NANOTONS = 100_000_000n
/** Nanotons with which a wallet sends itself a batch: for the gas of sending it. They stay its own. */
export const BATCH_NANOTONS = 50_000_000n
/** What a payment costs at most, beside what goes with jettons: to make the wallet and take the message, and for each message that it sends. */
const PAYMENT_NANOTONS = 20_000_000n
const MESSAGE_NANOTONS = 2_000_000n
/** For the owner of the jettons to be told, with the memo. */
const NOTIFICATION_NANOTONS = 1n
const CONCURRENT_MAX = 8

/** A payment that is ready to be signed. */
export interface PreparedPayment {
  /** What the wallet sends: straight to the only recipient, or a batch to itself. */
  readonly message: MessageRelaxed
  /** What it costs at most. */
  readonly cost: bigint
  /** The jettons that it pays, with what the payer has of them. */
  readonly jettons: readonly { readonly asset: AssetId; readonly available: bigint }[]
}

/** What preparing needs to know. */
export interface PaymentContext {
  readonly from: ChainAddress
  readonly wallet: HighloadWallet
  readonly wallets: JettonWallets
  /** The newest block, and the newest final one. */
  readonly latest: Height
  readonly final: Height
}

/** Outputs to the payer himself move nothing: there is no message for them. */
export function movesMoney({ to }: PaymentOutput, from: ChainAddress): boolean {
  return to !== from
}

/** Writes the messages of a payment. Rejects `unavailable.chain`. */
export async function preparePayment({ outputs, memo }: PaymentIntent, context: PaymentContext): Promise<PreparedPayment> {
  const { from, wallet, wallets, latest, final } = context
  const moving = outputs.filter((output) => movesMoney(output, from))
  const messages: MessageRelaxed[] = []
  for (let start = 0; start < moving.length; start += CONCURRENT_MAX) {
    messages.push(...await Promise.all(moving.slice(start, start + CONCURRENT_MAX).map((output) => messageFor(output, memo, context))))
  }
  const assets = [...new Set(outputs.map(({ asset }) => asset))].filter((asset) => asset !== TONCOIN)
  const jettons = await Promise.all(assets.map(async (asset) => {
    const available = await wallets.balance(await wallets.wallet(from, asset, final), latest)
    if (available === undefined) throw wrong('the balance of a jetton wallet is not known')
    return { asset, available }
  }))
  const orders = moving.filter(({ asset }) => asset !== TONCOIN).length
  const cost = PAYMENT_NANOTONS + BigInt(messages.length) * MESSAGE_NANOTONS + BigInt(orders) * JETTON_ORDER_NANOTONS
  // A payment to nobody else still has to land, to be seen.
  const [only = internalMessage(wallet.address, 0n, false), ...more] = messages
  return { message: more.length === 0 ? only : batchMessage(wallet, messages, BATCH_NANOTONS), cost, jettons }

  async function messageFor(output: PaymentOutput, text: Uint8Array | undefined, { from: payer }: PaymentContext): Promise<MessageRelaxed> {
    const to = accountOf(output.to)
    if (output.asset !== TONCOIN) return internalMessage(await wallets.wallet(payer, output.asset, final), JETTON_ORDER_NANOTONS, true, jettonOrder(output, to, wallet.address, text))
    // It stays whatever the code of the recipient says to it: what may be sent back is sent back less the gas that the recipient burned, at our cost.
    return internalMessage(to, output.amount, false, writeComment(text))
  }
}

/** The order to a jetton wallet (TEP-74 transfer): what is over comes back to `payer`. */
function jettonOrder({ amount }: PaymentOutput, to: Address, payer: Address, memo: Uint8Array | undefined): Cell {
  const order = beginCell().storeUint(OPERATIONS.transfer, 32).storeUint(0, 64).storeCoins(amount).storeAddress(to).storeAddress(payer).storeBit(false)
    .storeCoins(NOTIFICATION_NANOTONS).storeBit(memo !== undefined)
  return (memo === undefined ? order : order.storeRef(writeComment(memo))).endCell()
}
