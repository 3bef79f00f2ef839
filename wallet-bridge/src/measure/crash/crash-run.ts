import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@evegram/platform'
import { sleep } from '@evegram/protocol'
import { custodyOf } from '../../flows/deposit/deposit-flow.js'
import { ENDED_STATES, isOneOf } from '../../flows/payout/payout-states.js'
import type { PayoutStore } from '../../flows/payout/payout-store.js'
import { openingOf } from '../../ledger/account.js'
import { amountOf, type Amount } from '../../ledger/amount.js'
import { depositTransferId, parsePurpose, type AssetId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { openPostgresLedger, postgresDatabase, PostgresPayoutStore, scratchDatabase } from '../../ledger/postgres/index.js'
import { hasStopped, readActs, type ActRecord } from './acts.js'
import { allPayouts, auditPayouts, type CrashAudit } from './audit-payouts.js'
import { crashChainOf } from './chains/index.js'
import { Child } from './child.js'
import type { CrashChain } from './crash-chain.js'
import type { ArmMessage, ChainMessage, ChainRequest, WallyMessage, WallySettings } from './crash-messages.js'
import { crashKeyOf, fundsOf, planPayouts } from './crash-payouts.js'
import { planKills, type PlannedKill } from './crash-plan.js'
import type { FrontCounts } from './faulty-front.js'

/** After which a process that does not come to the call at which it should stop is stopped where it is. */
const LIFE_MAX_MS = 8_000
/** Shares of payouts that may be under way when a process is to be stopped: kills are spread over the whole run and not over its beginning. */
const SHARES_UNDER_WAY = 2
/** For those before to end. */
const PACE_MAX_MS = 60_000
/** For all payouts to end, when nothing is killed any more. */
const FINISH_MAX_MS = 600_000
const POLL_MS = 20
const PROGRESS_MS = 250
const CONNECTIONS = 2

/** What is asked of a run. */
export interface CrashRunOptions {
  readonly chain: string
  readonly payouts: number
  readonly kills: number
  readonly seed: number
  /** Whether the next process begins while the one before stands still, and goes on beside it for a while before it is killed. */
  readonly overlap: boolean
}

/** What a run was. */
export interface CrashRunResult extends CrashAudit {
  /** What the killed processes were about at their end, or when they stood still: how many. */
  readonly moments: Readonly<Record<string, number>>
  /** In which states payouts were under way at the kills, summed. */
  readonly underWay: Readonly<Record<string, number>>
  readonly kills: number
  readonly signatures: number
  readonly broadcasts: number
  /** Handed over again, beyond the first time of each transaction. */
  readonly rebroadcasts: number
  /** Steps that failed and were made again, and alarms. */
  readonly failures: Readonly<Record<string, number>>
  readonly network: FrontCounts
  readonly seconds: number
}

/** Hears how far a run is. */
export type CrashProgress = (ended: number, kills: number) => void

/**
 * Pays out on a local chain while the process that does it is killed again and again, and compares at the end what arrived on the chain with the books. Uses the
 * PostgreSQL server at `url`, in a database of its own. Ends what it started, also when it rejects.
 */
export async function runCrash(url: string, options: CrashRunOptions, progress: CrashProgress): Promise<CrashRunResult> {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-wally-crash-'))
  const scratch = await scratchDatabase(url)
  const database = postgresDatabase(scratch.url, { connectionsMax: CONNECTIONS })
  const run = new CrashRun(options, await crashChainOf(options.chain), { url: scratch.url, folder, progress })
  try {
    const ledger = await openPostgresLedger({ database, clock: systemClock(), random: systemRandom(), synced: true })
    return await run.make(ledger, new PostgresPayoutStore(ledger, database))
  } finally {
    await run.end()
    await database.close()
    await scratch.drop()
    rmSync(folder, { recursive: true, force: true })
  }
}

class CrashRun {
  readonly #options: CrashRunOptions
  readonly #chain: CrashChain
  readonly #place: { readonly url: string; readonly folder: string; readonly progress: CrashProgress }
  readonly #children: Child<unknown>[] = []
  readonly #actPaths: string[] = []
  readonly #moments: string[] = []
  readonly #underWay: string[] = []

  constructor(options: CrashRunOptions, chain: CrashChain, place: { readonly url: string; readonly folder: string; readonly progress: CrashProgress }) {
    this.#options = options
    this.#chain = chain
    this.#place = place
  }

  async make(ledger: LedgerStore, payouts: PayoutStore): Promise<CrashRunResult> {
    const { payouts: count, kills, seed } = this.#options
    const chain = this.#chain
    const planned = planPayouts(chain, seed, count)
    const chainProcess = this.#start<ChainMessage>('the local chain', 'chain-process.js', [this.#options.chain, String(seed)])
    const serving = await chainProcess.next()
    if (serving.kind !== 'serving') throw new Error('the local chain did not say where it is')
    const funds = fundsOf(chain, planned)
    // As much again of our own: payments whose end is not known count against what the hot wallet holds, also when they have left it.
    const house = amountOf([...funds.values()].reduce<bigint>((sum, amount) => sum + amount, 0n))
    const hot = chain.sourceOf(serving.direct).addressOf(chain.signerOf(crashKeyOf(seed, 'hot wallet')))
    chainProcess.send({ kind: 'fund', address: hot, amount: String(house * 2n) } satisfies ChainRequest)
    await chainProcess.next()
    await sleep(systemClock(), chain.finalMs)
    await book(ledger, chain.asset, funds, house)

    const startedAt = performance.now()
    const plan = planKills(seed, kills)
    let wally = await this.#life(serving.fronts, plan[0], 1)
    for (const [index, kill] of plan.entries()) wally = await this.#kill(wally, kill, () => this.#life(serving.fronts, plan[index + 1], index + 2), payouts, index + 1)
    await this.#ended(wally, payouts, count, FINISH_MAX_MS)
    await wally.kill()
    const seconds = (performance.now() - startedAt) / 1_000
    // What the network still keeps back may reach the chain: whatever it does there, it has done before anything is compared.
    chainProcess.send({ kind: 'settle' } satisfies ChainRequest)
    const settled = await chainProcess.next()
    if (settled.kind !== 'settled') throw new Error('the local chain did not say what it did')
    await sleep(systemClock(), chain.finalMs)

    const [hotHeld = -1n, ...held] = await chain.held(serving.direct, [hot, ...planned.map(({ to }) => to)])
    const audit = await auditPayouts({ asset: chain.asset, planned, funds, ledger, payouts, held, hotHeld })
    return { ...audit, ...this.#acts(), moments: countOf(this.#moments), underWay: countOf(this.#underWay), kills: this.#moments.length, network: settled.counts, seconds }
  }

  /** Ends every process that was started. */
  async end(): Promise<void> {
    for (const child of this.#children) await child.kill()
  }

  /** A process of Wally that works. `number`: the how-manieth; each asks for some more payouts than the one before. */
  async #life(endpoints: readonly [string, string], kill: PlannedKill | undefined, number: number): Promise<Child<WallyMessage>> {
    const { chain, payouts, kills, seed, overlap } = this.#options
    const actsPath = join(this.#place.folder, `acts-${String(number)}`)
    const askTo = this.#askedBy(number)
    const settings: WallySettings = {
      chain, seed, payouts, endpoints, actsPath, databaseUrl: this.#place.url, askTo,
      // As somebody does who got no answer. The last one asks for everything.
      askFrom: number > kills ? 0 : this.#askedBy(number - 2 * SHARES_UNDER_WAY),
      stop: kill?.at === undefined ? undefined : { at: kill.at, signal: overlap ? 'SIGSTOP' : 'SIGKILL' },
    }
    const child = this.#start<WallyMessage>(`process ${String(number)} of Wally`, 'wally-process.js')
    child.send(settings)
    await child.next()
    this.#actPaths.push(actsPath)
    return child
  }

  async #kill(wally: Child<WallyMessage>, { at, waitMs, stillMs, togetherMs }: PlannedKill, next: () => Promise<Child<WallyMessage>>, payouts: PayoutStore, number: number): Promise<Child<WallyMessage>> {
    const path = this.#actPaths.at(-1) ?? ''
    await this.#ended(wally, payouts, this.#askedBy(number - SHARES_UNDER_WAY), PACE_MAX_MS)
    wally.send({ kind: 'arm' } satisfies ArmMessage)
    const until = performance.now() + (at === undefined ? waitMs : LIFE_MAX_MS)
    while (performance.now() < until && !wally.isOver && !(at !== undefined && hasStopped(path))) await sleep(systemClock(), POLL_MS)
    const clock = systemClock()
    let successor: Child<WallyMessage> | undefined
    if (this.#options.overlap) {
      wally.halt()
      await this.#note(path, payouts)
      successor = await next()
      await sleep(clock, stillMs)
      wally.goOn()
      await sleep(clock, togetherMs)
    }
    await wally.kill()
    if (!this.#options.overlap) await this.#note(path, payouts)
    return successor ?? next()
  }

  async #note(path: string, payouts: PayoutStore): Promise<void> {
    this.#moments.push(readActs(path).moment)
    const all = await allPayouts(payouts, this.#chain.asset)
    this.#underWay.push(...all.map(({ state }) => state).filter((state) => !isOneOf(state, ENDED_STATES)))
  }

  /** How many payouts were asked for when the process of this number has asked for all of its own. */
  #askedBy(number: number): number {
    return Math.ceil(this.#options.payouts * Math.max(0, number) / (this.#options.kills + 1))
  }

  /** Waits until so many payouts have ended, but no longer than `limitMs`: what did not end is told by the comparison. Rejects when `wally` runs no more. */
  async #ended(wally: Child<WallyMessage>, payouts: PayoutStore, count: number, limitMs: number): Promise<void> {
    for (const until = performance.now() + limitMs; performance.now() < until;) {
      if (wally.isOver) throw new Error('a process of Wally was killed by somebody else')
      const { length } = (await allPayouts(payouts, this.#chain.asset)).filter(({ state }) => isOneOf(state, ENDED_STATES))
      this.#place.progress(length, this.#moments.length)
      if (length >= count) return
      await sleep(systemClock(), PROGRESS_MS)
    }
  }

  #start<Message>(name: string, program: string, args: readonly string[] = []): Child<Message> {
    const child = new Child<Message>(name, program, args)
    this.#children.push(child)
    return child
  }

  #acts(): Pick<CrashRunResult, 'signatures' | 'broadcasts' | 'rebroadcasts' | 'failures'> {
    const records = this.#actPaths.map(readActs)
    const all = (of: (record: ActRecord) => readonly string[]): readonly string[] => records.flatMap(of)
    const broadcasts = all(({ broadcast }) => broadcast)
    return {
      signatures: all(({ signed }) => signed).length, broadcasts: broadcasts.length, rebroadcasts: broadcasts.length - new Set(broadcasts).size,
      failures: countOf(all(({ failures }) => failures)),
    }
  }
}

/** What the accounts have, and what is ours, as deposits would have been booked. */
async function book(ledger: LedgerStore, asset: AssetId, funds: ReturnType<typeof fundsOf>, house: Amount): Promise<void> {
  const [custody, purpose] = [custodyOf(asset), parsePurpose('deposit')]
  const holders = [
    { opening: openingOf('equity', 'house', asset), amount: house }, ...[...funds].map(([account, amount]) => ({ opening: openingOf('user', account, asset), amount })),
  ]
  await ledger.openAccounts([custody, ...holders.map(({ opening }) => opening)])
  await ledger.submit({
    linked: true,
    transfers: holders.map(({ opening, amount }, index) => ({
      kind: 'transfer', id: depositTransferId(asset.slice(0, asset.indexOf('/')), 'play-money', index), debit: custody.id, credit: opening.id, amount, purpose,
    })),
  })
}

function countOf(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
