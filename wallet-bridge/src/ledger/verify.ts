import type { LedgerAccount } from './account.js'
import { emptyLedgerHead, type LedgerHead } from './event.js'
import type { LedgerAccountId } from './ids.js'
import type { LedgerStore } from './ledger-store.js'
import { isFault, LedgerReplay, type LedgerFault } from './replay.js'
import type { Transfer } from './transfer.js'

/** Events, and accounts, of one read. */
const PAGE = 512

/** An event that was noted outside the ledger: whoever can write to the database can make a new chain, but none with this hash in it. */
export interface LedgerAnchor {
  readonly number: number
  /** 32 bytes. */
  readonly hash: Uint8Array
}

/** What a verification found. */
export type LedgerVerification =
  | { readonly status: 'sound'; readonly head: LedgerHead; readonly accounts: number }
  | ({ readonly status: 'damaged' } & LedgerFault)

/**
 * Recomputes the chain and every balance from the events, and compares them with the transfers, accounts and head of the store; names the first difference. May
 * run while the ledger is written to. Needs memory for all accounts. Rejects as the store does.
 */
export async function verifyLedger(store: LedgerStore, anchors: readonly LedgerAnchor[] = []): Promise<LedgerVerification> {
  const head = await store.head()
  const verifier = new Verifier(store, new LedgerReplay(emptyLedgerHead(head.ledger)), anchors)
  const fault = await verifier.replayTo(head.number) ?? verifier.compareHead(head) ?? await verifier.compareAccounts()
  return fault === undefined ? { status: 'sound', head: verifier.head, accounts: verifier.accountCount } : { status: 'damaged', ...fault }
}

class Verifier {
  readonly #store: LedgerStore
  readonly #replay: LedgerReplay
  readonly #anchors: ReadonlyMap<number, Uint8Array>

  constructor(store: LedgerStore, replay: LedgerReplay, anchors: readonly LedgerAnchor[]) {
    this.#store = store
    this.#replay = replay
    this.#anchors = new Map(anchors.map(({ number, hash }) => [number, hash]))
  }

  get head(): LedgerHead {
    return this.#replay.head
  }

  get accountCount(): number {
    return this.#replay.accounts.size
  }

  /** Replays up to event `number`. */
  async replayTo(number: number): Promise<LedgerFault | undefined> {
    while (this.head.number < number) {
      const events = await this.#store.events(this.head.number, Math.min(PAGE, number - this.head.number))
      if (events.length === 0) return { fault: 'chain_broken', number: this.head.number + 1, detail: 'the event is missing' }
      const transfers: Transfer[] = []
      for (const event of events) {
        const applied = this.#replay.apply(event)
        if (isFault(applied)) return applied
        const anchor = this.#anchors.get(event.number)
        if (anchor !== undefined && Buffer.compare(anchor, event.hash) !== 0) return { fault: 'head_differs', number: event.number, detail: 'an anchor names another event' }
        if ('ends' in applied.change) transfers.push(applied.change)
      }
      const fault = await this.#compareTransfers(transfers)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  compareHead(head: LedgerHead): LedgerFault | undefined {
    const { number, hash, atMs } = this.head
    const beyond = [...this.#anchors.keys()].find((anchor) => anchor > number)
    if (beyond !== undefined) return { fault: 'head_differs', number: beyond, detail: 'an anchor names an event that is not there' }
    if (Buffer.compare(hash, head.hash) === 0 && atMs === head.atMs) return undefined
    return { fault: 'head_differs', number, detail: 'the head names another event' }
  }

  /** All accounts, each as of the moment of its page. */
  async compareAccounts(): Promise<LedgerFault | undefined> {
    let after: LedgerAccountId | undefined
    for (;;) {
      const { accounts, number } = await this.#store.accountsAfter(after, PAGE)
      const fault = await this.replayTo(number)
      if (fault !== undefined) return fault
      for (const account of accounts) {
        const replayed = this.#replay.accounts.get(account.id)
        if (replayed === undefined || !isSameAccount(account, replayed)) {
          return { fault: 'account_differs', number, detail: `account ${shortened(account.id)} is not what its events say` }
        }
      }
      after = accounts.at(-1)?.id
      if (accounts.length < PAGE) break
    }
    return await this.#misses() ? { fault: 'account_differs', number: this.head.number, detail: 'an account is missing' } : undefined
  }

  /** Whether the store lacks an account that the events opened. */
  async #misses(): Promise<boolean> {
    const ids = [...this.#replay.accounts.keys()]
    for (let from = 0; from < ids.length; from += PAGE) {
      if ((await this.#store.accounts(ids.slice(from, from + PAGE))).includes(undefined)) return true
    }
    return false
  }

  async #compareTransfers(replayed: readonly Transfer[]): Promise<LedgerFault | undefined> {
    if (replayed.length === 0) return undefined
    const stored = await this.#store.transfers(replayed.map(({ id }) => id))
    const index = replayed.findIndex((transfer, at) => !isSameTransfer(transfer, stored[at]))
    const different = replayed[index]
    return different === undefined ? undefined : { fault: 'transfer_differs', number: different.number, detail: 'the transfer is not what its event says' }
  }
}

function isSameAccount(left: LedgerAccount, right: LedgerAccount): boolean {
  return left.asset === right.asset && left.kind === right.kind && left.closed === right.closed && [...left.flags].sort().join() === [...right.flags].sort().join() &&
    left.debitsPending === right.debitsPending && left.debitsPosted === right.debitsPosted &&
    left.creditsPending === right.creditsPending && left.creditsPosted === right.creditsPosted
}

function isSameTransfer(left: Transfer, right: Transfer | undefined): boolean {
  return right !== undefined && left.id === right.id && left.kind === right.kind && left.debit === right.debit && left.credit === right.credit &&
    left.asset === right.asset && left.amount === right.amount && left.purpose === right.purpose && left.expiresAtMs === right.expiresAtMs &&
    left.ends?.pending === right.ends?.pending && left.ends?.reserved === right.ends?.reserved && left.number === right.number && left.atMs === right.atMs
}

/** Enough to find it: reports are mailed about. */
function shortened(id: string): string {
  return id.length <= 24 ? id : `${id.slice(0, 16)}…${id.slice(-7)}`
}
