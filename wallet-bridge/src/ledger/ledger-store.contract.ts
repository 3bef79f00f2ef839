import type { ManualClock } from '@evegram/platform'
import { isEvegramError, type ErrorCode } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openingOf, type AccountOpening, type Balances, type LedgerAccount } from './account.js'
import { amountOf, AMOUNT_MAX } from './amount.js'
import { decodeLedgerEvent, emptyLedgerHead, ledgerEventHash, type LedgerEvent } from './event.js'
import { assetIdOf, expiryTransferId, parsePurpose, payoutTransferId, type TransferId } from './ids.js'
import { EXPIRIES_MAX, LEDGER_PAGE_MAX, type LedgerStore } from './ledger-store.js'
import { SUBMISSION_TRANSFERS_MAX, type MovingRequest, type PostRequest, type ReservingRequest, type Transfer, type TransferRequest, type VoidRequest } from './transfer.js'
import { TRANSFER_STATUSES, type TransferResult, type TransferStatus } from './transfer-status.js'

/** One ledger under test. */
export interface LedgerSubject {
  /** The clock of every store that is opened. */
  readonly clock: ManualClock
  /** Opens the same ledger, as another process would. */
  open(): Promise<LedgerStore>
  /** Frees it. Stores that were opened are closed before. */
  close(): Promise<void>
}

const asset = assetIdOf('solana', 'sol')
const purpose = parsePurpose('test')
/** Fresh, funded by nobody: what the suite moves. */
const equity = openingOf('equity', 'operator', asset)
const hot = openingOf('hot', 'main', asset)
const alice = openingOf('user', 'alice', asset)
const bob = openingOf('user', 'bob', asset)
const carol = openingOf('user', 'carol', assetIdOf('ton', 'ton'))
const STATUSES = TRANSFER_STATUSES.map(([status]) => status)

const idOf = (name: string): TransferId => payoutTransferId(name)
const move = (name: string, debit: AccountOpening, credit: AccountOpening, amount: bigint): MovingRequest =>
  ({ kind: 'transfer', id: idOf(name), debit: debit.id, credit: credit.id, amount: amountOf(amount), purpose })
const reserve = (name: string, debit: AccountOpening, credit: AccountOpening, amount: bigint, expiresAtMs?: number): ReservingRequest =>
  ({ ...move(name, debit, credit, amount), kind: 'pending', ...(expiresAtMs === undefined ? {} : { expiresAtMs }) })
const post = (name: string, pending: string, amount?: bigint): PostRequest =>
  ({ kind: 'post', id: idOf(name), pending: idOf(pending), ...(amount === undefined ? {} : { amount: amountOf(amount) }) })
const voided = (name: string, pending: string): VoidRequest => ({ kind: 'void', id: idOf(name), pending: idOf(pending) })
const code = (wanted: ErrorCode): unknown => expect.toSatisfy((failure) => isEvegramError(failure, wanted))

