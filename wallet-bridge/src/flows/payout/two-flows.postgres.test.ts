import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openingOf } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { depositTransferId, ledgerAccountIdOf, parsePurpose } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { freshLedger, postgresServer, type FreshLedger, type LedgerServer } from '../../ledger/postgres/fresh-ledger.fixture.js'
import { PostgresPayoutStore } from '../../ledger/postgres/payout-store.js'
import { custodyOf } from '../deposit/deposit-flow.js'
import { payoutIdOf } from './payout.js'
import type { PayoutFlow } from './payout-flow.js'
import type { PayoutStore } from './payout-store.js'
import { alice, FUNDED, PayoutWorld } from './payout-world.contract.js'
import { StrayReservations } from './stray-reservations.js'

/** One process: its own connections to the one database. */
interface Worker {
  readonly ledger: LedgerStore
  readonly payouts: PayoutStore
}

describe('two processes that both work on a chain, on one PostgreSQL', () => {
  let server: LedgerServer
  let database: FreshLedger
  let world: PayoutWorld
  let workers: readonly [Worker, Worker]
  beforeAll(async () => { server = await postgresServer() }, 120_000)
  afterAll(async () => { await server.close() }, 60_000)
  beforeEach(async () => {
    database = await freshLedger(server)
    const open = async (): Promise<Worker> => {
      const ledger = await database.open()
      return { ledger, payouts: new PostgresPayoutStore(ledger, await database.connect()) }
    }
    workers = [await open(), await open()]
    world = await PayoutWorld.open('solana', workers[0].payouts, workers[0].ledger)
  })
  afterEach(async () => {
    for (const { ledger } of workers) await ledger.close()
    await database.close()
  })

  const id = payoutIdOf(alice, 'one')
  const flowOf = (worker: Worker, changes: Partial<Worker> = {}): PayoutFlow => world.flow({ ...worker, ...changes })
  const reserved = async (): Promise<bigint> => (await world.ledger.accounts([ledgerAccountIdOf('user', alice, world.native)]))[0]!.debitsPending
  const strays = (): StrayReservations => new StrayReservations({
    chain: world.world.rules.chain, ledger: workers[0].ledger, payouts: workers[0].payouts, found: (payout) => { found.push(payout) },
  })
  const found: string[] = []
  beforeEach(() => { found.splice(0) })

  /** A worker whose first reservation reaches the ledger only when `go` resolves; `held`: it is about to. */
  function late(worker: Worker): { readonly ledger: Pick<LedgerStore, 'openAccounts' | 'submit'>; readonly held: Promise<void>; readonly go: () => void } {
    let [go, isHeld]: (() => void)[] = []
    const [gone, held] = [new Promise<void>((resolve) => { go = resolve }), new Promise<void>((resolve) => { isHeld = resolve })]
    return {
      held, go: () => { go?.() },
      ledger: {
        openAccounts: (openings) => worker.ledger.openAccounts(openings),
        submit: async (submission) => {
          isHeld?.()
          await gone
          return worker.ledger.submit(submission)
        },
      },
    }
  }

  /** The account spends all it has, so that the other process is refused. */
  async function spend(): Promise<void> {
    const equity = openingOf('equity', 'house', world.native)
    await world.ledger.submit({ linked: false, transfers: [{
      kind: 'transfer', id: depositTransferId('simulated', 'spent', 0), debit: openingOf('user', alice, world.native).id, credit: equity.id, amount: amountOf(FUNDED), purpose: parsePurpose('chat'),
    }] })
  }
  async function earn(): Promise<void> {
    await world.ledger.submit({ linked: false, transfers: [{
      kind: 'transfer', id: depositTransferId('simulated', 'earned', 0), debit: custodyOf(world.native).id, credit: openingOf('user', alice, world.native).id, amount: amountOf(FUNDED), purpose: parsePurpose('deposit'),
    }] })
  }

  it('pay once, whichever does what', async () => {
    const [one, other] = workers.map((worker) => flowOf(worker)) as [PayoutFlow, PayoutFlow]
    for (const name of ['one', 'two', 'three']) await world.asked(name, 1_000n, one)
    for (let round = 0; round < 12; round++) {
      // One of two changes fails at the other's; nothing is thrown and nothing is lost.
      await Promise.all([one.step(), other.step()])
      await world.world.blocks()
    }
    expect([await world.state('one'), await world.state('two'), await world.state('three')]).toEqual(['paid', 'paid', 'paid'])
    await world.audit()
    expect(await strays().release()).toEqual([])
  })

  it('leave nothing reserved when one comes late: it releases what it reserved for a payout that the other refused', async () => {
    const [one, other] = workers
    await world.asked('one', 1_000n, flowOf(one))
    const hesitant = late(one)
    const lateStep = flowOf(one, { ledger: hesitant.ledger as LedgerStore }).step()
    await hesitant.held
    await spend()
    await flowOf(other).step()
    expect(await world.state('one')).toBe('refused')
    await earn()
    hesitant.go()
    await lateStep
    expect([await reserved(), await world.state('one')]).toEqual([0n, 'refused'])
  })

  it('leave nothing reserved when the one that came late is killed before it can release it', async () => {
    const [one, other] = workers
    await world.asked('one', 1_000n, flowOf(one))
    const hesitant = late(one)
    const killed = new Error('kill -9')
    // Its reservation is committed, and that is the last that is heard of it.
    const payouts = new Proxy(one.payouts, {
      get: (target, name: keyof PayoutStore) => name === 'replace' ? async (next: Parameters<PayoutStore['replace']>[0]) => {
        if (next.state === 'reserved') throw killed
        return target.replace(next)
      } : target[name].bind(target),
    })
    const lateStep = flowOf(one, { ledger: hesitant.ledger as LedgerStore, payouts }).step()
    await hesitant.held
    await spend()
    await flowOf(other).step()
    await earn()
    hesitant.go()
    await expect(lateStep).rejects.toThrow(killed)
    expect([await reserved() > 0n, await world.state('one')]).toEqual([true, 'refused'])

    expect(await strays().release()).toEqual([id])
    expect([await reserved(), found]).toEqual([0n, [id]])
    expect(await strays().release()).toEqual([])
  })

  it('leave alone what is reserved for payouts under way, and for those of other chains', async () => {
    const flow = flowOf(workers[0])
    await world.asked('one', 1_000n, flow)
    await flow.step()
    const before = await reserved()
    expect(before).toBeGreaterThan(0n)
    expect(await strays().release()).toEqual([])
    expect([await reserved(), found]).toEqual([before, []])
  })
})
