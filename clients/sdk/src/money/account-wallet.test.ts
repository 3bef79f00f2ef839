import { describe, expect, it } from 'vitest'
import { decodeCbor, EvegramError, paymentTransferId, utf8 } from '@evegram/protocol'
import { decodeWalletProof, withdrawalBodyHash } from '@evegram/protocol/proof'
import type { SentMessage } from '../core/sent-message.js'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { MortalStore, type Death } from '../sync/testing/mortal-store.js'
import { openTestClient, testWallet, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { WITHDRAWAL_LIMITS } from './asked-withdrawals.js'
import { PAYMENT_LIMITS, PaymentOutbox } from './payment-outbox.js'
import { FAKE_ASSET, FakeWally } from './testing/fake-wally.js'

const FOREVER_MS = 300_000
const wallets = { alice: testWallet('alice'), bob: testWallet('bob', 'terra') }

interface Scene {
  readonly clock: VirtualClock
  readonly wally: FakeWally
  readonly alice: TestClient
  readonly bob: TestClient
  /** Opens alice's profile again on `store`. */
  readonly open: (store: MortalStore | MemoryStore, name?: keyof typeof wallets) => Promise<TestClient>
}

async function scene(aliceStore: MemoryStore | MortalStore = new MemoryStore()): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const wally = new FakeWally()
  const open: Scene['open'] = (store, name = 'alice') => openTestClient(server, store, wallets[name], server.api(), (account) => wally.api(account))
  const alice = await open(aliceStore)
  const bob = await open(new MemoryStore(), 'bob')
  wally.deposit(alice.client.account, 1_000n)
  return { clock, wally, alice, bob, open }
}

async function paymentsAt(test: TestClient, peer: TestClient): Promise<string[]> {
  const conversation = await test.client.conversation(peer.client.account)
  return (await conversation.history(1_000)).filter(({ kind }) => kind === 'payment').map(({ payment }) => `${payment?.amount ?? ''} ${payment?.note ?? ''}`)
}

function eventsOf<Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] {
  return test.log.filter((one) => one.name === name).map(({ event }) => event as ClientEvents[Name])
}

