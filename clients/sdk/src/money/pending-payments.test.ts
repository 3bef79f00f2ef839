import { parseAccountId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { MortalStore } from '../sync/testing/mortal-store.js'
import { openTestClient, testWallet, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { PAYMENT_LIMITS } from './payment-outbox.js'
import { requestTransferId } from './request-transfer.js'
import { FAKE_ASSET, FakeWally } from './testing/fake-wally.js'

const FOREVER_MS = 300_000
const wallets = { alice: testWallet('alice'), bob: testWallet('bob', 'terra') }

interface Scene {
  readonly clock: VirtualClock
  readonly wally: FakeWally
  readonly alice: TestClient
  readonly bob: TestClient
  /** A device of alice on `store`. */
  readonly open: (store: MemoryStore) => Promise<TestClient>
}

async function scene(disk = new MemoryStore()): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const wally = new FakeWally()
  const open = (store: MemoryStore, wallet = wallets.alice): Promise<TestClient> => openTestClient(server, new MortalStore(store), wallet, server.api(), (account) => wally.api(account))
  const [alice, bob] = [await open(disk), await open(new MemoryStore(), wallets.bob)]
  wally.deposit(alice.client.account, 1_000n)
  return { clock, wally, alice, bob, open }
}

const statesOf = async ({ client }: TestClient): Promise<string[]> => (await client.wallet.payments()).map(({ state, amount, code = '' }) => `${state} ${String(amount)} ${code}`.trim())

describe('payments that have no message yet', () => {
  it('are named while they wait, over restarts, and no more once they are told', async () => {
    const disk = new MemoryStore()
    const { clock, wally, alice, bob, open } = await scene(disk)
    wally.fates.push('lost_request', 'lost_request')
    const toBob = await alice.client.conversation(wallets.bob.address)
    const { transfer } = await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 300n, note: 'rent' })
    await rest()
    expect(await alice.client.wallet.payments()).toEqual([{ transfer, conversation: toBob.id, asset: FAKE_ASSET, amount: 300n, note: 'rent', state: 'waiting', decidedAtMs: clock.now() }])
    await alice.client.close()
    alice.link.down()
    const again = await open(disk)
    expect(await statesOf(again)).toEqual(['waiting 300'])
    await clock.advance(FOREVER_MS)
    expect([await statesOf(again), wally.balance(bob.client.account)]).toEqual([[], 300n])
    expect(again.log.filter(({ name }) => name === 'payment-changed').length).toBeGreaterThan(0)
  })

  it('stay with the reason when they were refused, until they are put away, and the oldest go past the bound', async () => {
    const disk = new MemoryStore()
    const { alice, open } = await scene(disk)
    const toBob = await alice.client.conversation(wallets.bob.address)
    for (let at = 0; at <= PAYMENT_LIMITS.refusedMax; at++) {
      const { done } = await alice.client.wallet.pay(toBob, { asset: FAKE_ASSET, amount: 5_000n + BigInt(at) })
      await expect(done).rejects.toMatchObject({ code: 'wallet.insufficient_funds' })
    }
    await alice.client.close()
    alice.link.down()
    const again = await open(disk)
    const refused = await again.client.wallet.payments()
    expect([refused.length, refused[0]?.amount, refused[0]?.state, refused[0]?.code]).toEqual([PAYMENT_LIMITS.refusedMax, 5_001n, 'refused', 'wallet.insufficient_funds'])
    await again.client.wallet.dismissPayment(refused[0]?.transfer ?? '')
    expect((await again.client.wallet.payments()).map(({ amount }) => amount)).toEqual(refused.slice(1).map(({ amount }) => amount))
  })
})

describe('a request', () => {
  async function ask({ bob }: Scene, amount: bigint): Promise<string> {
    const { request } = await bob.client.wallet.request(await bob.client.conversation(wallets.alice.address), { asset: FAKE_ASSET, amount })
    await rest()
    return request.request
  }

  it('is paid once by one device, however often that decides on it', async () => {
    const here = await scene()
    const { clock, wally, alice, bob } = here
    const request = await ask(here, 40n)
    wally.fates.push('lost_answer')
    const toBob = await alice.client.conversation(wallets.bob.address)
    const terms = { asset: FAKE_ASSET, amount: 40n, request }
    const [first, second] = [await alice.client.wallet.pay(toBob, terms), await alice.client.wallet.pay(toBob, terms)]
    expect([first.transfer, second.transfer]).toEqual([requestTransferId(bob.client.account, request), first.transfer])
    await expect(alice.client.wallet.pay(toBob, { ...terms, amount: 41n })).rejects.toMatchObject({ code: 'invalid.argument' })
    await clock.advance(FOREVER_MS)
    expect((await second.done).messageId).toBe((await first.done).messageId)
    await expect(alice.client.wallet.pay(toBob, terms)).rejects.toMatchObject({ code: 'invalid.argument' })
    await rest()
    expect(wally.balance(bob.client.account)).toBe(40n)
    expect((await (await bob.client.conversation(wallets.alice.address)).history()).filter(({ kind }) => kind === 'payment')).toHaveLength(1)
  })

  it('is paid once by two devices that both answer it', async () => {
    const here = await scene()
    const { wally, alice, bob, open } = here
    const request = await ask(here, 40n)
    const other = await open(new MemoryStore())
    for (const { client } of [alice, other]) await (await client.wallet.pay(await client.conversation(wallets.bob.address), { asset: FAKE_ASSET, amount: 40n, request })).done
    expect([wally.balance(bob.client.account), wally.sends.length]).toEqual([40n, 2])
  })

  it('of one person is not taken for one of another who calls theirs the same', () => {
    expect(requestTransferId(parseAccountId('0a'.repeat(16)), 'rent')).not.toBe(requestTransferId(parseAccountId('0b'.repeat(16)), 'rent'))
  })

  it('that was refused can be paid later', async () => {
    const here = await scene()
    const { wally, alice, bob } = here
    const request = await ask(here, 4_000n)
    const toBob = await alice.client.conversation(wallets.bob.address)
    const terms = { asset: FAKE_ASSET, amount: 4_000n, request }
    await expect((await alice.client.wallet.pay(toBob, terms)).done).rejects.toMatchObject({ code: 'wallet.insufficient_funds' })
    wally.deposit(alice.client.account, 4_000n)
    await (await alice.client.wallet.pay(toBob, terms)).done
    expect([wally.balance(bob.client.account), await statesOf(alice)]).toEqual([4_000n, []])
  })
})
