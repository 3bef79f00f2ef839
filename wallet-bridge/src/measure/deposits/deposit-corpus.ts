import type { AccountId } from '@evegram/protocol'
import { parseAccountId } from '@evegram/protocol'
import type { DepositRoutes } from '../../flows/deposit/deposit-routes.js'
import { decodeLedgerEvent } from '../../ledger/event.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'

/** Somebody with an account here. */
export type Person = 'alice' | 'bob'

/** What came of a case: each booking as `<whose>:<asset> <amount>`, where whose is a person or the reason of a suspense account, sorted. */
export interface CaseOutcome {
  readonly expected: readonly string[]
  readonly made: readonly string[]
  readonly alarmsExpected: readonly string[]
  readonly alarms: readonly string[]
}

/** Where cases are played into: nothing else happens there meanwhile. */
export interface CaseStores {
  readonly ledger: LedgerStore
  readonly routes: DepositRoutes
}

/** Cases of one chain, each under a name of its own with all that must be booked of it. */
export interface DepositCorpus {
  /** `simulated`, `solana`, `ton`, `terra`. */
  readonly name: string
  readonly cases: readonly { readonly name: string; readonly booked: readonly string[] }[]
  /** Begins the chain. */
  readonly open: (stores: CaseStores) => Promise<OpenCorpus>
}

/** A corpus whose chain runs. */
export interface OpenCorpus {
  /** Plays the case at that place; one after the other, in any order. */
  play(index: number): Promise<CaseOutcome>
  /** Ends the chain. */
  close(): Promise<void>
}

/** The accounts of the people. */
export const PERSONS: Readonly<Record<Person, AccountId>> = { alice: parseAccountId('a11ce'.padEnd(32, '0')), bob: parseAccountId('b0b'.padEnd(32, '0')) }

const EVENTS_PER_READ = 1_024

/** What was booked as a deposit or into suspense behind an event, sorted. `assetName` says how an asset is called. */
export async function bookingsBehind(ledger: LedgerStore, number: number, assetName: (asset: string) => string): Promise<readonly string[]> {
  const made: string[] = []
  for (let after = number; ;) {
    const events = await ledger.events(after, EVENTS_PER_READ)
    for (const { bytes } of events) {
      const { change } = decodeLedgerEvent(bytes)
      if (change.kind !== 'transfer' || !change.purpose.startsWith('deposit')) continue
      const [kind, owner = '', asset = ''] = change.credit.split(':')
      const person = (['alice', 'bob'] as const).find((name) => PERSONS[name] === owner)
      made.push(`${kind === 'user' ? person ?? 'somebody else' : owner}:${assetName(asset)} ${String(change.amount)}`)
    }
    if (events.length < EVENTS_PER_READ) return made.sort()
    after += events.length
  }
}