describe('a payment in chat', () => {
  it('moves the money once, tells it to the other side in its place, and is proved by the own statement of each', async () => {
    const { wally, alice, bob } = await scene()
    const toBob = await alice.client.conversation(wallets.bob.address)
    await (await toBob.send('before')).acked
    const { transfer, done } = await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 300n, note: 'lunch' })
    await (await done).acked
    await (await toBob.send('after')).acked
    await rest()
    expect([wally.balance(alice.client.account), wally.balance(bob.client.account)]).toEqual([700n, 300n])
    // Each sees whom it went to or came from: in the statement, and in what this device took over of it.
    await alice.client.wallet.refresh()
    expect((await alice.client.wallet.statement(FAKE_ASSET))[0]?.other).toBe(bob.client.account)
    expect((await alice.client.wallet.notices(FAKE_ASSET)).map(({ other }) => other)).toEqual([undefined, bob.client.account])
    const shown = await (await bob.client.conversation(wallets.alice.address)).history()
    expect(shown.map(({ kind, text }) => [kind, text])).toEqual([['text', 'before'], ['payment', 'lunch'], ['text', 'after']])
    expect(shown[1]?.payment).toEqual({ transfer, asset: FAKE_ASSET, amount: '300', note: 'lunch' })
    const [, sent] = await toBob.history()
    if (shown[1] === undefined || sent === undefined) throw new Error('no message')
    expect([await bob.client.wallet.proofOf(shown[1]), await alice.client.wallet.proofOf(sent)]).toEqual(['paid', 'paid'])
  })

  it('that was only claimed is not shown as paid: invented, of another amount, of somebody else, or told twice', async () => {
    const { wally, alice, bob } = await scene()
    const mallory = alice
    const toBob = await mallory.client.conversation(wallets.bob.address)
    const { transfer, done } = await mallory.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 5n })
    await done
    // Money of a third person, whose transfer is no message of mallory's.
    wally.book(bob.client.account, paymentTransferId('0f'.repeat(16), 'gift'), 'transfer', 'credit', 77n)
    const claims: readonly Readonly<Record<'transfer' | 'asset' | 'amount' | 'note', string>>[] = [
      { transfer: 'invented', asset: FAKE_ASSET, amount: '100', note: '' }, { transfer: 'gift', asset: FAKE_ASSET, amount: '77', note: '' },
      { transfer, asset: FAKE_ASSET, amount: '5000', note: '' }, { transfer, asset: 'ton/ton', amount: '5', note: '' }, { transfer, asset: FAKE_ASSET, amount: '5', note: 'again' },
    ]
    // A client that lies: its messages have no transfer behind them.
    for (const body of claims) await (toBob as unknown as { say(content: unknown): Promise<{ acked: Promise<unknown> }> }).say({ kind: 'payment', body }).then(({ acked }) => acked)
    await rest()
    const proofs: string[] = []
    for await (const message of (await bob.client.conversation(wallets.alice.address)).messages({ live: false })) proofs.push(await bob.client.wallet.proofOf(message))
    expect(proofs).toEqual(['paid', 'unproven', 'unproven', 'contradicted', 'contradicted', 'contradicted'])
  })

  it('of another amount, another asset or the other direction than its transfer is contradicted, though nothing else was shown with it', async () => {
    const { wally, alice, bob } = await scene()
    await wally.api(alice.client.account).send({ id: 'real', to: bob.client.account, asset: FAKE_ASSET, amount: 5n })
    wally.book(bob.client.account, paymentTransferId(alice.client.account, 'taken'), 'transfer', 'debit', 3n)
    const toBob = await alice.client.conversation(wallets.bob.address)
    const claims = [['real', FAKE_ASSET, '5000'], ['real', 'ton/ton', '5'], ['taken', FAKE_ASSET, '3'], ['real', FAKE_ASSET, '5']] as const
    for (const [transfer, asset, amount] of claims) {
      await (toBob as unknown as { say(content: unknown): Promise<{ acked: Promise<unknown> }> }).say({ kind: 'payment', body: { transfer, asset, amount, note: '' } }).then(({ acked }) => acked)
    }
    await rest()
    const proofs: string[] = []
    for await (const message of (await bob.client.conversation(wallets.alice.address)).messages({ live: false })) proofs.push(await bob.client.wallet.proofOf(message))
    expect(proofs).toEqual(['contradicted', 'contradicted', 'contradicted', 'paid'])
  })

  it('is looked up once for messages that came before, and told to be unknown when the server gives no answer', async () => {
    const { clock, wally, alice, bob } = await scene()
    const toBob = await alice.client.conversation(wallets.bob.address)
    for (const transfer of ['a', 'b', 'c']) {
      await (toBob as unknown as { say(content: unknown): Promise<{ acked: Promise<unknown> }> }).say({ kind: 'payment', body: { transfer, asset: FAKE_ASSET, amount: '5', note: '' } }).then(({ acked }) => acked)
    }
    await rest()
    const messages = await (await bob.client.conversation(wallets.alice.address)).history()
    const [first] = messages
    if (first === undefined) throw new Error('no message')
    wally.isAway = true
    await expect(bob.client.wallet.proofOf(first)).rejects.toMatchObject({ code: 'timeout' })
    expect([await bob.client.wallet.proofOf(first, { ask: false }), wally.looks]).toEqual(['unproven', 1])
    wally.isAway = false
    await clock.advance(1)
    for (const message of messages) expect(await bob.client.wallet.proofOf(message)).toBe('unproven')
    expect(wally.looks).toBe(2)
  })

  it('is looked up again, seldom, when the statement is behind the books, and not for ever', async () => {
    const { clock, wally, alice, bob } = await scene()
    const toBob = await alice.client.conversation(wallets.bob.address)
    wally.lie = () => []
    await (await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 5n })).done
    await rest()
    const [message] = await (await bob.client.conversation(wallets.alice.address)).history()
    if (message === undefined) throw new Error('no message')
    await clock.advance(1)
    const before = wally.looks
    for (let index = 0; index < 3; index++) expect(await bob.client.wallet.proofOf(message)).toBe('unproven')
    expect(wally.looks - before).toBe(1)
    await clock.advance(15_000)
    for (let index = 0; index < 3; index++) expect(await bob.client.wallet.proofOf(message)).toBe('unproven')
    expect(wally.looks - before).toBe(2)
    wally.lie = (lines) => lines
    await clock.advance(15_000)
    expect(await bob.client.wallet.proofOf(message)).toBe('paid')
    // What was never paid costs no more once it is old.
    const invented = { ...message, messageId: 'ff'.repeat(16) as typeof message.messageId, payment: { transfer: 'invented', asset: FAKE_ASSET, amount: '5', note: '' } }
    await clock.advance(600_000)
    await bob.client.wallet.proofOf(invented)
    const looks = wally.looks
    await clock.advance(600_000)
    expect([await bob.client.wallet.proofOf(invented), wally.looks]).toEqual(['unproven', looks])
  })

  it('that the server refuses moves nothing and is told to nobody', async () => {
    const { wally, alice, bob } = await scene()
    const toBob = await alice.client.conversation(wallets.bob.address)
    const { transfer, done } = await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 5_000n })
    await expect(done).rejects.toMatchObject({ code: 'wallet.insufficient_funds' })
    expect(eventsOf(alice, 'payment-failed')).toMatchObject([{ transfer, amount: 5_000n }])
    expect([alice.client.pending, wally.balance(alice.client.account), await paymentsAt(bob, alice)]).toEqual([0, 1_000n, []])
  })

  it('to oneself, of nothing, or with a note that is too long is refused before anything is written', async () => {
    const { wally, alice } = await scene()
    const [toBob, notes] = [await alice.client.conversation(wallets.bob.address), await alice.client.conversation(wallets.alice.address)]
    await expect(alice.client.wallet.pay(notes, { asset: FAKE_ASSET, amount: 1n })).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 0n })).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(alice.client.wallet.pay(toBob, { asset: 'sol', amount: 1n })).rejects.toMatchObject({ code: 'invalid.payload' })
    await expect(alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 1n, note: 'é'.repeat(513) })).rejects.toMatchObject({ code: 'too_large.payload' })
    expect(wally.sends).toEqual([])
  })
})

