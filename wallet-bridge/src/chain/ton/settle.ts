import { Cell, loadMessage, loadMessageRelaxed, type MessageRelaxed } from '@ton/core'
import { EvegramError } from '@evegram/protocol'
import { chainAmountOf, type ChainAmount } from '../amount.js'
import type { OutputOutcome, PaymentOutput, SignedPayment } from '../chain-adapter.js'
import type { Height } from '../finality.js'
import { accountOf, TONCOIN } from './address.js'
import { readBatch, readHighloadBody, type HighloadMessage } from './highload-wallet.js'
import { readJettonMessage } from './jetton-message.js'
import { movesMoney } from './prepare-payment.js'
import type { TonMessage, TonTransaction } from './transaction.js'
import type { WatchSource } from './watch.js'

/** How a payment ended: what each output came to, and what it cost by balance change. */
export interface Settled {
  readonly outputs: readonly OutputOutcome[]
  readonly fee: ChainAmount
  /** TON taxes nothing. */
  readonly taxes: readonly []
}

const OUTPUTS_AT_A_TIME = 8
const FAILED = { transaction: { status: 'failed', reason: 'transaction_failed' }, notSent: { status: 'failed', reason: 'not_sent' }, bounced: { status: 'failed', reason: 'bounced' } } as const

/**
 * Follows a payment from the transaction that took its message to where each output ended: at the recipient, or back with us. Undefined while one of them is on its
 * way or in a block that is not final at `final`. Rejects `unavailable.chain`.
 */
export async function settle(payment: SignedPayment, first: TonTransaction, final: Height, { rpc, ends, jettons }: WatchSource): Promise<Settled | undefined> {
  const { from, outputs } = payment
  const ours: TonTransaction[] = [first]
  const moving = outputs.filter((output) => movesMoney(output, from))
  /** Of a transaction that is final. */
  const receiverOf = async (message: TonMessage): Promise<TonTransaction | undefined> => {
    const found = await ends.receiver(message, final)
    const account = found === undefined ? undefined : await rpc.account(found.account, final)
    return found === undefined || account === undefined || account.last.lt < found.lt ? undefined : found
  }
  if (first.isAborted) return settled(outputs.map(() => FAILED.transaction))
  let sent = first.outgoing
  if (moving.length > 1 && sent[0] !== undefined) {
    const batch = await receiverOf(sent[0])
    if (batch === undefined) return undefined
    ours.push(batch)
    sent = batch.isAborted ? [] : batch.outgoing
  }
  const messages = pair(intended(payment, moving.length > 1), sent)
  const outcomes: OutputOutcome[] = []
  for (let start = 0; start < moving.length; start += OUTPUTS_AT_A_TIME) {
    const part = moving.slice(start, start + OUTPUTS_AT_A_TIME)
    const ended = await Promise.all(part.map((output, index) => endOf(output, messages[start + index])))
    for (const outcome of ended) {
      if (outcome === undefined) return undefined
      outcomes.push(outcome)
    }
  }
  return settled(outputs.map((output) => movesMoney(output, from) ? outcomes.shift() ?? FAILED.notSent : { status: 'paid', received: chainAmountOf(output.amount) }))

  function settled(results: readonly OutputOutcome[]): Settled {
    const paid = outputs.reduce<bigint>((sum, output, index) =>
      output.asset === TONCOIN && movesMoney(output, from) && results[index]?.status === 'paid' ? sum + output.amount : sum, 0n)
    const cost = ours.reduce((sum, { balanceDelta }) => sum - balanceDelta, 0n) - paid
    return { outputs: results, fee: chainAmountOf(cost < 0n ? 0n : cost), taxes: [] }
  }

  async function endOf(output: PaymentOutput, message: TonMessage | undefined): Promise<OutputOutcome | undefined> {
    if (message === undefined) return FAILED.notSent
    const receiver = await receiverOf(message)
    if (receiver === undefined) return undefined
    // Too little to be sent back stays where it is, whatever the recipient's code said.
    if (bounces(receiver)) return await takeBack(receiver) ? FAILED.bounced : undefined
    return output.asset === TONCOIN ? { status: 'paid', received: chainAmountOf(output.amount) } : jettonEnd(output, receiver)
  }

  /** What our jetton wallet did with its order. */
  async function jettonEnd(output: PaymentOutput, order: TonTransaction): Promise<OutputOutcome | undefined> {
    const target = await jettons.wallet(output.to, output.asset, final)
    const transfer = order.outgoing.find(({ message: { info } }) => info.type === 'internal' && info.dest.equals(target))
    const read = transfer === undefined ? undefined : readJettonMessage(transfer)
    if (transfer === undefined || read?.kind !== 'arrival') return FAILED.notSent
    const arrival = await receiverOf(transfer)
    if (arrival === undefined) return undefined
    if (arrival.isAborted) {
      // Back at our jetton wallet, where they count again.
      for (const bounced of arrival.outgoing) if (await receiverOf(bounced) === undefined) return undefined
      return FAILED.bounced
    }
    return await takeBack(arrival) ? { status: 'paid', received: chainAmountOf(read.amount) } : undefined
  }

  /** Counts what a transaction sent back to the payer; false while it is on its way. */
  async function takeBack({ outgoing }: TonTransaction): Promise<boolean> {
    for (const message of outgoing) {
      const { info } = message.message
      if (info.type !== 'internal' || !info.dest.equals(accountOf(from))) continue
      const back = await receiverOf(message)
      if (back === undefined) return false
      ours.push(back)
    }
    return true
  }
}

/** Whether a transaction sent back what its message brought: no code can make a message that says so of itself. */
function bounces({ isAborted, outgoing }: TonTransaction): boolean {
  return isAborted && outgoing.some(({ message: { info } }) => info.type === 'internal' && info.bounced)
}

/** The messages that were signed. */
function intended(payment: SignedPayment, isBatch: boolean): readonly MessageRelaxed[] {
  const first = loadMessageRelaxed(requestOf(payment).message.beginParse())
  return isBatch ? readBatch(first) : [first]
}

/** What stands in the external message of a signed payment. Throws `invalid.argument` for bytes that are none of this wallet's. */
export function requestOf({ bytes }: SignedPayment): HighloadMessage {
  try {
    return readHighloadBody(loadMessage(Cell.fromBoc(Buffer.from(bytes))[0]?.beginParse() ?? new Cell().beginParse()).body)
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'read payment', cause })
  }
}

/** Those of `wanted` that were sent, by place: what the wallet could not send is left out, the rest is in its order. */
function pair(wanted: readonly MessageRelaxed[], sent: readonly TonMessage[]): readonly (TonMessage | undefined)[] {
  let next = 0
  return wanted.map((message) => {
    const candidate = sent[next]
    if (candidate === undefined || !isSame(message, candidate)) return undefined
    next++
    return candidate
  })
}

function isSame({ info: wanted, body }: MessageRelaxed, { message }: TonMessage): boolean {
  const { info } = message
  return wanted.type === 'internal' && info.type === 'internal' && wanted.dest.equals(info.dest) && wanted.value.coins === info.value.coins && body.equals(message.body)
}
