import { systemClock, systemRandom } from '@evegram/platform'
import { parseAccountId } from '@evegram/protocol'
import { openingOf } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf, ledgerAccountIdOf, parsePurpose, userTransferId, type LedgerAccountId } from '../../ledger/ids.js'
import { LEDGER_PAGE_MAX, type LedgerStore } from '../../ledger/ledger-store.js'
import { embeddedDatabase, openPostgresLedger, postgresDatabase, type LedgerDatabase } from '../../ledger/postgres/index.js'
import type { TransferRequest } from '../../ledger/transfer.js'
import { plainOnPglite, plainOnPostgres, type PlainLedger } from '../postgres/plain-ledger.js'
import type { TransferOnce } from './load.js'

/** What has each account before the first transfer: more than any run takes from it. */
const BALANCE = 10n ** 15n
const AMOUNT_MAX_DRAWN = 1_000
const ASSET = assetIdOf('bench', 'coin')
const PURPOSE = parsePurpose('chat')

/** Where and among whom transfers are made. */
export interface BenchWorld {
  readonly accounts: number
  /** Rank of an account, by how busy it is. */
  readonly rank: () => number
  readonly uniform: () => number
}

/** A ledger under measurement. */
export interface BenchSubject {
  /** One transfer between two accounts of the world, submitted as this subject does it. */
  readonly transfer: TransferOnce
  /** Throws unless as many transfers are stored as were acknowledged and the money is all there. */
  check(acknowledged: number): Promise<void>
}

interface Drawn { readonly debit: number; readonly credit: number; readonly amount: bigint; readonly serial: number }

const ownerOf = (rank: number): string => `a${rank.toString(16).padStart(31, '0')}`
const accountOf = (rank: number): LedgerAccountId => ledgerAccountIdOf('user', ownerOf(rank), ASSET)
const SENDER = parseAccountId(ownerOf(0))

/** Draws transfers between two different accounts. */
function drawer({ rank, uniform }: BenchWorld): () => Drawn {
  let serial = 0
  return () => {
    const debit = rank()
    let credit = rank()
    while (credit === debit) credit = rank()
    return { debit, credit, amount: BigInt(1 + Math.floor(uniform() * AMOUNT_MAX_DRAWN)), serial: serial++ }
  }
}

/** The plain ledger, set up. */
export async function openPlain(world: BenchWorld, place: { readonly url: string; readonly connections: number } | { readonly folder: string }): Promise<{ readonly subject: BenchSubject; close(): Promise<void> }> {
  const ledger: PlainLedger = 'url' in place ? plainOnPostgres(place.url, place.connections) : await plainOnPglite(place.folder)
  try {
    await ledger.setUp(Array.from({ length: world.accounts }, (_, rank) => accountOf(rank)), BALANCE)
  } catch (failure) {
    await ledger.close()
    throw failure
  }
  const draw = drawer(world)
  return {
    subject: {
      transfer: () => {
        const { debit, credit, amount, serial } = draw()
        return ledger.transfer({ id: userTransferId(SENDER, `plain-${String(serial)}`), debit: accountOf(debit), credit: accountOf(credit), amount })
      },
      check: async (acknowledged) => {
        const { balance, transfers } = await ledger.totals()
        if (transfers !== acknowledged) throw new Error(`${String(transfers)} transfers are stored, ${String(acknowledged)} were acknowledged`)
        if (balance !== BALANCE * BigInt(world.accounts)) throw new Error('the balances of the plain ledger are not what they were')
      },
    },
    close: () => ledger.close(),
  }
}

/** A database with our ledger in it, accounts opened and funded; several ways of submitting are measured on it one after the other. */
export class BenchLedger {
  readonly #database: LedgerDatabase
  readonly #world: BenchWorld
  readonly #synced: boolean
  readonly #stores: LedgerStore[] = []
  #batch = 0

  private constructor(database: LedgerDatabase, world: BenchWorld, synced: boolean) {
    this.#database = database
    this.#world = world
    this.#synced = synced
  }

  /** On a server over `connections` connections, or inside this process in a folder. */
  static async open(world: BenchWorld, place: { readonly url: string; readonly connections: number } | { readonly folder: string }): Promise<BenchLedger> {
    const isServer = 'url' in place
    const database = isServer ? postgresDatabase(place.url, { connectionsMax: place.connections }) : await embeddedDatabase(place.folder)
    const ledger = new BenchLedger(database, world, isServer)
    try {
      await ledger.#setUp()
    } catch (failure) {
      await ledger.close()
      throw failure
    }
    return ledger
  }

  /** Many callers with a transfer each: the ledger joins what waits into one commit. */
  async joined(): Promise<BenchSubject> {
    const store = await this.#store()
    return this.#subject(() => store)
  }

  /** `callers` processes would do this: a transfer for each submission and commit, nothing is joined. No more callers than that may call at once. */
  async single(callers: number): Promise<BenchSubject> {
    const free: LedgerStore[] = []
    for (let caller = 0; caller < callers; caller++) free.push(await this.#store())
    return this.#subject(() => {
      const store = free.pop()
      if (store === undefined) throw new Error('more callers than stores')
      return store
    }, (store) => { free.push(store) })
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()))
    await this.#database.close()
  }

  async #store(): Promise<LedgerStore> {
    const store = await openPostgresLedger({ database: this.#database, clock: systemClock(), random: systemRandom(), synced: this.#synced })
    this.#stores.push(store)
    return store
  }

  async #setUp(): Promise<void> {
    const store = await this.#store()
    const bank = openingOf('equity', 'bench', ASSET)
    await store.openAccounts([bank])
    for (let from = 0; from < this.#world.accounts; from += LEDGER_PAGE_MAX) {
      const ranks = Array.from({ length: Math.min(LEDGER_PAGE_MAX, this.#world.accounts - from) }, (_, index) => from + index)
      await store.openAccounts(ranks.map((rank) => openingOf('user', ownerOf(rank), ASSET)))
      const funding = ranks.map((rank): TransferRequest => ({
        kind: 'transfer', id: userTransferId(SENDER, `fund-${String(rank)}`), debit: bank.id, credit: accountOf(rank), amount: amountOf(BALANCE), purpose: PURPOSE,
      }))
      const results = await store.submit({ transfers: funding, linked: false })
      if (results.some(({ status }) => status !== 'created')) throw new Error('an account was not funded')
    }
  }

  async #subject(take: () => LedgerStore, giveBack: (store: LedgerStore) => void = () => undefined): Promise<BenchSubject> {
    const draw = drawer(this.#world)
    const run = this.#batch++
    const reader = await this.#store()
    const before = await reader.head()
    return {
      transfer: async () => {
        const { debit, credit, amount, serial } = draw()
        const store = take()
        try {
          const [result] = await store.submit({
            transfers: [{
              kind: 'transfer', id: userTransferId(SENDER, `run${String(run)}-${String(serial)}`), debit: accountOf(debit), credit: accountOf(credit), amount: amountOf(amount), purpose: PURPOSE,
            }],
            linked: false,
          })
          if (result?.status !== 'created') throw new Error(`a transfer was answered ${result?.status ?? 'nothing'}`)
        } finally {
          giveBack(store)
        }
      },
      check: async (acknowledged) => {
        const stored = (await reader.head()).number - before.number
        if (stored !== acknowledged) throw new Error(`${String(stored)} transfers are stored, ${String(acknowledged)} were acknowledged`)
      },
    }
  }
}