describe('a payment whose answers get lost', () => {
  it.each([[['lost_request']], [['lost_answer']], [['lost_answer', 'lost_request', 'lost_answer']]] as const)('is made once and told once: %j', async (fates) => {
    const { clock, wally, alice, bob } = await scene()
    wally.fates.push(...fates)
    const toBob = await alice.client.conversation(wallets.bob.address)
    const { done } = await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 300n, note: 'once' })
    await clock.advance(FOREVER_MS)
    await (await done).acked
    await rest()
    expect([wally.balance(alice.client.account), await paymentsAt(bob, alice)]).toEqual([700n, ['300 once']])
    expect(new Set(wally.sends.map(({ id }) => id)).size).toBe(1)
  })

  it('is not called refused while an earlier request may still be done', async () => {
    const { clock, wally, alice, bob } = await scene()
    wally.fates.push('late')
    const toBob = await alice.client.conversation(wallets.bob.address)
    const before = wally.balance(alice.client.account)
    wally.book(alice.client.account, 'p:hold', 'transfer', 'debit', before)
    const { done } = await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 300n, note: 'late' })
    await clock.advance(30_000)
    // The second request was refused, for the money is not there; then it comes, and the first one is done.
    expect([wally.sends.length > 1, eventsOf(alice, 'payment-failed')]).toEqual([true, []])
    wally.deposit(alice.client.account, 300n)
    for (const job of wally.late) job()
    await clock.advance(FOREVER_MS)
    await done
    await rest()
    expect([wally.balance(bob.client.account), await paymentsAt(bob, alice), eventsOf(alice, 'payment-failed')]).toEqual([300n, ['300 late'], []])
  })

  it('is called refused once no earlier request can be done any more', async () => {
    const { clock, wally, alice } = await scene()
    wally.fates.push('lost_request')
    const { done } = await alice.client.wallet.pay(await alice.client.conversation(wallets.bob.address), { asset: FAKE_ASSET, amount: 5_000n })
    const refused = expect(done).rejects.toMatchObject({ code: 'wallet.insufficient_funds' })
    await clock.advance(FOREVER_MS)
    await refused
  })
})

