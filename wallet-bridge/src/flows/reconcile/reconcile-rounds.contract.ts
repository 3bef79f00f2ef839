import { afterEach, describe, expect, it } from 'vitest'
import { openingOf } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { depositTransferId, parsePurpose, userTransferId } from '../../ledger/ids.js'
import { custodyOf, depositCursorOf } from '../deposit/deposit-flow.js'
import { alice, recipientOf } from '../payout/payout-world.contract.js'
import { CARRIED_MAX, type ReconcileCheckpoints } from './checkpoint.js'
import { Books, type ReconcileStores } from './reconcile-flow.contract.js'
import { ReconcileFlow, type ReconcileParts, type ReconcileRequest } from './reconcile-flow.js'
import type { ReconciliationReport } from './report.js'

/** Empty stores of one kind, with checkpoints. */
export interface RoundsStores extends ReconcileStores {
  readonly checkpoints: ReconcileCheckpoints
}

/** Comparisons that each go on from the checkpoint of the one before, over stores of one kind. */
export function describeReconciliationInRounds(name: string, setup: () => Promise<RoundsStores>): void {
  // On a server each comparison syncs several times.
  describe(`the reconciliation from the checkpoint of the one before (${name})`, { timeout: 120_000 }, () => {
    const opened: RoundsStores[] = []
    afterEach(async () => {
      for (const stores of opened.splice(0)) await stores.close()
    })

    async function openBooks(): Promise<{ readonly books: Books; readonly checkpoints: ReconcileCheckpoints }> {
      const stores = await setup()
      opened.push(stores)
      return { books: await Books.open(stores, 'ton'), checkpoints: stores.checkpoints }
    }

    /** A comparison, and how many events of the ledger it read. */
    async function reading(
      { books, checkpoints }: { readonly books: Books; readonly checkpoints: ReconcileCheckpoints }, request: ReconcileRequest = {},
    ): Promise<{ readonly report: ReconciliationReport; readonly events: number }> {
      let events = 0
      const ledger: ReconcileParts['ledger'] = {
        cursor: (reader) => books.ledger.cursor(reader), head: () => books.ledger.head(), transfers: (ids) => books.ledger.transfers(ids),
        events: async (after, limit) => {
          const some = await books.ledger.events(after, limit)
          events += some.length
          return some
        },
      }
      return { report: await books.report(request, { checkpoints, ledger }), events }
    }
    const plain = ({ resumed: _, ...report }: ReconciliationReport): object => report

    it('says in every round what comparing everything says, and reads what is new alone', async () => {
      const scene = await openBooks()
      const { books, checkpoints } = scene
      await books.ask('one', 300_000n)
      for (let round = 0; round < 12; round++) {
        const known = await checkpoints.get(books.chain.chain)
        await books.rounds(1)
        if (round % 3 === 1) await books.deposits.step()
        if (round === 4) books.world.chain.script({ changes: [{ address: books.hot.address, asset: books.native, delta: -40n }] })
        const { number } = await books.ledger.head()
        const { report, events } = await reading(scene)
        expect(plain(report), `round ${String(round)}`).toEqual(plain(await books.report()))
        expect(report.resumed, `round ${String(round)}`).toEqual(known === undefined ? undefined : { height: known.height, event: known.event })
        // One more than is new: that the past is the one that was compared.
        if (known !== undefined) expect(events, `round ${String(round)}`).toBe(number - known.event + 1)
      }
      await books.deposits.step()
      expect((await reading(scene)).report.lines).toMatchObject([{ kind: 'unknown', chain: -40n }])
    })

    it('forgets a difference that was mended, and carries on one that was not', async () => {
      const scene = await openBooks()
      const { books } = scene
      books.world.fund(books.hot.address, 7n)
      await books.world.makeFinal()
      const cursor = depositCursorOf(books.chain.chain)
      // Booked, says the cursor; and it is not.
      await books.ledger.moveCursor(cursor, await books.ledger.cursor(cursor), (await books.chain.head()).final)
      const { report: first } = await reading(scene)
      expect(first.lines).toMatchObject([{ kind: 'missing_on_ledger', chain: 7n }])
      expect((await reading(scene)).report.lines).toEqual(first.lines)
      const [, txid, index] = /^(.*):(.*)$/.exec(first.lines[0]!.subject) ?? []
      await books.ledger.submit({ linked: false, transfers: [{
        kind: 'transfer', id: depositTransferId(books.chain.chain, txid!, Number(index)), debit: custodyOf(books.native).id, credit: openingOf('user', alice, books.native).id,
        amount: amountOf(7n), purpose: parsePurpose('deposit'),
      }] })
      expect((await reading(scene)).report).toMatchObject({ drift: false, lines: [] })
    })

    it('leaves the checkpoint that there is where more differs than one carries', async () => {
      const scene = await openBooks()
      const { books, checkpoints } = scene
      await reading(scene)
      const known = (await checkpoints.get(books.chain.chain))!
      const unknown = Array.from({ length: CARRIED_MAX }, (_, index) => ({ asset: books.native, subject: `u:one:${String(index)}`, ledger: 1n }))
      const full = { ...known, unknown, assets: known.assets.map((one) => ({ ...one, unknown: CARRIED_MAX })) }
      await checkpoints.put(full)
      await books.ledger.submit({ linked: false, transfers: [{
        kind: 'transfer', id: userTransferId(alice, 'odd'), debit: openingOf('user', alice, books.native).id, credit: custodyOf(books.native).id, amount: amountOf(5n), purpose: parsePurpose('chat'),
      }] })
      for (let round = 0; round < 2; round++) expect((await reading(scene)).report.assets[0]?.totals.unknown, `round ${String(round)}`).toBe(CARRIED_MAX + 1)
      expect(await checkpoints.get(books.chain.chain)).toEqual(full)
    })

    it('begins at the start when it is asked to, for a height of the past, and for other addresses', async () => {
      const scene = await openBooks()
      const { books, checkpoints } = scene
      const { report: { through } } = await reading(scene)
      expect((await reading(scene)).report.resumed).toBeDefined()
      expect((await reading(scene, { fromStart: true })).report.resumed).toBeUndefined()
      expect((await reading(scene, { upTo: through - 1 })).report.resumed).toBeUndefined()
      expect((await reading(scene)).report.resumed).toMatchObject({ height: through - 1 })
      expect((await books.report({}, { checkpoints, cold: new Set([recipientOf('cold')]) })).resumed).toBeUndefined()
    })

    it('notices that the ledger has another past, and compares nothing until everything is', async () => {
      const scene = await openBooks()
      const { books, checkpoints } = scene
      await reading(scene)
      const known = (await checkpoints.get(books.chain.chain))!
      for (const changed of [{ hash: 'ab'.repeat(32) }, { ledger: 'ab'.repeat(16) }, { event: known.event + 1 }]) {
        await checkpoints.put({ ...known, ...changed })
        const answer = await new ReconcileFlow({ ...books.parts, checkpoints }).run()
        expect(answer, JSON.stringify(changed)).toEqual({ status: 'past_differs', event: changed.event ?? known.event })
      }
      expect((await reading(scene, { fromStart: true })).report.drift).toBe(false)
      expect((await reading(scene)).report.resumed).toBeDefined()
    })
  })
}
