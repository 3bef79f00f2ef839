import { createPublicKey, sign, type KeyObject } from 'node:crypto'
import { ed25519KeyOfSeed } from '@evegram/platform'
import { accountNoticeHash, encodeAccountNotice, parseAccountId, type AccountId, type AccountNoticeDraft } from '@evegram/protocol'
import { payoutIdOfTransfer } from './flows/payout/payout-transfers.js'
import type { PayoutId } from './flows/payout/payout.js'
import type { PayoutStore } from './flows/payout/payout-store.js'
import { decodeLedgerEvent, type LedgerEvent } from './ledger/event.js'
import type { LedgerAccountId } from './ledger/ids.js'
import type { LedgerStore } from './ledger/ledger-store.js'
import type { Transfer } from './ledger/transfer.js'
import type { NoticeSink } from './ports/notice-sink.js'

/** Name of the cursor of {@link NoticeRelay}. */
export const NOTICES_CURSOR = 'notices'
/** Events of one step: what is told again, at most, after a process died. */
const STEP_EVENTS = 256
/** Notices that are on their way at once. */
const AT_ONCE = 32
/** Bytes of an Ed25519 public key, at the end of its DER. */
const KEY_BYTES = 32
const USER_ACCOUNT = /^user:([0-9a-f]{32}):/
const DEPOSIT = /^d:[^:]+:([^:]+):[0-9]+$/
const RESERVATION = /^p:[^:]+$/

/** Signs what the wallet bridge tells people. */
export class NoticeSigner {
  readonly #key: KeyObject
  /** 32 bytes: what clients and the engine know it by. */
  readonly publicKey: Uint8Array

  /** `seed`: the private Ed25519 key. Throws `invalid.argument` unless it has 32 bytes. */
  constructor(seed: Uint8Array) {
    this.#key = ed25519KeyOfSeed(seed)
    this.publicKey = new Uint8Array(createPublicKey(this.#key).export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES))
  }

  /** The bytes of a signed notice: the same notice always gives the same. Throws `invalid.notice` for one that nobody would read. */
  seal(draft: AccountNoticeDraft): Uint8Array {
    return encodeAccountNotice({ ...draft, signature: sign(null, accountNoticeHash(draft), this.#key) })
  }
}

/** Parts of a {@link NoticeRelay}. */
export interface NoticeRelayParts {
  readonly ledger: Pick<LedgerStore, 'cursor' | 'moveCursor' | 'events'>
  readonly payouts: Pick<PayoutStore, 'get'>
  readonly signer: NoticeSigner
  readonly sink: NoticeSink
}

/**
 * Tells people what happened to their money: made of the events of the ledger, so that nothing is left out whenever a process dies. How far it came is
 * kept in the ledger and moved behind what is durable elsewhere; what is told again is the same notice.
 */
export class NoticeRelay {
  readonly #parts: NoticeRelayParts

  constructor(parts: NoticeRelayParts) {
    this.#parts = parts
  }

  /** Tells what is next, up to a bound; how many events it read. Rejects as the stores and {@link NoticeSink} do; what was told then is told again. */
  async step(): Promise<number> {
    const { ledger } = this.#parts
    const from = await ledger.cursor(NOTICES_CURSOR)
    const events = await ledger.events(from, STEP_EVENTS)
    const last = events.at(-1)
    if (last === undefined) return 0
    for (let first = 0; first < events.length; first += AT_ONCE) {
      const told = await Promise.allSettled(events.slice(first, first + AT_ONCE).map((event) => this.#tell(event)))
      const failed = told.find((one) => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    }
    await ledger.moveCursor(NOTICES_CURSOR, from, last.number)
    return events.length
  }

  async #tell({ bytes }: LedgerEvent): Promise<void> {
    const { ledger, number, change } = decodeLedgerEvent(bytes)
    const told = 'ends' in change ? toldOf(change) : undefined
    if (told?.account === undefined || !('ends' in change)) return
    const { account, kind, amount, payout } = told
    const transaction = payout === undefined ? DEPOSIT.exec(change.id)?.[1] : await this.#transactionOf(payout)
    const { signer, sink } = this.#parts
    await sink.append(signer.seal({
      v: 1, account, source: ledger, number, atMs: change.atMs, kind, asset: change.asset, amount: String(amount), transfer: change.id, ...(transaction === undefined ? {} : { transaction }),
    }))
  }

  /** The payment of a payout that was booked as paid stays what it is. */
  async #transactionOf(payout: PayoutId): Promise<string | undefined> {
    return (await this.#parts.payouts.get(payout))?.payment?.txid
  }
}

interface Told {
  readonly kind: AccountNoticeDraft['kind']
  /** Undefined when it is no person's. */
  readonly account: AccountId | undefined
  readonly amount: bigint
  /** Of a payout that was paid. */
  readonly payout?: PayoutId
}

/** What a transfer is to the person whose it is; undefined for what nobody is told. */
function toldOf(transfer: Transfer): Told | undefined {
  const { id, kind, debit, credit, amount, ends } = transfer
  if (kind === 'transfer' && id.startsWith('d:')) return { kind: 'deposit_credited', account: ownerOf(credit), amount }
  if (kind === 'transfer' && id.startsWith('u:')) return { kind: 'payment_received', account: ownerOf(credit), amount }
  if (kind === 'pending') return RESERVATION.test(id) ? { kind: 'payout_reserved', account: ownerOf(debit), amount } : undefined
  const payout = payoutIdOfTransfer(transfer)
  if (payout === undefined) return undefined
  if (kind === 'post') return { kind: 'payout_paid', account: ownerOf(debit), amount, payout }
  return { kind: 'payout_released', account: ownerOf(debit), amount: ends?.reserved ?? 0n }
}

function ownerOf(account: LedgerAccountId): AccountId | undefined {
  const [, owner] = USER_ACCOUNT.exec(account) ?? []
  return owner === undefined ? undefined : parseAccountId(owner)
}