describe('a payment that is made and cannot be told', () => {
  it('is not made again, holds up no other one, and is told once that is possible', async () => {
    const { clock, wally, alice, bob } = await scene()
    const toBob = await alice.client.conversation(wallets.bob.address)
    let isBroken = true
    const ports = {
      core: alice.core.core, api: wally.api(alice.client.account),
      say: (_conversation: unknown, content: unknown, also: unknown) => isBroken
        ? Promise.reject(new EvegramError('client.store', { operation: 'say' }))
        : (toBob as unknown as { say(content: unknown, also: unknown): Promise<SentMessage> }).say(content, also),
    }
    const outbox = new PaymentOutbox(ports)
    const payments = []
    for (let index = 0; index < PAYMENT_LIMITS.waitingMax + 1; index++) {
      const payment = await outbox.add(toBob.id, bob.client.account, { transfer: `t${String(index)}`, asset: FAKE_ASSET, amount: '1', note: String(index) })
      await payment.paid
      payments.push(payment)
    }
    await clock.advance(FOREVER_MS)
    expect([wally.sends.length, wally.balance(bob.client.account)]).toEqual([PAYMENT_LIMITS.waitingMax + 1, BigInt(PAYMENT_LIMITS.waitingMax + 1)])
    isBroken = false
    await clock.advance(FOREVER_MS)
    for (const { done } of payments) await (await done).acked
    await rest()
    expect([outbox.size, (await paymentsAt(bob, alice)).length, wally.sends.length]).toEqual([0, payments.length, payments.length])
    outbox.close()
  })

  it('leaves nobody waiting who decided on it while the client closed', async () => {
    const { wally, alice, bob } = await scene()
    const toBob = await alice.client.conversation(wallets.bob.address)
    const outbox = new PaymentOutbox({ core: alice.core.core, api: wally.api(alice.client.account), say: () => Promise.reject(new EvegramError('client.closed')) })
    const adding = outbox.add(toBob.id, bob.client.account, { transfer: 't', asset: FAKE_ASSET, amount: '1', note: '' })
    outbox.close()
    const { paid, done } = await adding
    await expect(paid).rejects.toMatchObject({ code: 'client.closed' })
    await expect(done).rejects.toMatchObject({ code: 'client.closed' })
  })
})

describe('a payer killed at any commit', () => {
  async function run(death: Death | undefined): Promise<{ readonly commits: number; readonly paid: bigint; readonly told: string[]; readonly decided: boolean }> {
    const disk = new MemoryStore()
    // Signed in before: only the life of the payment is under test.
    const { clock, wally, alice, bob, open } = await scene(new MortalStore(disk))
    await (await (await alice.client.conversation(wallets.bob.address)).send('hello')).acked
    await alice.client.close()
    alice.link.down()
    const store = new MortalStore(disk, death)
    let again = await open(store).catch(() => undefined)
    let decided = false
    try {
      const conversation = await again?.client.conversation(wallets.bob.address)
      if (again !== undefined && conversation !== undefined) {
        await again.client.wallet.pay(conversation, { asset: FAKE_ASSET, amount: 300n, note: 'rent' })
        decided = true
      }
    } catch { /* died while it was being decided on: it may be durable, or not */ }
    await clock.advance(1_000)
    const { commits } = store
    if (store.dead) {
      again?.link.down()
      again = await open(new MortalStore(disk))
    }
    await clock.advance(FOREVER_MS)
    await rest()
    const told = await paymentsAt(bob, alice)
    await again?.client.close()
    return { commits, paid: wally.balance(bob.client.account), told, decided }
  }

  it('pays once and tells once, or neither', async () => {
    const whole = await run(undefined)
    expect(whole).toMatchObject({ paid: 300n, told: ['300 rent'], decided: true })
    let paid = 0
    for (let atCommit = 1; atCommit <= whole.commits; atCommit++) {
      for (const durable of [true, false]) {
        const outcome = await run({ atCommit, durable })
        const label = `${String(atCommit)} ${String(durable)}`
        expect([label, outcome.told]).toEqual([label, outcome.paid === 0n ? [] : ['300 rent']])
        expect([label, outcome.paid === 0n || outcome.paid === 300n]).toEqual([label, true])
        if (outcome.decided) expect([label, outcome.paid]).toEqual([label, 300n])
        if (outcome.paid > 0n) paid += 1
      }
    }
    expect(paid).toBeGreaterThan(4)
  }, 60_000)
})