/** The promises of {@link LedgerStore}, run by every adapter. `setup` gives a fresh, empty ledger. */
export function describeLedgerStore(adapter: { readonly name: string; readonly setup: () => Promise<LedgerSubject> }): void {
  describe(`LedgerStore: ${adapter.name}`, () => {
    let subject: LedgerSubject
    let stores: LedgerStore[]
    let store: LedgerStore
    const open = async (): Promise<LedgerStore> => {
      const opened = await subject.open()
      stores.push(opened)
      return opened
    }
    beforeEach(async () => {
      subject = await adapter.setup()
      stores = []
      store = await open()
    })
    afterEach(async () => {
      for (const opened of stores) await opened.close()
      await subject.close()
    })

    const submit = (...transfers: readonly TransferRequest[]): Promise<readonly TransferResult[]> => store.submit({ transfers, linked: false })
    const linked = (...transfers: readonly TransferRequest[]): Promise<readonly TransferResult[]> => store.submit({ transfers, linked: true })
    const statuses = async (results: Promise<readonly TransferResult[]>): Promise<readonly TransferStatus[]> => (await results).map(({ status }) => status)
    /** Opens the accounts of the suite and gives Alice `units`. */
    const fund = async (units: bigint): Promise<void> => {
      await store.openAccounts([equity, hot, alice, bob, carol])
      if (units > 0n) expect(await statuses(submit(move('fund', hot, alice, units)))).toEqual(['created'])
    }
    const account = async ({ id }: AccountOpening): Promise<LedgerAccount> => {
      const [found] = await store.accounts([id])
      if (found === undefined) throw new Error('no such account')
      return found
    }
    const balances = async (opening: AccountOpening): Promise<readonly bigint[]> => {
      const { debitsPending, debitsPosted, creditsPending, creditsPosted }: Balances = await account(opening)
      return [debitsPending, debitsPosted, creditsPending, creditsPosted]
    }
    const allEvents = async (): Promise<readonly LedgerEvent[]> => store.events(0, LEDGER_PAGE_MAX)

    it('opens accounts, each by itself, once', async () => {
      expect(await store.openAccounts([hot, alice, alice, { ...alice, flags: [] }])).toEqual(['created', 'created', 'exists', 'exists_with_different_fields'])
      expect(await store.openAccounts([alice, bob])).toEqual(['exists', 'created'])
      expect(await store.accounts([bob.id, carol.id, alice.id])).toEqual([
        { ...bob, closed: false, debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n }, undefined,
        { ...alice, closed: false, debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n },
      ])
    })

    it('moves what a transfer says, on both sides', async () => {
      await fund(100n)
      const [result] = await submit(move('a', alice, bob, 30n))
      expect(result).toEqual({ status: 'created', number: 7 })
      expect([await balances(hot), await balances(alice), await balances(bob)]).toEqual([[0n, 100n, 0n, 0n], [0n, 30n, 0n, 100n], [0n, 0n, 0n, 30n]])
      expect(await store.transfers([idOf('a'), idOf('b')])).toEqual([{
        id: idOf('a'), kind: 'transfer', debit: alice.id, credit: bob.id, asset, amount: 30n, purpose, expiresAtMs: undefined, ends: undefined,
        number: 7, atMs: subject.clock.now(),
      } satisfies Omit<Transfer, 'amount'> & { amount: bigint }, undefined])
    })

    it('knows an id for ever, and leaves it free when it was refused', async () => {
      await fund(100n)
      const request = move('a', alice, bob, 30n)
      expect(await statuses(submit({ ...request, amount: amountOf(101n) }))).toEqual(['exceeds_credits'])
      expect(await submit(request)).toEqual([{ status: 'created', number: 7 }])
      expect(await submit(request, request)).toEqual([{ status: 'exists', number: 7 }, { status: 'exists', number: 7 }])
      const others: readonly TransferRequest[] = [
        { ...request, amount: amountOf(31n) }, { ...request, credit: hot.id }, { ...request, debit: bob.id }, { ...request, purpose: parsePurpose('other') },
        { ...request, kind: 'pending' }, { kind: 'void', id: request.id, pending: request.id }, { kind: 'post', id: request.id, pending: request.id },
        // What is wrong besides does not matter: the id is looked at first.
        { ...request, amount: amountOf(0n) }, { ...request, debit: bob.id, credit: bob.id },
      ]
      expect(await statuses(submit(...others))).toEqual(others.map(() => 'exists_with_different_fields'))
      const endMs = subject.clock.now() + 1_000
      const times = [endMs, endMs, endMs + 1, undefined]
      expect(await statuses(submit(...times.map((time) => reserve('timed', alice, bob, 1n, time))))).toEqual(
        ['created', 'exists', 'exists_with_different_fields', 'exists_with_different_fields'])
      expect(await balances(bob)).toEqual([0n, 0n, 1n, 30n])
    })

    it('reserves, and posts what was reserved', async () => {
      await fund(100n)
      expect(await statuses(submit(reserve('hold', alice, bob, 60n), move('more', alice, bob, 41n)))).toEqual(['created', 'exceeds_credits'])
      expect([await balances(alice), await balances(bob)]).toEqual([[60n, 0n, 0n, 100n], [0n, 0n, 60n, 0n]])
      // What comes in pending cannot be spent.
      expect(await statuses(submit(move('early', bob, alice, 1n)))).toEqual(['exceeds_credits'])
      expect(await statuses(submit(post('post', 'hold')))).toEqual(['created'])
      expect([await balances(alice), await balances(bob)]).toEqual([[0n, 60n, 0n, 100n], [0n, 0n, 0n, 60n]])
      expect(await store.transfers([idOf('post')])).toMatchObject([{ kind: 'post', amount: 60n, ends: { pending: idOf('hold'), reserved: 60n } }])
    })

    it('posts a part and releases the rest, once', async () => {
      await fund(100n)
      await submit(reserve('hold', alice, bob, 60n))
      expect(await statuses(submit(post('large', 'hold', 61n), post('part', 'hold', 25n), post('rest', 'hold', 35n), voided('end', 'hold'))))
        .toEqual(['exceeds_pending_amount', 'created', 'already_posted', 'already_posted'])
      expect([await balances(alice), await balances(bob)]).toEqual([[0n, 25n, 0n, 100n], [0n, 0n, 0n, 25n]])
      expect(await statuses(submit(post('part', 'hold', 25n), post('part', 'hold', 24n), post('part', 'hold')))).toEqual(
        ['exists', 'exists_with_different_fields', 'exists_with_different_fields'])
    })

    it('voids what was reserved, once', async () => {
      await fund(100n)
      expect(await statuses(submit(reserve('hold', alice, bob, 60n), voided('end', 'hold'), voided('again', 'hold'), post('post', 'hold'), voided('end', 'hold'))))
        .toEqual(['created', 'created', 'already_voided', 'already_voided', 'exists'])
      expect([await balances(alice), await balances(bob)]).toEqual([[0n, 0n, 0n, 100n], [0n, 0n, 0n, 0n]])
    })

    it('refuses to post or void what is over, before and after it was released', async () => {
      await fund(100n)
      const endMs = subject.clock.now() + 1_000
      await submit(reserve('hold', alice, bob, 60n, endMs), reserve('other', alice, bob, 10n, endMs + 1), reserve('for-ever', alice, bob, 5n))
      subject.clock.advance(999)
      expect(await store.expire(10)).toBe(0)
      subject.clock.advance(1)
      expect(await statuses(submit(post('post', 'hold'), voided('end', 'hold')))).toEqual(['expired', 'expired'])
      expect(await balances(alice)).toEqual([75n, 0n, 0n, 100n])
      expect(await store.expire(10)).toBe(1)
      expect(await store.expire(10)).toBe(0)
      expect(await balances(alice)).toEqual([15n, 0n, 0n, 100n])
      expect(await statuses(submit(post('post', 'hold'), voided('end', 'hold'), post('other-post', 'other')))).toEqual(['expired', 'expired', 'created'])
      expect(await store.transfers([expiryTransferId(idOf('hold'))])).toMatchObject([{ kind: 'expire', amount: 0n, ends: { pending: idOf('hold'), reserved: 60n } }])
    })

    it('names what is reserved and not ended, in the order of the ids, page by page', async () => {
      await fund(100n)
      expect(await store.openPendings(undefined, 10)).toEqual([])
      await submit(...['c', 'a', 'd', 'b', 'e'].map((name) => reserve(name, alice, bob, 10n, name === 'e' ? subject.clock.now() + 5 : undefined)), move('moved', alice, bob, 1n))
      expect(await store.openPendings(undefined, 3)).toEqual(['a', 'b', 'c'].map(idOf))
      expect(await store.openPendings(idOf('b'), 10)).toEqual(['c', 'd', 'e'].map(idOf))
      await submit(post('post', 'a'), voided('void', 'c'))
      subject.clock.advance(5)
      await store.expire(10)
      expect(await store.openPendings(undefined, 10)).toEqual(['b', 'd'].map(idOf))
      await expect(store.openPendings(undefined, LEDGER_PAGE_MAX + 1)).rejects.toThrow(code('invalid.argument'))
    })

    it('releases the oldest first, as many as asked for', async () => {
      await fund(100n)
      const nowMs = subject.clock.now()
      await submit(...[5, 1, 4, 2, 3].map((place) => reserve(`hold${String(place)}`, alice, bob, 10n, nowMs + place)))
      subject.clock.advance(10)
      expect([await store.expire(2), await store.expire(2), await store.expire(2), await store.expire(2)]).toEqual([2, 2, 1, 0])
      const ended = (await allEvents()).map(({ bytes }) => decodeLedgerEvent(bytes).change).flatMap((change) => (change.kind === 'expire' ? [change.ends?.pending] : []))
      expect(ended).toEqual([1, 2, 3, 4, 5].map((place) => idOf(`hold${String(place)}`)))
    })

    it('does all linked transfers or none', async () => {
      await fund(100n)
      const [first, second, third] = [move('a', alice, bob, 60n), move('b', bob, alice, 10n), move('c', alice, bob, 51n)] as const
      expect(await statuses(linked(first, second, third))).toEqual(['linked_failed', 'linked_failed', 'exceeds_credits'])
      expect([await balances(alice), await balances(bob)]).toEqual([[0n, 0n, 0n, 100n], [0n, 0n, 0n, 0n]])
      const fitting = { ...third, amount: amountOf(50n) }
      expect(await statuses(linked(third, first))).toEqual(['created', 'exceeds_credits'].map((status) => (status === 'created' ? 'linked_failed' : status)))
      expect(await statuses(linked(first, second, fitting))).toEqual(['created', 'created', 'created'])
      expect([await balances(alice), await balances(bob)]).toEqual([[0n, 110n, 0n, 110n], [0n, 10n, 0n, 110n]])
      expect(await statuses(linked(first, second, fitting))).toEqual(['exists', 'exists', 'exists'])
      // Another group than the one that was stored.
      expect(await statuses(linked(first, move('d', bob, alice, 1n)))).toEqual(['exists', 'linked_failed'])
      expect((await store.transfers([idOf('d')]))[0]).toBeUndefined()
    })

    it('takes back holds, posts and voids of a linked group that fails', async () => {
      await fund(100n)
      await submit(reserve('one', alice, bob, 10n), reserve('two', alice, bob, 20n))
      expect(await statuses(linked(post('p', 'one'), voided('v', 'two'), reserve('three', alice, bob, 30n), move('x', alice, alice, 1n))))
        .toEqual(['linked_failed', 'linked_failed', 'linked_failed', 'accounts_must_differ'])
      expect(await balances(alice)).toEqual([30n, 0n, 0n, 100n])
      expect(await statuses(submit(post('p', 'one'), voided('v', 'two'), reserve('three', alice, bob, 30n)))).toEqual(['created', 'created', 'created'])
    })

    it('decides what is not linked one after the other, each by itself', async () => {
      await fund(10n)
      expect(await statuses(submit(move('a', alice, bob, 8n), move('b', alice, bob, 3n), move('c', alice, bob, 2n), move('d', bob, alice, 10n), move('e', alice, bob, 1n))))
        .toEqual(['created', 'exceeds_credits', 'created', 'created', 'created'])
    })

    it('gives every answer there is, the first that applies in the order of precedence', async () => {
      await fund(100n)
      const nowMs = subject.clock.now()
      const shut = openingOf('user', 'shut', asset)
      const huge = openingOf('equity', 'huge', asset)
      const vast = openingOf('equity', 'vast', asset)
      await store.openAccounts([shut, huge, vast])
      expect(await store.closeAccount(shut.id)).toBe('closed')
      await submit(
        move('known', alice, bob, 1n), reserve('posted', alice, bob, 1n), post('p1', 'posted'), reserve('voided', alice, bob, 1n), voided('v1', 'voided'),
        reserve('open', alice, bob, 5n), reserve('over', alice, bob, 1n, nowMs + 1), move('max', huge, vast, AMOUNT_MAX),
      )
      subject.clock.advance(1)
      const ghost = openingOf('user', 'ghost', asset)
      // Each request is wrong in the way named and in as many later ways as it can be.
      const requests: Readonly<Record<Exclude<TransferStatus, 'linked_failed'>, TransferRequest>> = {
        exists_with_different_fields: move('known', ghost, ghost, 0n),
        exists: move('known', alice, bob, 1n),
        accounts_must_differ: move('n1', ghost, ghost, 0n),
        amount_must_not_be_zero: move('n2', ghost, shut, 0n),
        debit_account_not_found: move('n3', ghost, openingOf('user', 'ghost2', asset), 1_000n),
        credit_account_not_found: move('n4', shut, ghost, 1_000n),
        assets_must_be_equal: move('n5', shut, carol, 1_000n),
        pending_not_found: post('n6', 'nothing', 1_000n),
        not_pending: post('n7', 'known', 1_000n),
        already_posted: post('n8', 'posted', 1_000n),
        already_voided: post('n9', 'voided', 1_000n),
        expired: post('n10', 'over', 1_000n),
        exceeds_pending_amount: post('n11', 'open', 6n),
        debit_account_closed: move('n12', shut, hot, 1_000n),
        credit_account_closed: reserve('n13', alice, shut, 1_000n, 0),
        expires_in_the_past: reserve('n14', alice, bob, AMOUNT_MAX, nowMs + 1),
        exceeds_amount_max: move('n15', alice, vast, AMOUNT_MAX),
        exceeds_credits: move('n16', bob, hot, 1_000n),
        exceeds_debits: move('n17', equity, hot, 1_000n),
        created: move('n18', alice, bob, 1n),
      }
      const answers = await statuses(submit(...Object.values(requests)))
      expect(answers).toEqual(Object.keys(requests))
      expect([...Object.keys(requests), 'linked_failed'].sort()).toEqual([...STATUSES].sort())
      // A credit that is too large for both sides: the debit side is named first.
      expect(await statuses(submit(move('n19', bob, hot, 101n)))).toEqual(['exceeds_credits'])
    })

    it('reads numbers of 38 digits exactly, and lets no balance outgrow them', async () => {
      await store.openAccounts([equity, hot, alice])
      expect(await statuses(submit(move('a', hot, alice, AMOUNT_MAX)))).toEqual(['created'])
      expect(await balances(alice)).toEqual([0n, 0n, 0n, AMOUNT_MAX])
      expect(await statuses(submit(move('b', hot, alice, 1n), reserve('c', equity, alice, 1n)))).toEqual(['exceeds_amount_max', 'exceeds_amount_max'])
      expect((await store.transfers([idOf('a')]))[0]?.amount).toBe(99_999_999_999_999_999_999_999_999_999_999_999_999n)
    })

    it('never lets a hot wallet give more than it has', async () => {
      await fund(100n)
      expect(await statuses(submit(reserve('out', alice, hot, 60n), move('more', equity, hot, 41n), move('rest', equity, hot, 40n)))).toEqual(
        ['created', 'exceeds_debits', 'created'])
    })

    it('closes an account that holds nothing, for good', async () => {
      await fund(100n)
      await submit(reserve('hold', alice, bob, 1n))
      expect([await store.closeAccount(carol.id), await store.closeAccount(carol.id), await store.closeAccount(openingOf('user', 'ghost', asset).id)])
        .toEqual(['closed', 'already_closed', 'account_not_found'])
      expect([await store.closeAccount(alice.id), await store.closeAccount(bob.id), await store.closeAccount(hot.id)])
        .toEqual(['account_has_pending', 'account_has_pending', 'account_not_empty'])
      await submit(voided('end', 'hold'))
      expect(await store.closeAccount(bob.id)).toBe('closed')
      expect(await statuses(submit(move('late', alice, bob, 1n)))).toEqual(['credit_account_closed'])
      expect((await account(bob)).closed).toBe(true)
      expect(await store.openAccounts([bob])).toEqual(['exists'])
    })

    it('tells of every change in an event behind the one before, and of nothing else', async () => {
      expect(await store.head()).toEqual(emptyLedgerHead((await store.head()).ledger))
      await fund(100n)
      await submit(move('no', bob, alice, 1n), reserve('hold', alice, bob, 7n), post('post', 'hold', 3n), post('post', 'hold', 3n))
      await linked(move('x', alice, bob, 1n), move('y', alice, bob, 1_000n))
      await store.closeAccount(carol.id)
      const events = await allEvents()
      const head = await store.head()
      const decoded = events.map(({ bytes }) => decodeLedgerEvent(bytes))
      expect(decoded.map(({ change: { kind } }) => kind)).toEqual([
        ...Array.from({ length: 5 }, () => 'account_opened'), 'transfer', 'pending', 'post', 'account_closed',
      ])
      expect(decoded.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
      let previous = emptyLedgerHead(head.ledger).hash
      for (const [index, { bytes, hash, number }] of events.entries()) {
        expect(number).toBe(index + 1)
        expect(Buffer.from(hash).equals(ledgerEventHash(bytes))).toBe(true)
        expect(Buffer.from(decoded[index]?.previous ?? []).equals(previous)).toBe(true)
        expect(decoded[index]).toMatchObject({ ledger: head.ledger, atMs: subject.clock.now() })
        previous = hash
      }
      expect(head).toEqual({ ledger: head.ledger, number: 9, hash: new Uint8Array(previous), atMs: subject.clock.now() })
      expect(decoded[7]?.change).toEqual((await store.transfers([idOf('post')]))[0])
      expect((await store.events(6, 2)).map(({ number }) => number)).toEqual([7, 8])
      expect(await store.events(9, 10)).toEqual([])
    })

    it('has a time that never goes back', async () => {
      await fund(100n)
      const beforeMs = subject.clock.now()
      subject.clock.stepWall(-3_600_000)
      await submit(move('a', alice, bob, 1n))
      expect((await store.transfers([idOf('a')]))[0]?.atMs).toBe(beforeMs)
      subject.clock.stepWall(3_600_001)
      await submit(move('b', alice, bob, 1n))
      expect((await store.transfers([idOf('b')]))[0]?.atMs).toBe(beforeMs + 1)
    })

    it('gives a hold to as many as there is money for, whoever asks at once', async () => {
      await fund(5n)
      const other = await open()
      const results = await Promise.all(Array.from({ length: 60 }, (_, index) =>
        (index % 2 === 0 ? store : other).submit({ transfers: [reserve(`hold${String(index)}`, alice, bob, 1n)], linked: false })))
      expect(results.flat().filter(({ status }) => status === 'created')).toHaveLength(5)
      expect(results.flat().filter(({ status }) => status === 'exceeds_credits')).toHaveLength(55)
      expect(await balances(alice)).toEqual([5n, 0n, 0n, 5n])
    })

    it('does a transfer once, whoever submits it at once', async () => {
      await fund(100n)
      const other = await open()
      const request = move('once', alice, bob, 10n)
      const results = (await Promise.all(Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? store : other).submit({ transfers: [request], linked: false })))).flat()
      expect(results.filter(({ status }) => status === 'created')).toHaveLength(1)
      expect(results.filter(({ status }) => status === 'exists')).toHaveLength(19)
      expect(new Set(results.map((result) => ('number' in result ? result.number : 0)))).toEqual(new Set([7]))
      expect(await balances(bob)).toEqual([0n, 0n, 0n, 10n])
    })

    it('ends a reservation once, whoever posts and voids it at once', async () => {
      await fund(100n)
      await submit(reserve('hold', alice, bob, 10n))
      const other = await open()
      const results = (await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : other).submit({
        transfers: [index % 4 < 2 ? post(`post${String(index)}`, 'hold') : voided(`void${String(index)}`, 'hold')], linked: false,
      })))).flat()
      expect(results.filter(({ status }) => status === 'created')).toHaveLength(1)
      expect((await account(alice)).debitsPending).toBe(0n)
    })

    it('moves money both ways at once without standing still', async () => {
      await fund(100n)
      await submit(move('half', alice, bob, 50n))
      const other = await open()
      const results = (await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0
        ? store.submit({ transfers: [move(`there${String(index)}`, alice, bob, 1n)], linked: false })
        : other.submit({ transfers: [move(`back${String(index)}`, bob, alice, 1n)], linked: false }))))).flat()
      expect(results.every(({ status }) => status === 'created')).toBe(true)
      expect((await account(alice)).creditsPosted - (await account(alice)).debitsPosted).toBe(50n)
    })

    it('shows accounts page by page, as of a moment', async () => {
      await fund(100n)
      const first = await store.accountsAfter(undefined, 2)
      const second = await store.accountsAfter(first.accounts[1]?.id, 2)
      const third = await store.accountsAfter(second.accounts[1]?.id, 2)
      const all = [...first.accounts, ...second.accounts, ...third.accounts]
      expect(all.map(({ id }) => id)).toEqual([equity, hot, alice, bob, carol].map(({ id }) => id).sort())
      expect([first.number, second.number, third.number]).toEqual([6, 6, 6])
      expect(all.find(({ id }) => id === alice.id)).toEqual(await account(alice))
    })

    it('moves a cursor only from where it stands', async () => {
      expect(await store.cursor('relay')).toBe(0)
      expect([await store.moveCursor('relay', 1, 2), await store.moveCursor('relay', 0, 3), await store.moveCursor('relay', 0, 4)]).toEqual([false, true, false])
      const other = await open()
      const moves = await Promise.all([store.moveCursor('relay', 3, 5), other.moveCursor('relay', 3, 6)])
      expect(moves.filter(Boolean)).toHaveLength(1)
      expect([await store.cursor('relay'), await store.cursor('other')]).toEqual([moves[0] ? 5 : 6, 0])
    })

    it('has everything when it is opened again', async () => {
      await fund(100n)
      await submit(reserve('hold', alice, bob, 10n))
      const [head, account0] = [await store.head(), await account(alice)]
      await store.close()
      store = await open()
      expect([await store.head(), await account(alice)]).toEqual([head, account0])
      expect(await statuses(submit(move('fund', hot, alice, 100n), post('p', 'hold')))).toEqual(['exists', 'created'])
    })

    it('refuses what is too much at once, and everything once closed', async () => {
      await store.openAccounts([hot, alice])
      const many = Array.from({ length: SUBMISSION_TRANSFERS_MAX + 1 }, (_, index) => move(`m${String(index)}`, hot, alice, 1n))
      await expect(submit(...many)).rejects.toThrow(code('invalid.argument'))
      await expect(submit()).rejects.toThrow(code('invalid.argument'))
      await expect(linked(move('a', hot, alice, 1n), move('a', hot, alice, 1n))).rejects.toThrow(code('invalid.argument'))
      await expect(submit(reserve('b', hot, alice, 1n, 0.5))).rejects.toThrow(code('invalid.argument'))
      await expect(store.events(0, LEDGER_PAGE_MAX + 1)).rejects.toThrow(code('invalid.argument'))
      await expect(store.expire(EXPIRIES_MAX + 1)).rejects.toThrow(code('invalid.argument'))
      await expect(store.cursor('No')).rejects.toThrow(code('invalid.argument'))
      expect(await statuses(submit(...many.slice(1)))).toEqual(many.slice(1).map(() => 'created'))
      await store.close()
      await expect(submit(move('late', hot, alice, 1n))).rejects.toThrow(code('unavailable.store'))
      await expect(store.head()).rejects.toThrow(code('unavailable.store'))
    })
  })
}