describe('a payment request', () => {
  it('is shown with all that it asks for, and is answered by a payment that names it', async () => {
    const { clock, alice, bob } = await scene()
    const asked = await bob.client.wallet.request(await bob.client.conversation(wallets.alice.address), { asset: FAKE_ASSET, amount: 40n, note: 'half', onChain: true, expiresInMs: 60_000 })
    await asked.acked
    await rest()
    const toBob = await alice.client.conversation(wallets.bob.address)
    const [shown] = await toBob.history()
    expect([shown?.kind, shown?.text, shown?.request]).toEqual(['payment_request', 'half', asked.request])
    expect(asked.request).toMatchObject({ amount: '40', expiresAtMs: clock.now() + 60_000, deposit: { memo: `evg1${bob.client.account.slice(0, 16)}` } })
    await (await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 40n, request: asked.request.request })).done
    await rest()
    const answer = (await (await bob.client.conversation(wallets.alice.address)).history()).at(-1)
    expect(answer?.payment?.request).toBe(asked.request.request)
  })

  it('is gone after forget, as the texts are', async () => {
    const { alice, bob } = await scene()
    const conversation = await bob.client.conversation(wallets.alice.address)
    await (await bob.client.wallet.request(conversation, { asset: FAKE_ASSET, amount: 40n, note: 'half' })).acked
    await (await alice.client.wallet.pay(await alice.client.conversation(wallets.bob.address), { asset: FAKE_ASSET, amount: 1n, note: 'x' })).done
    await rest()
    await conversation.forget()
    expect((await conversation.history()).map(({ kind, text, request, payment }) => [kind, text, request, payment]))
      .toEqual([['payment_request', '', undefined, undefined], ['payment', '', undefined, undefined]])
  })
})

describe('notices of the own money', () => {
  it('tell each line once, over restarts, and what was before the first look never', async () => {
    const disk = new MemoryStore()
    const { wally, alice, open } = await scene(new MortalStore(disk))
    const { account } = alice.client
    expect(await alice.client.wallet.refresh()).toEqual([])
    wally.deposit(account, 5n)
    for (let line = 0; line < 250; line++) wally.book(account, `p:w${String(line)}`, 'pending', 'debit', 1n)
    wally.book(account, 'p:w0:post', 'post', 'debit', 1n)
    wally.book(account, 'p:w1:void', 'void', 'debit', 0n)
    const news = await alice.client.wallet.refresh()
    expect(news.map(({ notice }) => notice)).toEqual(['deposit_credited', ...Array.from({ length: 250 }, () => 'withdrawal_reserved'), 'withdrawal_paid', 'withdrawal_released'])
    expect(eventsOf(alice, 'wallet-notice')).toEqual(news)
    await alice.client.close()
    const again = await open(new MortalStore(disk))
    expect(await again.client.wallet.refresh()).toEqual([])
    wally.book(account, paymentTransferId('0f'.repeat(16), 'gift'), 'transfer', 'credit', 77n)
    expect((await again.client.wallet.refresh()).map(({ notice, amount }) => [notice, amount])).toEqual([['payment_received', 77n]])
    expect((await again.client.wallet.notices(FAKE_ASSET, 3)).map(({ notice }) => notice)).toEqual(['withdrawal_paid', 'withdrawal_released', 'payment_received'])
  })

  it('tell the first money ever, and that of an asset which is held for the first time', async () => {
    const { wally, bob } = await scene()
    expect(await bob.client.wallet.refresh()).toEqual([])
    wally.deposit(bob.client.account, 5n)
    expect((await bob.client.wallet.refresh()).map(({ notice, amount }) => [notice, amount])).toEqual([['deposit_credited', 5n]])
    expect(await bob.client.wallet.refresh()).toEqual([])
  })

  it('tell everything, however long this device was away', async () => {
    const { wally, alice } = await scene()
    await alice.client.wallet.refresh()
    const away = 4_250
    for (let line = 0; line < away; line++) wally.book(alice.client.account, `p:w${String(line)}`, 'pending', 'debit', 1n)
    const news = await alice.client.wallet.refresh()
    expect([news.length, news[0]?.transfer, news.at(-1)?.transfer]).toEqual([away, 'p:w0', `p:w${String(away - 1)}`])
  })

  it('tell each line once when a look was cut off in the middle', async () => {
    const { wally, alice } = await scene()
    await alice.client.wallet.refresh()
    for (let line = 0; line < 1_200; line++) wally.book(alice.client.account, `p:w${String(line)}`, 'pending', 'debit', 1n)
    let pages = 0
    wally.lie = (lines) => {
      pages += 1
      if (pages === 8) throw new EvegramError('timeout', { operation: 'read statement' })
      return lines
    }
    await expect(alice.client.wallet.refresh()).rejects.toMatchObject({ code: 'timeout' })
    wally.book(alice.client.account, 'p:later', 'pending', 'debit', 1n)
    expect((await alice.client.wallet.refresh()).map(({ transfer }) => transfer)).toEqual([...Array.from({ length: 1_200 }, (_, line) => `p:w${String(line)}`), 'p:later'])
  })

  it('are not made of a statement that is out of order or of another asset', async () => {
    const { wally, alice } = await scene()
    for (const lie of [
      (lines: Parameters<FakeWally['lie']>[0]) => [...lines, ...lines], (lines: Parameters<FakeWally['lie']>[0]) => lines.map((line) => ({ ...line, asset: 'ton/ton' })),
    ]) {
      wally.lie = lie
      await expect(alice.client.wallet.refresh()).rejects.toMatchObject({ code: 'invalid.response' })
    }
    expect(await alice.client.wallet.notices(FAKE_ASSET)).toEqual([])
  })
})

describe('a withdrawal', () => {
  const wish = { asset: FAKE_ASSET, amount: 7n, to: wallets.alice.address, id: 'out-1' }

  it('is signed by a wallet of the account for exactly what is asked, and for nothing else', async () => {
    const { wally, alice } = await scene()
    await alice.client.wallet.withdraw(wallets.alice, { ...wish, memo: 'rent' })
    const [request] = wally.withdrawals
    const proof = decodeWalletProof(decodeCbor(request?.proof ?? new Uint8Array(), 4_096))
    const terms = { id: 'out-1', chain: 'solana', asset: FAKE_ASSET, amount: '7', to: wish.to, memo: utf8('rent') }
    expect([proof.purpose, proof.account, proof.device, proof.walletId]).toEqual(['withdraw', alice.client.account, alice.client.device, wallets.alice.walletId])
    expect(proof.bodyHash).toEqual(withdrawalBodyHash(terms))
    expect(proof.bodyHash).not.toEqual(withdrawalBodyHash({ ...terms, amount: '70' }))
  })

  it('is not signed when the server names another destination, or by a wallet of somebody else', async () => {
    const { wally, alice } = await scene()
    await expect(alice.client.wallet.withdraw(wallets.bob, wish)).rejects.toMatchObject({ code: 'account.wallet_unknown' })
    wally.destination = () => testWallet('mallory').address
    await expect(alice.client.wallet.withdraw(wallets.alice, wish)).rejects.toMatchObject({ code: 'invalid.response' })
    expect(wally.withdrawals).toEqual([])
  })

  it('may name another form of the same TON address, and no other account', async () => {
    const { wally, alice } = await scene()
    const [bounceable, printed] = ['EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs', 'UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p']
    wally.destination = () => printed
    expect((await alice.client.wallet.quote({ ...wish, to: bounceable })).to).toBe(printed)
    await expect(alice.client.wallet.quote({ ...wish, to: 'UQABoqEggWlgEOYivlWoE90sXzI0ocjjgFPTCFgET-EO04dM' })).rejects.toMatchObject({ code: 'invalid.response' })
  })
})

describe('a withdrawal without an answer', () => {
  const wish = { asset: FAKE_ASSET, amount: 7n, to: wallets.alice.address, memo: 'rent', id: 'out-1' }

  it.each(['lost_answer', 'lost_request'] as const)('is known after a restart, asked for again under its id, and made once: %s', async (fate) => {
    const disk = new MemoryStore()
    const { wally, alice, open } = await scene(new MortalStore(disk))
    wally.withdrawalFates.push(fate)
    await expect(alice.client.wallet.withdraw(wallets.alice, wish)).rejects.toMatchObject({ details: { withdrawal: 'out-1' } })
    await alice.client.close()
    const { client } = await open(new MortalStore(disk))
    expect(await client.wallet.unansweredWithdrawals()).toMatchObject([wish])
    await expect(client.wallet.withdraw(wallets.alice, { ...wish, amount: 8n })).rejects.toMatchObject({ code: 'conflict.request_differs' })
    expect((await client.wallet.withdraw(wallets.alice, wish)).id).toBe('out-1')
    expect([wally.withdrawals.length, await client.wallet.unansweredWithdrawals()]).toEqual([1, []])
  })

  it.each(['withdrawals', 'withdrawal'] as const)('is known once the server names it: %s', async (look) => {
    const { wally, alice: { client } } = await scene()
    wally.withdrawalFates.push('lost_answer')
    await expect(client.wallet.withdraw(wallets.alice, wish)).rejects.toMatchObject({ code: 'timeout' })
    await (look === 'withdrawals' ? client.wallet.withdrawals() : client.wallet.withdrawal('out-1'))
    expect(await client.wallet.unansweredWithdrawals()).toEqual([])
  })

  it('is there before the request leaves, not when the wallet does not sign, and goes with a refusal', async () => {
    const { wally, alice: { client } } = await scene()
    const declines = { ...wallets.alice, signProof: () => Promise.reject(new EvegramError('proof.wallet_unsupported')) }
    await expect(client.wallet.withdraw(declines, wish)).rejects.toMatchObject({ code: 'proof.wallet_unsupported' })
    expect(await client.wallet.unansweredWithdrawals()).toEqual([])
    wally.withdrawalFates.push('refused')
    await expect(client.wallet.withdraw(wallets.alice, wish)).rejects.toMatchObject({ code: 'wallet.payout_refused' })
    expect(await client.wallet.unansweredWithdrawals()).toEqual([])
  })

  it('is not forgotten, by a refusal neither, while an earlier request may still arrive', async () => {
    const { clock, wally, alice: { client } } = await scene()
    wally.withdrawalFates.push('lost_request', 'refused')
    await expect(client.wallet.withdraw(wallets.alice, wish)).rejects.toMatchObject({ code: 'unavailable.server' })
    await clock.advance(1_000)
    await expect(client.wallet.withdraw(wallets.alice, wish)).rejects.toMatchObject({ code: 'wallet.payout_refused' })
    await expect(client.wallet.forgetWithdrawal('out-1')).rejects.toMatchObject({ code: 'conflict.busy' })
    expect(await client.wallet.unansweredWithdrawals()).toHaveLength(1)
    await clock.advance(60_000)
    await client.wallet.forgetWithdrawal('out-1')
    expect([await client.wallet.unansweredWithdrawals(), wally.withdrawals]).toEqual([[], []])
  })

  it('that the server has is not forgotten but known', async () => {
    const { clock, wally, alice: { client } } = await scene()
    wally.withdrawalFates.push('lost_answer')
    await expect(client.wallet.withdraw(wallets.alice, wish)).rejects.toMatchObject({ code: 'timeout' })
    await clock.advance(60_000)
    await client.wallet.forgetWithdrawal('out-1')
    expect([(await client.wallet.withdrawals()).length, await client.wallet.unansweredWithdrawals()]).toEqual([1, []])
  })

  it('is one of so many: past the bound a new one is refused before anything leaves', async () => {
    const { wally, alice: { client } } = await scene()
    wally.withdrawalFates.push(...Array.from({ length: WITHDRAWAL_LIMITS.unansweredMax }, () => 'lost_request' as const))
    for (let at = 0; at < WITHDRAWAL_LIMITS.unansweredMax; at++) await expect(client.wallet.withdraw(wallets.alice, { ...wish, id: `out-${String(at)}` })).rejects.toMatchObject({ code: 'unavailable.server' })
    await expect(client.wallet.withdraw(wallets.alice, { ...wish, id: 'more' })).rejects.toMatchObject({ code: 'limited.queue' })
    await expect(client.wallet.withdraw(wallets.alice, { ...wish, id: 'a b' })).rejects.toMatchObject({ code: 'invalid.argument' })
    expect(wally.withdrawals).toEqual([])
  })
})

describe('a server', () => {
  it('that states wrong decimal places for a native asset is not believed: 1.5 would become another amount', async () => {
    const { wally, alice } = await scene()
    expect(await alice.client.wallet.assets()).toHaveLength(1)
    wally.decimals = 12
    await expect(alice.client.wallet.assets()).rejects.toMatchObject({ code: 'invalid.response' })
  })

  it('without a wallet bridge has no wallet', async () => {
    const server = new FakeServer(new VirtualClock())
    const { client } = await openTestClient(server, new MemoryStore(), wallets.alice)
    expect(() => client.wallet).toThrow(expect.objectContaining({ code: 'wallet.none' }))
  })
})
